//! Puts the connectors that come with Exhibit into the command: every `*.wasm` in the folder `components` of
//! the target folder. `make` fills that folder; where it is empty, the command carries none and says so.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    // OUT_DIR is TARGET/PROFILE/build/PACKAGE-HASH/out.
    let components = out.ancestors().nth(4).map(|target| target.join("components")).unwrap_or_default();
    println!("cargo:rerun-if-changed={}", components.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&components)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
    files.sort();
    let mut code = String::from("&[");
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
        let _ = write!(code, "include_bytes!({file:?}),");
    }
    code.push(']');
    if let Err(error) = std::fs::write(out.join("bundled.rs"), code) {
        println!("cargo:error=cannot write the list of connectors: {error}");
    }
}
