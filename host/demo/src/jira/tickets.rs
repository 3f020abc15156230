//! Changes, access requests and incidents: how they come about, and how they move.

use crate::calendar::{FIRST_DAY, LAST_DAY, LOG_FIRST_DAY, at, days, is_weekend, plus_days};
use crate::org::Organisation;
use crate::org::people::Account;
use crate::random::Stream;
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use jiff::civil::Date;

/// A project of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Project {
    Changes,
    Access,
    Incidents,
    /// Nothing is in it any more.
    Old,
}

impl Project {
    pub(super) const ALL: [Self; 4] = [Self::Changes, Self::Access, Self::Incidents, Self::Old];

    pub(super) fn id(self) -> &'static str {
        ["10000", "10001", "10002", "10003"][self as usize]
    }

    pub(super) fn key(self) -> &'static str {
        ["CHG", "ACC", "INC", "OLD"][self as usize]
    }

    pub(super) fn name(self) -> &'static str {
        ["Changes", "Access requests", "Incidents", "Old things"][self as usize]
    }
}

/// A status, with Jira's category of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Review,
    Approved,
    Rejected,
    Done,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        ["Open", "Review", "Approved", "Rejected", "Done"][self as usize]
    }

    /// Number, key, colour and name of its category.
    pub(super) fn category(self) -> (u64, &'static str, &'static str, &'static str) {
        match self {
            Self::Open => (2, "new", "blue-gray", "To Do"),
            Self::Review | Self::Approved => (4, "indeterminate", "yellow", "In Progress"),
            Self::Rejected | Self::Done => (3, "done", "green", "Done"),
        }
    }
}

/// A move of a ticket into a status, by somebody.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) at: Timestamp,
    pub(super) to: Status,
    pub(super) by: String,
}

/// A ticket. People are named by the login of their account.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) project: Project,
    pub(super) summary: String,
    pub(super) created: Timestamp,
    pub(super) reporter: String,
    pub(super) labels: Vec<&'static str>,
    pub(super) priority: &'static str,
    pub(super) moves: Vec<Move>,
}

impl Ticket {
    pub(super) fn key(&self) -> String {
        format!("{}-{}", self.project.key(), self.number)
    }

    /// The moves that were made by `now`.
    pub(super) fn moves(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Move> {
        self.moves.iter().filter(move |made| made.at <= now)
    }

    pub(super) fn status(&self, now: Timestamp) -> Status {
        self.moves(now).next_back().map_or(Status::Open, |made| made.to)
    }

    pub(super) fn updated(&self, now: Timestamp) -> Timestamp {
        self.moves(now).next_back().map_or(self.created, |made| made.at)
    }
}

const CHANGES: [&str; 6] = [
    "Upgrade the orders database",
    "Rotate the signing keys",
    "Open a port for the new monitor",
    "Move reporting to larger machines",
    "Change the retention of backups",
    "Switch on the new checkout",
];
const INCIDENTS: [(&str, &str); 3] =
    [("Checkout is slow", "Medium"), ("Orders are not confirmed", "High"), ("Reports are late", "Low")];

struct Writer<'a> {
    organisation: &'a Organisation,
    dice: Stream,
    tickets: Vec<Ticket>,
}

/// Every ticket, in the order of making within each project.
pub(super) fn write(organisation: &Organisation) -> Vec<Ticket> {
    let dice = Stream::new(organisation.seed(), "jira tickets");
    let mut writer = Writer { organisation, dice, tickets: Vec::new() };
    for day in days(LOG_FIRST_DAY, LAST_DAY).filter(|day| !is_weekend(*day)) {
        if writer.dice.chance(30) {
            writer.change(day);
        }
        if writer.dice.chance(5) {
            writer.incident(day);
        }
    }
    writer.access_requests();
    let mut tickets = writer.tickets;
    tickets.sort_by_key(|ticket| (ticket.created, ticket.project as usize));
    let mut numbers = [0; 4];
    for (i, ticket) in tickets.iter_mut().enumerate() {
        let number = &mut numbers[ticket.project as usize];
        *number += 1;
        (ticket.id, ticket.number) = (20_000 + i as u64, *number);
    }
    tickets
}

