//! Evidence at rest: packs, keys, append, query, check, backup.
