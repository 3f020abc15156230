//! Replays recorded exchanges against a connector with the host's own rules, natively.
