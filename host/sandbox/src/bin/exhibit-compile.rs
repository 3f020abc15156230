//! The compiler process alone, for this crate's tests: what `exhibit` does for its hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    exhibit_sandbox::compile_child_main().map_or(ExitCode::from(2), ExitCode::from)
}
