//! Accounts and tokens.

use plateau_core::api::{
    AccountView, CreateAccountRequest, CreateTokenRequest, CreatedToken, TokenView,
    UpdateAccountRequest,
};
use reqwest::Method;

use super::{Client, answer, segment};
use crate::failure::Failure;

impl Client {
    /// Lists the accounts.
    pub(crate) async fn accounts(&self) -> Result<Vec<AccountView>, Failure> {
        self.get("/v1/accounts").await
    }

    /// Makes an account.
    pub(crate) async fn add_account(
        &self,
        new: &CreateAccountRequest,
    ) -> Result<AccountView, Failure> {
        self.post("/v1/accounts", new).await
    }

    /// Changes an account.
    pub(crate) async fn change_account(
        &self,
        name: &str,
        change: &UpdateAccountRequest,
    ) -> Result<AccountView, Failure> {
        let path = format!("/v1/accounts/{}", segment(name));
        let request = self.request(Method::PATCH, &path)?.json(change);
        answer(self.send(request).await?).await
    }

    /// Removes an account.
    pub(crate) async fn remove_account(&self, name: &str) -> Result<(), Failure> {
        let path = format!("/v1/accounts/{}", segment(name));
        let request = self.request(Method::DELETE, &path)?;
        self.send(request).await.map(drop)
    }

    /// Lists the tokens of programs.
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenView>, Failure> {
        self.get("/v1/tokens").await
    }

    /// Makes a token.
    pub(crate) async fn add_token(
        &self,
        new: &CreateTokenRequest,
    ) -> Result<CreatedToken, Failure> {
        self.post("/v1/tokens", new).await
    }

    /// Revokes a token.
    pub(crate) async fn remove_token(&self, name: &str) -> Result<(), Failure> {
        let path = format!("/v1/tokens/{}", segment(name));
        let request = self.request(Method::DELETE, &path)?;
        self.send(request).await.map(drop)
    }
}
