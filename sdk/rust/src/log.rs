//! Notes for the operator, kept with the run. Logging is never evidence.

use crate::host::{Level, imports};

/// Writes one line with fields. The macros [`info!`](crate::info), [`warn!`](crate::warn), [`error!`](crate::error)
/// and [`debug!`](crate::debug) write a formatted line without.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    imports::log(level, message, fields);
}

/// A line for the connector's author: `debug!("{} rules", rules.len())`.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)+) => { $crate::log::write($crate::Level::Debug, &::std::format!($($arg)+), &[]) };
}

/// A line that an operator may want to know.
#[macro_export]
macro_rules! info {
    ($($arg:tt)+) => { $crate::log::write($crate::Level::Info, &::std::format!($($arg)+), &[]) };
}

/// A line about something missing or odd.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)+) => { $crate::log::write($crate::Level::Warn, &::std::format!($($arg)+), &[]) };
}

/// A line about something that failed.
#[macro_export]
macro_rules! error {
    ($($arg:tt)+) => { $crate::log::write($crate::Level::Error, &::std::format!($($arg)+), &[]) };
}
