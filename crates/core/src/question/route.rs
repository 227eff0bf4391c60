//! A route of the main table.


question! {
    /// A route of the kernel's main table; of several to one destination, the one of
    /// the lowest metric. One that refuses packets (`unreachable`, `blackhole`, `prohibit`) is not a route.
    RouteCheck, RouteQuestion, RouteSeen;
    asks {
        /// Destination: `default`, `default6`, or a network such as `10.0.0.0/8`.
        to: String,
    }
    sees {
        /// Whether there is such a route.
        exists: bool,
        /// Address of the next router; absent for a network that is reached directly.
        via: String,
        /// Interface it leaves by.
        interface: String,
        /// Metric; 0 where none is set.
        metric: i64,
    }
    or exists = true;
    example r#"route: { to: default, via: 192.168.10.254 }"#;
}
