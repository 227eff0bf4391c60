//! End-to-end, tidy and corpus tests.
