//! The state on disk: frozen scenarios, and what is known of labs.
