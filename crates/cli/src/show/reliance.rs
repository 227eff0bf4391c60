//! What a scenario's points rest on, for its trainer.

use plateau_core::reliance::{Reliance, RelianceShare};

/// A line for each thing that points rest on beside the grader; nothing where there is none.
pub(crate) fn text(reliance: &Reliance) -> String {
    let shares = [
        (
            &reliance.own_programs,
            "on programs of the candidate's machines",
        ),
        (
            &reliance.entered_views,
            "on the network as the candidate's machines see it",
        ),
    ];
    let lines = shares.into_iter().filter(|(share, _)| share.points > 0);
    lines.map(|(share, on)| line(reliance, share, on)).collect()
}

fn line(reliance: &Reliance, share: &RelianceShare, on: &str) -> String {
    let checks: Vec<&str> = share.checks.keys().map(String::as_str).collect();
    let (points, all) = (share.points, reliance.points);
    let percent = u64::from(points) * 100 / u64::from(all.max(1));
    format!(
        "  {points} of {all} points ({percent} %) rest {on}: {}\n",
        checks.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_share_is_told_with_its_checks_and_an_empty_one_is_not() {
        let share = RelianceShare {
            points: 3,
            checks: BTreeMap::from([("t/a".to_owned(), 1), ("t/b".to_owned(), 2)]),
        };
        let reliance = Reliance {
            points: 40,
            own_programs: RelianceShare::default(),
            entered_views: share,
        };
        assert_eq!(
            text(&reliance),
            "  3 of 40 points (7 %) rest on the network as the candidate's machines see it: t/a, t/b\n"
        );
    }
}
