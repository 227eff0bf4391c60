//! The program as a service manager has it: its configuration, its unit, what it tells.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

fn plateaud(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plateaud"));
    command.args(args).env_clear();
    command
}

fn output(args: &[&str]) -> Output {
    plateaud(args).output().expect("plateaud")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(folder: &TempDir, yaml: &str) -> String {
    let path = folder.path().join("plateaud.yaml");
    std::fs::write(&path, yaml).expect("written");
    path.display().to_string()
}

#[test]
fn a_good_configuration_is_said_to_be_good_and_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "state: /srv/plateau\nlog: { filter: warn }\n");
    let checked = output(&["config", "check", &path]);
    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(text(&checked.stdout), format!("{path} has no problems\n"));

    let shown = plateaud(&["config", "show", "--config", &path, "--socket", "/tmp/s"])
        .env("PLATEAU_LOG", "debug")
        .output()
        .expect("plateaud");
    assert_eq!(shown.status.code(), Some(0));
    let shown = text(&shown.stdout);
    let row = |key: &str| {
        let row = shown
            .lines()
            .find(|row| row.starts_with(&format!("{key} ")));
        let row = row.unwrap_or_else(|| panic!("no {key} in {shown}"));
        row.split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .skip(1)
            .collect::<Vec<_>>()
            .join(" | ")
    };
    assert_eq!(row("state"), format!("/srv/plateau | {path}:1:8"));
    assert_eq!(row("serve.socket"), "/tmp/s | command line: --socket");
    assert_eq!(row("log.filter"), "debug | environment: PLATEAU_LOG");
    assert_eq!(row("serve.listen"), "127.0.0.1:7417 | default");
}

#[test]
fn a_name_below_which_no_application_can_be_is_refused_at_the_start_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let refused = |more: &[&str]| {
        let socket = format!("{place}/s.sock");
        let own = ["--runtime", "fake", "--state", &place, "--socket", &socket];
        let args = [&own[..], &["--listen", "127.0.0.1:0"], more].concat();
        let refused = output(&args);
        assert_eq!(refused.status.code(), Some(2), "{more:?}");
        text(&refused.stderr)
    };
    let said = refused(&["--web", "labs"]);
    assert!(said.contains("`labs` is not a valid name"), "{said}");
    let said = refused(&["--web", "labs.salle.fr"]);
    assert!(said.contains("below `labs.salle.fr` want TLS"), "{said}");
    assert!(said.contains("--tls-room auto"), "{said}");
    let room = ["--tls-room", "auto", "--tls-name", "exam.salle.fr"];
    for (base, name) in [
        ("exam.salle.fr", "exam.salle.fr"),
        ("labs.exam.salle.fr", "exam.salle.fr"),
        ("salle.fr", "exam.salle.fr"),
    ] {
        let said = refused(&[&room[..], &["--web", base]].concat());
        let wanted = format!("below `{base}`, since the daemon itself is `{name}`");
        assert!(said.contains(&wanted), "{said}");
    }
}

