//! What a piece of work costs, as Linux tells it of the process that asks.

use std::time::{Duration, Instant};

/// Seconds on the clock and of processors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// On the clock.
    pub wall: f64,
    /// Of all processors together, the kernel's work for this process included.
    pub cpu: f64,
}

/// Work under way.
#[derive(Debug)]
pub struct Meter(Instant, f64);

impl Meter {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now(), cpu())
    }

    /// What it has cost so far.
    pub fn read(&self) -> Cost {
        Cost { wall: self.0.elapsed().as_secs_f64(), cpu: cpu() - self.1 }
    }
}

impl std::ops::Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { wall: self.wall - other.wall, cpu: self.cpu - other.cpu }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2} CPU s)", self.wall, self.cpu)
    }
}

/// Processor seconds of this process, in hundredths (proc(5): `utime` and `stime` in clock ticks).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The most memory that this process has held at once, in MB (proc(5): `VmHWM`).
pub fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// The shortest of five rounds of `rounds` calls, for one call. The shortest is what the machine can do: everything
/// else that runs on it only adds.
pub fn best_of_five(rounds: u32, mut once: impl FnMut()) -> Duration {
    let mut round = || {
        let begun = Instant::now();
        (0..rounds).for_each(|_| once());
        begun.elapsed() / rounds
    };
    (0..5).map(|_| round()).min().unwrap_or_default()
}
