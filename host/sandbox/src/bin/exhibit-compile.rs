//! The compiler process alone, for this crate's tests: what `exhibit` does for its hidden subcommand.

fn main() {
    std::process::exit(exhibit_sandbox::compile_child_main());
}
