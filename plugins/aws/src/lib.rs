//! Evidence connector for Amazon Web Services.
