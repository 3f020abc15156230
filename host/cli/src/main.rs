//! The `exhibit` command: one file a command under `commands`, what they share beside them.
//!
//! Standard output carries data only; everything said to a person goes to standard error.

mod args;
mod bundled;
mod clock;
mod commands;
mod exit;
mod harden;
mod host;
mod output;
mod progress;
mod prompt;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The child that compiles components needs no runtime and is limited before it reads anything.
    if let Some(code) = exhibit_sandbox::compile_child_main() {
        return ExitCode::from(code);
    }
    if let Err(error) = harden::process() {
        return exit::report(&error.into());
    }
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
