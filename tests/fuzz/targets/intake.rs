#![no_main]
//! See `exhibit_fuzz::intake`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::intake(data));
