//! When a message that could not be handed over is tried again (RFC 5321 §4.5.4.1).

use chrono::TimeDelta;

const FIRST: TimeDelta = TimeDelta::minutes(5);
const LONGEST: TimeDelta = TimeDelta::hours(4);

/// How long to wait after `tries` failed tries: 5 min, doubling, at most 4 h.
pub fn retry_after(tries: u32) -> TimeDelta {
    // Six doublings are past the longest wait.
    (FIRST * (1 << tries.saturating_sub(1).min(6))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_hours() {
        assert_eq!(
            [0, 1, 2, 3, 6, 7, u32::MAX].map(|tries| retry_after(tries).num_minutes()),
            [5, 5, 10, 20, 160, 240, 240]
        );
    }
}
