//! The indicators that rules named, for every symbol.

use serde::{Deserialize, Serialize};

use super::{Candle, Indicator, Lines};
use crate::error::ConfigError;
use crate::event::Bar;
use crate::id::SymbolId;
use crate::rule::IndicatorSpec;

/// A declared indicator's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndicatorSlot(u32);

/// Every declared indicator, once per symbol, fed by complete bars.
///
/// Two names with equal parameters share a slot, and the lines of one computation share its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndicatorTable {
    /// One computation each, as it stands before the first bar.
    sources: Vec<Indicator>,
    slots: Vec<Slot>,
    /// By symbol, then by source.
    cells: Vec<Vec<Cell>>,
}

/// One line of one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slot {
    spec: IndicatorSpec,
    source: usize,
    line: usize,
}

/// A source at one symbol.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cell {
    indicator: Indicator,
    #[serde(with = "exactly")]
    now: Lines,
    #[serde(with = "exactly")]
    before: Lines,
}

/// Lines by their bits: a line may be infinite, for which JSON has no word.
mod exactly {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Lines;

    pub(super) fn serialize<S: Serializer>(lines: &Lines, serializer: S) -> Result<S::Ok, S::Error> {
        lines.map(|line| line.map(f64::to_bits)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lines, D::Error> {
        <[Option<u64>; 3]>::deserialize(deserializer).map(|lines| lines.map(|line| line.map(f64::from_bits)))
    }
}

impl Cell {
    fn new(source: &Indicator) -> Self {
        Self { indicator: source.clone(), now: [None; 3], before: [None; 3] }
    }
}

impl IndicatorTable {
    /// For `symbols` instruments, with nothing declared yet.
    #[must_use]
    pub fn new(symbols: usize) -> Self {
        Self { sources: Vec::new(), slots: Vec::new(), cells: vec![Vec::new(); symbols] }
    }

    /// The slot of `spec`, declared now if it was not before; a new one is cold at every symbol.
    ///
    /// # Errors
    /// An unknown name, or bad parameters.
    pub fn slot(&mut self, spec: &IndicatorSpec) -> Result<IndicatorSlot, ConfigError> {
        let (indicator, line) = Indicator::new(&spec.name, &spec.parameters)?;
        let source = self.sources.iter().position(|source| source.is_same(&indicator)).unwrap_or_else(|| {
            for cells in &mut self.cells {
                cells.push(Cell::new(&indicator));
            }
            self.sources.push(indicator);
            self.sources.len() - 1
        });
        let place = self.slots.iter().position(|slot| slot.source == source && slot.line == line);
        let place = place.unwrap_or_else(|| {
            let parameters = self.sources[source].parameters().to_vec();
            self.slots.push(Slot {
                spec: IndicatorSpec { name: spec.name.clone(), parameters },
                source,
                line,
            });
            self.slots.len() - 1
        });
        Ok(IndicatorSlot(u32::try_from(place).expect("fewer slots than memory has room for")))
    }

    /// The slot of `spec`, if it was declared.
    #[must_use]
    pub fn find(&self, spec: &IndicatorSpec) -> Option<IndicatorSlot> {
        let (indicator, line) = Indicator::new(&spec.name, &spec.parameters).ok()?;
        let is_it = |slot: &Slot| slot.line == line && self.sources[slot.source].is_same(&indicator);
        self.slots().find(|slot| is_it(&self.slots[slot.0 as usize]))
    }

    /// Every declared slot.
    pub fn slots(&self) -> impl Iterator<Item = IndicatorSlot> + use<> {
        (0..u32::try_from(self.slots.len()).expect("fewer slots than memory has room for")).map(IndicatorSlot)
    }

    /// Feeds a complete bar to every indicator of its symbol.
    pub fn on_bar(&mut self, symbol: SymbolId, bar: &Bar) {
        let cells = &mut self.cells[symbol.index()];
        if cells.is_empty() {
            return;
        }
        let candle = Candle::from(bar);
        for cell in cells {
            cell.before = cell.now;
            cell.now = cell.indicator.update(&candle);
        }
    }

    /// Tells the symbol's indicators that the next bar belongs to a new exchange session.
    pub fn begin_session(&mut self, symbol: SymbolId) {
        for cell in &mut self.cells[symbol.index()] {
            cell.indicator.begin_session();
        }
    }

    /// The value after the last bar.
    #[must_use]
    #[inline]
    pub fn value(&self, slot: IndicatorSlot, symbol: SymbolId) -> Option<f64> {
        let Slot { source, line, .. } = self.slots[slot.0 as usize];
        self.cells[symbol.index()][source].now[line]
    }

    /// The value one bar earlier.
    #[must_use]
    #[inline]
    pub fn before(&self, slot: IndicatorSlot, symbol: SymbolId) -> Option<f64> {
        let Slot { source, line, .. } = self.slots[slot.0 as usize];
        self.cells[symbol.index()][source].before[line]
    }

    /// Bars needed until the slot has its first value.
    #[must_use]
    pub fn warmup(&self, slot: IndicatorSlot) -> usize {
        self.sources[self.slots[slot.0 as usize].source].warmup()
    }

    /// Bars needed until every declared indicator has its first value; 0 when there is none.
    #[must_use]
    pub fn warmup_max(&self) -> usize {
        self.sources.iter().map(Indicator::warmup).max().unwrap_or(0)
    }

    /// What was declared for the slot, with its defaults filled in.
    #[must_use]
    pub fn spec(&self, slot: IndicatorSlot) -> &IndicatorSpec {
        &self.slots[slot.0 as usize].spec
    }
}
