//! Tokens of one-time links: 256 random bits in the link, their hash in the database.

use super::{Refusal, Result};
use crate::model::secret::Secret;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What stands at the end of a link.
pub(super) struct Token(Secret<String>);

impl Token {
    /// # Errors
    /// [`Refusal::Internal`] without random numbers.
    pub fn fresh() -> Result<Self> {
        let mut random = zeroize::Zeroizing::new([0u8; 32]);
        aws_lc_rs::rand::fill(&mut random[..]).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(&random[..]))))
    }

    /// One that came with a request. Whatever it is, it has a hash.
    pub fn read(text: &str) -> Self {
        Self(Secret::new(text.to_owned()))
    }

    pub fn text(&self) -> &Secret<String> {
        &self.0
    }

    /// What is stored and looked up; by it no comparison tells how much of a guess was right.
    pub fn hash(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, self.0.expose().as_bytes()).as_ref());
        out
    }
}
