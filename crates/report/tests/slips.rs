//! The slips, through the front door: JSON in, and the PDF read back by other people's programs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Runs `plateau-report slips` on this input.
fn slips(input: &[u8]) -> Output {
    run(&["slips"], input)
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plateau-report"))
        .args(args)
        .env_remove("PLATEAU_REPORT_FONTS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("plateau-report");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input).expect("what it reads");
    drop(stdin);
    child.wait_with_output().expect("its end")
}

/// The PDF of this JSON, in a folder that goes with it.
struct Pdf(tempfile::TempDir);

impl Pdf {
    fn of(json: &Value) -> Self {
        let output = slips(json.to_string().as_bytes());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said, "", "it has nothing to say");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("slips.pdf"), output.stdout).expect("written");
        Self(folder)
    }

    /// What a program says that is given the PDF between these arguments.
    fn read(&self, program: &str, before: &[&str], after: &[&str]) -> String {
        let output = Command::new(program)
            .args(before)
            .arg(self.0.path().join("slips.pdf"))
            .args(after)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask setup` installs it"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        // pdfinfo shows texts of the structure as they stand in the file, in UTF-16.
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// All its text, in the order in which a screen reader says it, without line ends.
    fn text(&self) -> String {
        plain(&self.read("pdftotext", &["-raw"], &["-"]))
    }

    fn pages(&self) -> usize {
        let pages = self.read("qpdf", &["--show-npages"], &[]);
        pages.trim().parse().expect("a number")
    }

    /// The catalogue, from which everything else in a PDF is reached.
    fn catalogue(&self) -> Value {
        let objects = self.read("qpdf", &["--json=2", "--json-key=qpdf"], &[]);
        let objects: Value = serde_json::from_str(&objects).expect("JSON");
        let objects = objects["qpdf"][1].as_object().expect("objects").clone();
        let root = objects["trailer"]["value"]["/Root"].as_str().expect("root");
        objects[&format!("obj:{root}")]["value"].clone()
    }
}

/// A text as it is compared: what stands for line ends, breaks and turns is left out.
fn plain(text: &str) -> String {
    let unseen = |c: char| c.is_whitespace() || ('\u{200b}'..='\u{200f}').contains(&c) || turns(c);
    text.chars().filter(|&c| !unseen(c)).collect()
}

fn turns(c: char) -> bool {
    ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{c}'
}

fn seat(name: &str, number: &str, code: &str) -> Value {
    json!({ "name": name, "number": number, "code": code })
}

fn document(language: &str, seats: &[Value]) -> Value {
    json!({
        "language": language,
        "made": "2026-11-24T10:14:27Z",
        "session": {
            "title": "TSGERI, session de décembre",
            "centre": "Centre de Lyon",
            "starts": "2026-12-01T09:05"
        },
        "access": { "browser": "https://plateau.lan/", "ssh": "ssh -p 7422 plateau.lan" },
        "seats": seats
    })
}

/// A code of its own for every number.
fn code(number: usize) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let letter =
        |place: usize| char::from(LETTERS[number / 32_usize.pow(place.min(2) as u32) % 32]);
    (0..14)
        .map(|place| {
            if place % 5 == 4 {
                '-'
            } else {
                letter(place % 3)
            }
        })
        .collect()
}

#[test]
fn thirty_slips_have_name_number_and_code_of_every_seat() {
    let seats: Vec<Value> = (1..=30)
        .map(|number| {
            json!({
                "name": format!("Prénom Nom-{number:02}"),
                "number": format!("C{number:03}"),
                "seat": format!("R{number}"),
                "code": code(number * 37),
                "arrangements": if number % 10 == 0 { vec!["Temps majoré d'un tiers"] } else { vec![] },
            })
        })
        .collect();
    let pdf = Pdf::of(&document("fr", &seats));
    assert_eq!(pdf.pages(), 4);
    let text = pdf.text();
    let mut from = 0;
    for seat in &seats {
        for what in ["name", "number", "seat", "code"] {
            let what = plain(seat[what].as_str().expect("a text"));
            // In order: a number belongs to the name before it.
            let place = text[from..].find(&what);
            from += place.unwrap_or_else(|| panic!("no `{what}` after {from} in {text}"));
        }
    }
    let times = |what: &str| text.matches(&plain(what)).count();
    assert_eq!(times("TSGERI, session de décembre"), 30);
    assert_eq!(
        times("Centre de Lyon · mardi 1er décembre 2026, 9 h 05"),
        30
    );
    assert_eq!(times("https://plateau.lan/"), 30);
    assert_eq!(times("ssh -p 7422 plateau.lan"), 30);
    assert_eq!(times("Temps majoré d'un tiers"), 3);
}

#[test]
fn names_are_text_whatever_is_in_them() {
    // As long as a name may be: it is set small, and what does not fit is cut off.
    let long = "Zorg de la Rochefoucauld ".repeat(20);
    let names = [
        r#"#eval("1+1") $x$ \ "deux" 'un' <a> @b _c_ *d* `e` [f] {g} // h /* i */ = j"#,
        "#{panic(\"non\")}",
        "\\u{41} ~ -- --- ... https://example.org",
        "محمد بن عبد الله",
        "علی\u{200c}رضا",
        "Nguyễn Thị Hồng Ánh",
        "Ωμέγα Жуков Łukasz Þór Straße",
        "Jean-Baptiste Emmanuel Zorg de la Rochefoucauld-Liancourt, comte de Montmorency",
        long.trim(),
    ];
    let seats: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(place, name)| seat(name, &format!("${place}$"), &code(place)))
        .collect();
    let pdf = Pdf::of(&document("fr", &seats));
    let text = pdf.text();
    for (place, name) in names.iter().enumerate() {
        // Words alone: which of two comes first where they are written from the right, the reader decides.
        for word in name.split(' ') {
            let start = plain(word);
            assert!(text.contains(&start), "no `{start}` in {text}");
        }
        assert!(text.contains(&format!("${place}$")), "{place}");
        assert!(text.contains(&plain(&code(place))), "{place}");
    }
}

#[test]
fn a_name_in_letters_and_marks_apart_is_the_same_name() {
    let apart = "Nguye\u{302}\u{303}n Thi\u{323} Ho\u{302}\u{300}ng A\u{301}nh";
    let text = Pdf::of(&document("fr", &[seat(apart, "1", "AAAA")])).text();
    // Some readers put the marks on their letters, and some leave them behind these.
    let there = [plain(apart), plain("Nguyễn Thị Hồng Ánh")];
    assert!(there.iter().any(|name| text.contains(name)), "{text}");
}

#[test]
fn one_endless_word_is_cut_off_and_spoils_nothing() {
    let pdf = Pdf::of(&document(
        "fr",
        &[seat(&"W".repeat(400), "N7", "K7QF-2M9X-P4TB")],
    ));
    assert_eq!(pdf.pages(), 1);
    let text = pdf.text();
    assert!(text.contains("WWWWWWWWWWWWWWWW"), "{text}");
    assert!(
        text.contains("N7") && text.contains("K7QF-2M9X-P4TB"),
        "{text}"
    );
}

#[test]
fn what_no_font_has_is_written_by_its_number_and_does_not_stop_the_others() {
    let name = "李 😀\u{0}\n\u{202e}abc\u{e000}";
    let text = Pdf::of(&document("en", &[seat(name, "1", "AAAA")])).text();
    assert!(text.contains("[U+674E][U+1F600]abc[U+E000]"), "{text}");
    assert!(text.contains("Tuesday1December2026,09:05"), "{text}");
}

#[test]
fn every_character_there_is_can_stand_in_a_name() {
    // Marks and Hebrew whole, of what else the built-in fonts have one in four, and one of each block.
    let marks = [
        '\u{300}'..'\u{370}',
        '\u{591}'..'\u{660}',
        '\u{1ab0}'..'\u{1ad0}',
        '\u{20d0}'..'\u{2100}',
    ];
    let fonts = [
        '\u{0}'..'\u{700}',
        '\u{1d00}'..'\u{2480}',
        '\u{fb00}'..'\u{fe80}',
    ];
    let has =
        |blocks: &[std::ops::Range<char>], c: char| blocks.iter().any(|block| block.contains(&c));
    let some: Vec<char> = ('\u{0}'..='\u{2ffff}')
        .filter(|&c| {
            let number = u32::from(c);
            number % 256 == 4 || has(&marks, c) || (number % 4 == 1 && has(&fonts, c))
        })
        .collect();
    let names: Vec<String> = some.chunks(25).map(|part| part.iter().collect()).collect();
    let seats: Vec<Value> = names
        .iter()
        .map(|name| seat(&format!("x{name}"), "1", "AAAA"))
        .collect();
    let pdf = Pdf::of(&document("fr", &seats));
    assert_eq!(pdf.pages(), seats.len().div_ceil(8));
}

#[test]
fn the_pdf_is_tagged_and_says_its_language_title_and_standards() {
    for (language, title) in [("fr", "Codes d’accès"), ("en", "Access codes")] {
        let pdf = Pdf::of(&document(language, &[seat("Zoé", "1", "K7QF-2M9X-P4TB")]));
        pdf.read("qpdf", &["--check"], &[]);
        let catalogue = pdf.catalogue();
        assert_eq!(catalogue["/Lang"], format!("u:{language}"));
        assert_eq!(catalogue["/MarkInfo"]["/Marked"], true, "{catalogue}");
        assert!(catalogue["/StructTreeRoot"].is_string(), "{catalogue}");
        assert_eq!(catalogue["/ViewerPreferences"]["/DisplayDocTitle"], true);
        let info = pdf.read("pdfinfo", &[], &[]);
        assert!(info.contains(title), "{info}");
        assert!(info.contains("TSGERI, session de décembre"), "{info}");
        let metadata = pdf.read("pdfinfo", &["-meta"], &[]);
        for standard in [
            "<pdfuaid:part>1</pdfuaid:part>",
            "<pdfaid:part>2</pdfaid:part>",
            "<pdfaid:conformance>A</pdfaid:conformance>",
        ] {
            assert!(metadata.contains(standard), "no {standard} in {metadata}");
        }
        let fonts = pdf.read("pdffonts", &[], &[]);
        for font in fonts.lines().skip(2) {
            assert!(
                font.contains(" yes yes yes "),
                "embedded, with text: {font}"
            );
        }
        let structure = pdf.read("pdfinfo", &["-struct-text"], &[]);
        assert!(structure.contains("H1"), "{structure}");
    }
}

#[test]
fn the_example_of_the_help_is_one() {
    let help = run(&["slips", "--help"], b"");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let example = &help[help.find("{\n").expect("an example")..];
    let text = Pdf::of(&serde_json::from_str(example).expect("JSON")).text();
    for what in [
        "Zoé Lefèvre",
        "042",
        "B3",
        "K7QF-2M9X-P4TB",
        "Temps majoré d’un tiers",
    ] {
        assert!(text.contains(&plain(what)), "no {what} in {text}");
    }
}

#[test]
fn the_same_json_gives_the_same_pdf() {
    let json = document("fr", &[seat("Zoé", "1", "K7QF-2M9X-P4TB")]).to_string();
    let (first, second) = (slips(json.as_bytes()), slips(json.as_bytes()));
    assert!(first.status.success());
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn a_session_without_seats_says_so() {
    let pdf = Pdf::of(&document("fr", &[]));
    assert_eq!(pdf.pages(), 1);
    assert!(pdf.text().contains(&plain("Il n’y a aucune place.")));
}

#[test]
fn digits_are_said_to_be_underlined_and_confusable_letters_absent_only_where_they_are() {
    let text = |code: &str| Pdf::of(&document("en", &[seat("Zoé", "1", code)])).text();
    let absent = plain("O, I, 0 and 1 are not used.");
    assert!(text("K7QF-2M9X-P4TB").contains(&absent));
    assert!(!text("K7QF-2M9X-P4T0").contains(&absent));
}

#[test]
fn json_that_is_not_the_slips_is_refused_with_its_place() {
    let good = document("fr", &[seat("Zoé", "1", "K7QF-2M9X-P4TB")]);
    let with = |pointer: &str, value: Value| {
        let mut json = good.clone();
        *json.pointer_mut(pointer).expect("there") = value;
        serde_json::to_string_pretty(&json).expect("JSON")
    };
    for (input, said) in [
        (
            "{".to_owned(),
            "EOF while parsing an object at line 1 column 1",
        ),
        ("[1,]".to_owned(), "line 1 column"),
        (
            with("/seats/0", json!({ "nom": "Zoé" })),
            "unknown field `nom`",
        ),
        (
            with("/language", json!("de")),
            "unknown variant `de`, expected `fr` or `en`",
        ),
        (
            with("/seats/0/name", json!("  ")),
            "a text is empty at line",
        ),
        (
            with("/seats/0/name", json!("x".repeat(501))),
            "longer than 500 characters at line",
        ),
        (
            with("/seats/0/code", json!("hunter2")),
            "a code is capitals and digits",
        ),
        (
            with("/seats/0/code", json!("A--B")),
            "a code is capitals and digits",
        ),
        (with("/session/starts", json!("tomorrow")), "line"),
        (with("/made", json!(7)), "line"),
        (with("/session/title", Value::Null), "invalid type: null"),
    ] {
        let output = slips(input.as_bytes());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(output.stdout.is_empty());
        assert!(error.contains(said), "`{said}` is not in {error}");
        assert!(error.contains(" column "), "{error}");
        assert!(!error.contains("hunter2"), "a code is a secret: {error}");
    }
}

#[test]
fn too_much_json_and_a_missing_folder_of_fonts_are_refused() {
    let long = slips(&vec![b' '; (16 << 20) + 1]);
    assert_eq!(long.status.code(), Some(2));
    let error = String::from_utf8_lossy(&long.stderr).into_owned();
    assert!(error.contains("longer than 16 MiB"), "{error}");

    let json = document("fr", &[]).to_string();
    let fonts = run(&["slips", "--fonts", "/nowhere"], json.as_bytes());
    assert_eq!(fonts.status.code(), Some(2));
    let error = String::from_utf8_lossy(&fonts.stderr).into_owned();
    assert!(
        error.contains("`/nowhere` is not a folder of fonts"),
        "{error}"
    );
}

#[test]
fn output_that_nobody_takes_is_the_outsides_fault() {
    let json = document("fr", &[]).to_string();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open(Path::new("/dev/full"))
        .expect("a full device");
    let mut child = Command::new(env!("CARGO_BIN_EXE_plateau-report"))
        .arg("slips")
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .expect("plateau-report");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(json.as_bytes()).expect("what it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("write standard output"), "{error}");
}
