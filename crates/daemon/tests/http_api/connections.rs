//! Connections that nobody logs in on, more than there are places for.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plateau_exam::gate::Gate;
use plateau_gateway::connections::ConnectionLimits;
use plateau_gateway::ssh::{HostKey, Ssh};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::house::{House, PATIENCE, builder};
use crate::room::Room;

/// Connections of the flood in all, each from an address of its own.
const FLOOD: u32 = 12_000;

/// Those that it holds at the same time.
const HELD: usize = 4_000;

/// Within which the daemon has to answer meanwhile.
const BOUND: Duration = Duration::from_millis(500);

fn port(house: &House) -> u16 {
    house.url.rsplit(':').next().unwrap().parse().unwrap()
}

async fn connect(from: IpAddr, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
}

/// An address of the loopback that nobody else here has.
fn stranger(number: u32) -> IpAddr {
    let [_, a, b, c] = (number + (1 << 20)).to_be_bytes();
    IpAddr::from([127, a, b, c])
}

/// Opens connections and says nothing on them.
async fn flood(port: u16, opened: Arc<AtomicUsize>) {
    let mut held = VecDeque::new();
    for number in 0..FLOOD {
        if let Ok(stream) = connect(stranger(number), port).await {
            opened.fetch_add(1, Ordering::Relaxed);
            held.push_back(stream);
        }
        if held.len() > HELD {
            held.pop_front();
        }
        // The trick is in their number: with all of the processor, a flood takes time from anybody.
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_keep_nobody_out() {
    let limits = ConnectionLimits::new(1000, 512, 60);
    let room = Room::open_in(House::open_limited(limits).await).await;
    let slips: Vec<plateau_core::api::AccessSlip> = room.told("/v1/sessions/june/slips").await;
    let opened = Arc::new(AtomicUsize::new(0));
    let flooding = tokio::spawn(flood(port(&room.house), Arc::clone(&opened)));
    let (mut worst, mut asked) = (Duration::ZERO, 0);
    while !flooding.is_finished() || asked < 20 {
        // Each by a connection of its own, of a stranger and of a candidate.
        let client = builder().no_proxy().local_address(stranger(FLOOD + asked));
        let client = client.build().unwrap();
        let begun = Instant::now();
        let live = client.get(format!("{}/v1/health/live", room.house.url));
        let live = live.send().await.unwrap();
        worst = worst.max(begun.elapsed());
        assert_eq!(live.status(), StatusCode::OK);
        let own = builder().no_proxy().build().unwrap();
        let own = own.get(format!("{}/v1/seats/own", room.house.url));
        let own = own.header("cookie", &room.cookies[0]).send().await.unwrap();
        assert_eq!(own.status(), StatusCode::OK);
        asked += 1;
    }
    let url = format!("{}/v1/logins", room.house.url);
    let login = json!({ "code": { "code": slips[1].code } });
    let newcomer = builder().no_proxy().local_address(stranger(FLOOD * 2));
    let newcomer = newcomer.build().unwrap().post(url).json(&login);
    assert_eq!(newcomer.send().await.unwrap().status(), StatusCode::CREATED);
    flooding.await.unwrap();
    let opened = opened.load(Ordering::Relaxed);
    println!("{opened} idle connections; the worst of {asked} answers took {worst:?}");
    assert!(opened > HELD * 2, "{opened} connections are not a flood");
    assert!(worst < BOUND, "{worst:?}");
    let still = room.ask(0, Method::GET, "/v1/seats/own", "").await;
    assert_eq!(still.status(), StatusCode::OK);
}

/// Reads until the daemon closes.
async fn until_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest));
    // Closed or reset, as long as it ends.
    let _ = closed.await.expect("the daemon closes the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_idle_connections_are_cut() {
    let house = House::open_limited(ConnectionLimits::new(100, 100, 1)).await;
    let mut slow = connect(stranger(1), port(&house)).await.unwrap();
    let mut idle = connect(stranger(2), port(&house)).await.unwrap();
    let mut silent = connect(stranger(3), port(&house)).await.unwrap();
    idle.write_all(b"GET /v1/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let drip = async {
        slow.write_all(b"GET /v1/health/live HTTP/1.1\r\nx: ")
            .await
            .unwrap();
        let begun = Instant::now();
        // Written until it is noticed that nobody reads any more.
        while slow.write_all(b"x").await.is_ok() {
            assert!(begun.elapsed() < PATIENCE, "a head may take for ever");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::join!(drip, until_closed(&mut idle), until_closed(&mut silent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_over_ssh_give_way_too() {
    let house = House::open().await;
    let key = HostKey::open(house.state.path()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (labs, terminals) = (house.api.labs.clone(), house.terminals.clone());
    let ssh = Ssh::bind(address, key, labs, terminals, Gate::deny_all());
    let ssh = ssh
        .await
        .unwrap()
        .with_limits(ConnectionLimits::new(8, 2, 60));
    let port = ssh.address().unwrap().port();
    let stop = CancellationToken::new();
    let served = tokio::spawn(ssh.serve(stop.clone()));
    let mut strangers = Vec::new();
    for number in 0..6 {
        strangers.push(connect(stranger(number), port).await.unwrap());
    }
    for number in 10..30 {
        let mut late = connect(stranger(number), port).await.unwrap();
        let mut hello = [0; 15];
        let said = tokio::time::timeout(PATIENCE, late.read_exact(&mut hello));
        said.await.unwrap().unwrap();
        assert_eq!(&hello, b"SSH-2.0-Plateau");
        strangers.push(late);
    }
    for stranger in &mut strangers[..18] {
        until_closed(stranger).await;
    }
    stop.cancel();
    served.await.unwrap();
}
