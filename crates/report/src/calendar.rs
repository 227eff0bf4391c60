//! Dates in words, as people of the centre say them.

use jiff::civil::DateTime;

use crate::document::Language;

const DAYS: [(&str, &str); 7] = [
    ("lundi", "Monday"),
    ("mardi", "Tuesday"),
    ("mercredi", "Wednesday"),
    ("jeudi", "Thursday"),
    ("vendredi", "Friday"),
    ("samedi", "Saturday"),
    ("dimanche", "Sunday"),
];

const MONTHS: [(&str, &str); 12] = [
    ("janvier", "January"),
    ("février", "February"),
    ("mars", "March"),
    ("avril", "April"),
    ("mai", "May"),
    ("juin", "June"),
    ("juillet", "July"),
    ("août", "August"),
    ("septembre", "September"),
    ("octobre", "October"),
    ("novembre", "November"),
    ("décembre", "December"),
];

/// A day and a time, such as `jeudi 3 décembre 2026, 9 h 00`; the day alone where the time is
/// midnight, at which nothing begins.
pub(crate) fn in_words(when: DateTime, language: Language) -> String {
    let weekday = usize::from(when.weekday().to_monday_zero_offset().unsigned_abs());
    let month = usize::from(when.month().unsigned_abs()) - 1;
    let (day, year) = (when.day(), when.year());
    let (hour, minute) = (when.hour(), when.minute());
    let midnight = (hour, minute) == (0, 0);
    match language {
        Language::Fr => {
            let day = if day == 1 {
                "1er".to_owned()
            } else {
                day.to_string()
            };
            let (weekday, month) = (DAYS[weekday].0, MONTHS[month].0);
            let day = format!("{weekday} {day} {month} {year}");
            if midnight {
                return day;
            }
            format!("{day}, {hour}\u{a0}h\u{a0}{minute:02}")
        }
        Language::En => {
            let (weekday, month) = (DAYS[weekday].1, MONTHS[month].1);
            let day = format!("{weekday} {day} {month} {year}");
            if midnight {
                return day;
            }
            format!("{day}, {hour:02}:{minute:02}")
        }
    }
}
