//! Accounts that people have in the systems that the identity provider provisions: in each as long as they are in a
//! group that the system's application is assigned to.

use super::people::{Account, AccountKind, COLLECTOR};
use super::story::{Mismatch, Story};
use super::structure::Slot;
use crate::calendar::Held;
use crate::system::System;
use exhibit_evidence::time::Timestamp;

/// Somebody's account in a system: the account at this position, from when until when.
pub(crate) type Taken = Held<usize>;

/// Somebody's account in a system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat<'a> {
    pub(crate) account: &'a Account,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

/// The seats of every system, in the order of [`System::ALL`]; within one in the order of accounts.
///
/// Programs have none, but for the one that reads evidence. Of those in the story whose account was made too early or
/// closed too late, one is told from when on, the others until when.
pub(crate) fn take(accounts: &[Account], story: &Story) -> Vec<Vec<Taken>> {
    let of = |system: &System| {
        let slots = system.vendor().seats;
        let is_somebody = |a: &Account| a.kind != AccountKind::Service || a.login == COLLECTOR;
        let people = accounts.iter().enumerate().filter(|(_, account)| is_somebody(account));
        let told = |seat: Taken| {
            let is_of = |of: &Mismatch| of.system == *system && accounts[seat.what].login == of.login;
            let from = if is_of(&story.early) { story.early.span.start } else { seat.from };
            let straggler = story.stragglers().into_iter().find(|of| is_of(of));
            let late = straggler.filter(|_| seat.until.is_some()).map(|of| of.span.end);
            Held { what: seat.what, from, until: late.or(seat.until) }
        };
        people.filter_map(|(i, account)| seat(i, account, slots)).map(told).collect()
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

#[cfg(test)]
mod tests {
    use crate::org::structure;
    use crate::system::System;
    use std::collections::BTreeSet;

    /// Who has a seat is who the identity provider lets in.
    #[test]
    fn seats_are_those_of_the_applications() {
        let apps = structure::apps(1);
        for (system, app) in [
            (System::GitHub, "githubcloud"),
            (System::GoogleWorkspace, "google"),
            (System::Jira, "atlassian"),
            (System::Azure, "office365"),
            (System::Pulumi, "pulumi"),
        ] {
            let app = apps.iter().find(|of| of.name == app).unwrap();
            let seats: BTreeSet<_> = system.vendor().seats.iter().collect();
            assert_eq!(seats, app.groups.iter().collect(), "{system}");
        }
    }
}
