#![no_main]
//! See `exhibit_fuzz::manifest`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::manifest(data));
