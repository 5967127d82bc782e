//! Long checks have a short form; MAILSTEAD_SOAK asks for the full one. Both are seeded: MAILSTEAD_SEED repeats a run.

/// The full form's measure, or the short one's.
pub fn measure(short: u64, full: u64) -> u64 {
    if std::env::var_os("MAILSTEAD_SOAK").is_some() { full } else { short }
}

/// A small generator of numbers (xorshift64*), the same for the same seed.
pub struct Dice(u64);

impl Dice {
    /// Prints the seed, so that a failure can be had again.
    pub fn new(name: &str) -> Self {
        let seed = std::env::var("MAILSTEAD_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        eprintln!("{name}: MAILSTEAD_SEED={seed}");
        Self::seeded(seed)
    }

    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end.max(1)
    }
}
