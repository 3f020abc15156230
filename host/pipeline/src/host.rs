//! A workspace with its store, its sandbox and its clock: what every operation needs.

use crate::keys::{self, OpenKeyError};
use crate::opened::Opened;
use crate::source::{Source, SourceError};
use crate::workspace::{Workspace, WorkspaceError};
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::credential::Credential;
use exhibit_broker::grant::Grants;
use exhibit_broker::live::{LiveLimits, LiveOptions, LiveTransport, Trust};
use exhibit_broker::transport::Transport;
use exhibit_controls::Catalogue;
use exhibit_evidence::kind::{Kind, KindSpec, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Clock;
use exhibit_ledger::key::SigningKey;
use exhibit_sandbox::Runtime;
use exhibit_store::{CreateOptions, OpenError, OpenOptions, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Its files.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Its keys.
    #[error(transparent)]
    Key(#[from] OpenKeyError),
    /// Its store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A component in it.
    #[error("connectors/{file}: {reason}")]
    Component {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting that cannot be changed while the store is open.
    #[error("exhibit.toml: `{0}` was changed, and is read only when the service starts: restart it")]
    Fixed(&'static str),
}

/// Everything that an operation needs.
pub struct Host {
    /// The operator's folder.
    pub workspace: Workspace,
    /// The store, open for writing.
    pub store: Store,
    /// The sandbox.
    pub runtime: Arc<Runtime>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Signs what is written.
    pub signer: Arc<SigningKey>,
    /// The catalogue of controls.
    pub controls: Catalogue,
    kinds: BTreeMap<Kind, KindSpec>,
    pub(crate) opened: Arc<Opened>,
    trust: Arc<Trust>,
    pub(crate) seen: Arc<crate::coverage::Seen>,
}

impl Host {
    /// Opens a workspace. The store is then this process's alone.
    pub fn open(
        workspace: Workspace,
        runtime: Arc<Runtime>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HostError> {
        let identity = keys::identity(&workspace)?;
        let signer = Arc::new(keys::signing_key(&workspace, &identity)?);
        let kinds = known_kinds(&workspace)?;
        let controls = workspace.controls(&kinds.keys().cloned().collect())?;
        let options = OpenOptions {
            signer: Some(Arc::clone(&signer)),
            identity: Some(identity_text(&identity)),
            ..OpenOptions::default()
        };
        let store = Store::open(&workspace.data_dir(), options)?;
        Ok(Self {
            workspace,
            store,
            runtime,
            clock,
            signer,
            controls,
            kinds,
            opened: Arc::default(),
            trust: Arc::default(),
            seen: Arc::default(),
        })
    }

    /// The same workspace with its files read again, around the same open store.
    ///
    /// # Errors
    /// The first file that is wrong, of settings, controls, sources and approvals; or a setting that needs the store
    /// opened anew. This host is as good as before.
    pub fn reload(&self) -> Result<Self, HostError> {
        let workspace = Workspace::open(self.workspace.root())?;
        let (old, new) = (self.workspace.config(), workspace.config());
        for (setting, same) in [
            ("origin", old.origin == new.origin),
            ("data", old.data == new.data),
            ("signing", old.signing == new.signing),
            ("encryption", old.encryption == new.encryption),
            ("[service] listen", old.service.listens_as(&new.service)),
        ] {
            if !same {
                return Err(HostError::Fixed(setting));
            }
        }
        workspace.sources()?;
        workspace.lock()?;
        let kinds = known_kinds(&workspace)?;
        let controls = workspace.controls(&kinds.keys().cloned().collect())?;
        Ok(Self {
            workspace,
            store: self.store.clone(),
            runtime: Arc::clone(&self.runtime),
            clock: Arc::clone(&self.clock),
            signer: Arc::clone(&self.signer),
            controls,
            kinds,
            // It knows by itself which files have changed.
            opened: Arc::clone(&self.opened),
            trust: Arc::clone(&self.trust),
            seen: Arc::clone(&self.seen),
        })
    }

    /// Makes the empty store of a new workspace.
    pub fn create_store(workspace: &Workspace, simulated: bool) -> Result<(), HostError> {
        let config = workspace.config();
        let recipient = config.encryption.as_ref().map(|e| e.recipient.clone());
        let options = CreateOptions { simulated, origin: config.origin.clone(), recipient };
        Ok(Store::create(&workspace.data_dir(), &options)?)
    }

    /// A kind's description; none: no connector here has it.
    pub fn kind(&self, kind: &Kind) -> Option<&KindSpec> {
        self.kinds.get(kind)
    }

    /// How a kind's dataset behaves.
    pub fn shape(&self, kind: &Kind) -> Option<Shape> {
        self.kind(kind).map(|spec| spec.shape)
    }

    /// The kinds of a source's connector: of the approved component, or of any that was added.
    pub(crate) fn connector_kinds(
        &self,
        name: &SourceName,
        config: &crate::source::SourceConfig,
    ) -> Result<Vec<Kind>, HostError> {
        let approved = self.workspace.lock()?.sources.get(name).map(|approval| approval.component);
        for digest in self.workspace.components()? {
            if approved.is_some_and(|approved| approved != digest) {
                continue;
            }
            let bytes = self.workspace.component(&digest)?;
            if let Ok(manifest) = exhibit_sandbox::read_manifest(&bytes)
                && manifest.name == config.connector
            {
                return Ok(manifest.kinds);
            }
        }
        Ok(Vec::new())
    }
}

/// The catalogue of controls, checked against the kinds that the workspace's connectors have.
pub fn catalogue(workspace: &Workspace) -> Result<Catalogue, HostError> {
    Ok(workspace.controls(&known_kinds(workspace)?.into_keys().collect())?)
}

/// The store of a workspace, to be read, checked or copied.
pub fn open_store(workspace: &Workspace) -> Result<Store, HostError> {
    Ok(Store::open(&workspace.data_dir(), read_options(workspace)?)?)
}

/// Makes a store's index anew, and opens it.
pub fn rebuild_store(workspace: &Workspace) -> Result<Store, HostError> {
    Ok(Store::rebuild(&workspace.data_dir(), read_options(workspace)?)?)
}

fn read_options(workspace: &Workspace) -> Result<OpenOptions, HostError> {
    let identity = keys::identity(workspace)?;
    let signer = Arc::new(keys::signing_key(workspace, &identity)?);
    let identity = Some(identity_text(&identity));
    Ok(OpenOptions { signer: Some(signer), identity, ..OpenOptions::default() })
}

fn identity_text(identity: &age::x25519::Identity) -> Secret {
    use age::secrecy::ExposeSecret as _;
    Secret::new(identity.to_string().expose_secret().to_owned())
}

/// The built-in kinds, and those that the workspace's components bring.
fn known_kinds(workspace: &Workspace) -> Result<BTreeMap<Kind, KindSpec>, HostError> {
    let mut kinds: BTreeMap<Kind, KindSpec> =
        exhibit_evidence::kind::builtin().into_iter().map(|spec| (spec.kind.clone(), spec)).collect();
    for digest in workspace.components()? {
        let bytes = workspace.component(&digest)?;
        let manifest = exhibit_sandbox::read_manifest(&bytes).map_err(|error| HostError::Component {
            file: format!("{digest}.wasm"),
            reason: error.to_string(),
        })?;
        kinds.extend(manifest.own_kinds.into_iter().map(|spec| (spec.kind.clone(), spec)));
    }
    Ok(kinds)
}

/// The live transport of a source.
pub(crate) fn live_transport(
    host: &Host,
    source: &Source,
    grants: Grants,
    credentials: BTreeMap<String, Credential>,
) -> Result<Arc<dyn Transport>, SourceError> {
    let unusable = |problem: String| SourceError::Unusable { source_name: source.name.clone(), problem };
    let allowed = source.config.allow_addresses.iter().map(String::as_str);
    let mut options = LiveOptions::new(grants, Arc::clone(&host.clock));
    options.trust = Arc::clone(&host.trust);
    options.credentials = credentials;
    options.allow_addresses = AllowedAddresses::parse(allowed).map_err(|e| unusable(e.to_string()))?;
    options.limits = LiveLimits::of(&source.limits);
    options.limits.concurrency_per_host = source.config.concurrency.max(1);
    options.extra_ca_pem = source.ca_pem.clone();
    Ok(Arc::new(LiveTransport::new(options).map_err(|e| unusable(e.to_string()))?))
}
