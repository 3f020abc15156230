//! Compiles a component in a child process under resource limits.
//!
//! A compiler is a large program that reads bytes from strangers, and it is slow on them when they mean it.
//! So the host hands the bytes to a child (its own executable, called with a hidden subcommand, see
//! [`compile_child_main`]) on standard input, and takes the artefact from the file that is the child's
//! standard output. The child bounds itself before it reads a byte: address space, processor time, file size,
//! and no core file; the host bounds the clock on the wall.

use crate::engine;
use exhibit_broker::manifest::section::COMPONENT_BYTES;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In a child process of this command, under [`CompileLimits`]. What a host uses.
    Child {
        /// The executable, usually the current one.
        program: PathBuf,
        /// Bounds.
        limits: CompileLimits,
    },
    /// In this process and without bounds: for tests, of components that the test itself built.
    InProcess,
}

impl Compiler {
    /// The current executable, whose `main` begins with [`compile_child_main`].
    pub fn current_exe() -> std::io::Result<Self> {
        Ok(Self::Child { program: std::env::current_exe()?, limits: CompileLimits::default() })
    }
}

/// Bounds on one compilation.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Address space of the child, in bytes.
    pub memory_bytes: u64,
    /// Processor seconds over all of its threads.
    pub cpu_seconds: u64,
    /// Time on the wall, in milliseconds.
    pub wall_ms: u64,
    /// Size of the artefact, in bytes.
    pub artefact_bytes: u64,
}

impl Default for CompileLimits {
    /// Roomy for a Python interpreter, which takes half a minute and some 2 GiB.
    fn default() -> Self {
        Self { memory_bytes: 8 << 30, cpu_seconds: 600, wall_ms: 300_000, artefact_bytes: 1 << 30 }
    }
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is not valid.
    #[error("the component does not compile: {0}")]
    Invalid(String),
    /// The child was stopped by one of its bounds.
    #[error(
        "compiling the component was stopped: {0}. A connector this costly is not run; if it is one that you trust, ask its publisher for a smaller build"
    )]
    Limit(String),
    /// The child could not be started or talked to.
    #[error("the compiler process could not be run ({program}): {source}")]
    Process {
        /// The executable.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Exit code for a component that is not valid; its standard error says why.
const EXIT_INVALID: u8 = 3;
/// Exit code for anything else that the child can name.
const EXIT_FAILED: u8 = 4;
/// Bytes of the child's standard error that are read.
const MESSAGE_BYTES: u64 = 4096;
/// Pause between two looks at the child.
const LOOK: Duration = Duration::from_millis(5);

/// Compiles `component` and returns the artefact's bytes.
pub(crate) fn compile(compiler: &Compiler, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match compiler {
        Compiler::InProcess => compile_here(component).map_err(CompileError::Invalid),
        Compiler::Child { program, limits } => {
            let fail = |source| CompileError::Process { program: program.display().to_string(), source };
            in_child(program, limits, component).map_err(fail)?
        }
    }
}

fn compile_here(component: &[u8]) -> Result<Vec<u8>, String> {
    let compiled = engine::compiler().and_then(|engine| engine.precompile_component(component));
    compiled.map_err(|error| format!("{error:#}"))
}

/// Runs the child over three unnamed files, which unlike pipes can fill without anyone reading.
fn in_child(
    program: &PathBuf,
    limits: &CompileLimits,
    component: &[u8],
) -> std::io::Result<Result<Vec<u8>, CompileError>> {
    let mut input = tempfile::tempfile()?;
    input.write_all(component)?;
    input.rewind()?;
    let mut output = tempfile::tempfile()?;
    let mut message = tempfile::tempfile()?;
    let mut child = Command::new(program)
        .arg(SUBCOMMAND)
        .env_clear()
        .env(LIMITS, limits.to_text())
        .current_dir("/")
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(message.try_clone()?))
        .spawn()?;
    let Some(status) = wait(&mut child, Duration::from_millis(limits.wall_ms))? else {
        let why = format!("it took longer than {} s", limits.wall_ms.div_ceil(1000));
        return Ok(Err(CompileError::Limit(why)));
    };
    if !status.success() {
        let said = read_from_start(&mut message, MESSAGE_BYTES)?;
        return Ok(Err(explain(status, String::from_utf8_lossy(&said).trim())));
    }
    let artefact = read_from_start(&mut output, limits.artefact_bytes)?;
    if artefact.is_empty() {
        let why = format!("`{}` compiled nothing; is it an exhibit executable?", program.display());
        return Err(std::io::Error::other(why));
    }
    Ok(Ok(artefact))
}

