//! Tries for everything that WASI could give, and logs what came of it.

#[cfg(exhibit_no_sockets)]
#[path = "no_sockets.rs"]
mod no_sockets;

use crate::{Failure, Settings, say};
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    say(&format!("env {}", std::env::vars().count()));
    say(&format!("args {}", std::env::args().count()));
    say(&format!("preopens {}", wasip2::filesystem::preopens::get_directories().len()));
    say(&format!("read {}", std::fs::read("/etc/hostname").is_ok()));
    say(&format!("write {}", std::fs::write("/tmp/exhibit-guest", "x").is_ok()));
    say(&format!("list {}", std::fs::read_dir(".").is_ok()));
    say(&format!("connect {}", std::net::TcpStream::connect("127.0.0.1:80").is_ok()));
    say(&format!("listen {}", std::net::TcpListener::bind("127.0.0.1:0").is_ok()));
    say(&format!("udp {}", std::net::UdpSocket::bind("127.0.0.1:0").is_ok()));
    say(&format!("resolve {}", std::net::ToSocketAddrs::to_socket_addrs("localhost:80").is_ok()));
    let mut input = String::new();
    say(&format!("stdin {:?}", std::io::stdin().read_to_string(&mut input).ok()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis());
    say(&format!("now {}", now.unwrap_or_default()));
    say(&format!("random {:016x}", wasip2::random::random::get_random_u64()));
    say(&format!("insecure {:016x}", wasip2::random::insecure::get_insecure_random_u64()));
    say(&format!("seed {:?}", wasip2::random::insecure_seed::insecure_seed()));
    println!("standard output");
    eprintln!("standard error");
    Ok(())
}
