//! The list of candidates: a table as CSV, read as people write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod line;

use line::List;

/// Longest list, in bytes.
pub const LIMIT: usize = 4 << 20;

/// Most candidates of one list.
pub const SEATS: usize = 1000;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RosterEntry {
    /// Candidate number, unique in its list.
    pub number: String,
    /// Name.
    pub name: String,
    /// E-mail, if any.
    pub email: Option<String>,
    /// Blocks presented; the whole title where empty.
    pub blocks: Vec<String>,
    /// Factor on time, in thousandths.
    pub factor: u32,
    /// How long breaks may take without costing time, in milliseconds.
    pub breaks_ms: u64,
    /// Other arrangements, in words.
    pub notes: String,
}

/// What is wrong with a list, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RosterProblem {
    /// Line in the file, from 1.
    pub line: u64,
    /// The column's heading, where one is meant.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RosterColumn {
    Number,
    Name,
    Email,
    Blocks,
    Factor,
    Breaks,
    Notes,
}

/// Headings of each column; the first is the one that is shown.
const HEADINGS: &[(RosterColumn, &[&str])] = &[
    (
        RosterColumn::Number,
        &[
            "number",
            "numero",
            "candidate number",
            "numero de candidat",
            "no",
            "n°",
        ],
    ),
    (
        RosterColumn::Name,
        &[
            "name",
            "nom",
            "candidate",
            "candidat",
            "nom et prenom",
            "nom prenom",
        ],
    ),
    (
        RosterColumn::Email,
        &[
            "email",
            "e-mail",
            "mail",
            "courriel",
            "adresse electronique",
        ],
    ),
    (
        RosterColumn::Blocks,
        &["blocks", "blocs", "ccp", "block", "bloc"],
    ),
    (
        RosterColumn::Factor,
        &[
            "factor",
            "facteur",
            "extra time",
            "temps majore",
            "majoration",
        ],
    ),
    (
        RosterColumn::Breaks,
        &["breaks", "pauses", "break", "pause"],
    ),
    (
        RosterColumn::Notes,
        &["notes", "arrangements", "amenagements", "remarques", "note"],
    ),
];

impl RosterColumn {
    fn heading(self) -> &'static str {
        let row = HEADINGS.iter().find(|row| row.0 == self);
        row.map_or("", |row| row.1[0])
    }
}

/// The candidates of a list: CSV with a line of headings, in UTF-8 or Windows-1252, with commas,
/// semicolons or tabs. `number` and `name` have to be there; `email`, `blocks` (separated by `+`,
/// `/` or spaces), `factor` (`1.33`, `1,33` or `33 %`), `breaks` (minutes) and `notes` may be.
///
/// # Errors
/// All flaws, in the order of their lines.
pub fn read(bytes: &[u8], blocks: &[String]) -> Result<Vec<RosterEntry>, Vec<RosterProblem>> {
    if bytes.len() > LIMIT {
        let hint = format!("at most {} MiB", LIMIT >> 20);
        return Err(vec![flaw(1, None, "the list is too large", hint)]);
    }
    let text = decode(bytes).map_err(|flaw| vec![flaw])?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings = match reader.headers() {
        Ok(headings) => headings.clone(),
        Err(error) => return Err(vec![unreadable(&error)]),
    };
    let columns = columns(&headings)?;
    let mut list = List {
        columns,
        headings: headings.len(),
        blocks,
        seen: BTreeMap::new(),
        flaws: Vec::new(),
    };
    let mut candidates = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) if record.iter().all(str::is_empty) => {}
            Ok(record) => candidates.extend(list.take(&record)),
            Err(error) => list.flaws.push(unreadable(&error)),
        }
    }
    if candidates.len() > SEATS {
        let hint = format!("at most {SEATS} candidates sit in one session");
        list.flaws.push(flaw(1, None, "the list is too long", hint));
    }
    if candidates.is_empty() && list.flaws.is_empty() {
        let hint = "a line for each candidate follows the headings".to_owned();
        list.flaws
            .push(flaw(2, None, "nobody is on the list", hint));
    }
    if list.flaws.is_empty() {
        Ok(candidates)
    } else {
        Err(list.flaws)
    }
}

fn flaw(
    line: u64,
    column: Option<RosterColumn>,
    message: impl Into<String>,
    hint: String,
) -> RosterProblem {
    RosterProblem {
        line,
        column: column.map(|column| column.heading().to_owned()),
        message: message.into(),
        hint,
    }
}

fn unreadable(error: &csv::Error) -> RosterProblem {
    let line = error.position().map_or(1, csv::Position::line);
    let hint = "save it as CSV, with quotes around what holds a separator".to_owned();
    flaw(line, None, format!("this is not valid CSV: {error}"), hint)
}

/// UTF-8 with or without its mark, else Windows-1252, which spreadsheets write.
fn decode(bytes: &[u8]) -> Result<String, RosterProblem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // A list of names has no such byte: it is UTF-16, or another kind of file.
    if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
        let before = bytes.iter().take(place);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        return Err(flaw(
            u64::try_from(line).unwrap_or(u64::MAX),
            None,
            "this is not text in UTF-8 or Windows-1252",
            "save it as CSV (UTF-8)".to_owned(),
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Ok(encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned()),
    }
}

/// What stands most often in the line of headings.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |byte: u8| line.bytes().filter(|one| *one == byte).count();
    // The last of equals: a comma where there is none of any.
    let most = b"\t;,".iter().copied().max_by_key(|byte| count(*byte));
    most.unwrap_or(b',')
}

