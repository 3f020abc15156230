//! `exhibit connector new | build | test`: the project of a connector, driven through cargo.

#[path = "../../../../sdk/template/template.rs"]
mod template;

use crate::exit::Problem;
use crate::output;
use anyhow::{Context as _, Result};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::name::Name;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The target that connectors are compiled for.
const TARGET: &str = "wasm32-wasip2";
/// Environment variable: the command that compiles for it in the place of cargo. `tests/setup/guest.sh` writes one.
const GUEST_CARGO: &str = "EXHIBIT_GUEST_CARGO";
/// The cargo profile that they are compiled with.
const PROFILE: &str = "connector";

/// Writes the project of a new connector into a folder of its name.
pub(crate) fn new(name: &Name, sdk: Option<&Path>) -> Result<()> {
    let dir = PathBuf::from(name.as_str());
    if dir.exists() {
        return Err(Problem::usage(
            format!("{} exists already", dir.display()),
            "choose another name, or delete the folder; nothing was changed",
        ));
    }
    let sdk = find_sdk(sdk)?;
    for (path, text) in template::project(name.as_str(), &sdk.display().to_string()) {
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    output::say(&format!(
        "Wrote {name}/. Next:\n  cd {name} && cargo test       # fixtures, replayed with the host's own rules\n  \
         exhibit connector build .    # the component"
    ));
    Ok(())
}

/// The SDK's folder: the one given, or that of the repository that this folder is in.
fn find_sdk(given: Option<&Path>) -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = match given {
        Some(dir) => Some(dir.to_owned()),
        None => here.ancestors().map(|dir| dir.join("sdk")).find(|dir| dir.join("rust/Cargo.toml").is_file()),
    };
    let missing = || {
        Problem::usage(
            "Exhibit's SDK is not here",
            "name the folder `sdk` of a checkout of Exhibit: exhibit connector new NAME --sdk DIR",
        )
    };
    let found = found.filter(|dir| dir.join("rust/Cargo.toml").is_file()).ok_or_else(missing)?;
    Ok(found.canonicalize()?)
}

/// Compiles a project for the sandbox, and writes the component with its manifest.
pub(crate) fn build(project: &Path, out: Option<&Path>) -> Result<()> {
    let manifest = read_manifest(project)?;
    let package = Package::of(project)?;
    let cargo = guest_cargo()?;
    let status = Command::new(&cargo)
        .args(["build", "--target", TARGET, "--profile", PROFILE, "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", cargo.display()))?;
    if !status.success() {
        return Err(Problem::failed("the connector did not compile; cargo says why above", None));
    }
    let built = package.target_directory.join(TARGET).join(PROFILE).join(package.artifact());
    let bytes = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let json = serde_json::to_vec(&manifest)?;
    let component = exhibit_sandbox::attach_manifest(&bytes, &json)?;
    exhibit_sandbox::read_manifest(&component)?;
    let out = out.map_or_else(|| project.join(format!("{}.wasm", manifest.name)), Path::to_owned);
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // An unchanged component keeps its time, so that what is built from it is not built again.
    if std::fs::read(&out).is_ok_and(|old| old == component) {
        return Ok(());
    }
    std::fs::write(&out, &component).with_context(|| format!("cannot write {}", out.display()))?;
    let digest = exhibit_evidence::digest::Digest::of(&component);
    output::say(&format!("Built {} ({} KiB, {digest})", out.display(), component.len() / 1024));
    Ok(())
}

/// The cargo that can compile for [`TARGET`]: the one that [`GUEST_CARGO`] names, or the plain one where its compiler
/// has the target.
fn guest_cargo() -> Result<PathBuf> {
    if let Some(command) = std::env::var_os(GUEST_CARGO).filter(|command| !command.is_empty()) {
        return Ok(command.into());
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = asked.map_err(|error| {
        Problem::usage(
            format!("cannot run {}: {error}", rustc.display()),
            "connectors are compiled with Rust; install it with rustup (https://rustup.rs)",
        )
    })?;
    // Where the libraries would be; a compiler that has never heard of the target answers nothing.
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    if output.status.success() && libraries.is_dir() {
        return Ok("cargo".into());
    }
    Err(Problem::usage(
        format!("the Rust compiler here has no target {TARGET}, which connectors are compiled for"),
        format!("rustup target add {TARGET}"),
    ))
}

/// Runs a project's own tests.
pub(crate) fn test(project: &Path) -> Result<ExitCode> {
    read_manifest(project)?;
    let status = Command::new("cargo")
        .args(["test", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .status()
        .context("cannot run cargo; install Rust with rustup")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::from(crate::exit::FAILED) })
}

pub(crate) fn read_manifest(project: &Path) -> Result<ComponentManifest> {
    let file = project.join("connector.toml");
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Problem::usage(
            format!("{}: {error}", file.display()),
            "a connector's project has a connector.toml; `exhibit connector new NAME` writes one",
        )
    })?;
    ComponentManifest::from_toml(&text).map_err(|error| {
        Problem::usage(format!("{}: {error}", file.display()), "plugins/SPEC.md lists what it may say")
    })
}

/// What cargo says of the project's package.
struct Package {
    name: String,
    target_directory: PathBuf,
}

impl Package {
    fn of(project: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            packages: Vec<Listed>,
            target_directory: PathBuf,
        }
        #[derive(Deserialize)]
        struct Listed {
            name: String,
            manifest_path: PathBuf,
        }
        let file = project.join("Cargo.toml");
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(&file)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo; install Rust with rustup")?;
        let wanted = file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?;
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).context("cargo cannot read the project")?;
        let package = metadata
            .packages
            .into_iter()
            .find(|package| package.manifest_path == wanted)
            .with_context(|| format!("{} holds no package", file.display()))?;
        Ok(Self { name: package.name, target_directory: metadata.target_directory })
    }

    fn artifact(&self) -> String {
        format!("{}.wasm", self.name.replace('-', "_"))
    }
}
