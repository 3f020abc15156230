//! What happens to the organisation in its half year: the dated facts that the demo tells and tests check.
//!
//! Dates are drawn from the seed within fixed windows that keep the stories apart from each other.

use super::azure::AzureStory;
use super::gcp::story::GcpStory;
use super::pulumi::PulumiStory;
use crate::calendar::{at, next, plus_days};
use crate::random::Stream;
use crate::system::System;
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::{Date, Weekday, date};

/// Somebody who left, and when the account was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The Okta login.
    pub login: String,
    /// The end of the last working day.
    pub left: Timestamp,
    /// When the account was deactivated.
    pub deprovisioned: Timestamp,
}

/// A thing that was not as it should be for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapse {
    /// The system's own identifier: a login, a volume, a key.
    pub id: String,
    /// The AWS region, `global` where there is none.
    pub region: &'static str,
    /// From when until when.
    pub span: Span,
}

/// An AWS user that outlived its person's Okta account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lingerer {
    /// The IAM user's name.
    pub iam_user: String,
    /// The Okta login of the person.
    pub login: String,
    /// When the Okta account was deactivated. The IAM user stays to the end.
    pub deprovisioned: Timestamp,
}

/// Somebody whose account in a system and whose account at the identity provider were not there at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The Okta login.
    pub login: String,
    /// The other system.
    pub system: System,
    /// While there was an account there, and none at the identity provider.
    pub span: Span,
}

/// The dated facts of the half year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Nobody collected on this day: the host itself was off.
    pub missed_day: Date,
    /// This system answered 503 all day.
    pub outage: (System, Date),
    /// A person without any second factor for a week. The id is the Okta login.
    pub mfa_lost: Lapse,
    /// A leaver whose account was closed a week late.
    pub late_leaver: Leaver,
    /// Leavers whose accounts were closed on the day itself, in order of time.
    pub prompt_leavers: Vec<Leaver>,
    /// A contractor who came and went. The id is the Okta login.
    pub contractor: Lapse,
    /// Somebody on leave, suspended meanwhile. The id is the Okta login.
    pub suspended: Lapse,
    /// An engineer who was super administrator for three days. The id is the Okta login.
    pub temporary_admin: Lapse,
    /// The catch-all sign-on rule asked for one factor only. The id is the rule's.
    pub weak_rule: Lapse,
    /// An AWS user that outlived its person's Okta account.
    pub lingerer: Lingerer,
    /// A leaver whose account elsewhere stayed for a while.
    pub straggler: Mismatch,
    /// A joiner who had an account elsewhere before the identity provider knew of them.
    pub early: Mismatch,
    /// A volume without encryption. The id is the volume's.
    pub plain_volume: Lapse,
    /// SSH open to the world. The id is the security group's.
    pub open_ssh: Lapse,
    /// A customer-managed key without rotation. The id is the key's.
    pub rotation_off: Lapse,
    /// A bucket without its public access block. The id is the bucket's name.
    pub bucket_unblocked: Lapse,
    /// The trail did not log. The id is the trail's ARN.
    pub trail_stopped: Lapse,
    /// A backup job that failed. The id is the job's.
    pub failed_backup: Lapse,
    /// Two days in a row, a weekend, between whose mornings nothing changed at all.
    pub quiet_days: (Date, Date),
    /// What happens in Google Cloud.
    pub gcp: GcpStory,
    /// What happens in Azure and Entra ID.
    pub azure: AzureStory,
    /// What happens in Pulumi Cloud.
    pub pulumi: PulumiStory,
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The first day it concerns.
    pub first: Date,
    /// The last day it concerns.
    pub last: Date,
    /// Where it can be seen; `None` for what the host itself did not do.
    pub system: Option<System>,
    /// One sentence.
    pub text: String,
}

impl Story {
    /// The day on which `system` did not answer, if there was one.
    pub fn outage_day(&self, system: System) -> Option<Date> {
        (self.outage.0 == system).then_some(self.outage.1)
    }

    /// Leavers whose account elsewhere stayed for a while.
    pub fn stragglers(&self) -> [&Mismatch; 2] {
        [&self.straggler, &self.azure.stayed]
    }

