#![no_main]
//! See `exhibit_fuzz::package`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::package(data));
