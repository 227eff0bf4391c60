//! Terminals: attach, type, detach, come back.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use plateau_core::terminal::{Backlog, Frame};

use crate::machine::{AGENT, LIMIT, Machine};

/// A machine with an empty `/run` of its own.
fn machine() -> Machine {
    let machine = Machine::start();
    machine.shell("mount -t tmpfs none /run");
    machine
}

/// One exec that is attached to a terminal.
struct Attached {
    child: Child,
    input: Option<ChildStdin>,
    frames: Receiver<Frame>,
    seen: String,
}

impl Attached {
    fn to(machine: &Machine, arguments: &[&str]) -> Self {
        let mut child = machine
            .command(&[&[AGENT, "shell"], arguments].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let (tell, frames) = channel();
        std::thread::spawn(move || {
            let mut length = [0; 4];
            while output.read_exact(&mut length).is_ok() {
                let mut frame = vec![0; u32::from_be_bytes(length) as usize];
                output.read_exact(&mut frame).unwrap();
                let _ = tell.send(Frame::decode(&frame).unwrap());
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            frames,
            seen: String::new(),
        }
    }

    fn say(&mut self, frame: &Frame) {
        let body = frame.encode();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let input = self.input.as_mut().unwrap();
        input.write_all(&[&length[..], &body].concat()).unwrap();
    }

    fn type_in(&mut self, text: &str) {
        self.say(&Frame::Data(text.as_bytes().to_vec()));
    }

    /// Waits until the screen has shown this.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let until = Instant::now() + LIMIT;
        while !self.seen.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            match self.frames.recv_timeout(left) {
                Ok(Frame::Data(bytes) | Frame::Backlog(Backlog { bytes, .. })) => {
                    self.seen += &String::from_utf8_lossy(&bytes);
                }
                other => panic!("{other:?} instead of {text:?} after {:?}", self.seen),
            }
        }
    }

    #[track_caller]
    fn ends_with(mut self) -> i32 {
        loop {
            match self.frames.recv_timeout(LIMIT).unwrap() {
                Frame::Data(_) | Frame::Backlog(_) => {}
                Frame::Exit(status) => {
                    assert!(self.child.wait().unwrap().success());
                    return status;
                }
                Frame::Resize { .. } => panic!("a size from the terminal"),
            }
        }
    }

    fn detach(mut self) {
        self.input.take();
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_terminal_outlives_its_attachment() {
    let machine = machine();
    let mut first = Attached::to(&machine, &[]);
    first.type_in("here=$((40+2)); echo answer=$here\r");
    first.sees("answer=42");
    first.detach();
    let mut second = Attached::to(&machine, &[]);
    second.sees("answer=42");
    second.type_in("echo still=$here; exit 7\r");
    second.sees("still=42");
    assert_eq!(second.ends_with(), 7);
    // The next one is new.
    let mut third = Attached::to(&machine, &[]);
    third.type_in("echo new=[$here]; kill -9 $$\r");
    third.sees("new=[]");
    assert_eq!(third.ends_with(), 137);
}

#[test]
fn two_attachments_see_the_same() {
    let machine = machine();
    let mut one = Attached::to(&machine, &["--name", "shared"]);
    let mut two = Attached::to(&machine, &["--name", "shared"]);
    let mut other = Attached::to(&machine, &["--name", "other"]);
    one.type_in("echo from-$((1+1))\r");
    one.sees("from-2");
    two.sees("from-2");
    two.type_in("exit\r");
    assert_eq!(two.ends_with(), 0);
    assert_eq!(one.ends_with(), 0);
    other.type_in("echo to-$((1+1)); exit\r");
    other.sees("to-2");
    assert!(!other.seen.contains("from-2"));
    assert_eq!(other.ends_with(), 0);
}

#[test]
fn a_window_has_the_size_it_was_given() {
    let machine = machine();
    let mut terminal = Attached::to(&machine, &["--cols", "101", "--rows", "31"]);
    terminal.type_in("stty size\r");
    terminal.sees("31 101");
    terminal.say(&Frame::Resize {
        cols: 120,
        rows: 40,
    });
    terminal.type_in("stty size\r");
    terminal.sees("40 120");
    terminal.detach();
    let mut terminal = Attached::to(&machine, &["--cols", "77", "--rows", "22"]);
    terminal.type_in("stty size; exit\r");
    terminal.sees("22 77");
    assert_eq!(terminal.ends_with(), 0);
}

#[test]
fn a_shell_is_a_login_shell_of_its_user() {
    let machine = machine();
    machine.shell(
        "mount -t tmpfs none /mnt && mkdir /mnt/etc /mnt/etc/default && cd /mnt/etc && \
         echo 'ann:x:1234:1234::/var/tmp:/bin/sh' > passwd && echo 'crew:x:77:ann' > group && \
         echo 'LANG=fr_FR.UTF-8' > default/locale && mount --bind /mnt/etc /etc",
    );
    let mut terminal = Attached::to(&machine, &["--user", "ann"]);
    terminal.type_in("echo $0:$HOME:$PWD:$USER:$SHELL:$TERM:$LANG:\r");
    terminal.sees("-sh:/var/tmp:/var/tmp:ann:/bin/sh:xterm-256color:fr_FR.UTF-8:");
    terminal.type_in("grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status\r");
    terminal.sees("Uid:\t1234\t1234\t1234\t1234");
    terminal.sees("Gid:\t1234\t1234\t1234\t1234");
    terminal.sees("Groups:\t77 1234");
    terminal.sees("CapEff:\t0000000000000000");
    // Job control needs the terminal to be the session's own.
    terminal.type_in("sh -c 'echo rea''dy; exec sleep 1000'\r");
    terminal.sees("ready");
    terminal.type_in("\u{3}");
    terminal.sees("^C");
    terminal.type_in("echo interrupted=$?; exit\r");
    terminal.sees("interrupted=130");
    assert_eq!(terminal.ends_with(), 0);

    let mut nobody = Attached::to(&machine, &["--user", "bob"]);
    nobody.sees("no user named `bob`");
    assert_eq!(nobody.ends_with(), 1);
}

#[test]
fn a_flood_does_not_drown_what_is_typed() {
    let machine = machine();
    let mut terminal = Attached::to(&machine, &[]);
    terminal.type_in("yes flood-flood-flood\r");
    terminal.sees(&"flood-flood-flood\r\n".repeat(10_000));
    terminal.type_in("\u{3}");
    terminal.type_in("echo over=$((1+1)); exit 3\r");
    terminal.sees("over=2");
    assert_eq!(terminal.ends_with(), 3);
}

#[test]
fn a_name_cannot_lead_elsewhere() {
    let machine = machine();
    let output = machine.inside(&[AGENT, "shell", "--name", "../x"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not a valid name for a terminal"));
}
