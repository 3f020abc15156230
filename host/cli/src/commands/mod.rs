//! One file a command. A command reads its arguments, calls the layer below, and prints; it decides nothing.

mod attach;
mod check;
mod collect;
mod conform;
mod connector;
mod connector_project;
mod connector_table;
mod demo;
mod doctor;
mod evidence;
mod export;
mod init;
mod reperform;
mod seal;
mod serve;
mod source;
mod status;
mod token;
mod verify;

use crate::args::{Args, Command};
use anyhow::Result;
use clap::CommandFactory as _;
use std::path::Path;
use std::process::ExitCode;

/// Runs the command that was asked for.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _guard = runtime.enter();
    let (at, format) = (args.workspace.as_path(), args.format);
    match args.command {
        Command::Init(args) => init::run(&args)?,
        Command::Connector(command) => return runtime.block_on(connector::run(at, format, command)),
        Command::Source(command) => return runtime.block_on(source::run(at, format, command)),
        Command::Collect(args) => return runtime.block_on(collect::run(at, format, &args)),
        Command::Serve(args) => return runtime.block_on(serve::run(at, &args)),
        Command::Doctor => return runtime.block_on(doctor::run(at, format)),
        Command::Status(args) => status::run(at, format, &args)?,
        Command::Evidence(command) => evidence::run(at, format, command)?,
        Command::Attach(args) => attach::run(at, format, args)?,
        Command::Seal(args) => return runtime.block_on(seal::run(at, format, args)),
        Command::Export(args) => export::run(at, format, &args)?,
        Command::Token(command) => token::run(at, format, command)?,
        Command::Verify(args) => return verify::run(format, &args),
        Command::Reperform(args) => return runtime.block_on(reperform::run(at, format, &args)),
        Command::Check(args) => return check::check(at, format, &args),
        Command::Backup(args) => return check::backup(at, &args),
        Command::Restore(args) => check::restore(at, &args)?,
        Command::Demo(args) => return runtime.block_on(demo::run(&args)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "exhibit", &mut std::io::stdout());
        }
        Command::Manual { dir } => manual(&dir)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn manual(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Args::command(), dir)?;
    Ok(())
}
