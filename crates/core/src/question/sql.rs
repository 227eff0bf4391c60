//! A statement in a database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which database server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB or MySQL.
    Mariadb,
}

question! {
    /// A log-in to a database server and one statement there, in a transaction that is rolled back.
    SqlCheck, SqlQuestion, SqlSeen;
    asks {
        /// `postgresql` or `mariadb`.
        engine: Engine,
        /// Address or name.
        host: String,
        /// Port number; 5432 or 3306 where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Whether to insist on TLS, whoever signed the certificate; for PostgreSQL alone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tls: bool,
        /// Login name.
        user: String,
        /// Password; none is offered where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Database; PostgreSQL takes the one of the user's name, MariaDB none, where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
        /// The statement. The server is told to end it when the question's time is over.
        statement: String,
        /// Whether it runs outside a transaction and its effects stay. MariaDB keeps those of
        /// `CREATE`, `ALTER` and `DROP` in any case.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        commit: bool,
        /// Whether `rows` are sorted as texts, for a statement without `ORDER BY`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sorted: bool,
    }
    sees {
        /// Whether a server of this kind answered.
        connected: bool,
        /// Whether the log-in was accepted; also `false` where nobody answers.
        logged_in: bool,
        /// Whether the statement ran to its end; also `false` where nobody answers.
        ran: bool,
        /// What the server refused the log-in or the statement with: PostgreSQL's SQLSTATE such as
        /// `42501`, MariaDB's number such as `1142`.
        code: String,
        /// What the server said about that, in its own language.
        error: String,
        /// Names of the result's columns.
        columns: Vec<String>,
        /// Their types as the server calls them, such as `int4`, or `int` in MariaDB.
        types: Vec<String>,
        /// The first 1000 rows, as the server writes them: values separated by `|`, nothing as `NULL`.
        rows: Vec<String>,
        /// How many rows came, or how many were changed by a statement without a result.
        count: i64,
    }
    or ran = true;
    example r#"sql: { engine: mariadb, host: db, user: shop, password: "{{ secret }}", database: shop, statement: "SELECT name FROM fruit ORDER BY id", rows: [apple, pear] }"#;
}

impl SqlCheck {
    /// What does not go together in it: the field and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        match self.engine {
            Engine::Mariadb if self.tls => {
                Some(("tls", "`tls` is for PostgreSQL alone".to_owned()))
            }
            Engine::Mariadb | Engine::Postgresql => None,
        }
    }
}
