//! Refreshing a principal that was authenticated before.

use super::{Access, AccessError, Principal, now};

impl Access {
    /// Who somebody is now, with their present role and sessions; `None` where their log-in or token
    /// is over. It counts as using the log-in.
    ///
    /// # Errors
    /// The database fails.
    pub async fn refresh(&self, before: &Principal) -> Result<Option<Principal>, AccessError> {
        let database = self.database();
        match before {
            Principal::Nobody => Ok(None),
            Principal::Local => Ok(Some(Principal::Local)),
            Principal::Account { login, .. } | Principal::Seat { login, .. } => {
                match database.logins().by_id(&login.id).await? {
                    Some(login) => self.of(login).await,
                    None => Ok(None),
                }
            }
            Principal::Token(token) => {
                let token = database.tokens().by_id(&token.id).await?;
                let token = token.filter(|token| token.expires.is_none_or(|at| at > now()));
                Ok(token.map(Principal::Token))
            }
        }
    }
}
