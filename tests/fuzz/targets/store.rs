#![no_main]
//! See `exhibit_fuzz::store`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::store(data));
