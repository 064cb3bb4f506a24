//! Devices behind a network socket: `tcp:HOST:PORT`, as serial servers and controllers with a network offer.
//!
//! Bytes are sent as they come (no Nagle delay): a stop must not wait for company.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// What a rig file's port begins with.
const PREFIX: &str = "tcp:";
/// Longest wait for a connection, each address.
const CONNECT_WAIT: Duration = Duration::from_secs(3);

/// Host and port of a rig file's port, where it is one of the network.
pub fn address(port: &str) -> Option<&str> {
    port.strip_prefix(PREFIX)
}

/// Connects; neither reads nor writes block.
///
/// # Errors
///
/// What failed and what to do.
pub fn connect(address: &str) -> Result<TcpStream, String> {
    let named = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !named {
        return Err("a network port is tcp:HOST:PORT, such as tcp:192.168.0.7:55550".to_owned());
    }
    let found = address.to_socket_addrs().map_err(|error| format!("{error}; check the name of the host"))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in found {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => {
                let set = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
                return set.map(|()| stream).map_err(|error| error.to_string());
            }
            Err(error) => last = error,
        }
    }
    Err(format!("{last}; check that the device is on, in the same network, and not held by another program"))
}
