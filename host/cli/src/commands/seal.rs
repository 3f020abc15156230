//! `exhibit seal`: closes an audit period.

use crate::args::Seal;
use crate::output::{self, Format};
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;

pub(crate) async fn run(at: &Path, format: Format, args: Seal) -> Result<ExitCode> {
    let host = crate::host::open(at)?;
    let sealed = exhibit_pipeline::seal::seal(&host, &args.period).await?;
    if format == Format::Json {
        output::json(&sealed.seal)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("{}  {}  leaf {}", args.period, sealed.digest, sealed.leaf))?;
    if sealed.earlier {
        output::say(&format!(
            "{} was sealed on {}; what was missing is its timestamp.",
            args.period, sealed.seal.sealed_at
        ));
    } else {
        let counts: Vec<String> =
            sealed.seal.counts().into_iter().map(|(outcome, n)| format!("{n} {}", outcome.word())).collect();
        let total = sealed.seal.controls.len();
        output::say(&format!(
            "Sealed {} with {total} collection periods: {}.\n\
             Give the checkpoint in {} to someone else now; what was written before it cannot change unseen.",
            args.period,
            counts.join(", "),
            host.store.checkpoint_file().display(),
        ));
    }
    if let Some(taken) = &sealed.timestamp {
        output::say(&format!(
            "Timestamp: {} saw the checkpoint at {}; its answer is in {}.",
            taken.authority,
            taken.time,
            taken.file.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
