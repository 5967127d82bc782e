//! What is wrong with a form that is shown again.

use super::error::refusal_words;
use super::ui::Ui;
use crate::service::Refusal;
use crate::service::password_rules::Fault;

/// Fields and their sentences, in the order of the form.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(&'static str, String)>);

impl Problems {
    pub fn one(field: &'static str, sentence: String) -> Self {
        Self(vec![(field, sentence)])
    }

    pub fn add(&mut self, field: &'static str, sentence: String) {
        self.0.push((field, sentence));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentence of a field; empty where nothing is wrong with it.
    pub fn at(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| *name == field).map_or("", |(_, sentence)| sentence)
    }

    /// For the summary above the form.
    pub fn list(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

/// The sentence of a refused password; `None`: the refusal is of something else.
pub(super) fn password_fault(ui: &Ui, refusal: &Refusal) -> Option<String> {
    let Refusal::Invalid(words) = refusal else { return None };
    Fault::ALL.iter().any(|fault| fault.words() == *words).then(|| refusal_words(ui, refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::web::text::{Catalogues, key_of};

    #[test]
    fn every_fault_of_a_password_has_its_sentence() {
        let all = Catalogues::load().choose(None, "en");
        let missing: Vec<Fault> =
            Fault::ALL.into_iter().filter(|fault| !all.has(&key_of("refusal", fault.words()))).collect();
        assert_eq!(missing, []);
    }
}
