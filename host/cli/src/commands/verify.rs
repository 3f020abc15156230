//! `exhibit verify`: the checker of `exhibit-verify`, inside the command.

use crate::args::Verify;
use crate::exit::{FAILED, Problem};
use crate::output::{self, Format};
use anyhow::{Context as _, Result};
use exhibit_ledger::key::VerifierKey;
use exhibit_verify::{Options, VerifyError, verify};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(format: Format, args: &Verify) -> Result<ExitCode> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let options = Options {
        key: args.key.as_deref().map(key).transpose()?,
        checkpoint: args.checkpoint.as_deref().map(read).transpose()?,
        timestamp_ca: args.timestamp_ca.as_deref().map(read).transpose()?,
    };
    match verify(&args.package, &options) {
        Ok(report) => {
            match format {
                Format::Json => output::json(&report)?,
                Format::Text => output::line(&report.to_string())?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(VerifyError::Wrong(wrong)) => {
            match format {
                Format::Json => output::json(&*wrong)?,
                Format::Text => output::line(&wrong.to_string())?,
            }
            Ok(ExitCode::from(FAILED))
        }
        Err(VerifyError::Unreadable(error)) => {
            Err(Problem::usage(error.to_string(), "name the zip file, or the folder that it was unpacked to"))
        }
    }
}

/// A key's text, or that of the file with this name.
fn key(text: &str) -> Result<VerifierKey> {
    let parsed = text.parse::<VerifierKey>().or_else(|error| match std::fs::read_to_string(text) {
        Ok(content) => content.trim().parse::<VerifierKey>(),
        Err(_) => Err(error),
    });
    parsed.map_err(|error| {
        Problem::usage(format!("--key: {error}"), "give the key's text, or a file with it: keys/ledger.pub")
    })
}
