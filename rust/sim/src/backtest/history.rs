//! History: columns of prices, sessions and signals, and what is wrong with a row that is none.

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::{Bar, EventKind, Quote, Trade};
use orderloom_core::id::SymbolId;
use orderloom_core::instrument::Instrument;
use orderloom_core::time::{Session, Span, Timestamp};
use thiserror::Error;

use super::Backtest;

pub(super) const DAY: Span = Span::from_secs(86_400);

/// How much of a bar the engine hears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// The complete bar. The venue still fills along the bar's path.
    #[default]
    Bars,
    /// Every print of the bar's path, too.
    Prints,
    /// A quote one tick to either side of every print, and the print. Orders fill against the quotes.
    /// This is what the simulated TWS plays when it has bars alone.
    Quotes,
}

/// One symbol's bars, labelled with their start, as columns of one length.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Whose.
    pub symbol: SymbolId,
    /// Starts in UTC nanoseconds, rising.
    pub start: &'a [i64],
    /// Open, high, low, close.
    pub prices: [&'a [f64]; 4],
    /// Shares or contracts; absent means unknown, which fills any quantity.
    pub volume: Option<&'a [f64]>,
}

/// One symbol's ticks, as columns of one length.
#[derive(Debug, Clone, Copy)]
pub enum Ticks<'a> {
    /// Best bid and ask. A price of NaN or 0 is a side that nobody quotes; absent sizes are unknown.
    Quotes {
        /// Whose.
        symbol: SymbolId,
        /// UTC nanoseconds; equal ones keep their order.
        at: &'a [i64],
        /// Bid and ask.
        prices: [&'a [f64]; 2],
        /// Shares or contracts at the bid and at the ask.
        sizes: Option<[&'a [f64]; 2]>,
    },
    /// Trades of the tape.
    Prints {
        /// Whose.
        symbol: SymbolId,
        /// UTC nanoseconds; equal ones keep their order.
        at: &'a [i64],
        /// Prices.
        price: &'a [f64],
        /// Shares or contracts; absent means unknown, which fills any quantity.
        size: Option<&'a [f64]>,
    },
}

/// Everything that is played.
#[derive(Debug, Clone, Default)]
pub struct History<'a> {
    /// Bars, at most once per symbol.
    pub bars: Vec<Bars<'a>>,
    /// Quotes and prints.
    pub ticks: Vec<Ticks<'a>>,
    /// Length of the bars.
    pub span: Span,
    /// What the engine hears of bars.
    pub detail: Detail,
    /// Whether a bar's volume limits what fills in it. Quoted prints always have their size.
    pub is_limited_by_volume: bool,
    /// Sessions of the exchange in order; empty: always open and never told.
    pub sessions: Vec<Session>,
    /// Signals and the like, in time order.
    pub events: Vec<(Timestamp, EventKind)>,
    /// Only what is not before this is played.
    pub from: Option<Timestamp>,
    /// Only what is before this is played.
    pub to: Option<Timestamp>,
}

/// Data that cannot be played.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HistoryError {
    /// A value that is no price or no size.
    #[error("{symbol}, row {row}: `{column}` must be {expected}, was `{found}`")]
    Value {
        /// Whose.
        symbol: Box<str>,
        /// Counted from 0.
        row: usize,
        /// Which column.
        column: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it was.
        found: f64,
    },
    /// Rows out of time order.
    #[error(
        "{symbol}, row {row}: a time after the row before was expected, {}, hint: sort the rows by time",
        told(*found)
    )]
    Order {
        /// Whose.
        symbol: Box<str>,
        /// Counted from 0.
        row: usize,
        /// How much later; zero or negative.
        found: i64,
    },
    /// Bars that overlap.
    #[error(
        "{symbol}, row {row}: bars of all symbols must begin together or after one another, this one begins {inside} ns before the ones before it end"
    )]
    Overlap {
        /// Whose.
        symbol: Box<str>,
        /// Counted from 0.
        row: usize,
        /// How far inside.
        inside: i64,
    },
}

/// How the time of a row out of order lies to the one before it.
fn told(later: i64) -> String {
    match later {
        0 => "found the same".to_owned(),
        later => format!("times go back by {}", Span(later.saturating_neg())),
    }
}

/// The usual lengths of bars, in seconds.
const SPANS: [i64; 14] = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400];

