//! Writes the made-up package of the tests, for tools that are not ours to read:
//! `cargo run -p exhibit-package --example sample -- OUT.zip [PERIOD [PEOPLE [CHECKPOINT REPLY]]]`, where REPLY is a
//! timestamp authority's, over a checkpoint of the sample's log.

#[path = "../tests/support/mod.rs"]
mod support;

use exhibit_package::write::Stamped;
use std::path::Path;
use support::Sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: sample OUT.zip [PERIOD [PEOPLE [CHECKPOINT REPLY]]]")?;
    let mut sample = Sample { simulated: true, controls: 6, ..Sample::default() };
    if let Some(period) = arguments.next() {
        sample.period = period.leak();
    }
    if let Some(people) = arguments.next() {
        sample.people = people.parse()?;
    }
    let mut evidence = sample.evidence();
    if let (Some(checkpoint), Some(reply)) = (arguments.next(), arguments.next()) {
        evidence.timestamp =
            Some(Stamped { checkpoint: std::fs::read(checkpoint)?, response: std::fs::read(reply)? });
    }
    evidence.write(Path::new(&out))?;
    Ok(())
}
