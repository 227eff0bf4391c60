//! Accounts and tokens.

use plateau_core::api::{AccountView, TokenView};

use super::{lines, table};
use crate::style::{GOOD, UNSURE, styled};

/// Accounts, a line each.
pub(crate) fn list(accounts: &[AccountView]) -> String {
    if accounts.is_empty() {
        return "no accounts; `plateau account add NAME --role administrator` makes one\n"
            .to_owned();
    }
    let mut table = table(["NAME", "ROLE", "STATE", "CREATED", "SHOWN AS"]);
    for account in accounts {
        let state = match account.disabled {
            true => styled(UNSURE, "disabled"),
            false => styled(GOOD, "enabled"),
        };
        table.add_row([
            account.name.clone(),
            account.role.to_string(),
            state,
            account.created.clone(),
            account.display_name.clone(),
        ]);
    }
    lines(&table)
}

/// Tokens, a line each.
pub(crate) fn tokens(tokens: &[TokenView]) -> String {
    if tokens.is_empty() {
        return "no tokens; `plateau token new NAME --role trainer` makes one\n".to_owned();
    }
    let mut table = table(["NAME", "ROLE", "CREATED", "ENDS", "LAST USED"]);
    let moment = |moment: &Option<String>| moment.clone().unwrap_or_else(|| "never".to_owned());
    for token in tokens {
        table.add_row([
            token.name.clone(),
            token.role.to_string(),
            token.created.clone(),
            moment(&token.expires),
            moment(&token.last_used),
        ]);
    }
    lines(&table)
}
