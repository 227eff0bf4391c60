//! Terminals that print what is dear to draw: nobody but their viewers notices.

use std::time::{Duration, Instant};

use plateau_core::terminal::Frame;
use plateau_tests::Daemon;
use plateau_tests::terminal::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Most that an answer may take while the terminals print. The daemon is a debug build, and shares its
/// processors with the nodes and with other tests.
const WORST: Duration = Duration::from_secs(2);

/// How long the terminals print.
const ATTACK: Duration = Duration::from_secs(10);

/// How long the daemon is looked at after the last viewer has gone.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// How long `/v1/health/live` takes to answer.
async fn answer_time(daemon: &Daemon) -> Duration {
    let begun = Instant::now();
    let ask = async {
        let mut stream = UnixStream::connect(daemon.socket()).await?;
        let request =
            b"GET /v1/health/live HTTP/1.1\r\nHost: plateaud\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), ask).await;
    let answer = answer.expect("an answer within a minute").expect("whole");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    begun.elapsed()
}

/// The longest of all answers within some time.
async fn worst_answer(daemon: &Daemon, within: Duration) -> Duration {
    let begun = Instant::now();
    let mut worst = Duration::ZERO;
    while begun.elapsed() < within {
        worst = worst.max(answer_time(daemon).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worst
}

#[tokio::test]
async fn repeated_characters_in_four_terminals_keep_nobody_from_the_daemon() {
    let daemon = Daemon::new();
    let wishes = super::wishes();
    daemon.up(wishes.path(), "floods");
    let socket = daemon.socket();
    let mut attackers = Vec::new();
    for number in 0..4 {
        let query = format!("name=t{number}&cols=500&rows=300");
        let mut client = Client::join(&socket, "floods", "liar", &query).await;
        client
            .type_in("printf x; yes \"$(printf '\\033[65535b')\" | tr -d '\\n'\r")
            .await;
        attackers.push(client);
    }
    let during = worst_answer(&daemon, ATTACK).await;
    // Somebody else's terminal, and what is typed to end it, get through.
    let mut other = Client::join(&socket, "floods", "next", "").await;
    other
        .type_in("PS1='$ '; clear; echo works=$((40+2))\r")
        .await;
    other.sees("works=42").await;
    for client in &mut attackers {
        client.say(Frame::Data(vec![3])).await;
    }
    drop(attackers);
    let afterwards = worst_answer(&daemon, AFTERWARDS).await;
    println!("worst answer during: {during:?}, afterwards: {afterwards:?}");
    assert!(during < WORST, "{during:?}");
    assert!(afterwards < WORST, "{afterwards:?}");
    daemon.good(&["lab", "down", "floods"]);
}
