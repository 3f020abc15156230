//! `exhibit attach`: manual evidence.

use crate::args::Attach;
use crate::exit::Problem;
use crate::output::{self, Format};
use anyhow::{Context as _, Result};
use exhibit_pipeline::upload::{self, AttachError, MAX_BYTES};
use std::io::Read as _;
use std::path::Path;

pub(crate) fn run(at: &Path, format: Format, args: Attach) -> Result<()> {
    let name = args.file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let bytes = read(&args.file)?;
    let host = crate::host::open(at)?;
    let said = upload::Attach {
        control: args.control,
        period: args.period,
        file: name,
        effective: args.effective,
        expires: args.expires,
        revision: args.revision,
        attested_by: args.attested_by,
        note: args.note,
    };
    let attached =
        upload::attach(&host, &said, &bytes, &crate::host::person()).map_err(|error| match error {
            AttachError::NoControl(_) | AttachError::Wrong(_) => {
                Problem::usage(error.to_string(), "nothing was attached")
            }
            error => Problem::failed(error.to_string(), None),
        })?;
    match format {
        Format::Json => output::json(&serde_json::json!({
            "leaf": attached.leaf,
            "file": attached.file,
            "sha256": attached.digest,
            "upload": attached.upload,
        })),
        Format::Text => output::line(&format!(
            "{}  {} {}  {}  leaf {}",
            attached.digest, attached.upload.control, attached.upload.period, attached.file, attached.leaf
        )),
    }
}

/// The file, as far as it can be attached.
fn read(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(bytes)
}
