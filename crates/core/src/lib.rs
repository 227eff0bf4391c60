//! Plateau's core, without input and output: scenario → topology → plan, and fact → verdict → grade.
//!
//! Nothing here reads a file, a clock, the environment or a source of randomness, and nothing is
//! async: the same input gives the same output years later, which is what lets a grade be
//! recomputed from stored evidence.

pub mod api;
#[cfg(feature = "exam")]
pub mod backup;
pub mod disclosure;
pub mod error;
pub mod event;
#[cfg(feature = "evidence")]
pub mod evidence;
#[cfg(feature = "exam")]
pub mod exam;
pub mod fault;
pub mod feedback;
pub mod folder;
pub mod grade;
pub mod image;
pub mod link;
pub mod localized;
pub mod matcher;
#[cfg(feature = "messages")]
pub mod messages;
pub mod name;
pub mod observer;
pub mod parameter;
pub mod path;
pub mod plan;
pub mod probe;
pub mod problem;
pub mod proof;
pub mod quantity;
pub mod question;
pub mod reference;
pub mod referential;
pub mod reliance;
pub mod scenario;
pub mod spec;
pub mod terminal;
pub mod topology;
pub mod tree;
pub mod wire;

#[cfg(test)]
mod properties;
mod resolve;
mod template;
