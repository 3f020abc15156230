//! Vendors.

use crate::{Date, EvidenceKind};
use serde::{Deserialize, Serialize};

/// One vendor or subservice organisation, and how it is watched.
///
/// Kind `vendor.record@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Its name.
    pub name: String,
    /// What it does for the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<VendorStatus>,
    /// How much depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Rating>,
    /// Data that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<String>>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Day of the last review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reviewed_on: Option<Date>,
    /// Day of the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_review_on: Option<Date>,
    /// Last day of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_ends_on: Option<Date>,
    /// Whether an agreement on data processing is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_agreement_signed: Option<bool>,
    /// Report that it gives: soc2_type2, soc1_type2, iso27001, or another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_type: Option<String>,
    /// Last day that the report covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_ends_on: Option<Date>,
    /// Whether the opinion is qualified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_qualified: Option<bool>,
    /// Exceptions noted in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_exceptions: Option<u64>,
}

impl Vendor {
    /// With what is required; the rest is absent: `Vendor { …, ..Vendor::new(…) }`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            service: None,
            status: None,
            criticality: None,
            data: None,
            owner: None,
            last_reviewed_on: None,
            next_review_on: None,
            contract_ends_on: None,
            data_agreement_signed: None,
            report_type: None,
            report_ends_on: None,
            report_qualified: None,
            report_exceptions: None,
        }
    }
}

impl EvidenceKind for Vendor {
    const KIND: &'static str = "vendor.record@1";
}

/// Whether a vendor is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorStatus {
    /// Being taken on.
    Onboarding,
    /// In use.
    Active,
    /// No longer in use.
    Offboarded,
}

/// A rating in three steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
}
