//! Web applications of a lab, opened as browsers open them, where no port is published.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use plateau_core::api::WebAppAccess;
use plateau_core::exam::session::AttemptState;
use plateau_tests::{Daemon, containers, exam, scenario, wait_until};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

const LIMIT: Duration = Duration::from_secs(60);

/// An application in some lines: it sets a cookie and tells which it has, speaks WebSocket, and has
/// something that does not end.
const APPLICATION: &str = r#"
use Digest::SHA qw(sha1_base64);
$| = 1;
binmode STDIN; binmode STDOUT;
while (defined(my $line = <STDIN>)) {
    my (undef, $path) = split ' ', $line;
    my %has;
    while (defined(my $next = <STDIN>)) {
        $next =~ s/\r?\n$//;
        last if $next eq '';
        my ($name, $value) = split /:\s*/, $next, 2;
        $has{lc $name} = $value;
    }
    if (lc($has{upgrade} // '') eq 'websocket') {
        my $accept = sha1_base64($has{'sec-websocket-key'} . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=';
        print "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            "Sec-WebSocket-Accept: $accept\r\n\r\n";
        while (read(STDIN, my $head, 6) == 6) {
            my ($first, $long, $mask) = unpack 'CCa4', $head;
            $long &= 127;
            read STDIN, my $data, $long;
            print pack('CC', $first, $long), $data ^ substr($mask x 32, 0, $long);
        }
        exit;
    }
    if ($path eq '/endless') {
        print "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun";
        <STDIN>;
        exit;
    }
    my $body = "path $path\ncookie " . ($has{cookie} // '') . "\nhost $has{host}\n";
    print "HTTP/1.1 200 OK\r\nSet-Cookie: basket=full; Domain=localhost\r\n",
        'Content-Length: ', length $body, "\r\n\r\n$body";
}
"#;

/// A browser that keeps its cookies in a folder.
fn browser(folder: &Path, address: &str) -> Command {
    let mut curl = Command::new("curl");
    let jar = folder.join("cookies");
    curl.args(["--silent", "--show-error", "--no-buffer"]);
    curl.args(["--noproxy", "*", "--connect-to", "::127.0.0.1:"]);
    curl.arg("--cookie").arg(&jar).arg("--cookie-jar").arg(jar);
    curl.arg(address);
    curl
}

/// Status and text of an address.
fn opened(folder: &Path, address: &str) -> (String, String) {
    let mut curl = browser(folder, address);
    curl.args(["--location", "--write-out", "%{stderr}%{http_code}"]);
    let output = curl.output().expect("curl starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stderr), text(&output.stdout))
}

/// The address that lets a candidate in, as a page of the daemon's asks for it.
fn asked(daemon: &Daemon, folder: &Path, lab: &str) -> WebAppAccess {
    let origin = daemon.origin();
    let path = format!("{origin}/v1/labs/{lab}/nodes/left/web");
    let mut curl = browser(folder, &path);
    curl.args(["--fail-with-body", "--header", "X-Plateau: 1"]);
    curl.args(["--header", &format!("Origin: {origin}")]);
    curl.args(["--header", "Content-Type: application/json"]);
    curl.args(["--data", r#"{"port":8080}"#]);
    let output = curl.output().expect("curl starts");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("an address")
}

/// Something of the application that has begun and does not end.
fn begun(folder: &Path, address: &str) -> Child {
    let file = folder.join("begun");
    let mut curl = browser(folder, address);
    let child = curl
        .arg("--output")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn();
    let child = child.expect("curl starts");
    wait_until("an answer begins", LIMIT, || {
        std::fs::read(&file).is_ok_and(|bytes| bytes == b"begun")
    });
    child
}

/// The application's WebSocket, as its own page opens it.
async fn socket(folder: &Path, origin: &str) -> WebSocketStream<TcpStream> {
    let jar = std::fs::read_to_string(folder.join("cookies")).expect("cookies");
    let cookie = jar
        .lines()
        .find_map(|line| line.split_once("\tplateau-web\t"))
        .map(|(_, value)| format!("plateau-web={value}"))
        .expect("a cookie of the application");
    let address = format!("{}/socket", origin.replacen("http", "ws", 1));
    let mut request = address.into_client_request().expect("an address");
    let headers = request.headers_mut();
    headers.insert("cookie", cookie.parse().expect("a cookie"));
    headers.insert("origin", origin.parse().expect("an origin"));
    let (_, port) = origin.rsplit_once(':').expect("a port");
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await;
    let opened = client_async(request, stream.expect("a connection")).await;
    opened.expect("it goes over").0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_opens_their_application_and_is_out_of_it_while_they_are_paused() {
    let daemon = Daemon::new();
    let pair = scenario(exam::PAIR);
    let slips = exam::describe(
        &daemon,
        "webapp",
        pair.path(),
        "number;nom\n001;Ada\n",
        false,
    );
    daemon.good(&["session", "prepare", "webapp"]);
    daemon.good(&["session", "open", "webapp"]);
    let serve = format!(
        "cat > /srv/application.pl <<'END'\n{APPLICATION}\nEND\n\
         systemd-run --quiet systemd-socket-activate --listen=8080 --accept --inetd perl /srv/application.pl; \
         for i in $(seq 100); do ss -Hltn | grep -q :8080 && exit 0; sleep 0.1; done; exit 1"
    );
    let lab = daemon.labs().remove(0);
    daemon.sh(&lab.name, "left", &serve);

    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut login = browser(folder, &format!("{}/v1/logins", daemon.origin()));
    login.args([
        "--fail-with-body",
        "--header",
        "Content-Type: application/json",
    ]);
    login.args([
        "--data",
        &format!(r#"{{"code":{{"code":"{}"}}}}"#, slips[0].code),
    ]);
    let login = login.output().expect("curl starts");
    assert!(login.status.success(), "{login:?}");

    let address = asked(&daemon, folder, &lab.id).address;
    let (origin, _) = address.split_once("/.plateau/").expect("an address");
    let name = origin.split_once("://").expect("an origin").1;
    let first = opened(folder, &address);
    let told = |path: &str, cookie: &str| {
        let text = format!("path {path}\ncookie {cookie}\nhost {name}\n");
        ("200".to_owned(), text)
    };
    assert_eq!(first, told("/", ""));
    // Its own cookie comes back to it, and ours does not come there.
    let page = format!("{origin}/page?a=b");
    assert_eq!(opened(folder, &page), told("/page?a=b", "basket=full"));
    let again = opened(folder, &address);
    assert_eq!(again.0, "403", "{}", again.1);
    let stranger = tempfile::tempdir().expect("a folder");
    assert_eq!(opened(stranger.path(), &page).0, "403");

    let mut socket = socket(folder, origin).await;
    let message = Message::binary(b"hello".to_vec());
    socket.send(message.clone()).await.expect("it is sent");
    let echoed = tokio::time::timeout(LIMIT, socket.next()).await;
    let echoed = echoed.expect("it comes").expect("it is open");
    assert_eq!(echoed.expect("it is whole"), message);
    let mut endless = begun(folder, &format!("{origin}/endless"));

    let because = ["--kind", "incident", "--reason", "a test"];
    daemon.good(&[&["session", "pause", "webapp"], &because[..]].concat());
    let ended = endless.wait().expect("curl ends");
    assert!(!ended.success(), "what was under way is not whole");
    let left = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(LIMIT, left)
        .await
        .expect("the WebSocket ends");
    let (status, text) = opened(folder, &page);
    assert_eq!(status, "403");
    assert!(text.contains("the attempt is not open"), "{text}");

    daemon.good(&["session", "resume", "webapp"]);
    wait_until("the candidate works again", LIMIT, || {
        exam::seats(&daemon, "webapp")[0].attempts[0].state == AttemptState::Running
    });
    assert_eq!(opened(folder, &page), told("/page?a=b", "basket=full"));
    let typed = daemon.good(&["lab", "web", &lab.name, "left", "8081"]);
    let nothing = opened(folder, typed.stdout.trim_end());
    assert_eq!(nothing.0, "502");
    assert!(
        nothing.1.contains("connect to 127.0.0.1:8081"),
        "{}",
        nothing.1
    );
    daemon.good(&["lab", "down", &lab.name]);
    assert_eq!(containers(&lab.name), Vec::<String>::new());
}
