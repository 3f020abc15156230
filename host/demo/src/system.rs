//! The systems that the organisation uses, each with a fake that speaks for it.
//!
//! A system is one folder of this crate, which has a [`Vendor`], and one line in the table below.

use crate::fakes::FakeOptions;
use crate::http::Fake;
use crate::org::Organisation;
use crate::org::structure::Slot;
use exhibit_evidence::time::Clock;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

macro_rules! systems {
    ($($(#[$about:meta])* $system:ident: $module:ident,)*) => {
        /// A system that the organisation uses, and that a fake speaks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum System {
            $($(#[$about])* $system,)*
        }

        impl System {
            /// Every system, in the order in which they are read on a day.
            pub const ALL: &'static [Self] = &[$(Self::$system,)*];

            pub(crate) fn vendor(self) -> &'static Vendor {
                match self {
                    $(Self::$system => &crate::$module::VENDOR,)*
                }
            }
        }
    };
}

systems! {
    /// The identity provider.
    Okta: okta,
    /// The cloud account.
    Aws: aws,
    /// Google's cloud.
    Gcp: gcp,
    /// Microsoft's cloud, and its directory.
    Azure: azure,
    /// Source code, and who may change it.
    GitHub: github,
    /// Mail, calendar, devices.
    GoogleWorkspace: google_workspace,
    /// Tickets.
    Jira: jira,
    /// Infrastructure as code.
    Pulumi: pulumi,
}

/// Makes a fake of an organisation's system, which lives by the clock.
pub(crate) type Make = fn(&Arc<Organisation>, &Arc<dyn Clock>, &FakeOptions) -> Arc<dyn Fake>;

/// What a folder of this crate says of the system that it is a fake of.
pub(crate) struct Vendor {
    /// How people call it.
    pub(crate) name: &'static str,
    /// The connector that reads it.
    pub(crate) connector: &'static str,
    /// Whose members have an account there, as the identity provider provisions it: groups that its application is
    /// assigned to. Empty where accounts come about otherwise.
    pub(crate) seats: &'static [Slot],
    pub(crate) fake: Make,
    /// How a source reads the fake, when it listens at this origin.
    pub(crate) source: fn(&str) -> Source,
}

/// How a source of a fake is written, but for what is said of every source.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The connector's settings.
    pub settings: Map<String, Value>,
    /// The slots of the credential: one that is good for several is in each.
    pub slots: &'static [&'static str],
    /// Members of the credential that are no secrets, its scheme among them.
    pub credential: Map<String, Value>,
    /// Members that are: each is kept in a file of its own, and named.
    pub secrets: Vec<(&'static str, String)>,
}

impl Source {
    /// A source with this credential in each slot; `settings` and `credential` are JSON objects.
    pub(crate) fn new(
        settings: Value,
        slots: &'static [&'static str],
        credential: Value,
        secrets: Vec<(&'static str, String)>,
    ) -> Self {
        let object = |value: Value| match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Self { settings: object(settings), slots, credential: object(credential), secrets }
    }
}

impl System {
    /// The connector that reads it, `okta`.
    pub fn connector(self) -> &'static str {
        self.vendor().connector
    }

    /// The system that this connector reads.
    pub fn of_connector(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|system| system.connector() == name)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.vendor().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_systems_share_a_name_or_a_connector() {
        for (i, system) in System::ALL.iter().enumerate() {
            assert_eq!(*system as usize, i, "{system}: the order of the table");
            assert_eq!(System::of_connector(system.connector()), Some(*system));
            let twice = System::ALL.iter().filter(|other| other.to_string() == system.to_string()).count();
            assert_eq!(twice, 1, "{system}");
        }
    }
}
