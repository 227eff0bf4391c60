//! More tunnels than anybody needs: the lab refuses them, and no other lab notices.

use std::time::{Duration, Instant};

use plateau_core::error::ErrorCode;
use plateau_tests::Daemon;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::{WebSocketStream, client_async};

/// How many somebody tries to open.
const TUNNELS: usize = 500;

/// Most that a command in another lab may take meanwhile, on a busy machine.
const WORST: Duration = Duration::from_secs(5);

async fn open(daemon: &Daemon, lab: &str) -> Result<WebSocketStream<UnixStream>, Error> {
    let stream = UnixStream::connect(daemon.socket()).await?;
    let address = format!("ws://plateaud/v1/labs/{lab}/nodes/liar/tunnel?port=9000");
    client_async(address, stream)
        .await
        .map(|(socket, _)| socket)
}

#[tokio::test]
async fn five_hundred_tunnels_are_refused_and_hurt_no_other_lab() {
    let daemon = Daemon::new();
    let wishes = super::wishes();
    daemon.up(wishes.path(), "digger");
    daemon.up(wishes.path(), "seat");
    // A port that takes connections and says nothing.
    daemon.sh(
        "digger",
        "liar",
        "setsid perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 9000, Listen => 600) or die; sleep 600' \
         </dev/null >/dev/null 2>&1 & timeout 20 sh -c 'until ss -ltn | grep -q :9000; do sleep 0.1; done'",
    );
    let mut tunnels = Vec::new();
    let mut refused = 0;
    for _ in 0..TUNNELS {
        match open(&daemon, "digger").await {
            Ok(tunnel) => tunnels.push(tunnel),
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), ErrorCode::LabBusy.status());
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((tunnels.len(), refused), (16, TUNNELS - 16));
    let begun = Instant::now();
    assert_eq!(daemon.sh("seat", "liar", "echo works"), "works");
    assert!(begun.elapsed() < WORST, "{:?}", begun.elapsed());
    // The lab itself may be graded, and used again when they are gone.
    super::check(&daemon, "digger");
    drop(tunnels);
    plateau_tests::wait_until("there is room again", super::LIMIT, || {
        let exec = ["lab", "exec", "digger", "liar", "--", "true"];
        daemon.plateau(&exec).code == 0
    });
    for lab in ["digger", "seat"] {
        daemon.good(&["lab", "down", lab]);
    }
}
