//! Collect, seal, export and re-perform, with clock and events passed in.
