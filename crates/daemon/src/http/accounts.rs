//! Accounts, and API tokens of programs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use plateau_core::api::{
    AccountView, CreateAccountRequest, CreateTokenRequest, CreatedToken, TokenView,
    UpdateAccountRequest,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failures, JsonBody, PathParams};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts, create_account))
        .routes(routes!(update_account, delete_account))
        .routes(routes!(end_account_logins))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(delete_token))
}

/// Lists all accounts by name
#[utoipa::path(get, path = "/v1/accounts", tag = "access", operation_id = "listAccounts",
    responses((status = 200, body = Vec<AccountView>), Failures))]
pub(super) async fn list_accounts(State(api): State<Api>) -> ApiResult<Json<Vec<AccountView>>> {
    Ok(Json(api.access.accounts().await?))
}

/// Creates an account
#[utoipa::path(post, path = "/v1/accounts", tag = "access", operation_id = "createAccount", request_body = CreateAccountRequest,
    responses((status = 201, body = AccountView), Failures))]
pub(super) async fn create_account(
    State(api): State<Api>,
    JsonBody(account): JsonBody<CreateAccountRequest>,
) -> ApiResult<(StatusCode, Json<AccountView>)> {
    let made = api.access.add_account(account).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Changes an account
///
/// A new role, a new password, or disabling the account ends its log-ins.
#[utoipa::path(patch, path = "/v1/accounts/{account}", tag = "access", operation_id = "updateAccount",
    request_body = UpdateAccountRequest,
    params(("account" = String, Path, description = "Name")),
    responses((status = 200, body = AccountView), Failures))]
pub(super) async fn update_account(
    State(api): State<Api>,
    PathParams(account): PathParams<String>,
    JsonBody(change): JsonBody<UpdateAccountRequest>,
) -> ApiResult<Json<AccountView>> {
    Ok(Json(api.access.change_account(&account, change).await?))
}

/// Deletes an account and ends its log-ins
#[utoipa::path(delete, path = "/v1/accounts/{account}", tag = "access", operation_id = "deleteAccount",
    params(("account" = String, Path, description = "Name")),
    responses((status = 204, description = "The account is deleted"), Failures))]
pub(super) async fn delete_account(
    State(api): State<Api>,
    PathParams(account): PathParams<String>,
) -> ApiResult<StatusCode> {
    api.access.remove_account(&account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all log-ins of an account
#[utoipa::path(delete, path = "/v1/accounts/{account}/logins", tag = "access", operation_id = "deleteAccountLogins",
    params(("account" = String, Path, description = "Name")),
    responses((status = 204, description = "All log-ins of the account are ended"), Failures))]
pub(super) async fn end_account_logins(
    State(api): State<Api>,
    PathParams(account): PathParams<String>,
) -> ApiResult<StatusCode> {
    let account = api.access.account(&account).await?;
    api.access.revoke_account(&account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the API tokens of programs by name
#[utoipa::path(get, path = "/v1/tokens", tag = "access", operation_id = "listTokens",
    responses((status = 200, body = Vec<TokenView>), Failures))]
pub(super) async fn list_tokens(State(api): State<Api>) -> ApiResult<Json<Vec<TokenView>>> {
    Ok(Json(api.access.tokens().await?))
}

/// Creates an API token for a program; only this response contains its secret
#[utoipa::path(post, path = "/v1/tokens", tag = "access", operation_id = "createToken", request_body = CreateTokenRequest,
    responses((status = 201, body = CreatedToken), Failures))]
pub(super) async fn create_token(
    State(api): State<Api>,
    JsonBody(token): JsonBody<CreateTokenRequest>,
) -> ApiResult<(StatusCode, Json<CreatedToken>)> {
    let made = api.access.add_token(token).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes an API token
#[utoipa::path(delete, path = "/v1/tokens/{token}", tag = "access", operation_id = "deleteToken",
    params(("token" = String, Path, description = "Name")),
    responses((status = 204, description = "The token is revoked"), Failures))]
pub(super) async fn delete_token(
    State(api): State<Api>,
    PathParams(token): PathParams<String>,
) -> ApiResult<StatusCode> {
    api.access.remove_token(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}
