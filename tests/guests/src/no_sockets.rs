//! Refusals in the place of the socket functions that Debian's C library for wasm lacks. `tests/setup/guest.sh` sets
//! `exhibit_no_sockets` where connectors are built with that library; everywhere else the functions are real, and the
//! host refuses.

use std::ffi::{c_char, c_int, c_void};

macro_rules! refuse {
    ($($name:ident($($argument:ty),*);)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) -> c_int {
            -1
        })*
    };
}

refuse! {
    socket(c_int, c_int, c_int);
    connect(c_int, *const c_void, u32);
    bind(c_int, *const c_void, u32);
    listen(c_int, c_int);
    setsockopt(c_int, c_int, c_int, *const c_void, u32);
    getaddrinfo(*const c_char, *const c_char, *const c_void, *mut *mut c_void);
}

#[unsafe(no_mangle)]
extern "C" fn freeaddrinfo(_: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn gai_strerror(_: c_int) -> *const c_char {
    c"no sockets".as_ptr()
}
