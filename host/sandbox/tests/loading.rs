//! From bytes to a prepared component: what is refused and in which words, the cache, the compiler process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use exhibit_evidence::digest::Digest;
use exhibit_sandbox::{
    CompileError, CompileLimits, Compiler, LoadError, ManifestError, Prepared, Runtime, RuntimeOptions,
    attach_manifest, read_manifest,
};
use std::path::{Path, PathBuf};
use support::{Recorder, bare_guest, child, guest, limits};

fn runtime(cache_dir: &Path, compiler: Compiler) -> Runtime {
    Runtime::new(RuntimeOptions::new(cache_dir.to_owned(), compiler)).unwrap()
}

/// Prepares, from where nothing is asynchronous.
fn prepare(runtime: &Runtime, component: &[u8]) -> Result<Prepared, LoadError> {
    tokio::runtime::Runtime::new().unwrap().block_on(runtime.prepare(component))
}

/// A compiler that fails whoever asks it.
fn no_compiler() -> Compiler {
    Compiler::Child { program: "/nonexistent/exhibit".into(), limits: CompileLimits::default() }
}

fn artefact(cache_dir: &Path) -> PathBuf {
    let files: Vec<PathBuf> =
        std::fs::read_dir(cache_dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// The manifest that the other tests use, on the smallest thing that is a component.
fn empty_component() -> Vec<u8> {
    let manifest = serde_json::to_vec(&read_manifest(guest()).unwrap()).unwrap();
    attach_manifest(b"\0asm\x0d\0\x01\0", &manifest).unwrap()
}

#[test]
fn the_guest_says_what_it_asks_for_without_being_compiled() {
    let manifest = read_manifest(guest()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.contract.as_str()), ("guests", "0.1"));
    assert!(matches!(read_manifest(bare_guest()), Err(ManifestError::Missing)));
}

#[test]
fn what_is_no_connector_is_refused_before_it_is_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path(), no_compiler());
    let refused = |bytes: &[u8]| prepare(&runtime, bytes).unwrap_err().to_string();
    assert!(refused(b"#!/bin/sh").contains("not a WebAssembly component"));
    assert!(refused(b"\0asm\x01\0\0\0").contains("core WebAssembly module"));
    assert!(refused(bare_guest()).contains("no section `exhibit:connector`"));
    let half = &guest()[..guest().len() / 2];
    assert!(refused(half).contains("damaged at byte"), "{}", refused(half));
    let manifest = serde_json::to_value(read_manifest(guest()).unwrap()).unwrap();
    let with = |name: &str, value: &str| {
        let mut manifest = manifest.clone();
        manifest[name] = value.into();
        attach_manifest(bare_guest(), manifest.to_string().as_bytes()).unwrap()
    };
    assert!(refused(&with("contract", "7.0")).contains("install a newer exhibit"));
    assert!(refused(&with("min_host", "99.0.0")).contains("needs host 99.0.0 or newer"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_cache_is_used_and_a_damaged_entry_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let component = guest();
    prepare(&runtime(dir.path(), child(CompileLimits::default())), component).unwrap();
    let file = artefact(dir.path());
    // A new process: nothing in memory, no compiler, only the file.
    let prepared = prepare(&runtime(dir.path(), no_compiler()), component).unwrap();
    assert_eq!(prepared.component(), Digest::of(component));
    // One bit, and the file is nothing.
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = prepare(&runtime(dir.path(), no_compiler()), component).unwrap_err();
    assert!(matches!(error, LoadError::Compile(CompileError::Process { .. })), "{error}");
    prepare(&runtime(dir.path(), child(CompileLimits::default())), component).unwrap();
    prepare(&runtime(dir.path(), no_compiler()), component).unwrap();
}

#[tokio::test]
async fn what_came_from_the_cache_runs() {
    let dir = tempfile::tempdir().unwrap();
    runtime(dir.path(), Compiler::InProcess).prepare(guest()).await.unwrap();
    let runtime = runtime(dir.path(), no_compiler());
    let prepared = runtime.prepare(guest()).await.unwrap();
    let settings = r#"{"behaviour":"good","count":2}"#;
    let (end, services) =
        runtime.run(&prepared, settings, Recorder::new(), &limits(), Digest::of("seed")).await;
    assert_eq!((end.outcome, services.items.len()), (Ok(()), 2));
}

#[test]
fn the_compilers_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let attempt = |limits: CompileLimits| {
        let error = prepare(&runtime(dir.path(), child(limits)), guest()).unwrap_err();
        assert!(matches!(error, LoadError::Compile(CompileError::Limit(_))), "{error:?}");
        error.to_string()
    };
    let ample = CompileLimits::default();
    let memory = attempt(CompileLimits { memory_bytes: 64 << 20, ..ample });
    assert!(memory.contains("memory") || memory.contains("signal"), "{memory}");
    assert!(attempt(CompileLimits { wall_ms: 20, ..ample }).contains("longer than 1 s"));
    let size = attempt(CompileLimits { artefact_bytes: 4096, ..ample });
    assert!(size.contains("too large"), "{size}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing half-made is kept");
}

#[test]
fn what_does_not_compile_or_fit_the_contract_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path(), child(CompileLimits::default()));
    // Well-formed sections, but an export of a function that there is not: the parser is content, the
    // validator is not. Section 11 (export): one, named `a`, of the 99th function, without a type.
    let mut invalid = empty_component();
    invalid.extend_from_slice(&[11, 7, 1, 0, 1, b'a', 1, 99, 0]);
    let error = prepare(&runtime, &invalid).unwrap_err();
    assert!(matches!(&error, LoadError::Compile(CompileError::Invalid(_))), "{error}");
    let error = prepare(&runtime, &empty_component()).unwrap_err();
    assert!(error.to_string().contains("does not export what contract 0.1 asks for"), "{error}");
}

#[test]
fn a_program_that_is_no_compiler_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let odd = |program: &str| {
        let compiler = Compiler::Child { program: program.into(), limits: CompileLimits::default() };
        prepare(&runtime(dir.path(), compiler), guest()).unwrap_err().to_string()
    };
    assert!(odd("/bin/true").contains("`/bin/true` compiled nothing"));
    assert!(odd("/bin/false").contains("exit status: 1"));
    assert!(odd("/nonexistent/exhibit").contains("could not be run (/nonexistent/exhibit)"));
}

#[test]
fn a_cache_that_is_no_folder_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = RuntimeOptions::new(file.path().to_owned(), Compiler::InProcess);
    let error = Runtime::new(options).unwrap_err().to_string();
    assert!(error.contains(file.path().to_str().unwrap()), "{error}");
}
