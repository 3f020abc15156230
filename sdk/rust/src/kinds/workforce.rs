//! People who work for the organisation, and how that changes.

use crate::{Date, EvidenceKind};
use serde::{Deserialize, Serialize};

/// One person in the register of workers.
///
/// Kind `workforce.worker@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Name for people.
    pub display_name: String,
    /// Primary work address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_email: Option<String>,
    /// Number in the register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// How the person works for the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employment_type: Option<EmploymentType>,
    /// Whether the person works now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkerStatus>,
    /// Status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// Department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Address or number of the manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Place or country of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Date>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<Date>,
}

impl Worker {
    /// With what is required; the rest is absent: `Worker { …, ..Worker::new(…) }`.
    pub fn new(display_name: impl Into<String>) -> Self {
        Self {
            display_name: display_name.into(),
            work_email: None,
            employee_id: None,
            employment_type: None,
            status: None,
            source_status: None,
            job_title: None,
            department: None,
            manager: None,
            location: None,
            started_on: None,
            ended_on: None,
        }
    }
}

impl EvidenceKind for Worker {
    const KIND: &'static str = "workforce.worker@1";
}

/// Someone joined, moved or left. Occurred when it was entered.
///
/// Kind `workforce.movement@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// What happened.
    pub r#type: MovementType,
    /// Number in the register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
    /// Primary work address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_email: Option<String>,
    /// Day from which it holds; for a leaver the last day.
    pub effective_on: Date,
    /// Whether a leaver chose to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voluntary: Option<bool>,
    /// Department before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_department: Option<String>,
    /// Department after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_department: Option<String>,
    /// Job before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_job_title: Option<String>,
    /// Job after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_job_title: Option<String>,
    /// Manager before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_manager: Option<String>,
    /// Manager after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_manager: Option<String>,
}

impl Movement {
    /// With what is required; the rest is absent: `Movement { …, ..Movement::new(…) }`.
    pub fn new(r#type: MovementType, effective_on: Date) -> Self {
        Self {
            r#type,
            worker_id: None,
            worker_name: None,
            work_email: None,
            effective_on,
            voluntary: None,
            from_department: None,
            to_department: None,
            from_job_title: None,
            to_job_title: None,
            from_manager: None,
            to_manager: None,
        }
    }
}

impl EvidenceKind for Movement {
    const KIND: &'static str = "workforce.movement@1";
}

/// How a person works for the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmploymentType {
    /// Employed.
    Employee,
    /// Under contract.
    Contractor,
    /// An intern or apprentice.
    Intern,
    /// Employed by a vendor.
    VendorStaff,
}

/// Whether a person works now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerStatus {
    /// Has not started yet.
    Pending,
    /// Works.
    Active,
    /// On leave.
    OnLeave,
    /// Has left.
    Terminated,
}

/// What happened to a person's employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementType {
    /// Joined.
    Hire,
    /// Joined again.
    Rehire,
    /// Moved to another team, job or manager.
    Transfer,
    /// Went on leave.
    LeaveStart,
    /// Came back.
    LeaveEnd,
    /// Changed the type of employment.
    Conversion,
    /// Left.
    Termination,
}
