//! Messages about a grade, in French and English. The texts are in `locales/`, in Fluent, so
//! that the browser says the same.

use std::str::FromStr;

use crate::grade::{CheckResult, Reason, Standing, Verdict};
use crate::localized::Localized;
use crate::matcher::{Expected, Finding};

pub use texts::L10nLanguage as Texts;

/// Generated: a function a text.
#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::unwrap_used,
    reason = "generated"
)]
mod texts {
    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}

/// A language that Plateau speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

impl FromStr for Language {
    type Err = ();

    /// From `fr`, `fr-CA`, `fr_FR.UTF-8` and the like.
    fn from_str(tag: &str) -> Result<Self, ()> {
        match tag.split(['_', '-', '.', '@']).next() {
            Some("en") => Ok(Self::En),
            Some("fr") => Ok(Self::Fr),
            Some(_) | None => Err(()),
        }
    }
}

impl Language {
    /// Its key in texts by language.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// A trainer's text in this language, else in English, else in any.
    #[must_use]
    pub fn of(self, text: &Localized) -> &str {
        let found = [self.key(), "en"].into_iter().find_map(|key| text.get(key));
        found
            .or_else(|| text.values().next())
            .map_or("", |text| text)
    }
}

/// Messages in one language.
pub struct Messages {
    language: Language,
    texts: Texts,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Messages").field(&self.language).finish()
    }
}

