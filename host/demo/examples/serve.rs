//! Serves the fakes until standard input ends, for tools that are not written in Rust.
//!
//! `cargo run -p exhibit-demo --example serve -- [SEED] [INSTANT]` prints one line of JSON that says where the
//! fakes listen and which credentials they take: for a connector `okta`, `okta` is the origin, and `okta_token` the
//! member `token` of the credential. Each line on standard input is an instant to set the clock to.
#![allow(clippy::print_stdout, reason = "the line of JSON is this program's output")]

use exhibit_demo::{Fakes, SimulatedClock, System};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::BufRead;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().unwrap_or_else(|| "1".to_owned()).parse()?;
    let at = arguments.next().unwrap_or_else(|| "2026-03-18T06:00:00Z".to_owned()).parse()?;
    let clock = Arc::new(SimulatedClock::new(at));
    let fakes = Fakes::start(seed, clock.clone())?;
    let mut facts = Map::new();
    for system in System::ALL.iter().copied() {
        let (name, source) = (system.connector(), fakes.source(system));
        facts.insert(name.to_owned(), fakes.origin(system).into());
        let secrets = source.secrets.into_iter().map(|(member, secret)| (member.to_owned(), secret.into()));
        let members = source.credential.into_iter().chain(secrets);
        facts.extend(members.map(|(member, value)| (format!("{name}_{member}"), value)));
    }
    let story = fakes.story();
    facts.insert(
        "story".to_owned(),
        json!({
            "outage_day": story.outage.1.to_string(), "missed_day": story.missed_day.to_string(),
            "quiet_days": [story.quiet_days.0.to_string(), story.quiet_days.1.to_string()],
            "mfa_lost": lapse(&story.mfa_lost), "plain_volume": lapse(&story.plain_volume),
            "open_ssh": lapse(&story.open_ssh), "rotation_off": lapse(&story.rotation_off),
            "bucket_unblocked": lapse(&story.bucket_unblocked), "trail_stopped": lapse(&story.trail_stopped),
            "weak_rule": lapse(&story.weak_rule), "failed_backup": lapse(&story.failed_backup),
            "lingerer": story.lingerer.iam_user,
            "gcp": {
                "public_bucket": lapse(&story.gcp.public_bucket), "sink_deleted": lapse(&story.gcp.sink_deleted),
                "old_key": lapse(&story.gcp.old_key), "owner": lapse(&story.gcp.owner),
                "backups_off": lapse(&story.gcp.backups_off), "contractor_grant": lapse(&story.gcp.contractor_grant),
            },
            "azure": {
                "open_rdp": lapse(&story.azure.open_rdp), "public_storage": lapse(&story.azure.public_storage),
                "unlogged": lapse(&story.azure.unlogged), "owner": lapse(&story.azure.owner),
                "old_secret": lapse(&story.azure.old_secret),
                "stayed": {
                    "id": story.azure.stayed.login, "start": story.azure.stayed.span.start,
                    "end": story.azure.stayed.span.end,
                },
            },
            "pulumi": {"drifted": lapse(&story.pulumi.drifted), "finding": lapse(&story.pulumi.finding)},
        }),
    );
    println!("{}", Value::Object(facts));
    for line in std::io::stdin().lock().lines() {
        clock.set(line?.trim().parse()?);
        let requests = System::ALL.iter().map(|s| (s.connector().to_owned(), fakes.requests(*s).into()));
        println!("{}", json!({"requests": requests.collect::<Map<String, Value>>()}));
    }
    Ok(())
}

fn lapse(lapse: &exhibit_demo::org::story::Lapse) -> serde_json::Value {
    json!({"id": lapse.id, "region": lapse.region, "start": lapse.span.start, "end": lapse.span.end})
}
