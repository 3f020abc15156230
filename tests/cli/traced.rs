//! Another process of the same user: it cannot read the memory or the environment of a run under way, nor attach to
//! it. That is what `host/cli/src/harden.rs` asks of the system, seen from outside.
//!
//! Root may read everything, so as root these tests run the command, and look at it, as the user `nobody`.

use exhibit_tests::command::binary;
use exhibit_tests::tools::succeed;
use exhibit_tests::workspace::Workspace;
use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NOBODY: u32 = 65_534;

/// Whom to be instead of root; none: this is not root, and the user itself will do.
fn other_user() -> Option<u32> {
    rustix::process::getuid().is_root().then_some(NOBODY)
}

/// A command, as the other user, killed when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        if let Some(user) = other_user() {
            command.uid(user).gid(user);
        }
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap_or_else(|error| panic!("{quiet:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process of the same user could do to another: none of these, all of them, or some.
#[derive(Debug, PartialEq, Eq)]
struct Access {
    environment: Result<(), ErrorKind>,
    memory: Result<(), ErrorKind>,
    attach: Result<(), ErrorKind>,
}

/// Tries everything, in a thread that is the other user: on Linux a thread has its own user id.
fn attempts(process: &Running) -> Access {
    let pid = process.0.id();
    let open = move |name: &str| File::open(format!("/proc/{pid}/{name}")).map(drop).map_err(|e| e.kind());
    let attempt = move || {
        if let Some(user) = other_user() {
            let (user, group) = (rustix::process::Uid::from_raw(user), rustix::process::Gid::from_raw(user));
            rustix::thread::set_thread_res_gid(group, group, group).expect("root may become anyone");
            rustix::thread::set_thread_res_uid(user, user, user).expect("root may become anyone");
        }
        Access { environment: open("environ"), memory: open("mem"), attach: attach(pid) }
    };
    std::thread::spawn(attempt).join().expect("the attempts end")
}

/// What a debugger does first. The system detaches when this thread ends.
#[allow(unsafe_code, reason = "the system's own call")]
fn attach(pid: u32) -> Result<(), ErrorKind> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE takes no memory of this process: address and data are null.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid.cast_signed(), none, none) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().kind()) }
}

#[test]
fn a_run_cannot_be_read_by_another_process_of_its_user() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let workspace = Workspace::populated();
    workspace.add_okta_source("okta-slow", &url, true);
    // Where nobody may run it: what a user cannot read, the system protects anyway, and that is not what is asked.
    let command = workspace.beside().join("exhibit");
    std::fs::copy(binary(), &command).unwrap();
    for path in [workspace.beside(), &command] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    if let Some(user) = other_user() {
        succeed(Command::new("chown").args(["-R", &user.to_string()]).arg(workspace.path()));
    }

    // The attempts themselves: a process that asks for nothing is open to all of them.
    let ordinary = Running::start(Command::new("sleep").arg("60"));
    let open = attempts(&ordinary);
    assert_eq!(open.environment, Ok(()));

    // The credential is attached and sent, and nobody answers: now it is in memory.
    let exhibit = Running::start(
        Command::new(&command)
            .args(["collect", "okta-slow"])
            .current_dir(workspace.path())
            .env("OKTA_TOKEN", "00token-for-a-test"),
    );
    let (_connection, _) = listener.accept().unwrap();
    let denied = Err(ErrorKind::PermissionDenied);
    assert_eq!(attempts(&exhibit), Access { environment: denied, memory: denied, attach: denied });
    if let Some(user) = other_user() {
        let of = |name: &str| Path::new("/proc").join(exhibit.0.id().to_string()).join(name);
        let status = std::fs::read_to_string(of("status")).unwrap();
        assert!(status.lines().any(|line| line.starts_with(&format!("Uid:\t{user}\t"))), "{status}");
        assert_eq!(of("mem").metadata().unwrap().uid(), 0, "it runs as nobody, and its memory is root's");
        assert_eq!(
            (open.memory, open.attach),
            (Ok(()), Ok(())),
            "nothing but the command's own wish forbids it"
        );
    }
}
