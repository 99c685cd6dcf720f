//! What the market of one symbol looks like: quote, last trade, last bars, session.
//!
//! Decides what counts as a price: a missing, crossed, non-positive or stale quote is none.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Quantity};
use crate::event::{Bar, Quote, Side, Trade};
use crate::time::{Date, Session, Span, Timestamp};

/// Bars whose returns make `market.volatility`.
const VOLATILITY_BARS: usize = 20;

/// The market of one symbol.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Market {
    quote: Option<(Quote, Timestamp)>,
    last: Option<(Price, Timestamp)>,
    /// The last complete bar.
    pub bar: Option<Bar>,
    /// The one before it.
    pub bar_before: Option<Bar>,
    /// The current session, or the next one.
    pub session: Option<Session>,
    /// Complete bars of the run so far; past ones do not count.
    pub bars: u64,
    closes: VecDeque<f64>,
    day: Option<Date>,
    /// First price of the session.
    pub day_open: Option<Price>,
    /// Shares traded in the session.
    pub day_volume: Quantity,
}

impl Market {
    /// Takes in a quote.
    pub fn on_quote(&mut self, quote: &Quote, at: Timestamp) {
        self.quote = Some((*quote, at));
    }

    /// Takes in a trade.
    pub fn on_trade(&mut self, trade: &Trade, at: Timestamp) {
        if !trade.price.is_positive() {
            return;
        }
        self.last = Some((trade.price, at));
        if let Some((quote, seen)) = &mut self.quote
            && quote.bid.is_some_and(|bid| bid <= trade.price)
            && quote.ask.is_some_and(|ask| trade.price <= ask)
        {
            // Quotes come when they change: one that trades still keep to is as fresh as they are.
            *seen = at;
        }
        if self.session.is_none_or(|session| session.is_open(at)) {
            self.day_open.get_or_insert(trade.price);
            self.day_volume += trade.size;
        }
    }

    /// Takes in a complete bar.
    pub fn on_bar(&mut self, bar: &Bar, at: Timestamp) {
        self.bar_before = self.bar.replace(*bar);
        self.bars += u64::from(!bar.is_history);
        if self.closes.len() > VOLATILITY_BARS {
            self.closes.pop_front();
        }
        self.closes.push_back(bar.close.to_f64());
        if !bar.is_history && self.quote.is_none() && self.last.is_none_or(|(_, seen)| seen < at) {
            // A source of bars alone: its close is the last price.
            self.last = Some((bar.close, at));
        }
    }

    /// Takes in a session; a new date starts the day's figures again.
    pub fn on_session(&mut self, session: Session) {
        if self.day != Some(session.date) {
            self.day = Some(session.date);
            self.day_open = None;
            self.day_volume = Quantity::ZERO;
        }
        self.session = Some(session);
    }

    /// Drops the bars: they come again, and whole.
    pub fn forget_bars(&mut self) {
        (self.bar, self.bar_before) = (None, None);
        self.closes.clear();
    }

    /// Makes every price unusable until it moves again.
    pub fn mark_stale(&mut self) {
        self.quote = None;
        self.last = None;
    }

    /// Bid and ask when both are positive, not crossed, and neither they nor a trade between them are
    /// older than `max_age`.
    #[must_use]
    pub fn sane_quote(&self, at: Timestamp, max_age: Span) -> Option<(Price, Price)> {
        let (quote, seen) = self.quote?;
        let (bid, ask) = (quote.bid?, quote.ask?);
        (bid.is_positive() && bid <= ask && at - seen <= max_age).then_some((bid, ask))
    }

    /// Until when the newest price is one.
    #[must_use]
    pub fn usable_until(&self, max_age: Span) -> Option<Timestamp> {
        let quoted = self.quote.map(|(_, seen)| seen);
        quoted.or(self.last.map(|(_, seen)| seen)).map(|seen| seen + max_age)
    }

    /// What an order of `side` would trade at now: the far side of the quote, or the last trade of a
    /// source that has no quotes.
    #[must_use]
    pub fn far_side(&self, side: Side, at: Timestamp, max_age: Span) -> Option<Price> {
        if self.quote.is_some() {
            let (bid, ask) = self.sane_quote(at, max_age)?;
            return Some(match side {
                Side::Buy => ask,
                Side::Sell => bid,
            });
        }
        let (price, seen) = self.last?;
        (at - seen <= max_age).then_some(price)
    }

    /// The price that values a position: the last trade, else the middle of the quote, of any age.
    #[must_use]
    pub fn mark(&self) -> Option<Price> {
        if let Some((price, _)) = self.last {
            return Some(price);
        }
        let (quote, _) = self.quote?;
        let (bid, ask) = (quote.bid?, quote.ask?);
        Some(Price::from_counts((bid.counts() + ask.counts()) / 2))
    }

    /// Standard deviation of the last bars' simple returns in percent, once there are enough.
    #[must_use]
    pub fn volatility_percent(&self) -> Option<f64> {
        if self.closes.len() <= VOLATILITY_BARS {
            return None;
        }
        let pairs = self.closes.iter().zip(self.closes.iter().skip(1));
        let returns: Vec<f64> = pairs.map(|(before, after)| (after / before - 1.0) * 100.0).collect();
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let squares = returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some((squares / (returns.len() - 1) as f64).sqrt())
    }
}
