//! The engine written down whole, and taken up again: the same engine from there on.
//!
//! What `State` remembers is written by derives, so that a field cannot be forgotten; what it only says
//! about the event at hand is empty between events. Rules are not written: they are compiled again from
//! the configuration, and find their indicators in the table.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::state::State;
use crate::engine::{Engine, check_config};
use crate::rule::compile;

impl Engine {
    /// The layout of snapshots. It rises whenever one written before must not be taken up any more:
    /// with every change of what is remembered, or of what it means.
    pub const SNAPSHOT: u32 = 4;
}

#[derive(Serialize)]
struct Written<'a> {
    layout: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Read {
    layout: u32,
    state: State,
}

/// A snapshot; between events only.
impl Serialize for Engine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { layout: Self::SNAPSHOT, state: &self.state }.serialize(serializer)
    }
}

/// The engine of a snapshot of this layout; any other is refused.
impl<'de> Deserialize<'de> for Engine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { layout, mut state } = Read::deserialize(deserializer)?;
        if layout != Self::SNAPSHOT {
            let expected = Self::SNAPSHOT;
            return Err(D::Error::custom(format_args!("layout: expected {expected}, found {layout}")));
        }
        let config = Arc::clone(&state.config);
        check_config(&config).map_err(D::Error::custom)?;
        let rules =
            compile(&config.rules, &config.instruments, &mut state.indicators).map_err(D::Error::custom)?;
        Ok(Self { rules: Arc::new(rules), state, candidates: Vec::new() })
    }
}
