// The one list of built-in kinds; `kinds/` holds a file for each.
builtin!("identity.account",);
