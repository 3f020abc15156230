//! The command line.

use crate::output::Format;
use clap::{Parser, Subcommand};
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::{Name, SourceName};
use exhibit_evidence::period::{AuditPeriod, CollectionPeriod};
use exhibit_evidence::run::RunId;
use jiff::civil::Date;
use std::path::PathBuf;

/// Collects the evidence of a SOC 2 Type II examination, and hands the auditor a package that can be checked.
#[derive(Debug, Parser)]
#[command(name = "exhibit", version, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 it worked; 1 it did not, or something is wrong with the evidence; \
    2 the command line, or a file that you wrote, is wrong.")]
pub(crate) struct Args {
    /// The workspace: a folder with exhibit.toml
    #[arg(
        long,
        short = 'w',
        global = true,
        default_value = ".",
        env = "EXHIBIT_WORKSPACE",
        value_name = "DIR"
    )]
    pub(crate) workspace: PathBuf,
    /// How data is printed
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a workspace: settings, starter controls, keys, an empty store
    Init(Init),
    /// Components: write, build, test, inspect, add, list, approve
    #[command(subcommand)]
    Connector(Connector),
    /// Sources: configured, approved uses of a connector
    #[command(subcommand)]
    Source(Source),
    /// Run sources now
    Collect(Collect),
    /// Leave it running: collect on schedule, until it is told to stop
    Serve(Serve),
    /// What is wrong with this installation, each with what to do
    Doctor,
    /// Which control has what, for which period, and the last runs
    Status(Status),
    /// What is held
    #[command(subcommand)]
    Evidence(Evidence),
    /// Attach a file to a collection period of a control: manual evidence
    Attach(Attach),
    /// Close an audit period, or a part of it, under a signed checkpoint
    Seal(Seal),
    /// Write the auditor's package of a period
    Export(Export),
    /// Who may use the service: works also while it runs
    #[command(subcommand)]
    Token(Token),
    /// Check a package: no store, no network
    Verify(Verify),
    /// Run every run of a package again, offline, and compare every record
    Reperform(Reperform),
    /// Re-read the whole store and compare everything with everything
    Check(Check),
    /// Copy the store while it is in use
    Backup(Backup),
    /// Put a backup into a folder, after checking it
    Restore(Restore),
    /// Half a year of a made-up organisation, offline: collect, seal, export, verify, re-perform
    Demo(Demo),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a folder
    Manual {
        /// The folder
        dir: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Where
    pub(crate) dir: PathBuf,
    /// Whose evidence it is, as the auditor reads it
    #[arg(long)]
    pub(crate) organisation: String,
    /// The ledger's name, under a domain of yours: exhibit.example.com/evidence
    #[arg(long)]
    pub(crate) origin: String,
    /// Encrypt packs and records at rest. Whoever loses keys/operator.key then loses the evidence
    #[arg(long)]
    pub(crate) encrypt: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    /// Write the project of a new connector
    New {
        /// Its name, also the folder's
        name: Name,
        /// The folder of Exhibit's SDK, where the project is not inside Exhibit's own repository
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build the component of a project
    Build {
        /// The project's folder
        #[arg(default_value = ".")]
        project: PathBuf,
        /// The component to write; NAME.wasm in the project's folder where left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Run a project's tests: fixtures replayed with the host's own rules
    Test {
        /// The project's folder
        #[arg(default_value = ".")]
        project: PathBuf,
    },
    /// Hold a component against the rules that show from outside: its fixtures, with one thing changed at a time
    Conform {
        /// A project's folder with the component that was built in it; or a file, or the name of a connector that comes
        /// with Exhibit or was added
        #[arg(default_value = ".")]
        component: String,
        /// The folder of its fixtures with the file whole.toml; the project's own where left out
        #[arg(long, value_name = "DIR")]
        fixtures: Option<PathBuf>,
        /// How long each run may take by the clock, in milliseconds
        #[arg(long, value_name = "MS")]
        deadline_ms: Option<u64>,
    },
    /// What a component asks for, read without running it
    Inspect {
        /// A file, the name of a connector that comes with Exhibit, or one that was added
        component: String,
    },
    /// Add a component to the workspace
    Add {
        /// A file, or the name of a connector that comes with Exhibit
        component: String,
    },
    /// Components that come with Exhibit, and those that were added
    List,
    /// Which connector that comes with Exhibit has which evidence, for which criteria, and what it must be permitted, in
    /// Markdown
    Table,
    /// Approve what a connector asks for, for every source that uses it
    Approve {
        /// The connector's name
        name: Name,
        /// Approve without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// Configure a use of a connector: sources/NAME.toml
    Add {
        /// The source's name
        name: SourceName,
        /// The connector, by name
        #[arg(long)]
        connector: Name,
        /// A setting, KEY=VALUE; what is left out is asked for, where someone can answer
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// A credential's field, SLOT.FIELD=VALUE: okta.scheme=ssws, okta.token=env:OKTA_TOKEN
        #[arg(long = "credential", value_name = "SLOT.FIELD=VALUE")]
        credentials: Vec<String>,
        /// An address or network that may be reached although it is private
        #[arg(long = "allow-address", value_name = "ADDRESS")]
        allow_addresses: Vec<String>,
    },
    /// Reach the system: which tenant, and what is missing
    Check {
        /// The source
        name: SourceName,
    },
    /// Sources, with their connectors and approvals
    List,
    /// Pin the component's digest and what it may reach, in exhibit.lock and in the ledger
    Approve {
        /// The source
        name: SourceName,
        /// The component, where several of that connector were added
        #[arg(long, value_name = "DIGEST")]
        component: Option<Digest>,
        /// Approve without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Collect {
    /// The sources; all of them where none is named
    pub(crate) sources: Vec<SourceName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// How much is logged to standard error
    #[arg(long, value_enum, default_value_t, env = "EXHIBIT_LOG", value_name = "LEVEL")]
    pub(crate) log: LogLevel,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// What went wrong
    Error,
    /// What may go wrong, too
    Warn,
    /// What happens
    #[default]
    Info,
    /// What happens inside
    Debug,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// The period; the current year where left out
    #[arg(long)]
    pub(crate) period: Option<AuditPeriod>,
    /// One control only
    #[arg(long)]
    pub(crate) control: Option<ControlId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Datasets, or what proves a control for a period
    List {
        /// The control
        #[arg(long, requires = "period")]
        control: Option<ControlId>,
        /// The collection period: 2026-03-04, 2026-W10, 2026-03, 2026-Q1 or 2026
        #[arg(long, requires = "control")]
        period: Option<CollectionPeriod>,
    },
    /// Runs, in the order in which they were kept
    Runs {
        /// Only of this source
        #[arg(long)]
        source: Option<SourceName>,
        /// Only those that started in this period
        #[arg(long)]
        period: Option<AuditPeriod>,
    },
    /// A run's manifest, or the records of a dataset as of a run
    Show {
        /// The run
        run: RunId,
        /// Print the records of this kind, one canonical line each
        #[arg(long)]
        kind: Option<Kind>,
    },
    /// Every version of one record
    History {
        /// The source
        source: SourceName,
        /// The kind
        kind: Kind,
        /// The record's native id
        id: String,
    },
    /// What changed in a dataset between two runs
    Diff {
        /// The kind
        kind: Kind,
        /// The earlier run
        from: RunId,
        /// The later run
        to: RunId,
    },
    /// Joiners and leavers: accounts of all systems compared with the directory of record
    People {
        /// The first day; without it, from the first run on
        #[arg(long)]
        from: Option<Date>,
        /// The last day
        #[arg(long)]
        to: Option<Date>,
        /// The source that is the directory of record, in place of exhibit.toml's
        #[arg(long)]
        directory: Option<SourceName>,
        /// Also those of whom nothing is to be told
        #[arg(long)]
        all: bool,
    },
    /// When the service ran, and what it wrote down of itself: what was missed or late, what was changed, approved, sealed
    Host {
        /// The period; the current year where left out
        #[arg(long)]
        period: Option<AuditPeriod>,
    },
    /// The kinds of evidence that Exhibit knows
    Kinds,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Attach {
    /// The file
    pub(crate) file: PathBuf,
    /// The control that it proves
    #[arg(long)]
    pub(crate) control: ControlId,
    /// The collection period that it fills, one of the control's own: 2026-03-04, 2026-W10, 2026-03, 2026-Q1 or 2026
    #[arg(long)]
    pub(crate) period: CollectionPeriod,
    /// The day that the document is of
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Date,
    /// The last day on which it holds
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<Date>,
    /// The document's own revision
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// Who says that it is what it claims to be; who runs the command, where left out
    #[arg(long, value_name = "WHO")]
    pub(crate) attested_by: Option<String>,
    /// What else there is to say
    #[arg(long)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, this once
    Add {
        /// Whose it is
        name: Name,
        /// operator: everything; auditor: read one engagement; ingest: attach files; monitor: read the metrics
        #[arg(long)]
        role: String,
        /// The audit period that an auditor reads: 2026-H1
        #[arg(long)]
        engagement: Option<AuditPeriod>,
        /// Days that it is valid; until it is revoked, where left out
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
    },
    /// Tokens that there are or were
    List,
    /// Revoke a token: it opens nothing from now on
    Revoke {
        /// Whose it is
        name: Name,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Seal {
    /// The period: 2026-H1, 2026-Q1, 2026, or 2026-01-15..2026-07-14
    pub(crate) period: AuditPeriod,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The period, which must be sealed
    pub(crate) period: AuditPeriod,
    /// The package; exhibit-PERIOD.zip in the workspace where left out
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Leave the bodies of exchanges out; the runs can then not be re-performed, and the package says so
    #[arg(long)]
    pub(crate) withhold_bodies: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The package: the zip file, or the folder that it was unpacked to
    pub(crate) package: PathBuf,
    /// The ledger's public key, or a file with it, obtained from elsewhere than the package
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// A checkpoint obtained earlier
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// PEM file with the timestamp authority's root certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) timestamp_ca: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Reperform {
    /// The package
    pub(crate) package: PathBuf,
    /// Only the runs of this source
    #[arg(long)]
    pub(crate) source: Option<SourceName>,
    /// Only this run
    #[arg(long)]
    pub(crate) run: Option<RunId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Make the index anew from packs and ledger
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// A folder that does not exist yet
    pub(crate) dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) backup: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// The workspace to make
    #[arg(long, default_value = "demo")]
    pub(crate) dir: PathBuf,
    /// Delete what an earlier demo left there
    #[arg(long)]
    pub(crate) replace: bool,
    /// What the organisation is grown from
    #[arg(long, default_value_t = 2026)]
    pub(crate) seed: u64,
    /// Only this system; several times for several
    #[arg(long, value_name = "CONNECTOR")]
    pub(crate) system: Vec<String>,
    /// Days to collect, from 1 January
    #[arg(long, default_value_t = 181)]
    pub(crate) days: u32,
}
