#![no_main]
//! See `exhibit_fuzz::settings`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::settings(data));
