//! Gives systemd's messages a unique sender, which zbus requires.
//!
//! On its private socket, systemd sends every message as `org.freedesktop.systemd1`. That is not a
//! unique name, and zbus panics at such a sender (zbus 5.19, systemd 252). So the messages are
//! relayed here, and the sender is replaced by a unique name of the same length. Nothing else
//! is read or changed.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Code, signature and value of the header field for the sender, as systemd writes it.
const SYSTEMD_SENDER: &[u8] = b"\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0";

/// The same field with a unique name.
const UNIQUE_SENDER: &[u8] = b"\x07\x01s\0\x18\0\0\0:1.000000000000000000000\0";

/// The bytes of a message that contain its length.
const FIXED_HEADER: usize = 16;

/// Longest message that is taken: a list of all units has less than a mebibyte. D-Bus allows more, and
/// what answers may be a program that root of the node put in systemd's place.
const MAX_MESSAGE: usize = 16 << 20;

/// Longest line of the handshake.
const MAX_LINE: u64 = 4096;

/// A stream with the same messages, and senders that zbus can read.
pub(super) fn with_unique_sender(systemd: UnixStream) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let (from_systemd, mut to_systemd) = systemd.into_split();
    let (mut from_us, to_us) = ours.into_split();
    // Both tasks end when the connection is closed, at the end of the batch.
    tokio::spawn(async move { copy(&mut from_us, &mut to_systemd).await });
    tokio::spawn(relay(BufReader::new(from_systemd), to_us));
    Ok(theirs)
}

async fn relay(mut from: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some(first) = from.fill_buf().await?.first().copied() {
        let mut data = Vec::new();
        if first == b'l' {
            relay_message(&mut from, &mut data).await?;
        } else {
            // The handshake before the first message consists of lines.
            (&mut from)
                .take(MAX_LINE)
                .read_until(b'\n', &mut data)
                .await?;
            if !data.ends_with(b"\n") {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        to.write_all(&data).await?;
    }
    Ok(())
}

/// Reads one little-endian message and replaces its sender.
async fn relay_message(from: &mut BufReader<OwnedReadHalf>, data: &mut Vec<u8>) -> io::Result<()> {
    data.resize(FIXED_HEADER, 0);
    from.read_exact(data).await?;
    let number = |at: usize| {
        let bytes = data[at..].first_chunk::<4>().copied().unwrap_or_default();
        u32::from_le_bytes(bytes) as usize
    };
    let (body, fields) = (number(4), number(12));
    let header = FIXED_HEADER + fields.next_multiple_of(8);
    if header + body > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    data.resize(header + body, 0);
    from.read_exact(&mut data[FIXED_HEADER..]).await?;
    let sender = data[..header]
        .windows(SYSTEMD_SENDER.len())
        .position(|window| window == SYSTEMD_SENDER);
    if let Some(at) = sender {
        data[at..at + UNIQUE_SENDER.len()].copy_from_slice(UNIQUE_SENDER);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SYSTEMD_SENDER, UNIQUE_SENDER, with_unique_sender};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn only_the_sender_of_a_message_changes() {
        let (mut systemd, theirs) = UnixStream::pair().unwrap();
        let mut ours = with_unique_sender(theirs).unwrap();
        let fields = [SYSTEMD_SENDER, &[0; 7]].concat();
        let frame = |fields: &[u8]| {
            let mut frame = b"l\x02\x01\x01\x21\0\0\0\x01\0\0\0\x21\0\0\0".to_vec();
            frame.extend(fields);
            frame.extend(SYSTEMD_SENDER);
            frame
        };
        systemd.write_all(b"OK 0123\r\n").await.unwrap();
        systemd.write_all(&frame(&fields)).await.unwrap();
        drop(systemd);
        let mut seen = Vec::new();
        ours.read_to_end(&mut seen).await.unwrap();
        let expected = frame(&[UNIQUE_SENDER, &[0; 7]].concat());
        assert_eq!(seen, [b"OK 0123\r\n", &expected[..]].concat());
    }
}
