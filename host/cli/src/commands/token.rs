//! `exhibit token`: who may use the service. The store is not opened, so it works while the service runs, which writes
//! every change into the ledger; without a service, the next one does.

use crate::args::Token;
use crate::clock::WallClock;
use crate::exit::Problem;
use crate::output::{self, Format};
use anyhow::Result;
use exhibit_evidence::time::Clock as _;
use exhibit_pipeline::workspace::Workspace;
use exhibit_server::http::tokens::{Entry, Role, TokenError, Tokens};
use serde::Serialize;
use std::path::Path;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(at: &Path, format: Format, command: Token) -> Result<()> {
    let tokens = Tokens::of(&Workspace::open(at)?.data_dir());
    let now = WallClock.now();
    match command {
        Token::Add { name, role, engagement, days } => {
            let role =
                Role::of(&role, engagement).map_err(|what| Problem::usage(what, "nothing was made"))?;
            let until = days.map(|days| now.plus_ms(i64::from(days) * DAY_MS));
            let (token, entry) = tokens.add(&name, role, until, &crate::host::person(), now).map_err(told)?;
            output::say("Keep it now: it is not shown again.");
            match format {
                Format::Json => {
                    output::json(&serde_json::json!({ "token": token, "entry": Line::of(&entry) }))
                }
                Format::Text => output::line(&token),
            }
        }
        Token::List => {
            let lines: Vec<Line> = tokens.list().map_err(told)?.iter().map(Line::of).collect();
            let heads = ["name", "role", "engagement", "since", "by", "state"];
            output::rows(format, &lines, &heads, |line| {
                let state = match (&line.revoked_at, &line.expires_at) {
                    (Some(at), _) => format!("revoked {at}"),
                    (None, Some(at)) => format!("until {at}"),
                    (None, None) => "valid".to_owned(),
                };
                let engagement = line.engagement.clone().unwrap_or_default();
                vec![
                    line.name.clone(),
                    line.role.to_owned(),
                    engagement,
                    line.created_at.clone(),
                    line.created_by.clone(),
                    state,
                ]
            })
        }
        Token::Revoke { name } => {
            let entry = tokens.revoke(&name, &crate::host::person(), now).map_err(told)?;
            output::say(&format!("{} opens nothing any more.", entry.name));
            Ok(())
        }
    }
}

fn told(error: TokenError) -> anyhow::Error {
    match error {
        TokenError::Taken(_) | TokenError::Unknown(_) => {
            Problem::usage(error.to_string(), "`exhibit token list` shows all of them")
        }
        error => Problem::failed(error.to_string(), None),
    }
}

/// A token in a list.
#[derive(Serialize)]
struct Line {
    name: String,
    role: &'static str,
    engagement: Option<String>,
    created_at: String,
    created_by: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        Self {
            name: entry.name.to_string(),
            role: entry.role.word(),
            engagement: entry.role.engagement().map(ToString::to_string),
            created_at: entry.created_at.to_string(),
            created_by: entry.created_by.clone(),
            expires_at: entry.expires_at.map(|at| at.to_string()),
            revoked_at: entry.revoked_at.map(|at| at.to_string()),
        }
    }
}
