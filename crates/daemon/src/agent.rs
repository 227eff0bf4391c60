//! The agent on the engine: its image, its volume, and the wirer.