impl Messages {
    /// In this language.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let texts = match language {
            Language::En => texts::L10n::En.load(),
            Language::Fr => texts::L10n::Fr.load(),
        };
        Self { language, texts }
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// All texts, one function each.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// A trainer's text in this language, else in English, else in any.
    #[must_use]
    pub fn of<'t>(&self, text: &'t Localized) -> &'t str {
        self.language.of(text)
    }

    /// A verdict in a word or two.
    #[must_use]
    pub fn verdict(&self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Pass => self.texts.verdict_pass(),
            Verdict::Fail => self.texts.verdict_fail(),
            Verdict::NotAsked => self.texts.verdict_not_asked(),
            Verdict::Unknown => self.texts.verdict_unknown(),
        }
    }

    /// A standing in a word or two.
    #[must_use]
    pub fn standing(&self, standing: Standing) -> String {
        match standing {
            Standing::NotAcquired => self.texts.standing_not_acquired(),
            Standing::Undecided => self.texts.standing_undecided(),
            Standing::Acquired => self.texts.standing_acquired(),
        }
    }

    /// What was expected, such as `at least 3`.
    #[must_use]
    pub fn expected(&self, expected: &Expected) -> String {
        let texts = &self.texts;
        match expected {
            Expected::Is(value) => value.clone(),
            Expected::Contains(part) => texts.expected_contains(part),
            Expected::Matches(pattern) => texts.expected_matches(pattern),
            Expected::OneOf(values) if values.is_empty() => texts.expected_nothing(),
            Expected::OneOf(values) => texts.expected_one_of(values.join(", ")),
            Expected::AtLeast(number) => texts.expected_at_least(number.to_string()),
            Expected::AtMost(number) => texts.expected_at_most(number.to_string()),
            Expected::Not(inner) => texts.expected_not(self.expected(inner)),
            Expected::Any(inner) => {
                let joined = self.joined(inner, |left, right| texts.expected_any(left, right));
                joined.unwrap_or_else(|| texts.expected_nothing())
            }
            Expected::All(inner) => {
                let joined = self.joined(inner, |left, right| texts.expected_all(left, right));
                joined.unwrap_or_else(|| texts.expected_anything())
            }
        }
    }

    /// Several together, in brackets; `None` where there are none.
    fn joined(&self, inner: &[Expected], join: impl Fn(&str, &str) -> String) -> Option<String> {
        let each = inner.iter().map(|expected| self.expected(expected));
        let joined = each.reduce(|left, right| join(&left, &right))?;
        Some(format!("({joined})"))
    }

    /// What was seen of an attribute.
    #[must_use]
    pub fn seen(&self, finding: &Finding) -> String {
        let seen = finding.seen.clone();
        seen.unwrap_or_else(|| self.texts.seen_nothing())
    }

    /// Attribute, expected and seen in one sentence.
    #[must_use]
    pub fn finding(&self, finding: &Finding) -> String {
        self.texts.finding(
            &finding.attribute,
            self.expected(&finding.expected),
            self.seen(finding),
        )
    }

    /// Why a check has no findings.
    #[must_use]
    pub fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::NoFact => self.texts.reason_no_fact(),
            Reason::CouldNotLook(why) => self.texts.reason_could_not_look(why),
            Reason::OtherAnswer => self.texts.reason_other_answer(),
            Reason::NeedFailed(check) => self.texts.reason_need_failed(check),
            Reason::NeedUnknown(check) => self.texts.reason_need_unknown(check),
        }
    }

    /// Why a check did not pass, a sentence each; empty where it did.
    #[must_use]
    pub fn explanation(&self, check: &CheckResult) -> Vec<String> {
        let failed = check.findings.iter().filter(|finding| !finding.holds);
        let said = failed.map(|finding| self.finding(finding));
        said.chain(check.reason.iter().map(|reason| self.reason(reason)))
            .collect()
    }

    /// How a check counts: bonus, critical, group, needs.
    #[must_use]
    pub fn notes(&self, check: &CheckResult) -> Vec<String> {
        let texts = &self.texts;
        let mut notes = Vec::new();
        if check.critical {
            notes.push(texts.note_critical());
        }
        if check.bonus {
            notes.push(texts.note_bonus());
        }
        if let Some(group) = &check.group {
            notes.push(texts.note_group(group));
        }
        if !check.needs.is_empty() {
            let task = check.id.split('/').next().unwrap_or_default();
            let names = check.needs.iter().map(|need| {
                // As a trainer writes it: the short name within the task.
                let own = need.strip_prefix(task);
                own.and_then(|rest| rest.strip_prefix('/')).unwrap_or(need)
            });
            notes.push(texts.note_needs(names.collect::<Vec<_>>().join(", ")));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text as it stands in its file, without comments.
    fn lines(language: Language) -> Vec<&'static str> {
        let text = match language {
            Language::En => include_str!("../locales/en/grade.ftl"),
            Language::Fr => include_str!("../locales/fr/grade.ftl"),
        };
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn french_signs_keep_their_spaces() {
        const NO_BREAK: [char; 2] = ['\u{a0}', '\u{202f}'];
        let mut signs = 0;
        for line in lines(Language::Fr) {
            let text = line.split_once(" = ").map_or(line, |(_, text)| text);
            assert!(
                !text.contains('\''),
                "an apostrophe of a typewriter: {line}"
            );
            let letters: Vec<char> = text.chars().collect();
            for (at, letter) in letters.iter().enumerate() {
                if [':', ';', '!', '?', '%', '»'].contains(letter) {
                    let before = letters[..at].last().copied().unwrap_or(' ');
                    assert!(NO_BREAK.contains(&before), "`{letter}` in {line}");
                    signs += 1;
                }
                if *letter == '«' {
                    let after = letters.get(at + 1).copied().unwrap_or(' ');
                    assert!(NO_BREAK.contains(&after), "`«` in {line}");
                }
            }
        }
        assert!(signs > 5);
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        let keys = |language| -> Vec<&str> {
            let lines = lines(language).into_iter();
            let keys = lines.filter_map(|line| line.split_once(" = ").map(|(key, _)| key));
            keys.collect()
        };
        assert_eq!(keys(Language::En), keys(Language::Fr));
    }

    #[test]
    fn every_matcher_is_said_in_both_languages() {
        let expected = Expected::All(vec![
            Expected::Any(vec![
                Expected::Contains("\"a\"".to_owned()),
                Expected::Matches("^b".to_owned()),
            ]),
            Expected::Not(Box::new(Expected::OneOf(vec![
                "1".to_owned(),
                "2".to_owned(),
            ]))),
            Expected::AtLeast(3),
            Expected::AtMost(5),
            Expected::Is("4".to_owned()),
            Expected::Any(vec![]),
        ]);
        assert_eq!(
            Messages::new(Language::En).expected(&expected),
            "((contains \"a\" or matches /^b/) and not (one of 1, 2) and at least 3 and at most 5 and 4 and nothing at all)"
        );
        assert_eq!(
            Messages::new(Language::Fr).expected(&expected),
            "((contient \"a\" ou correspond à /^b/) et pas (l’une des valeurs 1, 2) et au moins 3 et au plus 5 et 4 et rien du tout)"
        );
    }

    #[test]
    fn a_finding_says_what_was_expected_and_what_was_seen() {
        let finding = Finding {
            attribute: "status".to_owned(),
            holds: false,
            expected: Expected::Is("200".to_owned()),
            seen: None,
        };
        assert_eq!(
            Messages::new(Language::En).finding(&finding),
            "expected: status 200; seen: nothing of the kind"
        );
        assert_eq!(
            Messages::new(Language::Fr).finding(&finding),
            "attendu\u{a0}: status 200\u{202f}; vu\u{a0}: rien de tel"
        );
    }

    #[test]
    fn french_counts_nothing_in_the_singular() {
        let texts = |language| Messages::new(language).texts().sum_not_asked(0);
        assert_eq!(texts(Language::Fr), "0 non demandé");
        let passed = |language, count| {
            let messages = Messages::new(language);
            messages.texts().sum_passed(count, "0")
        };
        assert_eq!(passed(Language::Fr, 2), "0 contrôles réussis sur 2");
        assert_eq!(passed(Language::En, 1), "0 of 1 check passes");
    }

    #[test]
    fn a_language_is_read_off_what_the_environment_says() {
        for (tag, language) in [
            ("fr_FR.UTF-8", Ok(Language::Fr)),
            ("fr-CA", Ok(Language::Fr)),
            ("en", Ok(Language::En)),
            ("C.UTF-8", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(tag.parse::<Language>(), language, "{tag}");
        }
    }
}
