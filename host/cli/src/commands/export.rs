//! `exhibit export`: writes the auditor's package.

use crate::args::Export;
use crate::output::{self, Format};
use crate::progress;
use anyhow::Result;
use exhibit_pipeline::export::{Options, export};
use std::path::Path;

pub(crate) fn run(at: &Path, format: Format, args: &Export) -> Result<()> {
    let host = crate::host::open(at)?;
    let out = args.out.clone().unwrap_or_else(|| at.join(format!("exhibit-{}.zip", args.period)));
    let bar = progress::bar(0, "exporting");
    let options = Options { withhold_bodies: args.withhold_bodies };
    let exported = export(&host, &args.period, &out, &options, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    match format {
        Format::Json => output::json(&exported),
        Format::Text => output::line(&format!(
            "{}  {} runs, {} populations, {} bytes",
            exported.path.display(),
            exported.runs,
            exported.populations,
            exported.bytes
        )),
    }
}
