//! `exhibit doctor`: what is wrong with an installation.

use crate::clock::WallClock;
use crate::exit::FAILED;
use crate::output::{self, Format};
use anyhow::Result;
use exhibit_evidence::time::Clock;
use exhibit_pipeline::workspace::Workspace;
use exhibit_server::doctor::{self, Level};
use exhibit_server::http;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(at: &Path, format: Format) -> Result<ExitCode> {
    let listening = match Workspace::open(at) {
        Ok(workspace) => listening(&workspace).await,
        Err(_) => Ok(String::new()),
    };
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let findings = doctor::examine(at, &clock, listening);
    output::rows(format, &findings, &["", "about", "what"], |finding| {
        let mark = match finding.level {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Wrong => "WRONG",
        };
        let hint = finding.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        vec![mark.to_owned(), finding.about.clone(), format!("{}{hint}", finding.what)]
    })?;
    let wrong = findings.iter().filter(|finding| finding.level == Level::Wrong).count();
    match wrong {
        0 => output::say("Nothing is wrong."),
        1 => output::say("1 thing is wrong."),
        more => output::say(&format!("{more} things are wrong.")),
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Whether the service could listen as it is set up. Where something listens there already, that is probably the
/// service itself.
async fn listening(workspace: &Workspace) -> Result<String, String> {
    let options = super::serve::listener(workspace).map_err(|error| error.to_string())?;
    let at = options.listen;
    match http::bind(options).await {
        Ok(_) => Ok(format!("{at} can be listened at")),
        Err(http::ServeError::Listen { error, .. }) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("something listens at {at} already: this service, if it runs"))
        }
        Err(error) => Err(error.to_string()),
    }
}
