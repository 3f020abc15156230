//! Accounts that people have in the systems that the identity provider provisions: in each as long as they are in a
//! group that the system's application is assigned to.

use super::people::{Account, AccountKind};
use super::structure::Slot;
use crate::calendar::Held;
use crate::system::System;
use exhibit_evidence::time::Timestamp;

/// Somebody's account in a system: the account at this position, from when until when.
pub(crate) type Taken = Held<usize>;

/// Somebody's account in a system.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "no system is provisioned yet")]
pub(crate) struct Seat<'a> {
    pub(crate) account: &'a Account,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

/// The seats of every system, in the order of [`System::ALL`]; within one in the order of accounts.
pub(crate) fn take(accounts: &[Account]) -> Vec<Vec<Taken>> {
    let of = |system: &System| {
        let slots = system.vendor().seats;
        let people = accounts.iter().enumerate().filter(|(_, account)| account.kind != AccountKind::Service);
        people.filter_map(|(i, account)| seat(i, account, slots)).collect()
    };
    System::ALL.iter().map(of).collect()
}

/// From the first of these groups to the end of the last: nobody leaves all of them and comes back.
fn seat(index: usize, account: &Account, slots: &[Slot]) -> Option<Taken> {
    let held: Vec<_> = account.groups.iter().filter(|held| slots.contains(&held.what)).collect();
    let from = held.iter().map(|held| held.from).min()?;
    let ends: Option<Vec<Timestamp>> = held.iter().map(|held| held.until).collect();
    Some(Held { what: index, from, until: ends.and_then(|ends| ends.into_iter().max()) })
}
