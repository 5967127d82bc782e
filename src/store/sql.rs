//! The one way to write SQL: constants that list themselves, so that one test prepares every statement.

/// Declares a file's statements: `sql! { NAME = "SELECT …"; … }`. Each is a constant, and `STATEMENTS` has them all.
macro_rules! sql {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* const $name: &str = $text;)+
        /// Every statement of this file, for the test that prepares them against the migrated schema.
        pub(in crate::store) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(super) use sql;

/// Gives the ids of the model sqlx's traits: they are `bigint` on the wire.
macro_rules! sqlx_ids {
    ($($name:ident),+) => {$(
        impl sqlx::Type<sqlx::Postgres> for crate::model::ids::$name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <i64 as sqlx::Type<sqlx::Postgres>>::type_info()
            }
        }
        impl<'r> sqlx::Decode<'r, sqlx::Postgres> for crate::model::ids::$name {
            fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                <i64 as sqlx::Decode<sqlx::Postgres>>::decode(value).map(Self)
            }
        }
        impl<'q> sqlx::Encode<'q, sqlx::Postgres> for crate::model::ids::$name {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <i64 as sqlx::Encode<sqlx::Postgres>>::encode_by_ref(&self.0, buffer)
            }
        }
        impl sqlx::postgres::PgHasArrayType for crate::model::ids::$name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <i64 as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }
    )+};
}

sqlx_ids!(
    AccountId,
    DomainId,
    MailboxId,
    BlobId,
    EmailId,
    ThreadId,
    QueueId,
    QueueRecipientId,
    AuditId,
    DraftId,
    UploadId,
    OutboxId
);
