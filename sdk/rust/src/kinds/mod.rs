//! Exhibit's own kinds of evidence, as structs.
//!
//! Each is the attributes of one kind; its JSON Schema is a file in `host/evidence/kinds`. What is required is
//! an argument of `new`; leave the rest `None` where it does not apply, and name it with
//! [`Record::unknown`](crate::Record::unknown) where it does and the source does not report it.
//!
//! | kind | struct | shape |
//! | --- | --- | --- |
//! | `asset.resource@1` | [`Resource`] | state |
//! | `attest.record@1` | [`Attestation`] | act |
//! | `audit.activity@1` | [`Activity`] | event |
//! | `change.request@1` | [`ChangeRequest`] | event |
//! | `config.alert_rule@1` | [`AlertRule`] | state |
//! | `config.backup_plan@1` | [`BackupPlan`] | state |
//! | `config.encryption@1` | [`Encryption`] | state |
//! | `config.logging@1` | [`Logging`] | state |
//! | `config.network_rule@1` | [`NetworkRule`] | state |
//! | `config.repo_protection@1` | [`RepoProtection`] | state |
//! | `deploy.event@1` | [`Deploy`] | event |
//! | `device.endpoint@1` | [`Endpoint`] | state |
//! | `document.version@1` | [`DocumentVersion`] | act |
//! | `iac.stack@1` | [`Stack`] | state |
//! | `identity.access_change@1` | [`AccessChange`] | event |
//! | `identity.account@1` | [`Account`] | state |
//! | `identity.app_grant@1` | [`AppGrant`] | state |
//! | `identity.auth_policy@1` | [`AuthPolicy`] | state |
//! | `identity.credential@1` | [`Credential`] | state |
//! | `identity.group_membership@1` | [`GroupMembership`] | state |
//! | `identity.role_grant@1` | [`RoleGrant`] | state |
//! | `ops.incident@1` | [`Incident`] | event |
//! | `ops.job_run@1` | [`JobRun`] | event |
//! | `review.decision@1` | [`ReviewDecision`] | act |
//! | `vendor.record@1` | [`Vendor`] | state |
//! | `vuln.finding@1` | [`Finding`] | state |
//! | `workforce.movement@1` | [`Movement`] | event |
//! | `workforce.worker@1` | [`Worker`] | state |

mod access_change;
mod act;
mod alert;
mod asset;
mod audit;
mod auth_policy;
mod backup;
mod change;
mod config;
mod credential;
mod details;
mod device;
mod identity;
mod network;
mod ops;
mod repository;
mod vendor;
mod vuln;
mod words;
mod workforce;

pub use access_change::*;
pub use act::*;
pub use alert::*;
pub use asset::*;
pub use audit::*;
pub use auth_policy::*;
pub use backup::*;
pub use change::*;
pub use config::*;
pub use credential::*;
pub use details::*;
pub use device::*;
pub use identity::*;
pub use network::*;
pub use ops::*;
pub use repository::*;
pub use vendor::*;
pub use vuln::*;
pub use words::*;
pub use workforce::*;