/// The first working day after `day`.
fn next_working_day(day: Date) -> Date {
    let mut next = plus_days(day, 1);
    while is_weekend(next) {
        next = plus_days(next, 1);
    }
    next
}

impl Writer<'_> {
    /// Somebody at work at that time, but for `others`.
    fn somebody(&mut self, when: Timestamp, others: &[&str]) -> String {
        let org = self.organisation.state_at(when);
        let people: Vec<&Account> = org.working(System::Jira);
        let people: Vec<&Account> =
            people.into_iter().filter(|account| !others.contains(&account.login.as_str())).collect();
        if people.is_empty() {
            return String::new();
        }
        people[self.dice.index(people.len())].login.clone()
    }

    fn add(
        &mut self,
        (project, summary): (Project, String),
        (created, reporter): (Timestamp, String),
        moves: Vec<Move>,
    ) -> &mut Ticket {
        let at = self.tickets.len();
        self.tickets.push(Ticket {
            id: 0,
            number: 0,
            project,
            summary,
            created,
            reporter,
            labels: Vec::new(),
            priority: "Medium",
            moves,
        });
        &mut self.tickets[at]
    }

    /// Asked for in the morning, reviewed at noon, approved and made the day after; one in twelve is rejected.
    fn change(&mut self, day: Date) {
        let next = next_working_day(day);
        let created = at(day, self.dice.between(8, 10), self.dice.below(60));
        let (reviewed, decided, done) = (at(day, 12, 30), at(next, 10, 15), at(next, 15, 0));
        let reporter = self.somebody(created, &[]);
        let approver = self.somebody(decided, &[&reporter]);
        let mut moves = vec![Move { at: reviewed, to: Status::Review, by: reporter.clone() }];
        if self.dice.chance(8) {
            moves.push(Move { at: decided, to: Status::Rejected, by: approver });
        } else {
            moves.push(Move { at: decided, to: Status::Approved, by: approver });
            moves.push(Move { at: done, to: Status::Done, by: reporter.clone() });
        }
        let summary = (*self.dice.pick(&CHANGES)).to_owned();
        let is_emergency = self.dice.chance(4);
        let ticket = self.add((Project::Changes, summary), (created, reporter), moves);
        if is_emergency {
            ticket.labels.push("emergency");
        }
    }

    fn incident(&mut self, day: Date) {
        let created = at(day, self.dice.between(9, 16), self.dice.below(60));
        let reporter = self.somebody(created, &[]);
        let owner = self.somebody(created, &[&reporter]);
        let taken = Move { at: created.plus_ms(600_000), to: Status::Review, by: owner.clone() };
        let solved = created.plus_ms(self.dice.between(40, 180).cast_signed() * 60_000);
        let (summary, priority) = *self.dice.pick(&INCIDENTS);
        let moves = vec![taken, Move { at: solved, to: Status::Done, by: owner }];
        self.add((Project::Incidents, summary.to_owned()), (created, reporter), moves).priority = priority;
    }

    /// One for everybody who gets a seat, but for the person of the story whose account came about without.
    fn access_requests(&mut self) {
        let end = self.organisation.state_at(at(LAST_DAY, 12, 0));
        let admins: Vec<String> = end.accounts().take(2).map(|account| account.login.clone()).collect();
        let early = &end.story().early.login;
        let first = at(FIRST_DAY, 0, 0);
        let seats: Vec<(String, String, Timestamp)> = end
            .seats(System::Jira)
            .filter(|seat| seat.from >= first && seat.account.login != *early)
            .map(|seat| (seat.account.login.clone(), seat.account.name(), seat.from))
            .collect();
        for (login, name, from) in seats {
            // The morning of the day on which the account is made, which is at half past one.
            let created = at(from.date(), 9, 0);
            let reporter = self.somebody(created, &[&login]);
            let approver = self.somebody(created, &[&login, &reporter]);
            let admin = admins.iter().find(|admin| **admin != login).cloned().unwrap_or_default();
            let moves = vec![
                Move { at: at(from.date(), 9, 20), to: Status::Review, by: reporter.clone() },
                Move { at: at(from.date(), 11, 0), to: Status::Approved, by: approver },
                Move { at: from.plus_ms(300_000), to: Status::Done, by: admin },
            ];
            self.add((Project::Access, format!("Access for {name}")), (created, reporter), moves);
        }
    }
}
