//! The daemon's log, as text or as JSON. Each event is one line, whatever it contains.

use std::io::{self, Write};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// A subscriber that writes events that pass the filter, in a format.
///
/// # Errors
/// The filter is not valid.
pub fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        // Colours are escape sequences, and so is what a name may have in it to paint over a line.
        .with_ansi(false)
        .with_writer(Lines(writer));
    Ok(match format {
        LogFormat::Text => Box::new(log.finish()),
        LogFormat::Json => Box::new(log.json().finish()),
    })
}

/// Writes every event as one line: names of candidates are in some, and a line break in one must
/// not begin a line that somebody else seems to have written.
struct Lines<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

/// Where one event is written to, in one go.
struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = match event.strip_suffix(b"\n") {
            Some(text) => (text, &b"\n"[..]),
            None => (event, &b""[..]),
        };
        let mut line = Vec::with_capacity(event.len());
        for &byte in text {
            if byte.is_ascii_control() && byte != b'\t' {
                line.extend(byte.escape_ascii());
            } else {
                line.push(byte);
            }
        }
        line.extend(end);
        self.0.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is written is kept.
    #[derive(Clone, Default)]
    struct TextBuffer(Arc<Mutex<Vec<u8>>>);

    impl Write for TextBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, tell: impl FnOnce()) -> String {
        let kept = TextBuffer::default();
        let writer = kept.clone();
        let subscriber = subscriber(format, "info", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, tell);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_name_cannot_begin_a_line_nor_paint_over_one() {
        let name =
            "Zoé\n2026-01-01T00:00:00Z  INFO plateaud: all passed\r\n\u{1b}[2K\u{1b}[31m\u{7}";
        let tell = || {
            let span = tracing::info_span!("request", who = %name);
            let _inside = span.enter();
            tracing::info!(%name, text = name, "{name}");
            tracing::info!("second");
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged(format, tell);
            assert_eq!(log.matches('\n').count(), 2, "{log}");
            assert!(log.ends_with('\n'), "{log}");
            let others = |c: char| c.is_control() && c != '\n';
            assert!(!log.contains(others), "{log}");
            assert!(log.contains("Zoé") && log.contains("second"), "{log}");
        }
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let none = subscriber(LogFormat::Text, "plateaud=loud", io::sink);
        assert!(none.is_err());
    }
}
