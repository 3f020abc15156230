//! `exhibit init`: a workspace with settings, starter controls, keys and an empty store.

use crate::args::Init;
use crate::exit::Problem;
use crate::output;
use anyhow::{Context as _, Result};
use exhibit_evidence::secret::Secret;
use exhibit_ledger::key::SigningKey;
use exhibit_pipeline::workspace::{Config, Encryption, ServiceConfig, Signing, Workspace};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where `init` puts the age identity that opens the signing key.
const IDENTITY_FILE: &str = "keys/operator.key";
/// Where `init` puts the signing key, encrypted for that identity.
const SIGNING_FILE: &str = "keys/signing.age";
/// Where `init` puts the public key.
const PUBLIC_FILE: &str = "keys/ledger.pub";

pub(crate) fn run(args: &Init) -> Result<()> {
    let workspace = create(&args.dir, &args.organisation, &args.origin, args.encrypt, false)?;
    let dir = workspace.root().display();
    output::say(&format!(
        "Made a workspace in {dir}.\n\
         \n  {PUBLIC_FILE}    give it to your auditor now: packages are verified with it\
         \n  {IDENTITY_FILE}  opens the signing key{}; keep a copy elsewhere, and see [signing] in exhibit.toml\
         \n  controls/          a starter set: make it say what you really do\n\
         \nNext: exhibit -w {dir} connector add okta, then source add, source approve, collect.",
        if args.encrypt { " and the encrypted evidence: whoever loses it loses the evidence" } else { "" },
    ));
    Ok(())
}

/// Makes the workspace, its keys and its store.
pub(crate) fn create(
    dir: &Path,
    organisation: &str,
    origin: &str,
    encrypt: bool,
    simulated: bool,
) -> Result<Workspace> {
    if dir.join(exhibit_pipeline::workspace::CONFIG_FILE).exists() {
        return Err(Problem::usage(
            format!("{} is a workspace already", dir.display()),
            "choose another folder; nothing was changed",
        ));
    }
    let seed: [u8; 32] = rand::random();
    let signing = SigningKey::from_seed(origin, &seed).map_err(|error| {
        Problem::usage(error.to_string(), "for example --origin exhibit.example.com/evidence")
    })?;
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let config = Config {
        organisation: organisation.to_owned(),
        origin: origin.to_owned(),
        data: PathBuf::from("data"),
        signing: Signing { key: SIGNING_FILE.into(), identity: format!("file:{IDENTITY_FILE}") },
        encryption: encrypt.then(|| Encryption { recipient: recipient.to_string() }),
        directory: None,
        timestamp: None,
        service: ServiceConfig::default(),
        alert: Vec::new(),
    };
    let workspace = Workspace::create(dir, config)?;
    write_private(
        &dir.join(IDENTITY_FILE),
        age::secrecy::ExposeSecret::expose_secret(&identity.to_string()),
    )?;
    let sealed = age::encrypt(&recipient, signing.to_text().expose().as_bytes())
        .context("cannot encrypt the signing key")?;
    write(&dir.join(SIGNING_FILE), &sealed, 0o600)?;
    write(&dir.join(PUBLIC_FILE), format!("{}\n", signing.verifier()).as_bytes(), 0o644)?;
    write(&dir.join(".gitignore"), b"/data\n/cache\n/keys/operator.key\n/*.zip\n", 0o644)?;
    crate::host::create_store(&workspace, simulated)?;
    Ok(workspace)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let secret = Secret::new(format!("{text}\n"));
    write(path, secret.expose().as_bytes(), 0o600)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let open = || {
        let mut file = std::fs::File::options().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    open().with_context(|| format!("cannot write {}", path.display()))
}
