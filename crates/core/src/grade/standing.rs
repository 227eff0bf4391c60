//! From points to skills and blocks, by the thresholds of a referential.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tally;
use crate::localized::Localized;
use crate::referential::{Referential, find};

/// Share that is asked for where the skill is in no referential, in percent: nothing may be missing.
const UNKNOWN_SKILL: u8 = 100;

/// The standing that points give; the jury decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Whatever is unknown, it cannot be reached, or a critical check did not pass.
    NotAcquired,
    /// Something is unknown, was not examined, or waits for an evaluator.
    Undecided,
    /// Whatever is unknown, it is reached.
    Acquired,
}

/// A skill, over all tasks that serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkillGrade {
    /// `referential/skill`.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Points earned.
    pub points: u32,
    /// Points to be earned by checks, a bonus not counted.
    pub of: u32,
    /// Share of the points that acquires it, in percent.
    pub threshold: u8,
    /// The standing that follows.
    pub standing: Standing,
}

/// A block (CCP): acquired when all of its skills are; nothing is averaged between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockGrade {
    /// `referential/block`.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// How many of its skills are acquired.
    pub acquired: u32,
    /// How many of its skills were examined here.
    pub examined: u32,
    /// How many skills it has.
    pub of: u32,
    /// [`Standing::NotAcquired`] where one of its skills is, [`Standing::Undecided`] where one of
    /// them is, or was not examined here.
    pub standing: Standing,
}

/// Share of a skill's points that acquires it, in percent.
pub(super) fn threshold(referentials: &[Referential], skill: &str) -> u8 {
    find(referentials, skill).map_or(UNKNOWN_SKILL, |found| found.threshold())
}

/// The skills of some tasks, by the tasks' sums.
pub(super) fn skills(referentials: &[Referential], tasks: &[(&str, Tally)]) -> Vec<SkillGrade> {
    let mut sums: BTreeMap<&str, Tally> = BTreeMap::new();
    for (skill, tally) in tasks {
        let sum = sums.entry(*skill).or_default();
        *sum = sum.and(*tally);
    }
    let graded = sums.into_iter().map(|(id, tally)| {
        let threshold = threshold(referentials, id);
        SkillGrade {
            id: id.to_owned(),
            title: find(referentials, id)
                .map(|found| found.skill.title.clone())
                .unwrap_or_default(),
            points: tally.points,
            of: tally.of,
            threshold,
            standing: tally.standing(threshold),
        }
    });
    graded.collect()
}

/// The blocks that hold at least one of these skills, in the order of the referentials.
pub(crate) fn blocks(referentials: &[Referential], skills: &[SkillGrade]) -> Vec<BlockGrade> {
    let mut graded = Vec::new();
    for referential in referentials {
        for block in &referential.blocks {
            let standings: Vec<Standing> = block
                .skills
                .iter()
                .filter_map(|skill| {
                    let id = format!("{}/{}", referential.id, skill.id);
                    let found = skills.iter().find(|graded| graded.id == id)?;
                    Some(found.standing)
                })
                .collect();
            // The order of the standings is that of the worst first.
            let Some(worst) = standings.iter().min().copied() else {
                continue;
            };
            let whole = standings.len() == block.skills.len();
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let acquired = standings.iter().filter(|s| **s == Standing::Acquired);
            graded.push(BlockGrade {
                id: format!("{}/{}", referential.id, block.id),
                title: block.title.clone(),
                acquired: count(acquired.count()),
                examined: count(standings.len()),
                of: count(block.skills.len()),
                standing: match worst {
                    Standing::Acquired if !whole => Standing::Undecided,
                    other @ (Standing::NotAcquired | Standing::Undecided | Standing::Acquired) => {
                        other
                    }
                },
            });
        }
    }
    graded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referential::referentials;

    /// The six skills of the first block, standing so; what is missing was not examined.
    fn first_block(standings: &[Standing]) -> BlockGrade {
        let skill = |(index, standing): (usize, &Standing)| SkillGrade {
            id: format!("tsgeri/1.{}", index + 1),
            title: Localized::new(),
            points: 0,
            of: 0,
            threshold: 70,
            standing: *standing,
        };
        let skills: Vec<SkillGrade> = standings.iter().enumerate().map(skill).collect();
        let blocks = blocks(referentials(), &skills);
        assert_eq!(blocks.len(), 1, "other blocks have no skill here");
        blocks[0].clone()
    }

    #[test]
    fn a_block_is_acquired_when_all_of_its_skills_are() {
        use Standing::{Acquired, NotAcquired, Undecided};
        for (standings, block) in [
            (vec![Acquired; 6], Acquired),
            (vec![Acquired; 5], Undecided),
            (vec![Acquired, Undecided], Undecided),
            (
                vec![
                    Acquired,
                    Acquired,
                    Acquired,
                    Acquired,
                    Acquired,
                    NotAcquired,
                ],
                NotAcquired,
            ),
            (vec![NotAcquired, Undecided], NotAcquired),
        ] {
            let graded = first_block(&standings);
            assert_eq!(graded.standing, block, "{standings:?}");
            assert_eq!(graded.of, 6);
            assert_eq!(graded.examined as usize, standings.len());
        }
    }

    #[test]
    fn no_skill_makes_up_for_another_and_tasks_of_one_skill_are_added() {
        let tally = |points| Tally {
            points,
            within_reach: points,
            of: 10,
            ..Tally::default()
        };
        let tasks = [
            ("tsgeri/1.1", tally(10)),
            ("tsgeri/1.2", tally(4)),
            ("tsgeri/1.2", tally(10)),
            ("tsgeri/1.3", tally(6)),
            ("nowhere/1", tally(9)),
        ];
        let skills = skills(referentials(), &tasks);
        let shown: Vec<_> = skills
            .iter()
            .map(|s| (&*s.id, s.points, s.of, s.standing))
            .collect();
        assert_eq!(
            shown,
            [
                ("nowhere/1", 9, 10, Standing::NotAcquired),
                ("tsgeri/1.1", 10, 10, Standing::Acquired),
                ("tsgeri/1.2", 14, 20, Standing::Acquired),
                ("tsgeri/1.3", 6, 10, Standing::NotAcquired),
            ]
        );
    }
}
