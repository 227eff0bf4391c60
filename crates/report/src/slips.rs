//! The access codes of a session, one slip a candidate: eight of format A7 to a page.

use serde::{Deserialize, Serialize};

use crate::calendar;
use crate::document::{Document, Language, Session};
use crate::text::{Code, Line};

/// One of these, as JSON, with every field that there is.
pub(crate) const EXAMPLE: &str = concat!(
    "The JSON, in which `ssh`, `seat` and `arrangements` may be left out:\n\n",
    include_str!("../templates/slips.json")
);

/// The JSON of the slips, such as [`EXAMPLE`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slips {
    /// What the slips are written in.
    language: Language,
    /// When they were made, as RFC 3339.
    made: jiff::Timestamp,
    /// The sitting that the codes are for.
    session: Session,
    /// Where candidates go with them.
    access: Access,
    /// One slip each, in this order; with none, there is one page that says so.
    seats: Vec<Seat>,
}

/// Where candidates go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Access {
    /// Address to type in a browser.
    browser: Line,
    /// Command to type in a terminal, where there is that way.
    #[serde(default)]
    ssh: Option<Line>,
}

/// One slip.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Seat {
    /// The candidate's name.
    name: Line,
    /// The candidate's number.
    number: Line,
    /// Their seat, if seats are assigned.
    #[serde(default)]
    seat: Option<Line>,
    /// What they type to get in.
    code: Code,
    /// Arrangements granted to them, in words.
    #[serde(default)]
    arrangements: Vec<Line>,
}

/// The slips as the template reads them.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    language: Language,
    title: Line,
    centre: Line,
    starts: String,
    access: Access,
    seats: Vec<Seat>,
    /// Whether no code has a zero, an O, a one or an I, which is worth saying.
    plain: bool,
}

impl Document for Slips {
    const TEMPLATE: &'static str = include_str!("../templates/slips.typ");

    type Shown = Shown;

    fn made(&self) -> jiff::Timestamp {
        self.made
    }

    fn shown(self) -> Shown {
        let Session {
            title,
            centre,
            starts,
        } = self.session;
        Shown {
            starts: calendar::in_words(starts, self.language),
            plain: self.seats.iter().all(|seat| seat.code.is_plain()),
            language: self.language,
            title,
            centre,
            access: self.access,
            seats: self.seats,
        }
    }
}
