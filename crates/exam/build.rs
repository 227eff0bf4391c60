//! Migrations are built into the daemon: a new one builds it again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
