//! The organisation in Azure: its tenant, two subscriptions, and what happens there in the half year.

use super::growth::People;
use super::people::Account;
use super::story::{Fact, Lapse, Mismatch, fact};
use crate::calendar::{at, next, plus_days};
use crate::random::{Stream, uuid};
use crate::system::System;
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::{Weekday, date};

/// The tenant's id, which is that of its root management group, too.
pub(crate) const TENANT: &str = "5e0e0a3c-1f6b-4c55-9a7e-0f2d3c4b5a69";

/// A subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
}

pub(crate) const PROD: Subscription =
    Subscription { id: "1a2b3c4d-0001-4a00-8b00-00000000a001", title: "Production" };
pub(crate) const DEV: Subscription =
    Subscription { id: "1a2b3c4d-0002-4a00-8b00-00000000a002", title: "Development" };
pub(crate) const SUBSCRIPTIONS: [&Subscription; 2] = [&PROD, &DEV];

/// The storage account that the world could read for a while.
pub(crate) const UPLOADS: &str = "exampleuploads";
/// The network security group that the world got a way through.
pub(crate) const WEB: &str = "web";
/// The setting that sends the activity log of production to where it is kept.
pub(crate) const TO_AUDIT: &str = "to-audit";

impl Subscription {
    /// `/subscriptions/ID`.
    pub(crate) fn path(&self) -> String {
        format!("/subscriptions/{}", self.id)
    }

    /// The id of a resource: of this type and name, in the resource group that everything is in.
    pub(crate) fn resource(&self, kind: &str, name: &str) -> String {
        format!("{}/resourceGroups/app/providers/{kind}/{name}", self.path())
    }
}

/// The id of a person's account in Entra ID.
pub(crate) fn user_id(seed: u64, login: &str) -> String {
    uuid(seed, &format!("entra user {login}"))
}

/// The dated facts of Azure and Entra ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureStory {
    /// Remote desktops open to the world. The id is the network security group's.
    pub open_rdp: Lapse,
    /// A storage account whose blobs the world could read. The id is the account's name.
    pub public_storage: Lapse,
    /// The activity log of production went nowhere. The id is the setting's.
    pub unlogged: Lapse,
    /// An engineer owned production. The id is the Okta login.
    pub owner: Lapse,
    /// The secret of the application that deploys was older than a year. The id is the secret's.
    pub old_secret: Lapse,
    /// A leaver whose account in Entra ID stayed open for a while.
    pub stayed: Mismatch,
}

/// When the application that deploys got its first secret.
pub(crate) fn secret_made() -> Timestamp {
    at(date(2025, 2, 17), 10, 0)
}

impl AzureStory {
    pub(crate) fn new(seed: u64, people: &People) -> Self {
        let mut dice = Stream::new(seed, "azure plot");
        let mut day = |month: i8, weekday: Weekday, weeks: u64| {
            let first = next(date(2026, month, 1), weekday);
            plus_days(first, 7 * i64::try_from(dice.below(weeks)).unwrap_or(0))
        };
        let span = |first, days| Span { start: at(first, 14, 20), end: at(plus_days(first, days), 9, 40) };
        let lapse = |id: String, span: Span| Lapse { id, region: "global", span };
        let owner = people.engineers.get(7).and_then(|i| people.accounts.get(*i));
        let login = |account: &Account| account.login.clone();
        let old_secret = Span {
            start: secret_made().plus_ms(365 * 86_400_000),
            end: at(day(3, Weekday::Monday, 3), 11, 0),
        };
        Self {
            open_rdp: lapse(
                PROD.resource("Microsoft.Network/networkSecurityGroups", WEB),
                span(day(2, Weekday::Tuesday, 3), 2),
            ),
            public_storage: lapse(UPLOADS.to_owned(), span(day(4, Weekday::Tuesday, 3), 5)),
            unlogged: lapse(
                format!("{}/providers/microsoft.insights/diagnosticSettings/{TO_AUDIT}", PROD.path()),
                span(day(6, Weekday::Monday, 2), 1),
            ),
            owner: lapse(owner.map(login).unwrap_or_default(), span(day(5, Weekday::Monday, 3), 4)),
            old_secret: lapse(uuid(seed, "azure secret first"), old_secret),
            stayed: people.stayed(),
        }
    }

    /// The facts as sentences, but for the mismatch, which the story tells with the others.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let told = [
            ("network security group ", &self.open_rdp, "let the world reach port 3389"),
            ("storage account ", &self.public_storage, "could be read by the world"),
            ("the activity log of production went nowhere: ", &self.unlogged, "was deleted"),
            ("", &self.owner, "owned the subscription Production"),
            ("secret ", &self.old_secret, "of an application was older than a year"),
        ];
        let one = |(thing, lapse, what): (&str, &Lapse, &str)| {
            let Span { start, end } = lapse.span;
            let name = lapse.id.rsplit('/').next().unwrap_or_default();
            fact(start.date(), end.date(), Some(System::Azure), &format!("{thing}{name} {what}"))
        };
        told.into_iter().map(one).collect()
    }
}
