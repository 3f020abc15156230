#![no_main]
//! See `exhibit_fuzz::ledger`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::ledger(data));
