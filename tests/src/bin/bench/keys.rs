//! From a key to its echo: thirty people who type in their browsers, beside bare execs of the engine.

use std::time::{Duration, Instant};

use base64::Engine as _;
use futures_util::future::{join_all, try_join_all};
use plateau_core::api::{CreateLabRequest, LabState};
use plateau_core::terminal::Frame;
use plateau_exam::access::{Access, LoginLifetimes};
use plateau_exam::report::Reports;
use plateau_exam::sessions::Sessions;
use plateau_exam::store::Database;
use plateau_labs::images::{Images, Recipes};
use plateau_labs::runtime::Attached;
use plateau_labs::terminals::Terminals;
use plateau_tests::terminal::Client;
use plateaud::http::{Api, Listeners, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{Bench, Bound, Figure};

/// Terminals at the same time.
const SEATS: usize = 30;
/// Keys that are pressed in each, in each turn.
const KEYS: u32 = 25;
/// How often both sides take their turns.
const TURNS: usize = 4;
/// From one key press of a person to the next: five a second, which is quick.
const PACE: Duration = Duration::from_millis(200);
const LAB: &str = "bench-keys";

pub(super) async fn measure(bench: &Bench) -> Vec<Figure> {
    let lab = bench.labs.create(scenario()).await.expect("a lab");
    let typed = typed(bench, &lab.id).await;
    bench.labs.down(&lab.id).await.expect("it goes down");
    let (bare, ours) = typed.expect("both sides type");
    let at = |sorted: &[Duration], part: f64| {
        let place = (part * sorted.len() as f64) as usize;
        1000.0 * sorted[place.min(sorted.len() - 1)].as_secs_f64()
    };
    vec![Figure {
        name: "from a key to its echo, 99 of 100, above a bare exec",
        value: at(&ours, 0.99) - at(&bare, 0.99),
        unit: " ms",
        bound: Bound::AtMost(15.0),
        detail: format!(
            "{SEATS} terminals over WebSockets p50 {:.1} ms, p99 {:.1} ms; {SEATS} bare execs of `cat` p50 {:.1} ms, p99 {:.1} ms",
            at(&ours, 0.5),
            at(&ours, 0.99),
            at(&bare, 0.5),
            at(&bare, 0.99)
        ),
    }]
}

/// What each key took, on the engine's side and on ours, in order.
async fn typed(bench: &Bench, lab: &str) -> Result<(Vec<Duration>, Vec<Duration>), String> {
    let built = bench.labs.built(lab).await;
    let built = built.map_err(|error| error.to_string())?;
    if built.state != LabState::Ready {
        return Err(format!("the lab was not built: {:?}", built.problem));
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let socket = folder.path().join("plateaud.sock");
    let stop = CancellationToken::new();
    let terminals = Terminals::new(bench.labs.clone());
    let database = Database::open(&Database::in_folder(folder.path())).await;
    let database = database.map_err(|error| error.to_string())?;
    let access = Access::open(database.clone(), LoginLifetimes::default()).await;
    let sessions = Sessions::open(
        bench.labs.clone(),
        database,
        terminals.clone(),
        stop.clone(),
    );
    let sessions = sessions.await.map_err(|error| error.to_string())?;
    let address = "127.0.0.1:0".parse().expect("an address");
    let api = Api {
        web: None,
        address,
        access: access.map_err(|error| error.to_string())?,
        authority: None,
        judging: sessions.judging().clone(),
        sessions,
        reports: Reports::default(),
        labs: bench.labs.clone(),
        images: Images::new(
            bench.runtime.clone(),
            Recipes::embedded(None).map_err(|error| error.to_string())?,
            None,
        ),
        terminals: terminals.clone(),
        ssh: None,
        stop: stop.clone(),
    };
    let token = Token::open(folder.path()).map_err(|error| error.to_string())?;
    let listeners = Listeners::bind(&socket, address).await;
    let listeners = listeners.map_err(|error| error.to_string())?;
    let served = tokio::spawn(listeners.serve(api, token));
    let took = in_turns(bench, &socket).await;
    stop.cancel();
    terminals.shut_down().await;
    let _ = served.await;
    took
}

/// Both sides are open all the time, and type one after the other.
async fn in_turns(
    bench: &Bench,
    socket: &std::path::Path,
) -> Result<(Vec<Duration>, Vec<Duration>), String> {
    let mut execs = try_join_all((0..SEATS).map(|_| bare_exec(bench))).await?;
    let mut clients = join_all((0..SEATS).map(|seat| terminal(socket, seat))).await;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let typed = execs.iter_mut().enumerate();
        let typed = try_join_all(typed.map(|(seat, exec)| on_bare_exec(exec, seat))).await?;
        bare.extend(typed.into_iter().flatten());
        let typed = clients.iter_mut().enumerate();
        let typed = join_all(typed.map(|(seat, client)| on_terminal(client, seat))).await;
        ours.extend(typed.into_iter().flatten());
    }
    bare.sort();
    ours.sort();
    Ok((bare, ours))
}

/// A key every now and then, of people who do not press theirs at the same moment.
fn ticks(seat: usize) -> tokio::time::Interval {
    let begin =
        tokio::time::Instant::now() + PACE * u32::try_from(seat).unwrap_or(0) / SEATS as u32;
    tokio::time::interval_at(begin, PACE)
}

/// An exec that has begun.
async fn bare_exec(bench: &Bench) -> Result<Attached, String> {
    let container = format!("plateau-{LAB}-n");
    let attached = bench.runtime.attach(&container, &["cat".to_owned()]).await;
    let mut attached = attached.map_err(|error| error.to_string())?;
    echoed(&mut attached).await?;
    Ok(attached)
}

async fn echoed(exec: &mut Attached) -> Result<(), String> {
    let echoed = async {
        exec.input.write_all(b"x").await?;
        exec.input.flush().await?;
        exec.output.read_u8().await
    };
    echoed.await.map(drop).map_err(|error| error.to_string())
}

async fn on_bare_exec(exec: &mut Attached, seat: usize) -> Result<Vec<Duration>, String> {
    let mut ticks = ticks(seat);
    let mut took = Vec::new();
    for _ in 0..KEYS {
        ticks.tick().await;
        let clock = Instant::now();
        echoed(exec).await?;
        took.push(clock.elapsed());
    }
    Ok(took)
}

/// A terminal that echoes by itself; what stands on its screen before is out of the way.
async fn terminal(socket: &std::path::Path, seat: usize) -> Client {
    let query = format!("name=seat{seat}&cols=100&rows=30");
    let mut client = Client::join(socket, LAB, "n", &query).await;
    let ready = "clear; echo rea''dy; cat > /dev/null\r";
    client.type_in(ready).await;
    client.sees("ready").await;
    client
}

async fn on_terminal(client: &mut Client, seat: usize) -> Vec<Duration> {
    let mut ticks = ticks(seat);
    let mut took = Vec::new();
    for key in b"abcdefghijklmnopqrstuvwxy"
        .iter()
        .cycle()
        .take(KEYS as usize)
    {
        ticks.tick().await;
        let clock = Instant::now();
        client.say(Frame::Data(vec![*key])).await;
        loop {
            if let Frame::Data(bytes) = client.hear().await
                && bytes.contains(key)
            {
                break;
            }
        }
        took.push(clock.elapsed());
    }
    took
}

fn scenario() -> CreateLabRequest {
    let document = format!(
        "plateau: 1\nid: {LAB}\ntitle: {{ en: Keys }}\nduration: 1m\nbrief: {{ en: b.md }}\n\
         nodes: {{ n: {{ image: debian-server }} }}\n\
         tasks:\n  - {{ id: t, skill: tsgeri/1.2, title: {{ en: T }}, deliverable: {{ accept: [md], at_most: 1MiB }} }}\n"
    );
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let files = [("scenario.yaml", document.as_str()), ("b.md", "x")];
    CreateLabRequest {
        files: files
            .map(|(path, text)| (path.to_owned(), encoded(text)))
            .into(),
        seed: "bench".to_owned(),
        name: Some(LAB.to_owned()),
    }
}
