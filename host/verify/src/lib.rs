//! The auditor's checker of a package.
