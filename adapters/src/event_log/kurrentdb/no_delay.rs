//! Switches Nagle's algorithm off on connections that somebody else made.

use std::io::Result;
use std::net::TcpStream;

use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Sets `TCP_NODELAY` on all connections of this process to one of these ports; answers how many there were.
///
/// The client writes a call's headers and body apart and gives no way to its socket, so that each call would wait some 42 ms for
/// the delayed acknowledgement of the first. A second descriptor of the same socket reaches the option; it is closed again here.
///
/// # Errors
/// Where the kernel or the container's system-call filter does not allow it.
pub(super) fn set_no_delay(ports: &[u16]) -> Result<usize> {
    let own_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut set = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let is_socket = std::fs::read_link(&path).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        let Some(number) = number.filter(|_| is_socket) else { continue };
        let socket = match pidfd_getfd(&own_process, number, PidfdGetfdFlags::empty()) {
            Ok(socket) => TcpStream::from(socket),
            // Closed since it was listed.
            Err(Errno::BADF) => continue,
            Err(error) => return Err(error.into()),
        };
        if socket.peer_addr().is_ok_and(|peer| ports.contains(&peer.port())) {
            socket.set_nodelay(true)?;
            set += 1;
        }
    }
    Ok(set)
}
