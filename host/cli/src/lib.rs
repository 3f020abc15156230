//! The exhibit command.