/// Length of bars that begin at `starts`: the longest usual one that fits the smallest distance of two.
/// `None` when none of the series has two, or two are closer than a second.
#[must_use]
pub fn usual_span<'a>(starts: impl Iterator<Item = &'a [i64]>) -> Option<Span> {
    let steps = starts.flat_map(|starts| starts.windows(2)).map(|pair| pair[1] - pair[0]);
    let step = steps.filter(|step| *step > 0).min()?;
    // A day is 23 hours long when the clocks go forward.
    if step >= Span::from_secs(23 * 3_600).0 {
        return Some(DAY);
    }
    SPANS.iter().rev().map(|seconds| Span::from_secs(*seconds)).find(|span| span.0 <= step)
}

impl History<'_> {
    /// Length of the bars, by the distance of their starts.
    #[must_use]
    pub fn usual_span(&self) -> Option<Span> {
        usual_span(self.bars.iter().map(|bars| bars.start))
    }

    /// Checks the order of all rows, played or not; `instruments` are those of the symbols' numbers.
    ///
    /// # Errors
    /// A bar that does not begin after the one before it, or a tick that is before it.
    pub fn check_order(&self, instruments: &[Instrument]) -> Result<(), HistoryError> {
        let bars = self.bars.iter().map(|bars| (bars.symbol, bars.start, 1));
        let ticks = self.ticks.iter().map(|ticks| (ticks.symbol(), ticks.at(), 0));
        for (symbol, times, least) in bars.chain(ticks) {
            let mut steps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).zip(1..);
            if let Some((found, row)) = steps.find(|(step, _)| *step < least) {
                let symbol = instruments[symbol.index()].symbol.clone();
                return Err(HistoryError::Order { symbol, row, found });
            }
        }
        Ok(())
    }

    /// The first moment of anything.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        let bars = self.bars.iter().filter_map(|bars| bars.start.get(self.begin(bars.start)).copied());
        let ticks = self.ticks.iter().filter_map(|ticks| ticks.at().get(self.begin(ticks.at())).copied());
        let events = self.events.get(self.first_event()).map(|(at, _)| at.0);
        Timestamp(bars.chain(ticks).chain(events).min().unwrap_or(0))
    }

    /// The first row that is played.
    pub(super) fn begin(&self, times: &[i64]) -> usize {
        self.from.map_or(0, |from| times.partition_point(|at| *at < from.0))
    }

    pub(super) fn first_event(&self) -> usize {
        self.from.map_or(0, |from| self.events.partition_point(|(at, _)| *at < from))
    }
}

impl Ticks<'_> {
    pub(super) const fn at(&self) -> &[i64] {
        match self {
            Self::Quotes { at, .. } | Self::Prints { at, .. } => at,
        }
    }

    pub(super) const fn symbol(&self) -> SymbolId {
        match self {
            Self::Quotes { symbol, .. } | Self::Prints { symbol, .. } => *symbol,
        }
    }
}

impl Ticks<'_> {
    /// How many rows from `row` on are quotes of both sides between two prices, neither included, each before
    /// `until` and not before the row ahead of it; too few rather than too many.
    pub(super) fn quoted_between(&self, row: usize, until: i64, (below, above): (Price, Price)) -> usize {
        let Self::Quotes { at, prices: [bid, ask], sizes, .. } = *self else { return 0 };
        let Some((lowest, highest)) = floats_between(below, above) else { return 0 };
        let is_between = |price: &f64| lowest <= *price && *price <= highest;
        let mut before = i64::MIN;
        let rows = at[row..].iter().zip(&bid[row..]).zip(&ask[row..]);
        let count = rows
            .take_while(|((at, bid), ask)| {
                let is_next = before <= **at && **at < until;
                before = **at;
                is_next && is_between(bid) && is_between(ask)
            })
            .count();
        let is_size = |size: &f64| (0.0..LARGE).contains(size);
        sizes.iter().flatten().fold(count, |count, sizes| {
            sizes[row..row + count].iter().position(|size| !is_size(size)).unwrap_or(count)
        })
    }
}

/// Prices and sizes up to here can be held.
const LARGE: f64 = 9e10;

