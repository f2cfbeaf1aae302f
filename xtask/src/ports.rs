//! Loopback ports: free ones, and a plain word about who holds the others.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

/// `wanted` if it is free, any free one when it is 0. `flag` is what the user changes otherwise.
pub fn choose(wanted: u16, what: &str, flag: &str) -> Result<u16> {
    if wanted == 0 {
        return Ok(free());
    }
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let holder = holder(wanted).map(|name| format!(" by {name}")).unwrap_or_default();
            bail!(
                "port {wanted}, meant for the {what}, is taken{holder}; choose another with {flag} PORT (0: any free one)"
            )
        }
        Err(error) => {
            Err(error).with_context(|| format!("port {wanted}, meant for the {what}, cannot be used"))
        }
    }
}

/// A port nobody listens on, and that the system does not give to outgoing connections: one of those could take it before the
/// program that is to listen there has started.
fn free() -> u16 {
    loop {
        let port =
            12_000 + u16::try_from(RandomState::new().build_hasher().finish() % 20_000).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// The process listening on the port, where /proc tells (Linux, own processes or root).
fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == socket.as_str())
        });
        if holds {
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", program.trim()));
        }
    }
    None
}

/// From `/proc/net/tcp`: columns are `sl local rem st … inode`; state 0A is LISTEN.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == "0A";
        listens.then(|| columns.get(9).map(|inode| (*inode).to_owned())).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder_and_the_flag() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose(port, "edge", "--port").unwrap_err().to_string();
        assert!(error.contains("--port"), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.contains(&std::process::id().to_string()), "{error}");
        }
    }

    #[test]
    fn zero_gives_a_free_port() {
        assert_ne!(choose(0, "edge", "--port").unwrap(), 0);
    }
}
