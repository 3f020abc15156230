//! Every byte in or out of a guest: grants, credentials, paging, limits, exchanges, replay.