#[test]
fn a_bad_configuration_is_refused_with_places_and_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "stat: /srv\nlog:\n  fromat: json\n");
    for args in [
        &["config", "check", &path][..],
        &["config", "show", "--config", &path],
        &["--config", &path],
    ] {
        let refused = output(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(refused.stdout.is_empty());
        let said = text(&refused.stderr);
        assert!(
            said.contains(&format!("{path}:1:1: unknown key `stat`")),
            "{said}"
        );
        assert!(said.contains("did you mean `state`?"), "{said}");
        assert!(
            said.contains(&format!("{path}:3:3: unknown key `fromat`")),
            "{said}"
        );
        assert!(said.contains("plateaud config schema"), "{said}");
    }
    let missing = output(&["config", "check", "/nowhere.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    let said = text(&missing.stderr);
    assert!(
        said.contains("read the configuration `/nowhere.yaml`"),
        "{said}"
    );
}

#[test]
fn the_schema_is_one_that_refuses_what_the_daemon_refuses() {
    let schema = output(&["config", "schema"]);
    assert_eq!(schema.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["serve"].is_object(), "{schema}");
    insta::assert_json_snapshot!(schema);
}

/// A daemon on the runtime in memory, which is killed at the latest with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, notify: &Path) -> Daemon {
    start_by(&[], folder, notify)
}

/// The same by another program, which becomes the daemon.
fn start_by(wrapper: &[&str], folder: &Path, notify: &Path) -> Daemon {
    for program in ["plateau-agent", "plateau-grader"] {
        std::fs::write(folder.join(program), program).expect("written");
    }
    let state = folder.join("state").display().to_string();
    let socket = folder.join("s.sock").display().to_string();
    let agent = folder.join("plateau-agent").display().to_string();
    let program = [env!("CARGO_BIN_EXE_plateaud")];
    let words = [wrapper, &program].concat();
    let mut command = Command::new(words[0]);
    let child = command
        .args(&words[1..])
        .env_clear()
        .args(["--runtime", "fake", "--listen", "127.0.0.1:0"])
        .args(["--state", &state, "--socket", &socket, "--agent", &agent])
        .args(["--config", &file_of(folder)])
        .env("NOTIFY_SOCKET", notify)
        .env("WATCHDOG_USEC", "200000")
        .stderr(Stdio::null())
        .spawn()
        .expect("plateaud");
    Daemon(child)
}

fn file_of(folder: &Path) -> String {
    let path = folder.join("empty.yaml");
    std::fs::write(&path, "").expect("written");
    path.display().to_string()
}

#[test]
fn a_service_manager_is_told_that_it_serves_lives_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    let mut daemon = start(folder.path(), &path);
    let hear = || {
        let mut told = [0; 1024];
        let length = manager.recv(&mut told).expect("it says nothing more");
        text(&told[..length])
    };
    let hear_until = |word: &str| {
        let mut heard = Vec::new();
        loop {
            let told = hear();
            if told.contains(word) {
                return (told, heard);
            }
            heard.push(told);
        }
    };
    let (ready, _) = hear_until("READY=1");
    assert!(ready.contains("STATUS=serves 127.0.0.1:"), "{ready}");
    assert!(folder.path().join("s.sock").exists(), "it serves");
    hear_until("WATCHDOG=1");
    hear_until("WATCHDOG=1");
    let pid = daemon.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.expect("kill").success());
    let (stopping, _) = hear_until("STOPPING=1");
    assert!(stopping.contains("labs run on"), "{stopping}");
    let ended = daemon.0.wait().expect("its end");
    assert_eq!(ended.code(), Some(0));
}

/// Open files that a daemon may have: few, so that somebody could take all of them.
const FILES: &str = "200";

/// What a port answers to a request on a connection of its own.
fn asked(port: u16, within: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(
        b"GET /v1/health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn more_connections_than_open_files_keep_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let patience = Some(Duration::from_secs(20));
    manager.set_read_timeout(patience).expect("a limit");
    let shell = ["sh", "-c", "ulimit -n $0; exec \"$@\"", FILES];
    let _daemon = start_by(&shell, folder.path(), &path);
    let mut told = [0; 1024];
    let port: u16 = loop {
        let length = manager.recv(&mut told).expect("it does not serve");
        let told = text(&told[..length]);
        if let Some((_, port)) = told.rsplit_once("127.0.0.1:") {
            break port.trim().parse().expect("a port");
        }
    };
    let mut held = Vec::new();
    for number in 0..1000 {
        held.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection"));
        if number % 50 == 0 {
            let answer = asked(port, Duration::from_millis(500)).expect("an answer in time");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/plateaud.service");
    let unit = std::fs::read_to_string(unit).expect("the unit");
    for line in ["Type=notify", "KillMode=mixed", "Restart=on-failure"] {
        assert!(
            unit.lines().any(|own| own == line),
            "{line} is not in {unit}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plateaud.service");
    // It looks whether the program is there, which where this runs it is elsewhere.
    let here = format!("ExecStart={}", env!("CARGO_BIN_EXE_plateaud"));
    std::fs::write(&path, unit.replace("ExecStart=/usr/bin/plateaud", &here)).expect("written");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&path)
        .env("SYSTEMD_LOG_COLOR", "0")
        .output();
    let Ok(verified) = verified else {
        eprintln!("not verified: there is no systemd-analyze");
        return;
    };
    let said = text(&verified.stderr);
    // It also tells what it finds in the machine's own units.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("plateaud.service"))
        .collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");
}
