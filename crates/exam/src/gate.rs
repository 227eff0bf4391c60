//! Authorization of SSH clients.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use russh::keys::PublicKey;

/// A client that asks for access.
#[derive(Clone)]
pub struct AuthRequest {
    /// The user name that the client sends: the name of the node to enter.
    pub user: String,
    /// How the client authenticates.
    pub proof: Credential,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Stage of the authentication.
    pub stage: AuthStage,
}

/// Stage of a client's authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStage {
    /// The client offers a key, and has not yet proven that it owns it.
    Offering,
    /// The client enters, if the credential opens anything.
    Entering,
    /// The client is in and asks for more: the credential may no longer hold.
    Inside,
}

/// What a client authenticates with.
#[derive(Clone)]
pub enum Credential {
    /// An access code.
    Password(String),
    /// A key: offered, or proven to be the client's. Nobody enters before it is proven.
    Key(PublicKey),
}

/// What a client that was let in may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Identifier of the lab.
    pub lab: String,
    /// The nodes that may be entered.
    pub nodes: Vec<String>,
    /// The seat, for the log.
    pub seat: String,
}

/// Why a client may not enter, for the log alone: the client is told only that it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthRejection {
    /// The credential opens nothing here.
    Wrong(String),
    /// The same, and too many wrong ones came from the same address: the client may try again by
    /// another connection, of which it gets few.
    TooMany(String),
}

type Decide =
    dyn Fn(AuthRequest) -> BoxFuture<'static, Result<Admission, AuthRejection>> + Send + Sync;

/// Decides which clients may enter.
#[derive(Clone)]
pub struct Gate(Arc<Decide>);

impl Gate {
    /// A gate that decides by a function.
    pub fn new<F>(decide: impl Fn(AuthRequest) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Admission, AuthRejection>> + Send + 'static,
    {
        Self(Arc::new(move |knock| decide(knock).boxed()))
    }

    /// One that lets nobody in.
    #[must_use]
    pub fn deny_all() -> Self {
        Self::new(async |_| Err(AuthRejection::Wrong("nobody may enter".to_owned())))
    }

    /// Asks whether somebody may enter.
    ///
    /// # Errors
    /// The client may not enter.
    pub async fn ask(&self, knock: AuthRequest) -> Result<Admission, AuthRejection> {
        (self.0)(knock).await
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(…)")
    }
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("user", &self.user)
            .field("proof", &self.proof)
            .field("peer", &self.peer)
            .field("stage", &self.stage)
            .finish()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(…)",
            Self::Key(_) => "Key(…)",
        })
    }
}

impl Admission {
    /// The node that a user's name stands for; where there is one only, every name does.
    ///
    /// # Errors
    /// What to tell the client.
    pub fn node(&self, user: &str) -> Result<&str, String> {
        match self.nodes.as_slice() {
            [] => Err("no node can be entered".to_owned()),
            [only] => Ok(only),
            nodes => {
                let found = nodes.iter().find(|node| *node == user);
                let all = || format!("no node `{user}`: {}", nodes.join(", "));
                found.map(String::as_str).ok_or_else(all)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(nodes: &[&str]) -> Admission {
        Admission {
            lab: String::new(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            seat: String::new(),
        }
    }

    #[test]
    fn a_name_chooses_the_node_unless_there_is_one_only() {
        assert_eq!(admission(&["srv1"]).node("ann"), Ok("srv1"));
        let two = admission(&["client", "srv1"]);
        assert_eq!(two.node("srv1"), Ok("srv1"));
        assert_eq!(
            two.node("ann"),
            Err("no node `ann`: client, srv1".to_owned())
        );
        assert!(admission(&[]).node("srv1").is_err());
    }

    #[test]
    fn a_code_is_in_no_log() {
        let knock = AuthRequest {
            user: "srv1".to_owned(),
            proof: Credential::Password("hunter2".to_owned()),
            peer: ([127, 0, 0, 1], 22).into(),
            stage: AuthStage::Entering,
        };
        assert!(!format!("{knock:?}").contains("hunter2"));
    }
}
