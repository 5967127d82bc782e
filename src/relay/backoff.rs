//! When a message that could not be handed over is tried again (RFC 5321 §4.5.4.1).

use std::time::Duration;

/// How long a message is tried before its sender is told that it failed.
pub const EXPIRY: Duration = Duration::from_secs(5 * 24 * 3600);
const FIRST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// How long to wait after `tries` failed tries: 5 min, doubling, at most 4 h.
///
/// `None` once it has waited for [`EXPIRY`]: the caller then reports the failure. `age` is a parameter, so tests own time.
pub fn retry_after(tries: u32, age: Duration) -> Option<Duration> {
    // Six doublings are past the longest wait.
    let wait = FIRST * (1 << tries.saturating_sub(1).min(6));
    (age < EXPIRY).then_some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_hours_for_five_days() {
        let minutes = |tries| retry_after(tries, Duration::ZERO).map(|wait| wait.as_secs() / 60);
        assert_eq!([1, 2, 3, 6, 7, u32::MAX].map(minutes), [5, 10, 20, 160, 240, 240].map(Some));
        assert_eq!(minutes(0), Some(5));
        assert!(retry_after(1, EXPIRY - Duration::from_secs(1)).is_some());
        assert_eq!(retry_after(1, EXPIRY), None);
    }
}
