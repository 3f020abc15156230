//! Ends badly.

use crate::bindings::exhibit::connector::evidence::{Item, Origin, Population};
use crate::bindings::exhibit::connector::fetch::Pages;
use crate::{Failure, Settings, get};

/// Takes a page, emits half of it, and panics.
pub fn mid_page(settings: &Settings) -> Result<(), Failure> {
    let pages = Pages::new(&get(&settings.users()));
    let page = pages.next().expect("a page").expect("one page");
    let users = Population::new("identity.account@1", "all users");
    let origin = Origin { exchange_id: page.exchange_id.clone(), pointer: "/0".to_owned() };
    let item = Item {
        key: "first".to_owned(),
        occurred_at_ms: None,
        body_json: r#"{"attributes":{"login":"user@example.com"}}"#.to_owned(),
        origins: vec![origin],
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
