//! `[schedule]` of a source: when the service collects from it.
//!
//! ```toml
//! [schedule]
//! every = "weekly"        # daily, weekly, monthly, quarterly or annual, in UTC; left out: daily
//! offset_minutes = 120    # not before then in the period
//! spread_minutes = 60     # begun somewhere in this time, so that not all sources begin at once
//! paused = true           # no runs
//!
//! [schedule]
//! cron = "30 2 * * 1-5"   # in place of `every`: five fields, in UTC
//! ```

use exhibit_evidence::period::Frequency;
use exhibit_schedule::Plan;
use serde::Deserialize;

const MINUTE_MS: u64 = 60 * 1000;

/// Runs of a frequency begin somewhere in the first hour, unless the source says otherwise.
const SPREAD_MINUTES: u64 = 60;

/// The longest offset and spread: a year. A plan itself takes no more than half of its period.
const MINUTES_MAX: u64 = 366 * 24 * 60;

/// When a source is collected from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct ScheduleConfig {
    /// The slots.
    pub plan: Plan,
    /// No runs, whatever the plan says.
    pub paused: bool,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { plan: Plan::periods(Frequency::Daily, 0, SPREAD_MINUTES * MINUTE_MS), paused: false }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    every: Option<Frequency>,
    cron: Option<String>,
    offset_minutes: Option<u64>,
    spread_minutes: Option<u64>,
    #[serde(default)]
    paused: bool,
}

impl TryFrom<Written> for ScheduleConfig {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { every, cron, offset_minutes, spread_minutes, paused } = written;
        for minutes in [offset_minutes, spread_minutes].into_iter().flatten() {
            if minutes > MINUTES_MAX {
                return Err(format!("{minutes} minutes are more than a year: write fewer"));
            }
        }
        let spread_ms = |usual: u64| spread_minutes.unwrap_or(usual) * MINUTE_MS;
        let plan = match (every, cron) {
            (Some(_), Some(_)) => return Err("write `every` or `cron`, not both".to_owned()),
            (None, Some(_)) if offset_minutes.is_some() => {
                return Err("`offset_minutes` goes with `every`: write the minute into `cron`".to_owned());
            }
            (None, Some(cron)) => Plan::cron(&cron, spread_ms(0)).map_err(|error| error.to_string())?,
            (every, None) => Plan::periods(
                every.unwrap_or(Frequency::Daily),
                offset_minutes.unwrap_or(0) * MINUTE_MS,
                spread_ms(SPREAD_MINUTES),
            ),
        };
        Ok(Self { plan, paused })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::SourceConfig;

    fn read(schedule: &str) -> Result<SourceConfig, crate::FileError> {
        crate::read(&format!("connector = \"okta\"\n\n{schedule}\n"))
    }

    #[test]
    fn a_schedule_is_a_frequency_or_a_cron_expression() {
        for (schedule, plan, paused) in [
            ("", "daily", false),
            ("[schedule]", "daily", false),
            ("[schedule]\nevery = \"weekly\"\noffset_minutes = 120", "weekly", false),
            ("[schedule]\ncron = \"30 2 * * 1-5\"\npaused = true", "30 2 * * 1-5", true),
        ] {
            let config = read(schedule).unwrap();
            assert_eq!((config.schedule.plan.to_string().as_str(), config.schedule.paused), (plan, paused));
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_where_it_stands() {
        for (schedule, words) in [
            ("every = \"fortnightly\"", "fortnightly"),
            ("every = \"daily\"\ncron = \"0 0 * * *\"", "not both"),
            ("cron = \"0 0 30 2 *\"", "there is no such day"),
            ("cron = \"0 0 * * *\"\noffset_minutes = 5", "write the minute into `cron`"),
            ("spread_minutes = 99999999", "more than a year"),
            ("hourly = true", "hourly"),
        ] {
            let error = read(&format!("[schedule]\n{schedule}")).unwrap_err();
            assert!(error.what.contains(words) && (3..=4).contains(&error.line), "{schedule}: {error:?}");
        }
    }
}
