//! What a rule may look at.
//!
//! The engine implements this over its state and the event at hand; tests implement it over a table.
//! `None` always means unknown, and never stands for zero.

use super::Field;
use crate::id::RuleId;
use crate::indicator::IndicatorSlot;

/// The values of one event, for one symbol.
///
/// Within one event every answer about the event, the market, the session, indicators, features and
/// readings stays the same; `RuleSet::candidates` relies on it. Answers about position, context and
/// account may change as rules act.
pub trait View {
    /// The number behind a field whose type is `Number`.
    fn number(&self, field: Field) -> Option<f64>;
    /// The word behind a field whose type is `Text`.
    fn text(&self, field: Field) -> Option<&str>;
    /// The answer behind a field whose type is `Bool`.
    fn flag(&self, field: Field) -> Option<bool>;
    /// One of the signal's model inputs.
    fn feature(&self, name: &str) -> Option<f64>;
    /// A value pushed in by a script.
    fn reading(&self, name: &str) -> Option<f64>;
    /// An indicator after the last complete bar.
    fn indicator(&self, slot: IndicatorSlot) -> Option<f64>;
    /// The same one bar earlier, for `Crosses`.
    fn indicator_before(&self, slot: IndicatorSlot) -> Option<f64>;
    /// A `bar.*` field one bar earlier; `None` for the others.
    fn field_before(&self, field: Field) -> Option<f64>;
    /// What a custom condition answered `rule` on this event, if it did already.
    fn answer(&self, rule: RuleId, name: &str) -> Option<bool>;
}
