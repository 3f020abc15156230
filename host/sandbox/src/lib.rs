//! Runs a connector: load, limits, instance, one adapter per contract version.
