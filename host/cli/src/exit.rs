//! From an error to what a person reads and what a script sees.
//!
//! | code | means |
//! | --- | --- |
//! | 0 | it worked |
//! | 1 | it did not work, or something is wrong with the evidence |
//! | 2 | the command line, or a file that a person wrote, is wrong |

use exhibit_pipeline::collect::CollectError;
use exhibit_pipeline::export::ExportError;
use exhibit_pipeline::host::HostError;
use exhibit_pipeline::seal::SealPeriodError;
use exhibit_pipeline::source::SourceError;
use exhibit_pipeline::workspace::WorkspaceError;
use std::fmt;
use std::process::ExitCode;

/// It did not work.
pub(crate) const FAILED: u8 = 1;
/// The caller must correct something.
pub(crate) const USAGE: u8 = 2;

/// An error that the caller must correct, with what to do.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Problem {
    /// The caller must correct this.
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { what: what.into(), hint: Some(hint.into()), code: USAGE })
    }

    /// It did not work.
    pub(crate) fn failed(what: impl Into<String>, hint: Option<String>) -> anyhow::Error {
        anyhow::Error::new(Self { what: what.into(), hint, code: FAILED })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

/// Prints an error with its causes and its hint, and gives its exit code.
#[allow(clippy::print_stderr)] // this is where errors are said
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut said = error.to_string();
    eprintln!("error: {said}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            eprintln!("  because: {cause}");
            said.push_str(&cause);
        }
    }
    let (code, hint) = classify(error);
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code)
}

fn classify(error: &anyhow::Error) -> (u8, Option<String>) {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return (problem.code, problem.hint.clone());
    }
    if let Some(error) = error.downcast_ref::<ExportError>() {
        return (FAILED, error.hint());
    }
    if let Some(error) = error.downcast_ref::<SealPeriodError>() {
        let code = if matches!(error, SealPeriodError::Authority(_)) { USAGE } else { FAILED };
        return (code, error.hint());
    }
    if let Some(HostError::Workspace(error)) = error.downcast_ref() {
        return (USAGE, error.hint());
    }
    if let Some(error) = error.downcast_ref::<WorkspaceError>() {
        return (USAGE, error.hint());
    }
    let source = match error.downcast_ref::<CollectError>() {
        Some(CollectError::Source(source)) => Some(source),
        _ => error.downcast_ref::<SourceError>(),
    };
    match source {
        Some(error @ (SourceError::Workspace(_) | SourceError::Settings { .. })) => (USAGE, error.hint()),
        Some(error) => (FAILED, error.hint()),
        None => (FAILED, None),
    }
}
