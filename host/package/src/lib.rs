//! What the auditor receives: layout, write, read.
