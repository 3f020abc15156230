//! Checks and normalises what a connector returns, and keeps what it refuses.
