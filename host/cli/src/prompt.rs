//! Questions to the person at the terminal; none are asked when nobody is there.

use anyhow::Result;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Whether someone can answer.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks, and returns the answer without its line end; an empty answer is the default.
pub(crate) fn ask(question: &str, default: Option<&str>) -> Result<String> {
    let mut err = std::io::stderr().lock();
    match default {
        Some(default) => write!(err, "{question} [{default}]: ")?,
        None => write!(err, "{question}: ")?,
    }
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.unwrap_or_default().to_owned() } else { answer.to_owned() })
}

/// Asks for yes or no; no is the default.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    Ok(matches!(ask(&format!("{question} (yes/no)"), Some("no"))?.as_str(), "y" | "yes"))
}
