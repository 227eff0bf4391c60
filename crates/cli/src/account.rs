//! `plateau account …` and `plateau token …`.

use std::io::{self, IsTerminal as _, Read as _};

use plateau_core::api::{
    CreateAccountRequest, CreateTokenRequest, SensitiveText, UpdateAccountRequest,
};

use crate::args::{AccountCommand, PasswordArgs, TokenCommand};
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::screen::Screen;
use crate::show;

/// Most bytes that are read of standard input for a password; the daemon takes fewer.
const LONGEST: u64 = 4096;

/// Runs one of the commands for accounts.
pub(crate) async fn run(
    command: &AccountCommand,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    match command {
        AccountCommand::Add {
            name,
            role,
            display_name,
            password,
        } => {
            let new = CreateAccountRequest {
                name: name.clone(),
                display_name: display_name.clone(),
                role: (*role).into(),
                password: read(password)?,
            };
            screen.show(&daemon.add_account(&new).await?, |made| {
                format!("{} can log in as {}\n", made.name, made.role)
            })?;
        }
        AccountCommand::List => {
            screen.show(&daemon.accounts().await?, |accounts| {
                show::account::list(accounts)
            })?;
        }
        AccountCommand::Disable { name } | AccountCommand::Enable { name } => {
            let disabled = matches!(command, AccountCommand::Disable { .. });
            let change = UpdateAccountRequest {
                disabled: Some(disabled),
                ..UpdateAccountRequest::default()
            };
            screen.show(&daemon.change_account(name, &change).await?, |account| {
                let how = if account.disabled {
                    "can no longer"
                } else {
                    "can"
                };
                format!("{} {how} log in\n", account.name)
            })?;
        }
        AccountCommand::Password { name, password } => {
            let change = UpdateAccountRequest {
                password: Some(read(password)?),
                ..UpdateAccountRequest::default()
            };
            screen.show(&daemon.change_account(name, &change).await?, |account| {
                format!("{} has a new password\n", account.name)
            })?;
        }
        AccountCommand::Remove { name } => {
            daemon.remove_account(name).await?;
            screen.remark(&format!("{name} is removed"));
        }
    }
    Ok(Ending::Good)
}

/// Runs one of the commands for tokens.
pub(crate) async fn run_token(
    command: &TokenCommand,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    match command {
        TokenCommand::New { name, role, days } => {
            let new = CreateTokenRequest {
                name: name.clone(),
                role: (*role).into(),
                days: *days,
            };
            let made = daemon.add_token(&new).await?;
            // Alone on standard output, so that `> FILE` makes what --token-file reads.
            screen.show(&made, |made| format!("{}\n", made.secret))?;
            screen.remark("it is never shown again; keep it where only its program can read it");
        }
        TokenCommand::List => {
            screen.show(&daemon.tokens().await?, |tokens| {
                show::account::tokens(tokens)
            })?;
        }
        TokenCommand::Revoke { name } => {
            daemon.remove_token(name).await?;
            screen.remark(&format!("{name} opens nothing any more"));
        }
    }
    Ok(Ending::Good)
}

/// A password, asked for twice where somebody types it.
fn read(args: &PasswordArgs) -> Result<SensitiveText, Failure> {
    if args.password_stdin {
        let mut text = String::new();
        let input = io::stdin().lock();
        let read = input.take(LONGEST).read_to_string(&mut text);
        read.map_err(Failure::Password)?;
        return Ok(SensitiveText(
            text.lines().next().unwrap_or_default().to_owned(),
        ));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::NoPrompt);
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).map_err(Failure::Password);
    let password = ask("password: ")?;
    if ask("once more: ")? != password {
        return Err(Failure::PasswordsDiffer);
    }
    Ok(SensitiveText(password))
}
