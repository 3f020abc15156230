//! Evidence connector for Okta.
