//! Sizes and durations as people read and type them: a whole number and a unit.

use crate::front::web::extract::Fields;
use crate::front::web::ui::Ui;

/// Units by which a setting's own notation calls them, and how much each is.
type Units = &'static [(&'static str, u64)];
const SIZES: Units = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIMES: Units = &[("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// What two fields hold: `NAME` and `NAME-unit`.
#[derive(Debug, Clone)]
pub(super) struct Amount {
    pub number: String,
    unit: String,
    units: Units,
}

/// The largest unit in which it is a whole number; 0 has the unit that people would use.
fn split(amount: u64, units: Units, usual: &'static str) -> (u64, &'static str) {
    let fits = units.iter().find(|(_, size)| amount > 0 && amount.is_multiple_of(*size));
    fits.map_or((amount, usual), |(unit, size)| (amount / size, unit))
}

impl Amount {
    /// `None`: the field is empty.
    pub fn size(octets: Option<u64>) -> Self {
        let (number, unit) = octets.map_or((String::new(), "GiB"), |octets| {
            let (number, unit) = split(octets, SIZES, "GiB");
            (number.to_string(), unit)
        });
        Self { number, unit: unit.to_owned(), units: SIZES }
    }

    /// `most`: 0 has the largest unit of which there can be more than one.
    pub fn time(seconds: u64, most: u64) -> Self {
        let usual = TIMES.iter().find(|(_, size)| most > *size).map_or("s", |(unit, _)| unit);
        let (number, unit) = split(seconds, TIMES, usual);
        Self { number: number.to_string(), unit: unit.to_owned(), units: TIMES }
    }

    pub fn typed_size(form: &Fields, name: &str) -> Self {
        Self::typed(form, name, SIZES)
    }

    pub fn typed_time(form: &Fields, name: &str) -> Self {
        Self::typed(form, name, TIMES)
    }

    fn typed(form: &Fields, name: &str, units: Units) -> Self {
        let unit = form.line(&format!("{name}-unit")).to_owned();
        Self { number: form.line(name).to_owned(), unit, units }
    }

    /// As settings are written: `50MiB`. Who types the unit beside the number means that one.
    pub fn written(&self) -> String {
        let whole = self.number.bytes().all(|octet| octet.is_ascii_digit());
        if whole && !self.number.is_empty() { format!("{}{}", self.number, self.unit) } else { self.number.clone() }
    }

    /// Value, word and whether it is chosen; the small ones are for what is written in them already.
    pub fn options(&self, ui: &Ui) -> Vec<(&'static str, String, bool)> {
        let shown = |unit: &str| unit == self.unit || !matches!(unit, "B" | "KiB");
        let option = |(unit, _): &(&'static str, u64)| (*unit, ui.say(&unit_key(unit)), *unit == self.unit);
        self.units.iter().rev().filter(|(unit, _)| shown(unit)).map(option).collect()
    }
}

fn unit_key(unit: &str) -> String {
    format!("setting-unit-{}", unit.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::settings::{parse_duration, parse_size};

    #[test]
    fn what_is_shown_is_read_back() {
        for octets in [0, 1, 1500, 1 << 10, 50 << 20, 3 << 30, (3 << 30) + 1, 1 << 50] {
            assert_eq!(parse_size(&Amount::size(Some(octets)).written()), Some(octets));
        }
        for seconds in [0, 1, 90, 300, 7200, 5 * 86_400, 86_401] {
            assert_eq!(parse_duration(&Amount::time(seconds, 86_400).written()), Some(seconds));
        }
        assert_eq!([60, 3600, 30 * 86_400].map(|most| Amount::time(0, most).written()), ["0s", "0m", "0d"]);
        assert_eq!(Amount::size(None).written(), "");
        let typed = |number: &str| Amount { number: number.into(), unit: "GiB".into(), units: SIZES }.written();
        assert_eq!(["5", "5MiB", "five", "1.5"].map(typed), ["5GiB", "5MiB", "five", "1.5"]);
    }
}
