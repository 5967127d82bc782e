//! What can go wrong below: the kinds that somebody decides by.

/// Why a store verb did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, restarting, overloaded or in a deadlock: try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// PostgreSQL has no disk space left.
    #[error("the database has no space left")]
    Full,
    /// A unique constraint, by name.
    #[error("already exists ({0})")]
    Exists(String),
    /// The schema is of a newer Mailstead.
    #[error(
        "the database was last used by a newer Mailstead (schema {found}, this one knows {known}): start that version, or restore a backup made before the upgrade"
    )]
    NewerSchema { found: i64, known: i64 },
    /// An outside database that lacks what the store relies on.
    #[error("the database can't be used: {0}")]
    Unfit(String),
    /// A row that can't be: table, what is wrong.
    #[error("inconsistent {0}: {1}")]
    Inconsistent(&'static str, String),
    #[error(transparent)]
    Migrate(sqlx::migrate::MigrateError),
    #[error(transparent)]
    Sql(sqlx::Error),
}

impl StoreError {
    /// Whether PostgreSQL itself said that the statement failed, so that nothing of it is committed. After a connection
    /// that broke, or a server that went down, only a look tells.
    pub(super) fn is_rolled_back(&self) -> bool {
        match self {
            Self::Full | Self::Exists(_) => true,
            Self::Unavailable(sqlx::Error::Database(error)) | Self::Sql(sqlx::Error::Database(error)) => {
                !error.code().is_some_and(|code| ["08", "57P", "58"].iter().any(|class| code.starts_with(class)))
            }
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some("23505") => Self::Exists(database.constraint().unwrap_or_default().to_owned()),
                Some("53100") => Self::Full,
                // Class 08 connection, 57P0x shutdown and start-up, 53xxx resources, 40xxx serialization and deadlock,
                // 25006 read-only (a standby), 55000 a database closed for connections, 55P03 and 57014 a wait that took too
                // long, 58030 I/O error.
                Some(code)
                    if code.starts_with("08")
                        || code.starts_with("57P")
                        || code.starts_with("53")
                        || code.starts_with("40")
                        || matches!(code, "25006" | "55000" | "55P03" | "57014" | "58030") =>
                {
                    Self::Unavailable(error)
                }
                _ => Self::Sql(error),
            },
            _ => Self::Sql(error),
        }
    }
}
