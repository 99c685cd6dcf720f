//! What sessions were made of, so that one sees that they are not empty.

use std::collections::BTreeMap;
use std::fmt;

use orderloom_core::command::{Conclusion, IncidentCode, Reason};

use crate::mishap::Mishap;

/// How often each thing happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<(&'static str, String), u64>);

impl Tally {
    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(("", what.into())).or_default() += times;
    }

    fn add_to(&mut self, group: &'static str, what: String) {
        *self.0.entry((group, what)).or_default() += 1;
    }

    pub(crate) fn add_mishap(&mut self, mishap: Mishap) {
        self.add_to("mishaps", mishap.name().into());
    }

    pub(crate) fn add_incident(&mut self, code: IncidentCode) {
        self.add_to("incidents", format!("{code:?}"));
    }

    pub(crate) fn add_refusal(&mut self, reason: Reason) {
        self.add_to("refusals", format!("{reason:?}"));
    }

    pub(crate) fn add_conclusion(&mut self, conclusion: &Conclusion) {
        let why = conclusion.exit_reason.map_or("never filled", |reason| reason.as_str());
        self.add_to("trades ended by", why.into());
        if conclusion.tranches > 1 {
            self.add("trades of several tranches", 1);
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }

    pub(crate) fn of(&self, group: &'static str, what: &str) -> u64 {
        self.0.get(&(group, what.to_owned())).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = "";
        for ((group, what), times) in &self.0 {
            if *group != last {
                writeln!(f, "{group}")?;
                last = group;
            }
            writeln!(f, "  {what:<34} {times:>12}")?;
        }
        Ok(())
    }
}
