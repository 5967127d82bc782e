//! What the house does, whoever asks. Every right, quota and rule is checked here; a service does not know how it
//! was asked (no wire, no net) and speaks to the store in short transactions.

pub mod account;
pub mod act;
pub mod app_password;
pub mod audit;
mod backoff;
pub mod content;
pub mod delivery;
pub mod directory;
mod dispatch;
pub mod draft;
pub mod dsn;
pub mod find;
pub mod fsck;
pub mod housekeeping;
pub mod list;
pub mod login;
pub mod mailbox;
pub mod message;
mod notice;
pub mod outbox;
pub mod password;
pub mod password_rules;
pub mod people;
pub mod places;
pub mod preference;
pub mod queue;
pub mod readable;
pub mod reader;
pub mod rotate;
pub mod seal;
pub mod search;
pub mod second_factor;
pub mod session;
pub mod settings;
pub mod setup;
mod shelf;
pub mod snapshot;
pub mod spool;
pub mod submission;
mod token;
pub mod totp;
mod tree;
pub mod undo;
pub mod upload;
mod vault;
pub mod watch;

use crate::model::clock::Clock;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// What every service verb answers.
pub type Result<T> = std::result::Result<T, Refusal>;

/// Why a service did not do what it was asked. Each door has one map from this to its own words, without a `_` arm.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or none that the asker may know of.
    #[error("not found")]
    NotFound,
    #[error("already exists")]
    Exists,
    /// The asker may know of it, but may not do this.
    #[error("not permitted")]
    Denied,
    /// Name or secret wrong, account suspended, protocol not in the password's scope: one answer for all.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// Too many failures from here or for this account; try again later.
    #[error("too many failed attempts, try again later")]
    SlowDown,
    /// The session's credentials were changed or its account suspended: it must end.
    #[error("this session has ended")]
    Stale,
    #[error("over quota")]
    OverQuota,
    /// The message is larger than the limit, in bytes.
    #[error("message too large, the limit is {0} bytes")]
    TooLarge(u64),
    /// A limit of the house, in words.
    #[error("{0}")]
    Limit(&'static str),
    /// The request makes no sense; the words say what would.
    #[error("{0}")]
    Invalid(&'static str),
    /// A mailbox with children, an account in use: in words.
    #[error("{0}")]
    InUse(&'static str),
    #[error("opened read-only")]
    ReadOnly,
    /// Too much is being received at once (byte budget): try again soon.
    #[error("busy, try again soon")]
    Busy,
    /// Free space is below the reserve: nothing that adds data is taken.
    #[error("storage is full")]
    Full,
    /// The database is away: try again.
    #[error("temporarily unavailable")]
    Unavailable,
    /// A fault of ours; the cause is logged, never told.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database did not answer");
                Self::Unavailable
            }
            StoreError::Full => Self::Full,
            StoreError::Exists(_) => Self::Exists,
            other => Self::Internal(other.into()),
        }
    }
}

/// All services, as doors get them. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub login: login::Login,
    pub sessions: session::Sessions,
    pub accounts: account::Accounts,
    pub people: people::People,
    pub second_factors: second_factor::SecondFactors,
    pub app_passwords: app_password::AppPasswords,
    pub setup: setup::Setup,
    pub audit: audit::Audit,
    pub directory: directory::Directory,
    pub mailboxes: mailbox::Mailboxes,
    pub messages: message::Messages,
    pub searches: search::Searches,
    pub lists: list::Lists,
    pub finder: find::Finder,
    pub reader: reader::Reader,
    pub acts: act::Acts,
    pub preferences: preference::Preferences,
    pub uploads: upload::Uploads,
    pub drafts: draft::Drafts,
    pub outbox: outbox::Outbox,
    pub watchers: watch::Watchers,
    pub delivery: delivery::Delivery,
    pub submission: submission::Submission,
    pub queue: queue::Queue,
    pub housekeeping: housekeeping::Housekeeping,
    pub fsck: fsck::Fsck,
    pub rotation: rotate::Rotation,
    pub settings: settings::Settings,
    pub spool: spool::SpoolRoom,
    /// For work on whole messages.
    pub work: places::Places,
    pub clock: Clock,
    store: Store,
}

/// What services hold in common.
#[derive(Clone)]
pub(crate) struct Base {
    pub store: Store,
    pub clock: Clock,
    pub settings: settings::Settings,
    pub keys: Arc<seal::Keys>,
    pub work: places::Places,
}

/// Who wait for work on whole messages; theirs wait in memory.
const WAITING: usize = 64;

/// How the services are put together.
pub struct Options {
    pub clock: Clock,
    /// From the key file.
    pub keys: seal::Keys,
    /// Who is never slowed or shut out.
    pub exempt: login::Exempt,
    /// This host's name, for message ids and reports.
    pub hostname: String,
}

