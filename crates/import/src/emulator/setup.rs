//! The script that sets a node up.

use std::collections::BTreeMap;

/// What is run in a machine before the candidate gets in: commands, and whole scripts of the
/// emulator's after them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    exports: Vec<String>,
    commands: Vec<String>,
    scripts: Vec<Script>,
}

#[derive(Clone, Debug)]
struct Script {
    title: String,
    text: String,
}

impl Setup {
    /// Adds a command of the importer's own.
    pub(crate) fn command(&mut self, command: String) {
        self.commands.push(command);
    }

    /// Adds a script, under the name that it had.
    pub(crate) fn add(&mut self, title: &str, text: &str) {
        self.scripts.push(Script {
            title: title.to_owned(),
            text: text.trim_end().to_owned(),
        });
    }

    /// Exports variables to all that is run.
    pub(crate) fn export(&mut self, variables: &BTreeMap<String, String>) {
        for (name, value) in variables {
            // The only text without a quoted form holds a zero byte, which no YAML lets through.
            if let Ok(value) = shlex::try_quote(value) {
                self.exports.push(format!("export {name}={value}"));
            }
        }
    }

    /// All that is run, as a text to look things up in.
    pub(crate) fn text(&self) -> String {
        let scripts = self.scripts.iter().map(|script| script.text.as_str());
        scripts.collect::<Vec<_>>().join("\n")
    }

    /// The script, where there is anything to do.
    pub(crate) fn script(&self, node: &str) -> Option<String> {
        if self.commands.is_empty() && self.scripts.is_empty() {
            return None;
        }
        let mut text =
            format!("# What {node} starts with; it ends at the first command that fails.\n");
        for line in self.exports.iter().chain(&self.commands) {
            text.push_str(line);
            text.push('\n');
        }
        // Each was run by a shell of its own: one that exits does not end the others.
        let apart = self.scripts.len() > 1;
        for script in &self.scripts {
            let (open, close) = if apart { ("(\n", ")\n") } else { ("", "") };
            text.push_str(&format!(
                "\n# {}\n{open}{}\n{close}",
                script.title, script.text
            ));
        }
        Some(text)
    }
}
