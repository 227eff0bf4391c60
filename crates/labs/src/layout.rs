//! Paths of the agent's programs in containers.

/// Folder of the agent in every container of a lab.
pub const FOLDER: &str = "/plateau";

/// The agent.
pub const AGENT: &str = "/plateau/plateau-agent";

/// The grader beside it: the agent with clients of network protocols.
pub const GRADER: &str = "/plateau/plateau-grader";
