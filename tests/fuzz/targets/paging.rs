#![no_main]
//! See `exhibit_fuzz::paging`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| exhibit_fuzz::paging(data));