impl Services {
    /// Reads the settings, proves that the key file is the database's, and puts the services together.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] in words when a key in use is not in the key file.
    pub async fn open(store: Store, options: Options) -> Result<Self> {
        let Options { clock, keys, exempt, hostname } = options;
        let settings = settings::Settings::new(store.clone(), clock.clone());
        settings.reload().await?;
        let keys = Arc::new(prove_keys(&store, keys, &clock).await?);
        let work = places::Places::new(WAITING);
        let base =
            Base { store: store.clone(), clock: clock.clone(), settings: settings.clone(), keys, work: work.clone() };
        let hasher = password::Hasher::new()?;
        let directory = directory::Directory::new(base.clone());
        let mailboxes = mailbox::Mailboxes::new(base.clone());
        let spool = spool::SpoolRoom::new(settings.clone(), settings.number("delivery.budget"));
        let messages = message::Messages::new(base.clone(), mailboxes.clone(), spool.clone());
        let notices = notice::Notices::new(base.clone(), directory.clone(), hostname.clone());
        let vault = vault::Vault::new(base.clone(), hasher.clone());
        let login = login::Login::new(base.clone(), hasher, notices.clone(), exempt);
        let accounts = account::Accounts::new(base.clone(), vault.clone(), login.clone(), notices.clone());
        let second_factors = second_factor::SecondFactors::new(base.clone(), login.clone(), notices.clone());
        let submission = submission::Submission::new(base.clone(), directory.clone(), hostname.clone());
        let reader =
            reader::Reader::new(base.clone(), mailboxes.clone(), messages.clone(), submission.clone(), spool.clone());
        let searches = search::Searches::new(work.clone(), messages.clone(), spool.clone());
        let lists = list::Lists::new(base.clone(), mailboxes.clone());
        let desk = Desk { directory: directory.clone(), mailboxes: mailboxes.clone(), messages: messages.clone() };
        let (uploads, drafts, outbox) = desk.writing(&base, &reader, &submission, &spool);
        Ok(Self {
            sessions: session::Sessions::new(base.clone()),
            app_passwords: app_password::AppPasswords::new(base.clone(), vault.clone(), notices),
            setup: setup::Setup::new(base.clone(), accounts.clone(), vault, second_factors.clone(), login.clone()),
            people: people::People::new(base.clone()),
            audit: audit::Audit::new(base.clone()),
            login,
            accounts,
            second_factors,
            finder: find::Finder::new(mailboxes.clone(), searches.clone(), lists.clone()),
            searches,
            lists,
            watchers: watch::Watchers::new(store.clone()),
            preferences: preference::Preferences::new(base.clone()),
            acts: act::Acts::new(base.clone(), mailboxes.clone(), messages.clone()),
            messages,
            mailboxes,
            delivery: delivery::Delivery::new(base.clone(), directory.clone(), hostname.clone()),
            submission,
            reader,
            uploads,
            drafts,
            outbox,
            housekeeping: housekeeping::Housekeeping::new(base.clone()),
            fsck: fsck::Fsck::new(base.clone(), spool.clone()),
            rotation: rotate::Rotation::new(base.clone()),
            queue: queue::Queue::new(base, directory.clone(), spool.clone(), hostname),
            directory,
            spool,
            work,
            settings,
            clock,
            store,
        })
    }

    /// Hears every hint from now on.
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<crate::model::event::Event> {
        self.store.hub().subscribe()
    }
}

/// What the services of writing have in common.
struct Desk {
    directory: directory::Directory,
    mailboxes: mailbox::Mailboxes,
    messages: message::Messages,
}

impl Desk {
    fn writing(
        self,
        base: &Base,
        reader: &reader::Reader,
        submission: &submission::Submission,
        room: &spool::SpoolRoom,
    ) -> (upload::Uploads, draft::Drafts, outbox::Outbox) {
        let Self { directory, mailboxes, messages } = self;
        let uploads = upload::Uploads::new(base.clone(), room.clone(), reader.clone());
        let parts = draft::Parts {
            mailboxes: mailboxes.clone(),
            messages: messages.clone(),
            reader: reader.clone(),
            uploads: uploads.clone(),
            submission: submission.clone(),
            room: room.clone(),
        };
        let drafts = draft::Drafts::new(base.clone(), parts);
        let (submission, room) = (submission.clone(), room.clone());
        let parts = outbox::Parts { directory, mailboxes, messages, submission, drafts: drafts.clone(), room };
        let outbox = outbox::Outbox::new(base.clone(), parts);
        (uploads, drafts, outbox)
    }
}

/// Every key in use must be in the file; the first start puts the file's key into use (I8).
async fn prove_keys(store: &Store, keys: seal::Keys, clock: &Clock) -> Result<seal::Keys> {
    let in_use = store.seal_key_list().await?;
    if in_use.iter().any(|(id, proof)| !keys.has(id) || !keys.proves(proof)) {
        return Err(Refusal::Invalid(
            "the key file is not the one this database was sealed with: put the right file back",
        ));
    }
    let mut tx = store.begin().await?;
    if !in_use.iter().any(|(id, _)| *id == keys.id()) {
        tx.seal_key_add(&keys.id(), &keys.proof()?, clock.now()).await?;
    }
    let mut fresh = [0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    let sealed = tx.house_secret_add("hmac", &keys.seal(&fresh, "house")?).await?;
    tx.commit().await?;
    let secret = keys.open(&sealed, "house")?.try_into();
    let secret = secret.map_err(|_| Refusal::Internal(anyhow::anyhow!("the house secret has a wrong length")))?;
    Ok(keys.with_house(secret))
}
