//! Words that several kinds share.

use serde::{Deserialize, Serialize};

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalType {
    /// An account.
    User,
    /// A group of principals.
    Group,
    /// A service account or application.
    Service,
    /// A role that others assume.
    Role,
    /// A policy that acts by itself.
    Policy,
    /// Anyone.
    Public,
}

/// How a membership or grant came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Given to this principal.
    Direct,
    /// Through a group.
    Group,
    /// By a rule over attributes.
    Rule,
    /// Taken over from another directory.
    Directory,
    /// From a scope above.
    Inherited,
}

/// Whether a setting is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In force.
    Active,
    /// Not in force.
    Inactive,
}

/// What a rule does with traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// Lets it pass.
    Allow,
    /// Stops it.
    Deny,
}

/// How bad, over all systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Critical.
    Critical,
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
    /// For information.
    Informational,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It worked.
    Success,
    /// It did not work.
    Failure,
    /// It was not allowed.
    Denied,
    /// Part of it worked.
    Partial,
    /// It was stopped.
    Cancelled,
    /// It has not ended.
    InProgress,
}
