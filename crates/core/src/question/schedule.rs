//! A periodic job: cron or a systemd timer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::matcher::{Finding, Matcher};

/// A periodic job of cron (`/etc/crontab`, `/etc/cron.d`, the users' tables, the folders
/// `/etc/cron.daily` …) or of an enabled or running systemd timer. Files that cron passes over, for
/// their names, modes, owners or a missing last line feed or a line that it cannot read, hold no jobs.
///
/// It holds when **one** job satisfies all matchers at once. Without an attribute: there is a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleCheck {
    /// `cron` or `timer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Matcher<String>>,
    /// When: the five fields of cron joined by single spaces, `@daily` and the like, or a timer's
    /// `OnCalendar=` values as systemd writes them (`*-*-* 02:00:00` for `02:00`), joined by `; `.
    /// Files in `/etc/cron.hourly` and the like are `@hourly` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Matcher<String>>,
    /// Who it runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Matcher<String>>,
    /// What it runs: the command line, or the script's path in `/etc/cron.daily` and the like;
    /// for a timer the `ExecStart=` lines of its service, joined by `; `.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Matcher<String>>,
}

/// Where to look for a [`ScheduleCheck`]: everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleQuestion {}

/// All periodic jobs of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSeen {
    /// The jobs, at most 500.
    pub jobs: Vec<Job>,
}

/// One periodic job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `cron` or `timer`.
    pub kind: String,
    /// File that it stands in.
    pub source: String,
    /// When; see [`ScheduleCheck::when`].
    pub when: String,
    /// Who it runs as.
    pub user: String,
    /// What it runs.
    pub command: String,
}

impl ScheduleCheck {
    /// A check of this kind, as a trainer writes it under `that:`.
    pub const EXAMPLE: &'static str =
        r#"schedule: { kind: timer, when: "*-*-* 02:00:00", command: { contains: backup } }"#;

    /// The question without its expected values.
    #[must_use]
    pub fn question(&self) -> ScheduleQuestion {
        ScheduleQuestion {}
    }

    /// Attributes that the agent has to look at.
    #[must_use]
    pub fn wants(&self) -> BTreeSet<String> {
        BTreeSet::from(["jobs".to_owned()])
    }

    /// The findings of the job that satisfies most matchers.
    #[must_use]
    pub fn judge(&self, seen: &ScheduleSeen) -> Vec<Finding> {
        let met = |findings: &Vec<Finding>| findings.iter().filter(|f| f.holds).count();
        let mut best: Option<Vec<Finding>> = None;
        for findings in seen.jobs.iter().map(|job| self.judge_job(Some(job))) {
            if best.as_ref().is_none_or(|b| met(&findings) > met(b)) {
                best = Some(findings);
            }
        }
        best.unwrap_or_else(|| self.judge_job(None))
    }

    fn judge_job(&self, job: Option<&Job>) -> Vec<Finding> {
        let rows = [
            ("kind", &self.kind, job.map(|j| &j.kind)),
            ("when", &self.when, job.map(|j| &j.when)),
            ("user", &self.user, job.map(|j| &j.user)),
            ("command", &self.command, job.map(|j| &j.command)),
        ];
        let mut findings: Vec<Finding> = rows
            .iter()
            .filter_map(|(name, matcher, seen)| Some(matcher.as_ref()?.find(name, *seen)))
            .collect();
        if findings.is_empty() {
            findings.push(Matcher::Is(true).find("scheduled", Some(&job.is_some())));
        }
        findings
    }
}
