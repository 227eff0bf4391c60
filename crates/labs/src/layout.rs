//! Where our programs are in containers.

/// Folder of the agent in every container of ours.
pub const FOLDER: &str = "/plateau";

/// The agent.
pub const AGENT: &str = "/plateau/plateau-agent";

/// The grader beside it: the agent with clients for what is asked across a network.
pub const GRADER: &str = "/plateau/plateau-grader";
