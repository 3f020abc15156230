//! `exhibit-verify`: verifies a package of evidence, with nothing but the package.
//!
//! Exit codes: 0 verified, 1 wrong, 2 usage or unreadable.

use clap::{Parser, ValueEnum};
use exhibit_ledger::key::VerifierKey;
use exhibit_verify::{Options, VerifyError, verify};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Verify a package of evidence: nothing was changed, added or left out since its checkpoint was signed.
///
/// Needs the package and nothing else. Exit codes: 0 verified, 1 wrong, 2 usage or unreadable.
#[derive(Parser)]
#[command(name = "exhibit-verify", version)]
struct Arguments {
    /// The package: the zip, or the folder that it was unpacked into.
    package: PathBuf,
    /// The log's public key, as you obtained it on another way than the package: its text, or a file with it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// An earlier checkpoint of the log, as you obtained it: a file.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Certificates (PEM) of the timestamp authorities that you trust.
    #[arg(long, value_name = "FILE")]
    timestamp_ca: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(message) => return usage(&message),
    };
    let json = arguments.format == Format::Json;
    match verify(&arguments.package, &options) {
        Ok(report) => {
            let text =
                if json { serde_json::to_string_pretty(&report).ok() } else { Some(report.to_string()) };
            print(&text.unwrap_or_default(), ExitCode::SUCCESS)
        }
        Err(VerifyError::Wrong(wrong)) => {
            let text = if json { serde_json::to_string_pretty(&wrong).ok() } else { Some(wrong.to_string()) };
            print(&text.unwrap_or_default(), ExitCode::from(1))
        }
        Err(VerifyError::Unreadable(error)) => usage(&error.to_string()),
    }
}

fn options(arguments: &Arguments) -> Result<Options, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    let key = match &arguments.key {
        Some(text) => Some(key(text)?),
        None => None,
    };
    Ok(Options {
        key,
        checkpoint: arguments.checkpoint.as_deref().map(read).transpose()?,
        timestamp_ca: arguments.timestamp_ca.as_deref().map(read).transpose()?,
    })
}

/// A key's text, or that of the file with this name.
fn key(text: &str) -> Result<VerifierKey, String> {
    text.parse().or_else(|error| {
        let from_file = std::fs::read_to_string(text).map_err(|_| format!("--key: {error}"))?;
        from_file.trim_end().parse().map_err(|e| format!("--key: {text}: {e}"))
    })
}

/// The result goes to standard output; where nobody reads it, the exit code still tells.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
    code
}

fn usage(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
    ExitCode::from(2)
}
