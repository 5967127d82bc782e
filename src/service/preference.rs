//! How a member wants the browser to show mail.

use super::login::Identity;
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::store::preference::PreferenceRow;
use unic_langid::LanguageIdentifier;

/// Senders a member may have allowed content from elsewhere.
const SENDERS: i64 = 1000;
/// Longest wait before a message counts as read, in seconds.
const LONGEST: u16 = 300;

/// Colours of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads `system`, `light` or `dark`.
    pub fn parse(raw: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == raw)
    }
}

/// Whether mail may load what lies elsewhere, which tells its sender that it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Remote {
    /// From allowed senders; the page asks about others.
    #[default]
    Ask,
    Always,
    Never,
}

/// How close lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Density {
    #[default]
    Comfortable,
    Compact,
}

/// All of a member's wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// Seconds after which an opened message counts as read; 0: at once; `None`: never by itself.
    pub seen_after: Option<u16>,
    pub theme: Theme,
    /// RFC 5646; `None`: what the browser asks for.
    pub language: Option<String>,
    pub remote: Remote,
    /// Single keys do something.
    pub shortcuts: bool,
    pub density: Density,
}

impl Default for Preference {
    fn default() -> Self {
        Self {
            seen_after: Some(2),
            theme: Theme::default(),
            language: None,
            remote: Remote::default(),
            shortcuts: true,
            density: Density::default(),
        }
    }
}

/// Reads and changes them. Cheap to clone.
#[derive(Clone)]
pub struct Preferences {
    base: Base,
}

impl Preferences {
    pub(crate) fn new(base: Base) -> Self {
        Self { base }
    }

    /// The member's wishes; the defaults until something was changed.
    pub async fn get(&self, who: &Identity) -> Result<Preference> {
        let row = self.base.store.preference_get(who.account()).await?;
        Ok(row.map_or_else(Preference::default, |row| Preference {
            seen_after: row.seen_after.map(|n| n as u16),
            theme: [Theme::System, Theme::Light, Theme::Dark].into_iter().nth(row.theme as usize).unwrap_or_default(),
            language: row.language,
            remote: [Remote::Ask, Remote::Always, Remote::Never]
                .into_iter()
                .nth(row.remote as usize)
                .unwrap_or_default(),
            shortcuts: row.shortcuts,
            density: if row.density == 1 { Density::Compact } else { Density::Comfortable },
        }))
    }

    /// Changes all of them.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a text that is no language tag, or a wait of more than five minutes.
    pub async fn set(&self, who: &Identity, wanted: &Preference) -> Result<()> {
        if wanted.seen_after.is_some_and(|n| n > LONGEST) {
            return Err(Refusal::Invalid("a message counts as read after 300 seconds at most"));
        }
        let language = match &wanted.language {
            Some(tag) => {
                let parsed: std::result::Result<LanguageIdentifier, _> = tag.parse();
                Some(parsed.map_err(|_| Refusal::Invalid("that is no language tag, such as en or de-AT"))?.to_string())
            }
            None => None,
        };
        let row = PreferenceRow {
            seen_after: wanted.seen_after.map(|n| n as i16),
            theme: wanted.theme as i16,
            language,
            remote: wanted.remote as i16,
            shortcuts: wanted.shortcuts,
            density: wanted.density as i16,
        };
        let mut tx = self.base.store.begin().await?;
        tx.preference_put(who.account(), &row).await?;
        Ok(tx.commit().await?)
    }

    /// Whether content from elsewhere is shown in mail of this sender. Only mail whose sender was proved should be asked
    /// about by name: anybody may write anything into From.
    pub async fn shows_remote(&self, who: &Identity, sender: Option<&Address>) -> Result<bool> {
        match (self.get(who).await?.remote, sender) {
            (Remote::Always, _) => Ok(true),
            (Remote::Never, _) | (Remote::Ask, None) => Ok(false),
            (Remote::Ask, Some(sender)) => Ok(self.base.store.remote_has(who.account(), &key(sender)).await?),
        }
    }

    /// Senders whose content from elsewhere is always shown.
    pub async fn remote_senders(&self, who: &Identity) -> Result<Vec<Address>> {
        let list = self.base.store.remote_list(who.account()).await?;
        Ok(list.iter().filter_map(|sender| Address::parse(sender).ok()).collect())
    }

    /// Allows a sender, or takes it back.
    ///
    /// # Errors
    /// [`Refusal::Limit`] beyond 1,000.
    pub async fn allow_remote(&self, who: &Identity, sender: &Address, allowed: bool) -> Result<()> {
        let key = key(sender);
        let mut tx = self.base.store.begin().await?;
        if !allowed {
            tx.remote_remove(who.account(), &key).await?;
        } else if !tx.remote_add(who.account(), &key, SENDERS).await?
            && !self.base.store.remote_has(who.account(), &key).await?
        {
            return Err(Refusal::Limit("too many allowed senders: take some off the list first"));
        }
        Ok(tx.commit().await?)
    }
}

fn key(sender: &Address) -> String {
    Address::new(&sender.key(), sender.domain().clone())
        .map_or_else(|_| sender.to_string(), |folded| folded.to_string())
}
