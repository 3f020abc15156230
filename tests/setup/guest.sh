#!/usr/bin/env bash
# Makes connectors compile, and writes TARGET/guest-cargo: the cargo that compiles them, for EXHIBIT_GUEST_CARGO, which
# the Makefile sets and `exhibit connector build` and the sandbox's tests heed.
#
# First way     the toolchain has the target wasm32-wasip2, or rustup can add it: guest-cargo is cargo.
# Second way    it cannot be fetched: the standard library is built from Debian's copy of Rust. Debian packages and why:
#                 rustc-web, rust-web-src    a compiler, and the library's sources that fit it
#                 wasi-libc                  the C library below it
#               guest-cargo is cargo with that compiler, and with the toolchain's own linkers.
#
# EXHIBIT_GUEST_STD=debian takes the second way where the first would do. What was fetched once is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
wrapper=$target/guest-cargo
packages=(rustc-web rust-web-src wasi-libc)

has_target() {
  ls "$(rustc --print sysroot)"/lib/rustlib/wasm32-wasip2/lib/libstd-*.rlib >/dev/null 2>&1
}

has_packages() {
  dpkg-query --show --showformat '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
    awk '$1 == "installed" { n++ } END { exit n != 3 }'
}

add_packages() {
  echo "setup: installing Debian packages ${packages[*]} (connectors are compiled with them)"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  # Whoever has another rustc from Debian keeps it: that fails rather than remove anything.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends --no-remove "${packages[@]}" >/dev/null
}

# write WRAPPER: replaces it when standard input says something new, so that nothing is built again without need.
write() {
  mkdir -p "$target"
  cat >"$1.new"
  chmod +x "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

first_way() {
  write "$wrapper" <<'SH'
#!/bin/sh
# Written by tests/setup/guest.sh: the toolchain has the target that connectors are compiled for.
exec cargo "$@"
SH
}

second_way() {
  local needed version bin
  needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  version=$(/usr/bin/rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n' "$needed" "$version" | sort -V | head -n 1)" != "$needed" ]; then
    echo "setup: Debian's rustc-web is $version, and $needed is needed; use a newer Debian, or rustup target add wasm32-wasip2" >&2
    exit 1
  fi
  bin=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin
  if ! [ -x "$bin/wasm-component-ld" ] || ! [ -x "$bin/gcc-ld/wasm-ld" ]; then
    echo "setup: $bin has no wasm-component-ld and gcc-ld/wasm-ld; install a Rust toolchain with rustup" >&2
    exit 1
  fi
  # Debian's wasi-libc has no sockets. Connectors do not want any; the guest that tries for them brings its own refusal.
  write "$wrapper" <<SH
#!/bin/sh
# Written by tests/setup/guest.sh: the standard library for wasm32-wasip2 is built from Debian's sources.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER
export PATH="$bin:$bin/gcc-ld:\$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="-L native=/usr/lib/wasm32-wasi --cfg exhibit_no_sockets"
exec cargo -Zbuild-std=std,panic_abort "\$@"
SH
}

case ${EXHIBIT_GUEST_STD:-} in
  debian) has_packages || add_packages; second_way; exit ;;
  '') ;;
  *) echo "setup: EXHIBIT_GUEST_STD is debian, or is not set" >&2; exit 2 ;;
esac
if has_target; then first_way; exit; fi
if has_packages; then second_way; exit; fi
echo "setup: adding the compiler target wasm32-wasip2 (connectors are compiled for it)"
if command -v rustup >/dev/null && rustup target add wasm32-wasip2 && has_target; then first_way; exit; fi
echo "setup: rustup could not add it; building the standard library from Debian's sources instead"
if add_packages && has_packages; then second_way; exit; fi
cat >&2 <<'HELP'
setup: connectors cannot be compiled here. One of these must work:
  rustup target add wasm32-wasip2
  apt-get install rustc-web rust-web-src wasi-libc
HELP
exit 1
