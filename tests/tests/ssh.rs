//! Nodes over SSH, with the clients that people have: ssh, scp and sftp.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use plateau_core::api::{CreateLabRequest, LabState};
use plateau_exam::gate::{Admission, AuthRejection, AuthRequest, Credential, Gate};
use plateau_gateway::ssh::{HostKey, Ssh};
use plateau_labs::labs::Labs;
use plateau_labs::runtime::docker;
use plateau_labs::settings::Settings;
use plateau_labs::terminals::{ServerMessage, TerminalId, Terminals, ViewerMode, ViewerOutput};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(60);
const CODE: &str = "correct-horse-battery";

/// A daemon with one lab of two nodes, which serves SSH to one seat.
struct House {
    labs: Labs,
    terminals: Terminals,
    lab: String,
    port: u16,
    stop: CancellationToken,
    folder: tempfile::TempDir,
    /// The code that opens it now.
    code: Arc<Mutex<&'static str>>,
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl House {
    async fn open(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = docker::connect(None).await.expect("an engine");
        let settings = Settings {
            state: folder.path().join("state"),
            agent: plateau_tests::program("plateau-agent"),
            ..Settings::default()
        };
        let labs = Labs::open(runtime, settings).await.expect("labs");
        let lab = labs.create(scenario(name)).await.expect("a lab").id;
        let built = labs.built(&lab).await.expect("a lab");
        assert_eq!(built.state, LabState::Ready, "{:?}", built.problem);
        let terminals = Terminals::new(labs.clone());
        let key = keys(folder.path()).await;
        let admission = Admission {
            lab: lab.clone(),
            nodes: vec!["client".to_owned(), "srv1".to_owned()],
            seat: "seat 1".to_owned(),
        };
        let code = Arc::new(Mutex::new(CODE));
        let right = Arc::clone(&code);
        let gate = Gate::new(move |knock: AuthRequest| {
            let enters = match &knock.proof {
                Credential::Password(code) => code == *right.lock().expect("a code"),
                Credential::Key(offered) => offered
                    .to_openssh()
                    .is_ok_and(|text| key.starts_with(&text)),
            };
            let admission = admission.clone();
            async move {
                enters
                    .then_some(admission)
                    .ok_or_else(|| AuthRejection::Wrong("a wrong code".to_owned()))
            }
        });
        let ssh = Ssh::bind(
            "127.0.0.1:0".parse().expect("an address"),
            HostKey::open(folder.path()).expect("a key"),
            labs.clone(),
            terminals.clone(),
            gate,
        )
        .await
        .expect("a server");
        let port = ssh.address().expect("an address").port();
        let stop = CancellationToken::new();
        tokio::spawn(ssh.serve(stop.clone()));
        write(
            &folder.path().join("askpass"),
            "#!/bin/sh\necho \"$CODE\"\n",
            0o700,
        );
        Self {
            labs,
            terminals,
            lab,
            port,
            stop,
            folder,
            code,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `ssh`, `scp` or `sftp` with a code.
    fn client(&self, program: &str, code: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-F", "/dev/null"])
            .args(["-o", &format!("Port={}", self.port)])
            .args(["-o", "NumberOfPasswordPrompts=1"])
            .env("SSH_ASKPASS", self.path("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("CODE", code)
            .env_remove("SSH_AUTH_SOCK")
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn ssh(&self, args: &[&str]) -> Ended {
        let mut command = self.client("ssh", CODE);
        run(command.args(args)).await
    }

    /// What a command line on `srv1` says.
    async fn says(&self, line: &str) -> String {
        let ended = self.ssh(&["srv1@127.0.0.1", line]).await;
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
        ended.stdout
    }

    async fn close(self) {
        self.stop.cancel();
        self.terminals.shut_down().await;
        self.labs.down(&self.lab).await.expect("it goes down");
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
}

/// Draws a pair of keys, `key` and `key.pub`, and gives the public one.
async fn keys(folder: &Path) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
    let ended = run(command.arg(folder.join("key"))).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    std::fs::read_to_string(folder.join("key.pub")).expect("a key")
}

async fn run(command: &mut Command) -> Ended {
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let output = output.expect("it ends").expect("it starts");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

async fn sees(sight: &mut ViewerOutput, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let said = tokio::time::timeout(LIMIT, sight.next()).await;
        match said.unwrap_or_else(|_| panic!("no {text:?} in {seen:?}")) {
            Some(ServerMessage::Data(bytes)) => seen += &String::from_utf8_lossy(&bytes),
            Some(ServerMessage::Size(_)) => {}
            other => panic!("{other:?} instead of {text:?} after {seen:?}"),
        }
    }
}

fn scenario(name: &str) -> CreateLabRequest {
    let document = format!(
        "plateau: 1\nid: {name}\ntitle: {{ en: SSH }}\nduration: 1m\nbrief: {{ en: b.md }}\n\
         nodes: {{ srv1: {{ image: debian-server }}, client: {{ image: debian-server }} }}\n\
         tasks:\n  - {{ id: t, skill: tsgeri/1.2, title: {{ en: T }}, deliverable: {{ accept: [md], at_most: 1MiB }} }}\n"
    );
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let files = [("scenario.yaml", document.as_str()), ("b.md", "x")];
    CreateLabRequest {
        files: files
            .map(|(path, text)| (path.to_owned(), encoded(text)))
            .into(),
        seed: "test".to_owned(),
        name: Some(name.to_owned()),
    }
}

/// Nothing leads anywhere but into the node.
async fn nothing_is_forwarded(house: &House) {
    for forward in [
        ["-W", "127.0.0.1:22"],
        ["-W", "/run/plateau/shell-main.sock:0"],
    ] {
        let refused = house.ssh(&[forward[0], forward[1], "srv1@127.0.0.1"]).await;
        assert_ne!(refused.code, Some(0));
    }
    let strict = ["-o", "ExitOnForwardFailure=yes"];
    for forward in [["-R", "0:127.0.0.1:22"], ["-R", "/tmp/x.sock:127.0.0.1:22"]] {
        let args = [&strict[..], &forward, &["srv1@127.0.0.1", "true"]].concat();
        let refused = house.ssh(&args).await;
        assert_eq!(refused.code, Some(255), "{forward:?}");
        assert!(
            refused.stderr.contains("forwarding failed"),
            "{}",
            refused.stderr
        );
    }
    // What -L and -D take up on the client's side leads nowhere.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    drop(taken);
    let mut tunnel = house.client("ssh", CODE);
    tunnel.args([
        "-N",
        "-L",
        &format!("{port}:127.0.0.1:22"),
        "srv1@127.0.0.1",
    ]);
    let mut tunnel = tunnel.spawn().expect("ssh");
    let connected = async {
        loop {
            if let Ok(stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = tokio::time::timeout(LIMIT, connected)
        .await
        .expect("the client listens");
    let mut heard = Vec::new();
    let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut heard)).await;
    // Closed or reset, but neither open nor answered.
    let read = read.expect("the client closes it");
    assert!(heard.is_empty(), "{read:?} {heard:?}");
    tunnel.kill().await.expect("it ends");
}

/// Doors that are closed end what is under way.
async fn closed_doors_end_what_is_under_way(house: &House) {
    let mut sleeper = house.client("ssh", CODE);
    let mut sleeper = sleeper
        .args(["srv1@127.0.0.1", "echo begun; sleep 1000"])
        .spawn()
        .expect("ssh");
    let mut begun = [0; 6];
    sleeper
        .stdout
        .as_mut()
        .expect("its output")
        .read_exact(&mut begun)
        .await
        .expect("it begins");
    house.terminals.close(&house.lab).await;
    let ended = tokio::time::timeout(LIMIT, sleeper.wait_with_output())
        .await
        .expect("it ends");
    assert!(String::from_utf8_lossy(&ended.expect("it ended").stderr).contains("closed"));
    let refused = house.ssh(&["srv1@127.0.0.1", "true"]).await;
    assert_eq!(refused.code, Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_or_a_key_opens_a_node_to_commands_and_nothing_is_forwarded() {
    let house = House::open("ssh-commands").await;
    let ended = house
        .ssh(&[
            "srv1@127.0.0.1",
            "echo out; echo err >&2; pwd; hostname; exit 7",
        ])
        .await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert_eq!(ended.stdout, "out\n/root\nsrv1\n");
    assert_eq!(ended.stderr, "err\n");
    assert_eq!(
        house.ssh(&["client@127.0.0.1", "hostname"]).await.stdout,
        "client\n"
    );

    let mut wrong = house.client("ssh", "wrong");
    let refused = run(wrong.args(["srv1@127.0.0.1", "true"])).await;
    assert_eq!(refused.code, Some(255));
    assert!(
        refused.stderr.contains("Permission denied"),
        "{}",
        refused.stderr
    );
    let key = house.path("key");
    let mut by_key = house.client("ssh", "wrong");
    by_key.args(["-o", "PreferredAuthentications=publickey", "-i"]);
    let entered = run(by_key.arg(&key).args(["srv1@127.0.0.1", "hostname"])).await;
    assert_eq!(entered.stdout, "srv1\n", "{}", entered.stderr);
    let elsewhere = house.ssh(&["ann@127.0.0.1", "true"]).await;
    assert_eq!(elsewhere.code, Some(255));
    assert!(
        elsewhere.stderr.contains("no node `ann`: client, srv1"),
        "{}",
        elsewhere.stderr
    );

    // Its input reaches a command, and the end of it too.
    let mut cat = house.client("ssh", CODE);
    let mut cat = cat
        .args(["srv1@127.0.0.1", "wc -c"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("ssh");
    let mut input = cat.stdin.take().expect("its input");
    input
        .write_all(&vec![b'x'; 3 << 20])
        .await
        .expect("it takes it");
    drop(input);
    let counted = cat.wait_with_output().await.expect("it ends").stdout;
    assert_eq!(
        String::from_utf8_lossy(&counted).trim(),
        (3 << 20).to_string()
    );
    nothing_is_forwarded(&house).await;
    closed_doors_end_what_is_under_way(&house).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_over_ssh_is_the_terminal_of_the_browser() {
    let house = House::open("ssh-shell").await;
    let place = TerminalId {
        lab: house.lab.clone(),
        node: "srv1".to_owned(),
        name: "main".to_owned(),
        user: "root".to_owned(),
    };
    let join = async |mode| {
        house
            .terminals
            .join(&place, mode, None)
            .await
            .expect("a terminal")
    };
    let (mut browser, hands) = join(ViewerMode::TakePart).await;
    assert!(
        hands
            .type_in("v=browser; echo here-$((40+2))\r".into())
            .await
    );
    sees(&mut browser, "here-42").await;

    let mut ssh = house.client("ssh", CODE);
    ssh.args(["-tt", "srv1@127.0.0.1"]).stdin(Stdio::piped());
    let mut ssh = ssh.spawn().expect("ssh");
    let mut keys = ssh.stdin.take().expect("its input");
    let mut shown = ssh.stdout.take().expect("its output");
    let mut seen = String::new();
    let mut part = [0; 4096];
    let mut until = async |seen: &mut String, text: &str| {
        while !seen.contains(text) {
            let read = tokio::time::timeout(LIMIT, shown.read(&mut part)).await;
            let read = read
                .unwrap_or_else(|_| panic!("no {text:?} in {seen:?}"))
                .expect("it is open");
            assert_ne!(read, 0, "it ended after {seen:?}");
            *seen += &String::from_utf8_lossy(&part[..read]);
        }
    };
    until(&mut seen, "here-42").await;
    keys.write_all(b"echo from-$v-over-ssh\r")
        .await
        .expect("it takes it");
    keys.flush().await.expect("it takes it");
    until(&mut seen, "from-browser-over-ssh").await;
    sees(&mut browser, "from-browser-over-ssh").await;
    // Who hangs up leaves the shell as it is.
    ssh.kill().await.expect("it ends");
    assert!(hands.type_in("echo still-$v; exit 3\r".into()).await);
    sees(&mut browser, "still-browser").await;

    let mut ssh = house.client("ssh", CODE);
    ssh.args(["-tt", "srv1@127.0.0.1"]).stdin(Stdio::piped());
    let mut ssh = ssh.spawn().expect("ssh");
    let mut keys = ssh.stdin.take().expect("its input");
    keys.write_all(b"exit 5\r").await.expect("it takes it");
    let ended = tokio::time::timeout(LIMIT, ssh.wait_with_output())
        .await
        .expect("it ends");
    assert_eq!(ended.expect("it ended").status.code(), Some(5));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_both_ways_by_scp_and_sftp() {
    let house = House::open("ssh-files").await;
    let there = |path: &str| format!("srv1@127.0.0.1:{path}");
    let (big, back) = (house.path("big"), house.path("back"));
    let mut random = Command::new("sh");
    let random = random.args(["-c", "head -c 20971520 /dev/urandom > \"$0\"; chmod 640 \"$0\"; touch -d @1700000000 \"$0\"; sha256sum < \"$0\""]);
    let hash = run(random.arg(&big)).await.stdout;
    let local = async |path: &Path| {
        let mut command = Command::new("sh");
        let command = command.args(["-c", "sha256sum < \"$0\"; stat -c '%a %Y' \"$0\""]);
        run(command.arg(path)).await.stdout
    };
    for (how, name) in [(&[][..], "by-sftp"), (&["-O"][..], "by-scp")] {
        let mut up = house.client("scp", CODE);
        let sent = run(up.args(how).arg("-p").arg(&big).arg(there(name))).await;
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        let seen = house
            .says(&format!(
                "sha256sum < /root/{name}; stat -c '%a %Y' /root/{name}"
            ))
            .await;
        assert_eq!(seen, format!("{hash}640 1700000000\n"));
        let mut down = house.client("scp", CODE);
        let got = run(down
            .args(how)
            .arg("-p")
            .arg(there(&format!("/root/{name}")))
            .arg(&back))
        .await;
        assert_eq!(got.code, Some(0), "{}", got.stderr);
        assert_eq!(local(&back).await, format!("{hash}640 1700000000\n"));
        std::fs::remove_file(&back).expect("it is there");
    }

    let batch = house.path("batch");
    let lines = format!(
        "pwd\nmkdir /root/d\nput -p {big} /root/d/x\nrename /root/d/x /root/d/y\nln -s y /root/d/link\n\
         chmod 600 /root/d/y\nls -l /root/d\nget -p /root/d/link {back}\nrm /root/d/link\n-rmdir /root/d\n\
         rename /root/by-scp /root/d/y\n",
        big = big.display(),
        back = back.display()
    );
    write(&batch, &lines, 0o600);
    let mut sftp = house.client("sftp", CODE);
    // A batch would have asked nothing of anybody.
    let done = run(sftp
        .args(["-o", "BatchMode=no", "-b"])
        .arg(&batch)
        .arg("srv1@127.0.0.1"))
    .await;
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("/root\n"), "{}", done.stdout);
    assert!(done.stdout.contains(" y\n"), "{}", done.stdout);
    assert_eq!(local(&back).await, format!("{hash}600 1700000000\n"));
    assert_eq!(
        house.says("ls /root/d; stat -c %a /root/d/y").await,
        "y\n640\n"
    );
    let missing = house.path("missing");
    let mut none = house.client("scp", CODE);
    let refused = run(none.arg(there("/root/none")).arg(&missing)).await;
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("No such file"),
        "{}",
        refused.stderr
    );
    house.close().await;
}

#[tokio::test]
async fn who_is_in_by_a_code_that_was_replaced_is_out() {
    let house = House::open("ssh-replaced").await;
    let socket = house.path("master");
    let mut master = house.client("ssh", CODE);
    master
        .args(["-M", "-N", "-S"])
        .arg(&socket)
        .arg("srv1@127.0.0.1");
    let _master = master.spawn().expect("ssh starts");
    let there = socket.clone();
    let is_in = move || plateau_tests::wait_until("it is in", LIMIT, || there.exists());
    let waited = tokio::task::spawn_blocking(is_in).await;
    waited.expect("it is in");
    let over_it = |line: &str| {
        let mut command = house.client("ssh", CODE);
        command
            .arg("-S")
            .arg(&socket)
            .args(["srv1@127.0.0.1", line]);
        command
    };
    let mut at_work = over_it("echo in; sleep 600").spawn().expect("ssh starts");
    let mut said = [0; 3];
    let output = at_work.stdout.as_mut().expect("its output");
    output.read_exact(&mut said).await.expect("a line");
    assert_eq!(&said, b"in\n");

    *house.code.lock().expect("a code") = "another-code";
    house.terminals.close_open_terminals(&house.lab).await;
    let ended = tokio::time::timeout(LIMIT, at_work.wait()).await;
    let ended = ended.expect("what was under way ends").expect("it does");
    assert!(!ended.success(), "{ended:?}");
    let more = run(&mut over_it("hostname")).await;
    assert_ne!(more.code, Some(0), "{}", more.stdout);
    assert_eq!(more.stdout, "");
    house.close().await;
}