/// The floats that are positive prices between two, neither included: the lowest and the highest.
fn floats_between(below: Price, above: Price) -> Option<(f64, f64)> {
    let one = Price::from_counts(1);
    let (below, large) = (below.max(Price::ZERO), Price::from_f64(LARGE)?);
    let (lowest, highest) = ((below + one).to_f64(), (above - one).min(large).to_f64());
    // Far from zero the nearest float may be the price itself, or beyond it.
    let is_between = |price: Price| below < price && price < above;
    let are_between =
        Price::from_f64(lowest).is_some_and(is_between) && Price::from_f64(highest).is_some_and(is_between);
    are_between.then_some((lowest, highest))
}

/// The first moment of `times` from `next` on.
pub(super) fn head(times: &[i64], next: usize) -> i64 {
    times.get(next).copied().unwrap_or(i64::MAX)
}

const A_SIZE: &str = "a size of 0 or more";

/// A value that cannot be played.
pub(super) struct Fault {
    column: &'static str,
    expected: &'static str,
    found: f64,
}

impl Fault {
    pub(super) fn at<O>(self, world: &Backtest<O>, symbol: SymbolId, row: usize) -> HistoryError {
        let symbol = world.engine.config().instruments[symbol.index()].symbol.clone();
        let Self { column, expected, found } = self;
        HistoryError::Value { symbol, row, column, expected, found }
    }
}

fn price(column: &'static str, value: f64) -> Result<Price, Fault> {
    let price = Price::from_f64(value).filter(|price| price.is_positive());
    price.ok_or(Fault { column, expected: "a price above 0", found: value })
}

/// One side of a quote; without a price, or with price 0, nobody quotes it.
fn side(column: &'static str, value: f64) -> Result<Option<Price>, Fault> {
    if value.is_nan() || value == 0.0 { Ok(None) } else { price(column, value).map(Some) }
}

pub(super) fn quote(symbol: SymbolId, [bid, ask]: [f64; 2], sizes: [Option<f64>; 2]) -> Result<Quote, Fault> {
    Ok(Quote {
        symbol,
        bid: side("bid", bid)?,
        ask: side("ask", ask)?,
        bid_size: quantity("bid_size", sizes[0])?,
        ask_size: quantity("ask_size", sizes[1])?,
    })
}

pub(super) fn trade(symbol: SymbolId, at: f64, size: Option<f64>) -> Result<Trade, Fault> {
    Ok(Trade { symbol, price: price("price", at)?, size: quantity("size", size)? })
}

fn quantity(column: &'static str, value: Option<f64>) -> Result<Quantity, Fault> {
    let Some(value) = value else { return Ok(Quantity::ZERO) };
    let quantity = Quantity::from_f64(value).filter(|quantity| !quantity.is_negative());
    quantity.ok_or(Fault { column, expected: A_SIZE, found: value })
}

impl Bars<'_> {
    /// `None` when there is something wrong with the row.
    // A call would hand the bar over through memory, which is read before it is written whole.
    #[inline(always)]
    pub(super) fn bar(&self, row: usize, span: Span) -> Option<Bar> {
        // What is no price becomes 0, which the comparisons refuse.
        let [open, high, low, close] =
            self.prices.map(|column| Price::from_f64(column[row]).unwrap_or_default());
        let volume = match self.volume {
            Some(volume) => Quantity::from_f64(volume[row])?,
            None => Quantity::ZERO,
        };
        let is_sound =
            low.is_positive() && low <= open.min(close) && high >= open.max(close) && !volume.is_negative();
        is_sound.then_some(Bar {
            symbol: self.symbol,
            start: Timestamp(self.start[row]),
            span,
            open,
            high,
            low,
            close,
            volume,
            is_history: false,
        })
    }

    /// What is wrong with a row that makes no bar.
    #[cold]
    pub(super) fn fault(&self, row: usize) -> Fault {
        let [open, high, low, close] = self.prices.map(|column| column[row]);
        let named = [("open", open), ("high", high), ("low", low), ("close", close)];
        let refused = named.into_iter().find_map(|(name, value)| price(name, value).err());
        let volume = self.volume.map(|volume| volume[row]);
        refused.unwrap_or(if high < open.max(close) {
            Fault { column: "high", expected: "at least open and close", found: high }
        } else if low > open.min(close) {
            Fault { column: "low", expected: "at most open and close", found: low }
        } else {
            Fault { column: "volume", expected: A_SIZE, found: volume.unwrap_or_default() }
        })
    }
}
