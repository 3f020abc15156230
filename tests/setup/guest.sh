#!/usr/bin/env bash
# Makes `cargo build --target wasm32-wasip2` work: connectors are compiled for it.
# First the toolchain's own target; where that cannot be fetched, the standard library is built from Debian's
# copy of Rust (packages rustc-web, rust-web-src, wasi-libc).
set -euo pipefail

has_target() {
  local root
  root=$(rustc --print sysroot) && ls "$root"/lib/rustlib/wasm32-wasip2/lib/libstd-*.rlib >/dev/null 2>&1
}

if has_target; then exit 0; fi

echo "setup: adding the compiler target wasm32-wasip2 (connectors are compiled for it)"
if command -v rustup >/dev/null && rustup target add wasm32-wasip2 && has_target; then exit 0; fi

cat >&2 <<'HELP'
setup: the target could not be added with rustup.
  What works instead: apt-get install rustc-web rust-web-src wasi-libc, then build connectors with
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
    CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="-L native=/usr/lib/wasm32-wasi" \
    cargo build --target wasm32-wasip2 -Zbuild-std=std,panic_abort
  with the toolchain's rust-lld and wasm-component-ld folders on PATH.
HELP
exit 1