/// A heading as it is compared: small, without accents, with single spaces.
fn plain(heading: &str) -> String {
    let letters = heading.chars().flat_map(char::to_lowercase);
    let letters = letters.map(|letter| match letter {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        '_' | '\u{a0}' => ' ',
        other => other,
    });
    let letters: String = letters.collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn columns(
    headings: &csv::StringRecord,
) -> Result<BTreeMap<RosterColumn, usize>, Vec<RosterProblem>> {
    let known = || {
        let shown = HEADINGS.iter().map(|row| row.1[0]);
        format!("columns are {}", shown.collect::<Vec<_>>().join(", "))
    };
    let mut columns = BTreeMap::new();
    let mut flaws = Vec::new();
    for (place, heading) in headings.iter().enumerate() {
        let wanted = plain(heading);
        let found = HEADINGS.iter().find(|row| row.1.contains(&wanted.as_str()));
        match found {
            Some((column, _)) => {
                if columns.insert(*column, place).is_some() {
                    let message = format!("`{heading}` is a second column for the same");
                    flaws.push(flaw(1, Some(*column), message, known()));
                }
            }
            None => {
                let message = format!("`{heading}` is not a column of a list of candidates");
                flaws.push(flaw(1, None, message, known()));
            }
        }
    }
    for column in [RosterColumn::Number, RosterColumn::Name] {
        if !columns.contains_key(&column) {
            let message = format!("the column `{}` is missing", column.heading());
            flaws.push(flaw(1, Some(column), message, known()));
        }
    }
    if flaws.is_empty() {
        Ok(columns)
    } else {
        Err(flaws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks() -> Vec<String> {
        vec!["B1".to_owned(), "B2".to_owned()]
    }

    fn good(bytes: &[u8]) -> Vec<RosterEntry> {
        read(bytes, &blocks()).unwrap_or_else(|flaws| panic!("{flaws:#?}"))
    }

    fn bad(text: &str) -> Vec<String> {
        let flaws = read(text.as_bytes(), &blocks()).unwrap_err();
        let shown = flaws.into_iter().map(|flaw| {
            assert!(!flaw.hint.is_empty(), "{flaw:?}");
            let column = flaw.column.unwrap_or_default();
            format!("{}:{column}: {}", flaw.line, flaw.message)
        });
        shown.collect()
    }

    #[test]
    fn a_list_as_a_french_spreadsheet_writes_it() {
        let text = "Numéro;Nom;Courriel;Blocs;Facteur;Pauses;Aménagements\r\n\
                    001;\"Lefèvre; Élodie\";e.lefevre@example.org;B1 + B2;1,33;20;près de la porte\r\n\
                    002;Nguyên;;;;;\r\n";
        let (latin, _, lossy) = encoding_rs::WINDOWS_1252.encode("Numéro;Nom\r\n1;Lefèvre\r\n");
        assert!(!lossy);
        assert_eq!(good(&latin)[0].name, "Lefèvre");
        let list = good(text.as_bytes());
        assert_eq!(list[0].name, "Lefèvre; Élodie");
        assert_eq!(list[0].blocks, ["B1", "B2"]);
        assert_eq!((list[0].factor, list[0].breaks_ms), (1330, 1_200_000));
        assert_eq!(list[1].name, "Nguyên");
        assert_eq!((list[1].factor, list[1].breaks_ms), (1000, 0));
        assert_eq!(list[1].email, None);
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(good(&marked), list);
    }

    #[test]
    fn factors_are_read_as_they_are_written() {
        for (cell, factor) in [
            ("1.33", Some(1330)),
            ("1.333", Some(1333)),
            ("1,5", Some(1500)),
            ("2", Some(2000)),
            ("33 %", Some(1330)),
            ("33%", Some(1330)),
            ("1.3333", None),
            ("a third", None),
            ("-1", None),
            ("1.", Some(1000)),
            ("99999999999", None),
        ] {
            assert_eq!(line::thousandths(cell), factor, "{cell}");
        }
    }

    #[test]
    fn all_flaws_are_told_with_their_places() {
        let text = "number,name,email,blocks,factor,breaks\n\
                    1,,nobody,B7,0.5,soon\n\
                    2,Ada,,,,\n\
                    2,Grace,,,,\n\
                    3,Linus\n";
        assert_eq!(
            bad(text),
            [
                "2:name: `` is not a valid name",
                "2:email: `nobody` is not a valid e-mail address",
                "2:blocks: `B7` is not a block of this session",
                "2:factor: `0.5` is not a valid time factor",
                "2:breaks: `soon` is not a valid time for breaks",
                "4:number: `2` stands in line 3 too",
                "5:: 2 fields where the headings have 6",
            ]
        );
    }

    #[test]
    fn headings_that_are_wrong_are_told() {
        assert_eq!(
            bad("number,surname,number\n1,Ada,1\n"),
            [
                "1:: `surname` is not a column of a list of candidates",
                "1:number: `number` is a second column for the same",
                "1:name: the column `name` is missing",
            ]
        );
        assert_eq!(bad("number,name\n"), ["2:: nobody is on the list"]);
        assert_eq!(bad("").len(), 2);
    }

    #[test]
    fn what_is_not_a_text_is_refused() {
        let utf16: Vec<u8> = "number,name\n1,Ada\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let flaws = read(&utf16, &blocks()).unwrap_err();
        assert_eq!(
            flaws[0].message,
            "this is not text in UTF-8 or Windows-1252"
        );
    }
}
