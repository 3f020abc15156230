//! Retention buckets: calendar quarters. No chain of deltas or prefixes crosses one, so that destroying
//! a bucket's key disposes of what it holds and of nothing else.

use exhibit_evidence::period::Frequency;
use exhibit_evidence::time::Timestamp;

/// The bucket of what is collected at `at`, `2026-Q1` for example.
pub fn bucket_of(at: Timestamp) -> String {
    Frequency::Quarterly.period_at(at).to_string()
}
