#![no_main]
//! See `exhibit_fuzz::canonical`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::canonical(data));
