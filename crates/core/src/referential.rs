//! Referentials: the titles that can be examined, as data.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::localized::Localized;

/// The referentials that come with Plateau, as they are written.
const SOURCES: &[&str] = &[include_str!("../../../scenarios/referentials/tsgeri.yaml")];

/// A title: blocks of skills.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referential {
    /// Identifier, the part of a skill's name before the slash.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Share of a skill's points that acquires it, in percent, where the skill has none of its own.
    pub threshold: u8,
    /// Blocks (CCP), each certified as a whole: when all of its skills are acquired.
    pub blocks: Vec<Block>,
}

/// Skills that are certified together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Identifier.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Its skills.
    pub skills: Vec<Skill>,
}

/// A competence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Identifier, the part of a skill's name after the slash.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Share of its points that acquires it, in percent, where it differs from the referential's.
    #[serde(default)]
    pub threshold: Option<u8>,
}

/// A skill and what it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSkill<'a> {
    /// The referential.
    pub referential: &'a Referential,
    /// The block.
    pub block: &'a Block,
    /// The skill.
    pub skill: &'a Skill,
}

impl FoundSkill<'_> {
    /// Share of the skill's points that acquires it, in percent.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.skill.threshold.unwrap_or(self.referential.threshold)
    }
}

/// All referentials that come with Plateau; a test reads each of them.
#[must_use]
pub fn referentials() -> &'static [Referential] {
    static READ: LazyLock<Vec<Referential>> = LazyLock::new(|| {
        let read = |source: &&str| serde_saphyr::from_str(source).ok();
        SOURCES.iter().filter_map(read).collect()
    });
    &READ
}

/// A skill by its full name, such as `tsgeri/1.2`.
#[must_use]
pub fn find<'a>(referentials: &'a [Referential], name: &str) -> Option<FoundSkill<'a>> {
    let (title, id) = name.split_once('/')?;
    let referential = referentials.iter().find(|known| known.id == title)?;
    referential.blocks.iter().find_map(|block| {
        let skill = block.skills.iter().find(|skill| skill.id == id)?;
        Some(FoundSkill {
            referential,
            block,
            skill,
        })
    })
}

/// Full names of all skills, such as `tsgeri/1.2`.
#[must_use]
pub fn skill_names() -> Vec<String> {
    let names = |referential: &'static Referential| {
        let skills = referential.blocks.iter().flat_map(|block| &block.skills);
        skills.map(move |skill| format!("{}/{}", referential.id, skill.id))
    };
    referentials().iter().flat_map(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_has_three_blocks_and_sixteen_skills_in_both_languages() {
        let all = referentials();
        assert_eq!(all.len(), SOURCES.len(), "a referential cannot be read");
        let tsgeri = &all[0];
        let counts: Vec<usize> = tsgeri
            .blocks
            .iter()
            .map(|block| block.skills.len())
            .collect();
        assert_eq!(counts, [6, 5, 5]);
        for skill in tsgeri.blocks.iter().flat_map(|block| &block.skills) {
            assert!(
                ["fr", "en"]
                    .iter()
                    .all(|language| skill.title.contains_key(*language)),
                "{}",
                skill.id
            );
        }
        assert!(skill_names().contains(&"tsgeri/3.5".to_owned()));
    }

    #[test]
    fn every_skill_is_acquired_by_a_share_of_its_points() {
        for name in skill_names() {
            let found = find(referentials(), &name).expect("a skill");
            assert!((1..=100).contains(&found.threshold()), "{name}");
        }
        assert_eq!(find(referentials(), "tsgeri/9.9"), None);
        assert_eq!(find(referentials(), "tsgeri"), None);
    }

    #[test]
    fn a_skill_may_ask_for_more_than_its_referential() {
        let text = "{ id: r, title: {}, threshold: 60, blocks: [{ id: b, title: {}, skills: [{ id: s, title: {} }, { id: t, title: {}, threshold: 80 }] }] }";
        let own: Vec<Referential> = vec![serde_saphyr::from_str(text).expect("a referential")];
        let threshold = |name: &str| find(&own, name).map(|found| found.threshold());
        assert_eq!((threshold("r/s"), threshold("r/t")), (Some(60), Some(80)));
    }
}
