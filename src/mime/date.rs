//! Dates of header fields (RFC 5322 §3.3, §4.3), read with tolerance.

use chrono::{DateTime, FixedOffset, NaiveDate, TimeZone};

/// Reads a Date field's value: with or without weekday and seconds, two-digit years, named zones, comments.
pub fn parse(raw: &[u8]) -> Option<DateTime<FixedOffset>> {
    let text = String::from_utf8_lossy(&super::params::without_comments(raw)).replace(',', " ");
    let mut words = text.split_ascii_whitespace().peekable();
    if words.peek()?.starts_with(|c: char| c.is_ascii_alphabetic()) {
        words.next();
    }
    let day: u32 = words.next()?.parse().ok()?;
    let month = month(words.next()?)?;
    let year: i32 = words.next()?.parse().ok()?;
    let year = match year {
        0..=49 => year + 2000,
        50..=999 => year + 1900,
        other => other,
    };
    let mut time = words.next()?.split(':').map(str::parse::<u32>);
    let (hour, minute) = (time.next()?.ok()?, time.next()?.ok()?);
    let second = time.next().and_then(Result::ok).unwrap_or(0).min(59);
    let offset = words.next().map_or(0, offset);
    let naive = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second)?;
    FixedOffset::east_opt(offset)?.from_local_datetime(&naive).single()
}

fn month(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let short = word.get(..3)?.to_ascii_lowercase();
    Some(NAMES.iter().position(|name| *name == short)? as u32 + 1)
}

/// Seconds east; unknown zones are UTC (RFC 5322 §4.3).
fn offset(zone: &str) -> i32 {
    if let Some(digits) = zone.strip_prefix(['+', '-'])
        && digits.len() == 4
        && let Ok(number) = digits.parse::<i32>()
    {
        let seconds = (number / 100 * 60 + number % 100) * 60;
        let seconds = if seconds < 86_400 { seconds } else { 0 };
        return if zone.starts_with('-') { -seconds } else { seconds };
    }
    match zone.to_ascii_uppercase().as_str() {
        "EDT" => -4 * 3600,
        "EST" | "CDT" => -5 * 3600,
        "CST" | "MDT" => -6 * 3600,
        "MST" | "PDT" => -7 * 3600,
        "PST" => -8 * 3600,
        "CET" => 3600,
        "CEST" => 7200,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_rfc_5322_appendix_a_and_worse() {
        for (raw, wanted) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T09:55:06-06:00"),
            ("Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", "1969-02-13T23:32:00-03:30"),
            ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00"),
            ("Tue,1 Jul 2003 10:52:37 EST", "2003-07-01T10:52:37-05:00"),
            ("1 January 2026 10:00:60 +9999", "2026-01-01T10:00:59+00:00"),
        ] {
            assert_eq!(parse(raw.as_bytes()).map(|d| d.to_rfc3339()).as_deref(), Some(wanted), "{raw}");
        }
        for bad in ["", "yesterday", "31 Feb 2020 10:00:00 +0000", "1 Jan 2020", "1 Jan 2020 25:00 +0000"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>, text in "[0-9 :+,A-Za-z-]{0,40}") {
            parse(&raw);
            parse(text.as_bytes());
        }
    }
}
