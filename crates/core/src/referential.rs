//! Referentials: the titles that can be examined, as data.

use serde::Deserialize;

use crate::topology::Localized;

/// The referentials that come with Plateau.
const SOURCES: &[&str] = &[include_str!("../../../scenarios/referentials/tsgeri.yaml")];

/// A title: blocks of skills.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referential {
    /// Identifier, the part of a skill's name before the slash.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Blocks (CCP), each certified as a whole.
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
}

/// All referentials that come with Plateau; a test reads each of them.
///
#[must_use]
pub fn referentials() -> Vec<Referential> {
    SOURCES
        .iter()
        .filter_map(|source| serde_saphyr::from_str(source).ok())
        .collect()
}

/// Full names of all skills, such as `tsgeri/1.2`.
#[must_use]
pub fn skill_names() -> Vec<String> {
    let names = |referential: Referential| {
        let skills = referential
            .blocks
            .into_iter()
            .flat_map(|block| block.skills);
        skills
            .map(move |skill| format!("{}/{}", referential.id, skill.id))
            .collect::<Vec<_>>()
    };
    referentials().into_iter().flat_map(names).collect()
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
}
