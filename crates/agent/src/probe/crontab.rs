//! Parses the tables of cron: each line is a job.

use plateau_core::question::schedule::Job;

/// Where the user of a job comes from.
#[derive(Clone, Copy)]
pub(super) enum JobUser<'a> {
    /// Each line names the user: `/etc/crontab` and `/etc/cron.d`.
    InLine,
    /// All jobs of the table run as this user: `crontab -e`.
    Fixed(&'a str),
}

/// The jobs of a table: none where it has a line that cron does not accept, since cron then passes over
/// the whole table ("Syntax error, this crontab file will be ignored", cron 3.0pl1 of Debian).
pub(super) fn parse_jobs(text: &str, source: &str, user_source: JobUser<'_>) -> Vec<Job> {
    let lines = text.lines().map(str::trim);
    let jobs = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !is_assignment(line))
        .map(|line| parse_job(line, source, user_source));
    jobs.collect::<Option<Vec<Job>>>().unwrap_or_default()
}

/// Whether a line is `NAME = value`: cron looks for an equals sign after the first word.
fn is_assignment(line: &str) -> bool {
    let Some((name, _)) = line.split_once('=') else {
        return false;
    };
    let name = name.trim_end();
    !name.is_empty() && !name.contains(char::is_whitespace) && !name.starts_with('@')
}

fn parse_job(line: &str, source: &str, user_source: JobUser<'_>) -> Option<Job> {
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    let mut when = Vec::new();
    for _ in 0..fields {
        let (word, after) = split_first_word(rest)?;
        when.push(word);
        rest = after;
    }
    if !is_schedule(&when) {
        return None;
    }
    let user = match user_source {
        JobUser::Fixed(user) => user,
        JobUser::InLine => {
            let (user, after) = split_first_word(rest)?;
            rest = after;
            user
        }
    };
    let command = rest.trim();
    (!command.is_empty()).then(|| Job {
        kind: "cron".to_owned(),
        source: source.to_owned(),
        when: when.join(" "),
        user: user.to_owned(),
        command: command.to_owned(),
    })
}

fn split_first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (!word.is_empty()).then_some((word, rest))
}

/// Whether the words are five fields of numbers, ranges, steps and names of months and days, or one
/// of cron's nicknames.
fn is_schedule(words: &[&str]) -> bool {
    const NICKNAMES: [&str; 8] = [
        "@reboot",
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    let [minute, hour, day, month, weekday] = words else {
        return words.iter().all(|word| NICKNAMES.contains(word));
    };
    let named = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"*,-/~".contains(&b))
    };
    let counted = |word: &str| named(word) && !word.bytes().any(|b| b.is_ascii_alphabetic());
    [minute, hour, day].into_iter().all(|word| counted(word)) && named(month) && named(weekday)
}

#[cfg(test)]
mod tests {
    use super::{JobUser, parse_jobs};

    const TABLE: &str = "# m h dom mon dow user command\nSHELL=/bin/sh\nMAILTO = root\n\
        17 *\t* * *\troot  cd / && run-parts --report /etc/cron.hourly\n\
        @daily backup /usr/local/bin/save --to=/srv\n*/5 0-6 1,15 jan mon-fri www-data FOO=1 x\n\
        ";

    #[test]
    fn a_system_table_names_its_users() {
        let jobs = parse_jobs(TABLE, "/etc/crontab", JobUser::InLine);
        let seen: Vec<_> = jobs
            .iter()
            .map(|job| (job.when.as_str(), job.user.as_str(), job.command.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "17 * * * *",
                    "root",
                    "cd / && run-parts --report /etc/cron.hourly"
                ),
                ("@daily", "backup", "/usr/local/bin/save --to=/srv"),
                ("*/5 0-6 1,15 jan mon-fri", "www-data", "FOO=1 x"),
            ]
        );
    }

    #[test]
    fn a_table_with_a_line_that_cron_refuses_holds_no_jobs() {
        for broken in [
            "this line is not a job at all",
            "@never root x",
            "5 4 * * root",
        ] {
            let table = format!("{TABLE}{broken}\n");
            let jobs = parse_jobs(&table, "/etc/crontab", JobUser::InLine);
            assert!(jobs.is_empty(), "{broken}");
        }
    }

    #[test]
    fn a_users_table_runs_as_its_user() {
        let table = "0 2 * * * /home/alice/save.sh > /dev/null\n";
        let jobs = parse_jobs(table, "alice", JobUser::Fixed("alice"));
        assert_eq!(jobs[0].user, "alice");
        assert_eq!(jobs[0].command, "/home/alice/save.sh > /dev/null");
    }
}
