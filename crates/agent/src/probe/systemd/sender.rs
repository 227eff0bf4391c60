//! Makes systemd's messages readable for zbus.
//!
//! On its private socket systemd signs every message `org.freedesktop.systemd1`, which is no unique
//! name, and zbus panics at a sender that is none (seen with zbus 5.19 and systemd 252). So the
//! messages pass through here, where that sender is exchanged for a unique name of the same length.
//! Nothing else is read or changed.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Code, signature and value of the header field for the sender, as systemd writes it.
const SYSTEMD: &[u8] = b"\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0";

/// The same with a unique name.
const UNIQUE: &[u8] = b"\x07\x01s\0\x18\0\0\0:1.000000000000000000000\0";

/// Bytes of a message that tell how long it is.
const START: usize = 16;

/// Longest message that D-Bus allows.
const LONGEST: usize = 128 << 20;

/// A stream that carries the same conversation, with senders that zbus can read.
pub(super) fn readable(systemd: UnixStream) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let (from_systemd, mut to_systemd) = systemd.into_split();
    let (mut from_us, to_us) = ours.into_split();
    // Either ends when its side closes, which is when the batch is over.
    tokio::spawn(async move { copy(&mut from_us, &mut to_systemd).await });
    tokio::spawn(relay(BufReader::new(from_systemd), to_us));
    Ok(theirs)
}

async fn relay(mut from: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some(first) = from.fill_buf().await?.first().copied() {
        let mut piece = Vec::new();
        if first == b'l' {
            message(&mut from, &mut piece).await?;
        } else {
            // The greetings before the first message are lines.
            from.read_until(b'\n', &mut piece).await?;
        }
        to.write_all(&piece).await?;
    }
    Ok(())
}

/// Reads one message in the byte order of all our machines, and exchanges its sender.
async fn message(from: &mut BufReader<OwnedReadHalf>, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.resize(START, 0);
    from.read_exact(piece).await?;
    let number = |at: usize| {
        let bytes = piece[at..].first_chunk::<4>().copied().unwrap_or_default();
        u32::from_le_bytes(bytes) as usize
    };
    let (body, fields) = (number(4), number(12));
    let header = START + fields.next_multiple_of(8);
    if header + body > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    piece.resize(header + body, 0);
    from.read_exact(&mut piece[START..]).await?;
    let sender = piece[..header]
        .windows(SYSTEMD.len())
        .position(|window| window == SYSTEMD);
    if let Some(at) = sender {
        piece[at..at + UNIQUE.len()].copy_from_slice(UNIQUE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SYSTEMD, UNIQUE, readable};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn only_the_sender_of_a_message_changes() {
        let (mut systemd, theirs) = UnixStream::pair().unwrap();
        let mut ours = readable(theirs).unwrap();
        let fields = [SYSTEMD, &[0; 7]].concat();
        let frame = |fields: &[u8]| {
            let mut frame = b"l\x02\x01\x01\x21\0\0\0\x01\0\0\0\x21\0\0\0".to_vec();
            frame.extend(fields);
            frame.extend(SYSTEMD);
            frame
        };
        systemd.write_all(b"OK 0123\r\n").await.unwrap();
        systemd.write_all(&frame(&fields)).await.unwrap();
        drop(systemd);
        let mut seen = Vec::new();
        ours.read_to_end(&mut seen).await.unwrap();
        let expected = frame(&[UNIQUE, &[0; 7]].concat());
        assert_eq!(seen, [b"OK 0123\r\n", &expected[..]].concat());
    }
}