/// Waits for the child's end, or ends it when the time is over.
fn wait(child: &mut Child, wall: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= wall {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

fn read_from_start(file: &mut File, most: u64) -> std::io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a child that failed has met.
fn explain(status: ExitStatus, said: &str) -> CompileError {
    use std::os::unix::process::ExitStatusExt;
    if status.code() == Some(EXIT_INVALID.into()) {
        return CompileError::Invalid(said.to_owned());
    }
    let met = match status.signal() {
        Some(24) => "it used up its processor time (SIGXCPU)".to_owned(),
        Some(25) => "its artefact grew too large (SIGXFSZ)".to_owned(),
        Some(6) => "it ran out of memory or aborted (SIGABRT)".to_owned(),
        Some(number) => format!("it was ended by signal {number}"),
        None => status.to_string(),
    };
    let last = said.lines().last().unwrap_or_default();
    CompileError::Limit(if last.is_empty() { met } else { format!("{met}: {last}") })
}

/// The only argument of a child.
const SUBCOMMAND: &str = "__compile";

/// Name of the variable that tells the child its limits. It has no other environment.
const LIMITS: &str = "EXHIBIT_COMPILE_LIMITS";

impl CompileLimits {
    fn to_text(self) -> String {
        format!("{} {} {}", self.memory_bytes, self.cpu_seconds, self.artefact_bytes)
    }

    /// What the child was told; the defaults where it was told nothing.
    fn from_text(text: &str) -> Self {
        let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [memory_bytes, cpu_seconds, artefact_bytes] => {
                Self { memory_bytes, cpu_seconds, artefact_bytes, ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    /// Bounds this process, for good.
    fn impose(self) -> rustix::io::Result<()> {
        let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::Core, both(0))?;
        setrlimit(Resource::As, both(self.memory_bytes))?;
        setrlimit(Resource::Cpu, both(self.cpu_seconds))?;
        setrlimit(Resource::Fsize, both(self.artefact_bytes))
    }
}

/// The child's whole program, if this process is one; none if it is not. It bounds itself, reads a component from
/// standard input, and writes the artefact to standard output. Returns the exit code: 0, or 3 when the component
/// is not valid, or 4.
///
/// An executable that uses [`Compiler::current_exe`] calls this first thing in `main`, and exits with what it
/// returns.
pub fn compile_child_main() -> Option<u8> {
    let mut args = std::env::args_os().skip(1);
    let is_child = args.next().is_some_and(|first| first == SUBCOMMAND) && args.next().is_none();
    is_child.then(compile_standard_input)
}

fn compile_standard_input() -> u8 {
    let limits = CompileLimits::from_text(&std::env::var(LIMITS).unwrap_or_default());
    let fail = |code: u8, message: String| {
        // Whoever started this process reads its standard error; if that is gone, so is the reader.
        let _ = writeln!(std::io::stderr(), "{message}");
        code
    };
    if let Err(error) = limits.impose() {
        return fail(EXIT_FAILED, format!("limits could not be set: {error}"));
    }
    let mut component = Vec::new();
    let most = COMPONENT_BYTES as u64 + 1;
    if let Err(error) = std::io::stdin().lock().take(most).read_to_end(&mut component) {
        return fail(EXIT_FAILED, format!("the component could not be read: {error}"));
    }
    match compile_here(&component) {
        Err(message) => fail(EXIT_INVALID, message),
        Ok(artefact) => match std::io::stdout().lock().write_all(&artefact) {
            Ok(()) => 0,
            Err(error) => fail(EXIT_FAILED, format!("the artefact could not be written: {error}")),
        },
    }
}
