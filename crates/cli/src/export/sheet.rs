//! CSV: a row a check, for a spreadsheet.

use std::error::Error;

use plateau_core::grade::Grade;
use plateau_core::messages::Messages;

use super::word;
use crate::show::reason::one_line;

const HEAD: [&str; 16] = [
    "task", "skill", "check", "title", "phase", "observer", "asked", "verdict", "points", "of",
    "bonus", "critical", "group", "needs", "why", "seed",
];

/// All rows below their head.
pub(super) fn sheet(
    grade: &Grade,
    messages: &Messages,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD)?;
    for task in &grade.tasks {
        for check in &task.checks {
            let row = [
                task.id.clone(),
                task.skill.clone(),
                check.id.clone(),
                messages.of(&check.title).to_owned(),
                check.phase.clone(),
                check.observer.clone(),
                check.asked.clone(),
                word(check.verdict).to_owned(),
                check.points.to_string(),
                check.of.to_string(),
                check.bonus.to_string(),
                check.critical.to_string(),
                check.group.clone().unwrap_or_default(),
                check.needs.join(" "),
                messages.explanation(check).join("; "),
                grade.seed.clone(),
            ];
            writer.write_record(row.map(|cell| escape_formula(&cell)))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes)?)
}

/// On one line, and no formula to a spreadsheet: what a candidate's machine said stands here, too.
fn escape_formula(cell: &str) -> String {
    let line = one_line(cell);
    let first = line.trim_start().chars().next();
    if first.is_some_and(|first| ['=', '+', '-', '@'].contains(&first)) {
        return format!("'{line}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_english;
    use super::*;
    use crate::args::Shape;

    #[test]
    fn a_sheet_is_read_back_and_holds_no_formula() {
        let text = in_english(Shape::Csv);
        insta::assert_snapshot!(text);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> =
            reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 4);
        for cell in rows.iter().flat_map(csv::StringRecord::iter) {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
        assert_eq!(&rows[0][3], "'=HYPERLINK(\"x\")");
    }

    #[test]
    fn what_begins_a_formula_behind_blanks_is_made_harmless_too() {
        for cell in ["=1", "+1", "-1", "@x", " =1", "\t=1"] {
            assert!(
                escape_formula(cell).starts_with(['\'', '\u{fffd}']),
                "{cell}"
            );
        }
        assert_eq!(escape_formula("a=1"), "a=1");
    }
}
