//! One line of a list of candidates.

use std::collections::BTreeMap;

use super::{RosterColumn, RosterEntry, RosterProblem, flaw};
use crate::exam::clock::{MOST, WHOLE};

/// A list while it is read.
pub(super) struct List<'a> {
    pub(super) columns: BTreeMap<RosterColumn, usize>,
    pub(super) headings: usize,
    pub(super) blocks: &'a [String],
    /// Number → line.
    pub(super) seen: BTreeMap<String, u64>,
    pub(super) flaws: Vec<RosterProblem>,
}

impl List<'_> {
    /// The candidate of a line; `None` where it has flaws, which are kept.
    pub(super) fn take(&mut self, record: &csv::StringRecord) -> Option<RosterEntry> {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.headings {
            let message = format!(
                "{} fields where the headings have {}",
                record.len(),
                self.headings
            );
            let hint = "put quotes around a field that holds a separator".to_owned();
            self.flaws.push(flaw(line, None, message, hint));
            return None;
        }
        let cell = |column| {
            let place = self.columns.get(&column);
            let text = place.and_then(|place| record.get(*place));
            text.unwrap_or_default().to_owned()
        };
        let [number, name, email, blocks, factor, breaks, notes] = [
            RosterColumn::Number,
            RosterColumn::Name,
            RosterColumn::Email,
            RosterColumn::Blocks,
            RosterColumn::Factor,
            RosterColumn::Breaks,
            RosterColumn::Notes,
        ]
        .map(cell);
        let before = self.flaws.len();
        self.check_number(line, &number);
        self.check_name(line, &name);
        self.check_email(line, &email);
        let blocks = self.take_blocks(line, &blocks);
        let factor = self.take_factor(line, &factor);
        let breaks_ms = self.take_breaks(line, &breaks);
        (self.flaws.len() == before).then_some(RosterEntry {
            number,
            name,
            email: (!email.is_empty()).then_some(email),
            blocks,
            factor,
            breaks_ms,
            notes,
        })
    }

    fn refuse(&mut self, line: u64, column: RosterColumn, message: String, hint: &str) {
        self.flaws
            .push(flaw(line, Some(column), message, hint.to_owned()));
    }

    fn check_number(&mut self, line: u64, number: &str) {
        let fits = (1..=32).contains(&number.len())
            && number
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !fits {
            let message = format!("`{number}` is not a valid candidate number");
            let hint = "1 to 32 letters, digits, `-`, `_` and `.`";
            self.refuse(line, RosterColumn::Number, message, hint);
        } else if let Some(first) = self.seen.get(number) {
            let message = format!("`{number}` stands in line {first} too");
            self.refuse(
                line,
                RosterColumn::Number,
                message,
                "each candidate has a number of their own",
            );
        } else {
            self.seen.insert(number.to_owned(), line);
        }
    }

    fn check_name(&mut self, line: u64, name: &str) {
        if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
            let message = format!("`{}` is not a valid name", name.escape_debug());
            self.refuse(line, RosterColumn::Name, message, "1 to 120 characters");
        }
    }

    fn check_email(&mut self, line: u64, email: &str) {
        let looks_right = email
            .split_once('@')
            .is_some_and(|(who, place)| !who.is_empty() && place.contains('.'));
        let odd = |letter: char| letter.is_whitespace() || letter.is_control();
        if !email.is_empty() && (!looks_right || email.contains(odd) || email.len() > 254) {
            let message = format!("`{email}` is not a valid e-mail address");
            self.refuse(
                line,
                RosterColumn::Email,
                message,
                "such as a.martin@example.org, or nothing",
            );
        }
    }

    fn take_blocks(&mut self, line: u64, cell: &str) -> Vec<String> {
        let parts = cell.split(|letter: char| letter.is_whitespace() || "+/|,;".contains(letter));
        let wanted: Vec<String> = parts
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let known = self.blocks.join(", ");
        for block in &wanted {
            if !self.blocks.contains(block) {
                let message = format!("`{block}` is not a block of this session");
                let hint = format!("blocks are {known}; nothing stands for all");
                self.refuse(line, RosterColumn::Blocks, message, &hint);
            }
        }
        wanted
    }

    fn take_factor(&mut self, line: u64, cell: &str) -> u32 {
        if cell.is_empty() {
            return WHOLE;
        }
        let factor = thousandths(cell);
        match factor {
            Some(factor) if (WHOLE..=MOST).contains(&factor) => factor,
            Some(_) | None => {
                let message = format!("`{cell}` is not a valid time factor");
                let hint = "1 to 4, such as 1.33, or what comes on top, such as 33 %";
                self.refuse(line, RosterColumn::Factor, message, hint);
                WHOLE
            }
        }
    }

    fn take_breaks(&mut self, line: u64, cell: &str) -> u64 {
        let minutes = cell.trim_end_matches("min").trim();
        match (cell.is_empty(), minutes.parse::<u64>()) {
            (true, _) => 0,
            (false, Ok(minutes)) if minutes <= 600 => minutes * 60_000,
            (false, _) => {
                let message = format!("`{cell}` is not a valid time for breaks");
                self.refuse(
                    line,
                    RosterColumn::Breaks,
                    message,
                    "minutes, at most 600, such as 20",
                );
                0
            }
        }
    }
}

/// `1.33` and `1,33` as 1333, `33 %` as 1330. Nobody means a factor with more than three digits.
pub(super) fn thousandths(cell: &str) -> Option<u32> {
    if let Some(percent) = cell.strip_suffix('%') {
        let percent: u32 = percent.trim().parse().ok()?;
        return WHOLE.checked_add(percent.checked_mul(10)?);
    }
    let cell = cell.replace(',', ".");
    let (whole, part) = cell.split_once('.').unwrap_or((&cell, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    whole.checked_mul(WHOLE)?.checked_add(part)
}
