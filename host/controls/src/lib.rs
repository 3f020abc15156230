//! The catalogue of controls: files, criteria and what proves them.
