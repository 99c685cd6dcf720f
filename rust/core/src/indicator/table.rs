//! The indicators that rules named, for every symbol.

use serde::{Deserialize, Serialize};

use super::frame::{Built, Frame, Resampler, Source, day_start};
use super::{Candle, Indicator, Lines};
use crate::error::ConfigError;
use crate::event::{Bar, Trade};
use crate::id::SymbolId;
use crate::rule::IndicatorSpec;
use crate::time::{Session, Span, Timestamp};

/// A declared indicator's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndicatorSlot(u32);

/// Every declared indicator, once per symbol, fed by complete bars: the strategy's, or longer ones.
///
/// Two names with equal parameters share a slot, and the lines of one computation share its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndicatorTable {
    /// One computation each, as it stands before the first bar.
    sources: Vec<Computation>,
    slots: Vec<Slot>,
    symbols: Vec<Symbol>,
}

/// An indicator and the bars that it is computed from; none for the strategy's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Computation {
    indicator: Indicator,
    over: Option<Frame>,
}

impl Computation {
    fn new(spec: &IndicatorSpec) -> Result<(Self, usize), ConfigError> {
        let (indicator, line) = Indicator::new(&spec.name, &spec.parameters)?;
        let over = spec.over.map(Frame::checked).transpose().map_err(|error| error.under("over"))?;
        Ok((Self { indicator, over }, line))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.over == other.over && self.indicator.is_same(&other.indicator)
    }
}

/// What is computed for one symbol.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Symbol {
    /// By source.
    cells: Vec<Cell>,
    frames: Vec<Framed>,
    /// Bars from here on belong to a session that has not begun for the indicators of the strategy's bars.
    next_day: Option<Timestamp>,
}

/// Longer bars and who is computed from them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Framed {
    frame: Frame,
    resampler: Resampler,
    sources: Vec<usize>,
    /// As `Symbol::next_day`, for these.
    next_day: Option<Timestamp>,
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
    /// Whether the strategy's own bars are taken, and not longer ones.
    is_plain: bool,
    #[serde(with = "exactly")]
    now: Lines,
    /// At the event before: the strategy's bar; of bars of prints also the print.
    #[serde(with = "exactly")]
    before: Lines,
    /// After the strategy's last bar, of bars of prints: they may be complete long before the next.
    #[serde(with = "exactly")]
    at_bar: Lines,
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

impl Symbol {
    fn add(&mut self, source: &Computation) {
        let place = self.cells.len();
        self.cells.push(Cell {
            indicator: source.indicator.clone(),
            is_plain: source.over.is_none(),
            now: [None; 3],
            before: [None; 3],
            at_bar: [None; 3],
        });
        let Some(frame) = source.over else { return };
        if let Some(framed) = self.frames.iter_mut().find(|framed| framed.frame == frame) {
            framed.sources.push(place);
        } else {
            let resampler = Resampler::new(frame);
            self.frames.push(Framed { frame, resampler, sources: vec![place], next_day: self.next_day });
        }
    }

    /// Feeds what frames of `source` hear to their resamplers, and their bars to the indicators.
    fn feed(&mut self, source: Source, mut hear: impl FnMut(&mut Resampler, &mut dyn FnMut(Built))) {
        let Self { cells, frames, .. } = self;
        for framed in frames.iter_mut().filter(|framed| framed.frame.of == source) {
            let Framed { resampler, sources, next_day, .. } = framed;
            hear(resampler, &mut |built| {
                let is_new_day = next_day.take_if(|day| *day <= built.bounds.start).is_some();
                for &place in &*sources {
                    let cell = &mut cells[place];
                    if is_new_day {
                        cell.indicator.begin_session();
                    }
                    cell.now = cell.indicator.update(&built.candle);
                }
            });
        }
    }
}

/// The sources that are computed from bars of prints.
fn of_prints(frames: &[Framed]) -> impl Iterator<Item = usize> {
    let frames = frames.iter().filter(|framed| framed.frame.of == Source::Trades);
    frames.flat_map(|framed| framed.sources.iter().copied())
}

impl IndicatorTable {
    /// For `symbols` instruments, with nothing declared yet.
    #[must_use]
    pub fn new(symbols: usize) -> Self {
        Self { sources: Vec::new(), slots: Vec::new(), symbols: vec![Symbol::default(); symbols] }
    }

