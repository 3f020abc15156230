//! Ends badly.

use crate::bindings::exhibit::connector::evidence::{Item, Population};
use crate::bindings::exhibit::connector::fetch::Pages;
use crate::{Failure, Settings, get};

/// Takes a page, emits half of it, and panics.
pub fn mid_page(_: &Settings) -> Result<(), Failure> {
    let pages = Pages::new(&get("https://api.example.com/users"));
    let page = pages.next().expect("a page").expect("one page");
    let users = Population::new("identity.account@1", "all users");
    let item = Item {
        key: "first".to_owned(),
        occurred_at_ms: None,
        body_json: r#"{"attributes":{}}"#.to_owned(),
        origins: Vec::new(),
    };
    users.emit(&[item]).expect("taken");
    panic!("the second item of {} is not what I expected", page.exchange_id);
}

pub fn exit(_: &Settings) -> Result<(), Failure> {
    std::process::exit(7);
}

pub fn out_of_bounds(_: &Settings) -> Result<(), Failure> {
    let address = std::hint::black_box(0xfff0_0000_usize as *const u8);
    // SAFETY: there is none; this is what the test is about. The address lies outside of the guest's memory.
    let byte = unsafe { std::ptr::read_volatile(address) };
    crate::say(&byte.to_string());
    Ok(())
}
