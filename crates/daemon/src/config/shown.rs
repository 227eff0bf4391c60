//! The effective configuration as text: without secrets, and with the source of each value.

use std::fmt;
use std::path::PathBuf;

use plateau_exam::store::database::shown;

use super::names::{
    AGENT, BASE_IMAGE, BUILD_NETWORK, CONNECTIONS, DATABASE, ENGINE, FONTS, IDLE_TIMEOUT, LISTEN,
    LOG, LOG_FORMAT, PER_ADDRESS, RECIPES, RECORD_INPUT, RECORDING_LIMIT, RUNTIME, SOCKET, SSH,
    STATE, SettingNames, TLS_CERT, TLS_KEY, TLS_NAMES, TLS_ROOM, WEB,
};
use super::{Config, Setting, SettingOrigin};

impl Config {
    /// Every key, its value for people without secrets, and where it came from.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String, &SettingOrigin)> {
        fn row<'a, T>(
            names: &'static SettingNames,
            set: &'a Setting<T>,
            value: impl FnOnce(&T) -> String,
        ) -> (&'static str, String, &'a SettingOrigin) {
            (names.key, value(&set.value), &set.from)
        }
        let path = |path: &PathBuf| path.display().to_string();
        let path_if_any = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(none, |path| path.display().to_string())
        };
        let text_if_any = |text: &Option<String>| text.clone().unwrap_or_else(none);
        vec![
            row(&RUNTIME, &self.runtime, ToString::to_string),
            row(&ENGINE, &self.engine, text_if_any),
            row(&STATE, &self.state, path),
            row(&AGENT, &self.agent, path),
            row(&SOCKET, &self.socket, path),
            row(&LISTEN, &self.listen, ToString::to_string),
            row(&TLS_CERT, &self.tls_cert, path_if_any),
            row(&TLS_KEY, &self.tls_key, path_if_any),
            row(&TLS_ROOM, &self.tls_room, path_if_any),
            row(&TLS_NAMES, &self.tls_names, |names| {
                match names.as_slice() {
                    [] => none(),
                    names => names.join(", "),
                }
            }),
            row(&SSH, &self.ssh, |address| {
                address.map_or_else(none, |address| address.to_string())
            }),
            row(&WEB, &self.web, text_if_any),
            row(&CONNECTIONS, &self.connections, ToString::to_string),
            row(
                &PER_ADDRESS,
                &self.connections_per_address,
                ToString::to_string,
            ),
            row(&IDLE_TIMEOUT, &self.idle_timeout, ToString::to_string),
            row(&RECORDING_LIMIT, &self.recording_limit, ToString::to_string),
            row(&RECORD_INPUT, &self.record_input, ToString::to_string),
            row(&DATABASE, &self.database, |url| shown(url)),
            row(&BASE_IMAGE, &self.base_image, text_if_any),
            row(&RECIPES, &self.recipes, path_if_any),
            row(&BUILD_NETWORK, &self.build_network, text_if_any),
            row(&FONTS, &self.fonts, path_if_any),
            row(&LOG_FORMAT, &self.log_format, ToString::to_string),
            row(&LOG, &self.log, Clone::clone),
        ]
    }
}

/// How a value is shown that is not there.
fn none() -> String {
    "-".to_owned()
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = |column: fn(&(&'static str, String, &SettingOrigin)) -> usize| {
            rows.iter().map(column).max().unwrap_or(0)
        };
        let key = width(|row| row.0.chars().count());
        let value = width(|row| row.1.chars().count());
        writeln!(f, "{:key$}  {:value$}  FROM", "KEY", "VALUE")?;
        for row in &rows {
            writeln!(f, "{:key$}  {:value$}  {}", row.0, row.1, row.2)?;
        }
        Ok(())
    }
}