    /// The story as sentences, in order of time.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = self.lapses();
        facts.extend(self.gcp.facts());
        facts.extend(self.azure.facts());
        facts.extend(self.pulumi.facts());
        facts.push(fact(self.missed_day, self.missed_day, None, "nobody collected: the host was off"));
        let (system, day) = self.outage;
        facts.push(fact(day, day, Some(system), &format!("{system} answered 503 all day")));
        let late = &self.late_leaver;
        let text = format!("{} left, and the account was closed a week late", late.login);
        facts.push(fact(late.left.date(), late.deprovisioned.date(), Some(System::Okta), &text));
        let lingerer = &self.lingerer;
        let text = format!(
            "{} left Okta; the AWS user {} and its key stayed to the end",
            lingerer.login, lingerer.iam_user
        );
        facts.push(fact(lingerer.deprovisioned.date(), crate::calendar::LAST_DAY, Some(System::Aws), &text));
        for Mismatch { login, system, span } in self.stragglers() {
            let text = format!("{login} left Okta; the account in {system} stayed for days");
            facts.push(fact(span.start.date(), span.end.date(), Some(*system), &text));
        }
        let Mismatch { login, system, span } = &self.early;
        let text = format!("{login} had an account in {system} before Okta knew of them");
        facts.push(fact(span.start.date(), span.end.date(), Some(*system), &text));
        let (first, last) = self.quiet_days;
        facts.push(fact(first, last, None, "a weekend on which nothing changed"));
        facts.sort_by(|a, b| (a.first, &a.text).cmp(&(b.first, &b.text)));
        facts
    }

    fn lapses(&self) -> Vec<Fact> {
        let told: [(&str, &Lapse, System, &str); 11] = [
            ("", &self.mfa_lost, System::Okta, "had no second factor"),
            ("", &self.contractor, System::Okta, "worked here as a contractor"),
            ("", &self.suspended, System::Okta, "was on leave, the account suspended"),
            ("", &self.temporary_admin, System::Okta, "was super administrator for three days"),
            ("catch-all sign-on rule ", &self.weak_rule, System::Okta, "asked for one factor only"),
            ("volume ", &self.plain_volume, System::Aws, "was not encrypted"),
            ("security group ", &self.open_ssh, System::Aws, "let the world reach port 22"),
            ("key ", &self.rotation_off, System::Aws, "did not rotate"),
            ("bucket ", &self.bucket_unblocked, System::Aws, "had no public access block"),
            ("trail ", &self.trail_stopped, System::Aws, "did not log"),
            ("backup job ", &self.failed_backup, System::Aws, "failed"),
        ];
        let one = |(thing, lapse, system, what): (&str, &Lapse, System, &str)| {
            let Span { start, end } = lapse.span;
            fact(start.date(), end.date(), Some(system), &format!("{thing}{} {what}", lapse.id))
        };
        told.into_iter().map(one).collect()
    }
}

pub(crate) fn fact(first: Date, last: Date, system: Option<System>, text: &str) -> Fact {
    Fact { first, last, system, text: text.to_owned() }
}

/// The dates of the story, before it has people and things.
pub(crate) struct Plot {
    pub(crate) missed_day: Date,
    pub(crate) outage: (System, Date),
    pub(crate) mfa_lost: Span,
    pub(crate) late_left: Date,
    pub(crate) contractor: Span,
    pub(crate) suspended: Span,
    pub(crate) temporary_admin: Span,
    pub(crate) weak_rule: Span,
    pub(crate) lingerer_left: Date,
    pub(crate) plain_volume: Span,
    pub(crate) open_ssh: Span,
    pub(crate) rotation_off: Span,
    pub(crate) bucket_unblocked: Span,
    pub(crate) trail_stopped: Span,
    pub(crate) failed_backup: Span,
    pub(crate) quiet_days: (Date, Date),
}

impl Plot {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Stream::new(seed, "plot");
        let mut day = |month: i8, weekday: Weekday, weeks: u64| {
            let first = next(date(2026, month, 1), weekday);
            plus_days(first, 7 * i64::try_from(dice.below(weeks)).unwrap_or(0))
        };
        let span =
            |first: Date, days: i64| Span { start: at(first, 15, 0), end: at(plus_days(first, days), 15, 0) };
        let quiet = day(6, Weekday::Saturday, 2);
        Self {
            missed_day: day(2, Weekday::Wednesday, 3),
            outage: (System::Okta, day(4, Weekday::Thursday, 3)),
            mfa_lost: span(day(3, Weekday::Monday, 3), 7),
            late_left: day(5, Weekday::Friday, 2),
            contractor: span(day(2, Weekday::Monday, 2), 84),
            suspended: span(day(3, Weekday::Wednesday, 2), 33),
            temporary_admin: span(day(1, Weekday::Tuesday, 3), 3),
            weak_rule: span(day(5, Weekday::Monday, 3), 4),
            lingerer_left: day(2, Weekday::Friday, 2),
            plain_volume: span(day(3, Weekday::Tuesday, 2), 21),
            open_ssh: span(day(4, Weekday::Tuesday, 3), 2),
            rotation_off: span(day(1, Weekday::Monday, 3), 17),
            bucket_unblocked: span(day(5, Weekday::Wednesday, 3), 1),
            trail_stopped: span(day(6, Weekday::Tuesday, 3), 1),
            failed_backup: failed_backup(day(3, Weekday::Thursday, 3)),
            quiet_days: (quiet, plus_days(quiet, 1)),
        }
    }
}

/// Backup jobs start at 05:00 and this one gives up within the hour.
fn failed_backup(day: Date) -> Span {
    Span { start: at(day, 5, 0), end: at(day, 5, 40) }
}
