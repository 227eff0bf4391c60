//! Terminals on real nodes: one screen for all, which outlives its viewers, the daemon and the node.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use plateau_core::api::{LabState, NodeState};
use plateau_core::terminal::{Frame, RecordingView};
use plateau_tests::terminal::{Client, Screen};
use plateau_tests::{Daemon, scenario};

const LIMIT: Duration = Duration::from_secs(60);

fn lab(daemon: &Daemon, name: &str) {
    let folder = scenario(&[
        ("b.md", "x"),
        (
            "scenario.yaml",
            "plateau: 1\nid: terminals\ntitle: { en: Terminals }\nduration: 1m\nbrief: { en: b.md }\n\
             nodes: { srv1: { image: debian-server } }\n\
             tasks:\n  - { id: t, skill: tsgeri/1.2, title: { en: T }, deliverable: { accept: [md], at_most: 1MiB } }\n",
        ),
    ]);
    daemon.up(folder.path(), name);
}

/// What a route answers.
fn get(daemon: &Daemon, path: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--unix-socket"])
        .arg(daemon.socket())
        .arg(format!("http://plateaud/v1/{path}"))
        .output()
        .expect("curl");
    assert!(output.status.success(), "{path}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn recordings(daemon: &Daemon, lab: &str) -> Vec<RecordingView> {
    serde_json::from_str(&get(daemon, &format!("labs/{lab}/recordings"))).expect("JSON")
}

/// The screen after everything that was recorded.
fn replayed(cast: &str) -> Screen {
    let mut screen = Screen::default();
    for (number, line) in cast.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if number == 0 {
            let size = |name: &str| line["term"][name].as_u64().expect("a size") as usize;
            screen.resize(size("cols"), size("rows"));
            continue;
        }
        let text = line[2].as_str().expect("a text");
        match line[1].as_str() {
            Some("o") => screen.show(text.as_bytes()),
            Some("r") => {
                let (cols, rows) = text.split_once('x').expect("a size");
                screen.resize(cols.parse().expect("columns"), rows.parse().expect("rows"));
            }
            Some("m" | "x") => {}
            other => panic!("{other:?} in a recording"),
        }
    }
    screen
}

#[tokio::test]
async fn a_screen_is_one_for_all_and_outlives_its_viewers() {
    let daemon = Daemon::new();
    lab(&daemon, "screen");
    let join = async |query: &str| Client::join(&daemon.socket(), "screen", "srv1", query).await;
    let mut one = join("cols=100&rows=30").await;
    let mut two = join("").await;
    one.type_in("export LC_ALL=C.UTF-8 PS1='$ '; clear; echo answer=$((40+2))\r")
        .await;
    for client in [&mut one, &mut two] {
        client.sees("answer=42").await;
        assert_eq!(client.screen.size(), (100, 30));
    }

    // What dead keys compose arrives in UTF-8, a byte at a time here.
    for byte in "echo '[é ê ñ € ÿ]'\r".bytes() {
        two.say(Frame::Data(vec![byte])).await;
    }
    one.sees("[é ê ñ € ÿ]").await;
    two.sees("[é ê ñ € ÿ]").await;

    two.say(Frame::Resize { cols: 90, rows: 20 }).await;
    two.type_in("stty size\r").await;
    one.sees("20 90").await;

    let mut watcher = join("mode=watch&cols=40&rows=10").await;
    watcher.sees("20 90").await;
    watcher.type_in("echo not-mine\r").await;
    watcher.say(Frame::Resize { cols: 40, rows: 10 }).await;

    one.type_in("seq 1 500 > /tmp/numbers; less /tmp/numbers\r")
        .await;
    one.until(|screen| screen.is_alternate() && screen.lines()[0] == "1")
        .await;
    one.type_in("jjjj").await;
    one.until(|screen| screen.lines()[0] == "5").await;
    drop(two);
    let mut again = join("").await;
    again.until(|screen| screen.lines()[0] == "5").await;
    assert!(again.screen.is_alternate());
    assert_eq!(again.screen.lines(), one.screen.lines());
    assert_eq!(again.screen.size(), (90, 20));
    again.type_in("q").await;
    again.until(|screen| !screen.is_alternate()).await;
    again.type_in("echo over\r").await;
    for client in [&mut one, &mut again, &mut watcher] {
        client.sees("over").await;
        client
            .until(|screen| screen.lines().iter().any(|line| line == "$"))
            .await;
        let lines = client.screen.lines();
        assert!(lines.iter().any(|line| line == "[é ê ñ € ÿ]"), "{lines:#?}");
        assert!(
            !lines.iter().any(|line| line.contains("not-mine")),
            "{lines:#?}"
        );
    }
    assert_eq!(again.screen.dump(), one.screen.dump());

    // The last second may still be on its way to the file.
    let mut same = String::new();
    plateau_tests::wait_until("the recording has it all", LIMIT, || {
        let cast = get(&daemon, "labs/screen/recordings/srv1-main-1.cast");
        let replayed = replayed(&cast);
        same.clear();
        let _ = write!(same, "{:#?}", replayed.lines());
        replayed.dump() == one.screen.dump()
    });
    assert!(same.contains("over"), "{same}");
    daemon.good(&["lab", "down", "screen"]);
}

#[tokio::test]
async fn a_terminal_outlives_the_daemon_and_a_restart_of_its_node() {
    let mut daemon = Daemon::new();
    lab(&daemon, "outlives");
    let socket = daemon.socket();
    let join = async |query: &str| Client::join(&socket, "outlives", "srv1", query).await;
    let mut client = join("cols=100&rows=30").await;
    client
        .type_in("PS1='$ '; v=here; clear; echo before=$v\r")
        .await;
    client.sees("before=here").await;
    client.type_in("seq 1 500 | less\r").await;
    client
        .until(|screen| screen.is_alternate() && screen.lines()[0] == "1")
        .await;
    daemon.kill();
    daemon.start();
    plateau_tests::wait_until("the lab is taken up again", LIMIT, || {
        daemon.labs()[0].state == LabState::Ready
    });
    let mut client = join("").await;
    client
        .until(|screen| screen.is_alternate() && screen.lines()[0] == "1")
        .await;
    assert_eq!(client.screen.size(), (100, 30));
    client.type_in("q").await;
    client.sees("before=here").await;
    client.type_in("echo after=$v\r").await;
    client.sees("after=here").await;
    let names: Vec<String> = recordings(&daemon, "outlives")
        .into_iter()
        .map(|recording| recording.name)
        .collect();
    assert_eq!(names, ["srv1-main-1.cast", "srv1-main-2.cast"]);

    client.type_in("printf '\\033[?1049h\\033[?1000h'\r").await;
    client.until(Screen::is_alternate).await;
    daemon.good(&["lab", "reboot", "outlives", "srv1"]);
    client.sees("── srv1 ↻ ──").await;
    assert!(!client.screen.is_alternate());
    client.type_in("\r").await;
    client
        .until(|screen| screen.lines().iter().any(|line| line.contains("srv1:~#")))
        .await;
    client.type_in("PS1='$ '; echo new=[$v]; stty size\r").await;
    client.sees("new=[]").await;
    client.sees("30 100").await;
    let view = daemon.labs().remove(0);
    assert_eq!(view.nodes["srv1"].state, NodeState::Running);
    daemon.good(&["lab", "down", "outlives"]);
    // Its evidence stays.
    assert_eq!(recordings(&daemon, &view.id).len(), 2);
}
