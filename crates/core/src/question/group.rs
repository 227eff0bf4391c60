//! A local group.


question! {
    /// A group of the node's `/etc/group`.
    GroupCheck, GroupQuestion, GroupSeen;
    asks {
        /// Name of the group.
        name: String,
    }
    sees {
        /// Whether there is such a group.
        exists: bool,
        /// Group number.
        gid: i64,
        /// Members, those by primary group included, sorted.
        members: Vec<String>,
    }
    or exists = true;
    example r#"group: { name: compta, members: { contains: alice } }"#;
}
