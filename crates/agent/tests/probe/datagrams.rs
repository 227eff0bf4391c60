//! Small servers over UDP.

use std::net::UdpSocket;
use std::thread;

/// A server that answers each datagram with some, and its port.
pub(crate) fn answering(mut each: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in each(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    port
}

/// A server that listens and never says a word.
pub(crate) fn mute() -> u16 {
    answering(|_| vec![])
}

/// A server that answers everything with the same nonsense.
pub(crate) fn nonsense() -> u16 {
    answering(|_| vec![b"\xff\xfe nonsense \x00".to_vec()])
}

/// A port on which nobody listens.
pub(crate) fn unbound() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
