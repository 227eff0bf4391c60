//! Running processes by name.


question! {
    /// Processes whose executable has this base name, whatever they call themselves.
    ///
    /// A script counts by its interpreter: `python3.11`, and not the script's own name.
    ProcessCheck, ProcessQuestion, ProcessSeen;
    asks {
        /// Base name of the program, such as `nginx`.
        name: String,
    }
    sees {
        /// Whether there is at least one.
        running: bool,
        /// How many there are.
        count: i64,
        /// Names of the users that they run as, sorted, each once.
        users: Vec<String>,
        /// Command lines, arguments joined by a space, sorted, each once; at most 256 of at most 4 KiB.
        commands: Vec<String>,
    }
    or running = true;
    example r#"process: { name: nginx, users: { contains: www-data } }"#;
}
