//! One symbol's prices: a random walk with gaps, thin sizes, fast crosses and quotes that are none.

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::{Bar, Quote, Trade};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Span, Timestamp};

use crate::random::Random;

/// How many ticks make a bar.
pub(crate) const TICKS_PER_BAR: u32 = 6;

pub(crate) fn cents(cents: i64) -> Price {
    Price::from_counts(cents * 1_000_000)
}

/// Where a symbol's price is, and how it moves.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    symbol: SymbolId,
    random: Random,
    /// In cents, as everything here.
    price: i64,
    /// Largest usual step, in hundredths of a percent.
    step: i64,
    spread: i64,
    thin: i64,
    wild: i64,
    bar: Option<[i64; 4]>,
}

/// What happens in one moment: a quote, then prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) quote: Quote,
    pub(crate) prints: [Option<Trade>; 2],
}

impl Market {
    pub(crate) fn new(seed: u64, symbol: SymbolId) -> Self {
        let mut random = Random::new(seed, 100 + u64::from(symbol.0));
        Self {
            symbol,
            price: random.between(1_500, 40_000),
            step: random.pick(&[10, 25, 50, 100]),
            spread: random.between(1, 6),
            thin: random.pick(&[0, 10, 50, 90]),
            wild: random.pick(&[0, 3, 10]),
            bar: None,
            random,
        }
    }

    /// The next moment; in a calm one the quote is sound and deep enough to trade.
    pub(crate) fn step(&mut self, is_calm: bool) -> Moment {
        let random = &mut self.random;
        let drift = random.between(-self.step, self.step);
        let gap = if random.percent(self.wild) { random.pick(&[-600, -250, 250, 600]) } else { 0 };
        let way = if is_calm { drift } else { drift + gap };
        self.price = (self.price + self.price * way / 10_000).clamp(300, 90_000);
        let (bid, ask) = (self.price - self.spread.div_euclid(2) - 1, self.price + self.spread.div_euclid(2));
        let is_thin = !is_calm && random.percent(self.thin);
        let mut size =
            || Quantity::from_units(if is_thin { random.between(1, 30) } else { random.between(300, 2_000) });
        let (bid_size, ask_size) = (size(), size());
        let mut quote =
            Quote { symbol: self.symbol, bid: Some(cents(bid)), ask: Some(cents(ask)), bid_size, ask_size };
        let random = &mut self.random;
        match random.between(0, 199) {
            _ if is_calm => {}
            0 => (quote.bid, quote.bid_size) = (None, Quantity::ZERO),
            1 => (quote.ask, quote.ask_size) = (None, Quantity::ZERO),
            2 => std::mem::swap(&mut quote.bid, &mut quote.ask),
            _ => {}
        }
        let mut print = |at: i64| {
            let size = if is_thin { random.between(1, 40) } else { random.between(100, 3_000) };
            self.bar =
                Some(self.bar.map_or([at; 4], |[open, high, low, _]| [open, high.max(at), low.min(at), at]));
            Trade { symbol: self.symbol, price: cents(at), size: Quantity::from_units(size) }
        };
        // Through a level and back within one moment.
        let cross = print(self.price);
        let prints = if !is_calm && self.random.percent(self.wild) {
            let far = (self.price + self.price * self.random.pick(&[-300, -120, 120, 300]) / 10_000).max(300);
            let size = Quantity::from_units(self.random.between(20, 2_000));
            [Some(Trade { price: cents(far), size, ..cross }), Some(cross)]
        } else {
            [self.random.percent(60).then_some(cross), None]
        };
        Moment { quote, prints }
    }

    /// The bar that is complete now, if anything traded.
    pub(crate) fn bar(&mut self, at: Timestamp, is_history: bool) -> Option<Bar> {
        let [open, high, low, close] = self.bar.take()?.map(cents);
        let (span, volume) = (Span::from_secs(60), Quantity::from_units(1_000));
        Some(Bar { symbol: self.symbol, start: at - span, span, open, high, low, close, volume, is_history })
    }
}
