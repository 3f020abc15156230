//! What the benchmarks share. BENCHMARKS.md says what each measures, and what it measured.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cost`] | seconds on the clock and of processors, and memory |
//! | [`accounts`] | made-up accounts, as Okta shows them |
//! | [`server`] | the system that they are collected from: a process of its own |
//! | [`plain`] | the floor: a program that collects them without Exhibit |
//! | [`world`] | a workspace with a component and its sources |
//!
//! A benchmark starts itself again for what is measured apart: the first argument says as what.

pub mod accounts;
pub mod cost;
pub mod plain;
pub mod server;
pub mod world;

use std::process::{Command, Stdio};

/// The numbers on the command line, in their order, over these defaults.
pub fn numbers<const N: usize>(mut defaults: [usize; N]) -> [usize; N] {
    let given = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    defaults.iter_mut().zip(given).for_each(|(number, given)| *number = given);
    defaults
}

/// This very program with other arguments.
pub fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows where it is"));
    command.args(arguments);
    command
}

/// Runs this program with these arguments to its end; what it printed.
pub fn run_again(arguments: &[&str]) -> String {
    let output = again(arguments).stderr(Stdio::inherit()).output().expect("a program starts itself again");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The middle one of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// How busy the machine was over the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