    /// The slot of `spec`, declared now if it was not before; a new one is cold at every symbol.
    ///
    /// # Errors
    /// An unknown name, or bad parameters.
    pub fn slot(&mut self, spec: &IndicatorSpec) -> Result<IndicatorSlot, ConfigError> {
        let (wanted, line) = Computation::new(spec)?;
        let source = self.sources.iter().position(|source| source.is_same(&wanted)).unwrap_or_else(|| {
            for symbol in &mut self.symbols {
                symbol.add(&wanted);
            }
            self.sources.push(wanted);
            self.sources.len() - 1
        });
        let place = self.slots.iter().position(|slot| slot.source == source && slot.line == line);
        let place = place.unwrap_or_else(|| {
            let parameters = self.sources[source].indicator.parameters().to_vec();
            self.slots.push(Slot {
                spec: IndicatorSpec { name: spec.name.clone(), parameters, over: spec.over },
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
        let (wanted, line) = Computation::new(spec).ok()?;
        let is_it = |slot: &Slot| slot.line == line && self.sources[slot.source].is_same(&wanted);
        self.slots().find(|slot| is_it(&self.slots[slot.0 as usize]))
    }

    /// Every declared slot.
    pub fn slots(&self) -> impl Iterator<Item = IndicatorSlot> + use<> {
        (0..u32::try_from(self.slots.len()).expect("fewer slots than memory has room for")).map(IndicatorSlot)
    }

    /// Feeds a complete bar to every indicator of its symbol; `session` is the symbol's, if one is known.
    pub fn on_bar(&mut self, symbol: SymbolId, bar: &Bar, session: Option<&Session>) {
        let symbol = &mut self.symbols[symbol.index()];
        if symbol.cells.is_empty() {
            return;
        }
        let is_new_day = symbol.next_day.take_if(|day| *day <= bar.start).is_some();
        let candle = Candle::from(bar);
        for cell in &mut symbol.cells {
            cell.before = cell.now;
            if cell.is_plain {
                if is_new_day {
                    cell.indicator.begin_session();
                }
                cell.now = cell.indicator.update(&candle);
            }
        }
        if !symbol.frames.is_empty() {
            symbol.feed(Source::Bars, |resampler, built| {
                resampler.bar(bar.start, bar.span, &candle, session, built);
            });
            symbol.feed(Source::Trades, |resampler, built| resampler.pass(bar.start + bar.span, built));
            let Symbol { cells, frames, .. } = symbol;
            for place in of_prints(frames) {
                let cell = &mut cells[place];
                cell.before = std::mem::replace(&mut cell.at_bar, cell.now);
            }
        }
    }

    /// Feeds a print to the symbol's bars that are built of prints.
    pub fn on_trade(&mut self, at: Timestamp, trade: &Trade, session: Option<&Session>) {
        let symbol = &mut self.symbols[trade.symbol.index()];
        if symbol.frames.iter().all(|framed| framed.frame.of != Source::Trades) {
            return;
        }
        let Symbol { cells, frames, .. } = &mut *symbol;
        for place in of_prints(frames) {
            cells[place].before = cells[place].now;
        }
        let (price, size) = (trade.price.to_f64(), trade.size.to_f64());
        symbol.feed(Source::Trades, |resampler, built| resampler.trade(at, price, size, session, built));
    }

    /// Tells the symbol's indicators that bars from the session's day on belong to a new session.
    pub fn begin_session(&mut self, symbol: SymbolId, session: &Session) {
        let symbol = &mut self.symbols[symbol.index()];
        symbol.next_day = Some(day_start(session));
        for framed in &mut symbol.frames {
            framed.next_day = symbol.next_day;
        }
    }

    /// The value after the last bar.
    #[must_use]
    #[inline]
    pub fn value(&self, slot: IndicatorSlot, symbol: SymbolId) -> Option<f64> {
        let Slot { source, line, .. } = self.slots[slot.0 as usize];
        self.symbols[symbol.index()].cells[source].now[line]
    }

    /// The value one bar earlier; of bars of prints, after a print, the value before it.
    #[must_use]
    #[inline]
    pub fn before(&self, slot: IndicatorSlot, symbol: SymbolId) -> Option<f64> {
        let Slot { source, line, .. } = self.slots[slot.0 as usize];
        self.symbols[symbol.index()].cells[source].before[line]
    }

    /// Bars of `base` needed until every declared indicator has its first value; 0 when there is none.
    /// Bars built of prints have no past, so that they ask for none.
    #[must_use]
    pub fn warmup_max(&self, base: Span) -> usize {
        let bars = |Computation { indicator, over }: &Computation| {
            over.map_or(indicator.warmup(), |frame| frame.warmup(indicator.warmup(), base))
        };
        self.sources.iter().map(bars).max().unwrap_or(0)
    }

    /// The first slot whose longer bars cannot be built from bars of `base`.
    #[must_use]
    pub fn misfit(&self, base: Span) -> Option<&IndicatorSpec> {
        let specs = self.slots.iter().map(|slot| &slot.spec);
        specs.into_iter().find(|spec| spec.over.is_some_and(|frame| !frame.fits(base)))
    }

    /// What was declared for the slot, with its defaults filled in.
    #[must_use]
    pub fn spec(&self, slot: IndicatorSlot) -> &IndicatorSpec {
        &self.slots[slot.0 as usize].spec
    }
}
