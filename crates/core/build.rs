//! Makes typed functions of the texts in `locales/`, where they are asked for.
#![allow(
    clippy::disallowed_methods,
    reason = "the build is told where to write; the core itself asks for nothing"
)]

use std::process::ExitCode;

#[cfg(feature = "messages")]
fn main() -> ExitCode {
    use fluent_typed::{BuildOptions, FtlOutputOptions, LintLevel, build_from_locales_folder};

    let folder = std::env::var("OUT_DIR").unwrap_or_default();
    let options = BuildOptions::default()
        .with_output_file_path(&format!("{folder}/texts.rs"))
        .with_ftl_output(FtlOutputOptions::single_file(&format!(
            "{folder}/texts.ftl"
        )))
        .with_lint_level(LintLevel::Strict)
        .with_prefix("")
        .without_format()
        .without_bidi_isolation();
    build_from_locales_folder(options)
}

#[cfg(not(feature = "messages"))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
