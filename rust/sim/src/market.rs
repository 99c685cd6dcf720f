//! One instrument's market: what is quoted, what was printed, and how much of it is left for us.

use std::sync::Arc;

use orderloom_core::decimal::{ONE, Price, Quantity, Rounding};
use orderloom_core::event::Side;
use serde::{Deserialize, Serialize};

use crate::config::Fraction;
use crate::order::OrderIndex;
use crate::order_types::Direction;
use crate::request::ConId;
use crate::watch::Watches;

/// An instrument as the venue lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Its number.
    pub con_id: ConId,
    /// Its name, for messages.
    pub symbol: Box<str>,
    /// Its kind, which decides commission and the usual trigger method.
    pub sec_type: SecType,
    /// ISO currency.
    pub currency: Arc<str>,
    /// Smallest price step; positive.
    pub tick: Price,
    /// Units of the underlying per contract; positive.
    #[serde(with = "whole_number")]
    pub multiplier: i64,
}

/// TWS secType of what this venue trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecType {
    /// A share.
    #[serde(rename = "STK")]
    Stock,
    /// An option.
    #[serde(rename = "OPT")]
    Option,
    /// A future.
    #[serde(rename = "FUT")]
    Future,
    /// A pair of currencies.
    #[serde(rename = "CASH")]
    Cash,
    /// Several contracts that trade as one, at a price of their own.
    #[serde(rename = "BAG")]
    Combo,
}

/// A whole number that crosses as text, like every number of the border.
mod whole_number {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format_args!("expected a whole number, found `{text}`")))
    }
}

/// What one side of a quote shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) price: Price,
    /// `None` when the size is unknown, hence no limit to what fills.
    pub(crate) left: Option<Quantity>,
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
}

/// What an order could take next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// Where on the market's way; `None` when no price is known yet.
    pub(crate) place: Option<Price>,
    pub(crate) price: Price,
    /// `None`: any amount.
    pub(crate) left: Option<Quantity>,
    pub(crate) source: Source,
}

/// Whose size a fill takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Quote,
    Print,
    /// An auction or a hand, whose volume no feed shows.
    Elsewhere,
}

/// A print that is being matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    /// Where the price goes; equal to the last price for a jump.
    pub(crate) to: Price,
    /// `None` when the size is unknown.
    pub(crate) left: Option<Quantity>,
}

/// How a stop is triggered. Source: IBKR's TWS user guide, stop trigger methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriggerMethod {
    DoubleBidAsk,
    Last,
    DoubleLast,
    BidAsk,
    LastOrBidAsk,
    Middle,
}

impl TriggerMethod {
    /// The method with TWS number `code`; 0 is the usual one of `sec_type`.
    pub(crate) const fn of(code: u8, sec_type: SecType) -> Option<Self> {
        match (code, sec_type) {
            (0, SecType::Stock | SecType::Future | SecType::Combo) | (2, _) => Some(Self::Last),
            (0, SecType::Option) | (1, _) => Some(Self::DoubleBidAsk),
            (0, SecType::Cash) | (4, _) => Some(Self::BidAsk),
            (3, _) => Some(Self::DoubleLast),
            (7, _) => Some(Self::LastOrBidAsk),
            (8, _) => Some(Self::Middle),
            _ => None,
        }
    }
}

/// One instrument's market and the live orders in it.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) listing: Listing,
    pub(crate) is_open: bool,
    /// Nothing triggers or fills while trading is halted.
    pub(crate) is_halted: bool,
    /// Lowest and highest price at which anything may trade, if there is a limit.
    pub(crate) band: Option<(Price, Price)>,
    /// New short sales wait for shares to borrow.
    pub(crate) is_hard_to_borrow: bool,
    pub(crate) quote: Quote,
    pub(crate) quote_before: Quote,
    /// Where the price stands; inside a sweep, how far it has come.
    pub(crate) last: Option<Price>,
    pub(crate) last_before: Option<Price>,
    pub(crate) print: Option<Print>,
    /// In order of arrival.
    pub(crate) live: Vec<OrderIndex>,
    pub(crate) watches: Watches,
}

impl Market {
    pub(crate) fn new(listing: Listing, is_open: bool) -> Self {
        Self {
            listing,
            is_open,
            is_halted: false,
            band: None,
            is_hard_to_borrow: false,
            quote: Quote { bid: None, ask: None },
            quote_before: Quote { bid: None, ask: None },
            last: None,
            last_before: None,
            print: None,
            live: Vec::new(),
            watches: Watches::default(),
        }
    }

    /// Whether fills come from quotes; otherwise they come from prints.
    pub(crate) const fn is_quoted(&self) -> bool {
        self.quote.bid.is_some() || self.quote.ask.is_some()
    }

    /// Whether something may trade at a price.
    pub(crate) fn is_within_band(&self, price: Price) -> bool {
        self.band.is_none_or(|(low, high)| low <= price && price <= high)
    }

    /// Whether an order can find its counterpart in this instant.
    pub(crate) const fn has_liquidity_now(&self) -> bool {
        self.is_quoted() || self.print.is_some()
    }

    /// The price that a position is worth: last, else the middle, else the one side quoted.
    pub(crate) fn mark(&self) -> Option<Price> {
        self.last.or_else(|| match (self.quote.bid, self.quote.ask) {
            (Some(bid), Some(ask)) => Some(middle(bid.price, ask.price)),
            (Some(level), None) | (None, Some(level)) => Some(level.price),
            (None, None) => None,
        })
    }

    /// The price that an order of `side` with no limit would pay now.
    pub(crate) fn touch(&self, side: Side) -> Option<Price> {
        let opposite = match side {
            Side::Buy => self.quote.ask,
            Side::Sell => self.quote.bid,
        };
        opposite.map(|level| level.price).or(self.last)
    }

    /// What an order could take next: where on the way, and how much (`None`: any amount).
    ///
    /// A quoted market fills at the opposite side of the quote. A market known from prints alone fills
    /// while one is matched: where the price stands, or at the limit once it gets there.
    pub(crate) fn offer(&self, side: Side, limit: Option<Price>, needs_through: bool) -> Option<Offer> {
        let meets = meeting(side);
        if self.is_quoted() {
            let level = match side {
                Side::Buy => self.quote.ask?,
                Side::Sell => self.quote.bid?,
            };
            let is_met = limit.is_none_or(|limit| meets.reaches(limit, level.price));
            return (is_met && has_some(level.left)).then_some(Offer {
                place: self.last,
                price: level.price,
                left: level.left,
                source: Source::Quote,
            });
        }
        let (print, from) = (self.print.filter(|print| has_some(print.left))?, self.last?);
        let price = match limit {
            None => from,
            Some(limit) => {
                let goes_beyond = meets.passes(limit, from) || meets.passes(limit, print.to);
                if needs_through && !goes_beyond {
                    return None;
                }
                meets.first_reach(limit, from, print.to)?
            }
        };
        Some(Offer { place: Some(price), price, left: print.left, source: Source::Print })
    }

    /// What a passive order at `limit` in a quoted market gets from a print at its price or beyond.
    pub(crate) fn passive_offer(&self, side: Side, limit: Price) -> Option<Offer> {
        let print = self.print.filter(|print| has_some(print.left) && self.is_quoted())?;
        let (place, left) = (self.last, print.left);
        meeting(side).reaches(limit, print.to).then_some(Offer {
            place,
            price: limit,
            left,
            source: Source::Print,
        })
    }

    /// Where an order that follows the quote stands now; `None` while a side is missing.
    pub(crate) fn peg(&self, side: Side, better: Option<Price>, cap: Option<Price>) -> Option<Price> {
        let (bid, ask) = (self.quote.bid?.price, self.quote.ask?.price);
        let tick = self.listing.tick;
        let wanted = match (side, better) {
            (_, None) => middle(bid, ask),
            (Side::Buy, Some(better)) => (bid + better).min(ask),
            (Side::Sell, Some(better)) => (ask - better).max(bid),
        };
        Some(match side {
            Side::Buy => cap.map_or(wanted, |cap| wanted.min(cap)).rounded_to(tick, Rounding::Down),
            Side::Sell => cap.map_or(wanted, |cap| wanted.max(cap)).rounded_to(tick, Rounding::Up),
        })
    }

    /// Takes `quantity` from what an order of `side` was offered.
    pub(crate) fn take(&mut self, side: Side, quantity: Quantity, source: Source) {
        let left = match (source, side) {
            (Source::Quote, Side::Buy) => self.quote.ask.as_mut().and_then(|level| level.left.as_mut()),
            (Source::Quote, Side::Sell) => self.quote.bid.as_mut().and_then(|level| level.left.as_mut()),
            (Source::Print, _) => self.print.as_mut().and_then(|print| print.left.as_mut()),
            (Source::Elsewhere, _) => None,
        };
        if let Some(left) = left {
            *left -= quantity;
        }
    }

    /// Where on the way the market reaches `level`: `Some(None)` here and now.
    pub(crate) fn reach(
        &self,
        method: TriggerMethod,
        level: Price,
        direction: Direction,
    ) -> Option<Option<Price>> {
        let here = |is_reached: bool| is_reached.then_some(self.last);
        let last = || {
            let (from, to) = (self.last?, self.print.map_or(self.last?, |print| print.to));
            direction.first_reach(level, from, to).map(Some)
        };
        let quoted = |quote: &Quote| {
            // Upwards the bid must get there, downwards the ask.
            let side = match direction {
                Direction::Up => quote.bid,
                Direction::Down => quote.ask,
            };
            side.is_some_and(|side| direction.reaches(level, side.price))
        };
        match method {
            TriggerMethod::Last => last(),
            TriggerMethod::DoubleLast => {
                if self.last_before.is_some_and(|before| direction.reaches(level, before)) {
                    last()
                } else {
                    None
                }
            }
            TriggerMethod::BidAsk => here(quoted(&self.quote)),
            TriggerMethod::DoubleBidAsk => here(quoted(&self.quote) && quoted(&self.quote_before)),
            TriggerMethod::LastOrBidAsk => here(quoted(&self.quote)).or_else(last),
            TriggerMethod::Middle => match (self.quote.bid, self.quote.ask) {
                (Some(bid), Some(ask)) => here(direction.reaches(level, middle(bid.price, ask.price))),
                _ => None,
            },
        }
    }

    /// The price that a trailing stop of `side` follows.
    pub(crate) fn reference(&self, method: TriggerMethod, side: Side) -> Option<Price> {
        let quoted = || match side {
            Side::Buy => self.quote.bid,
            Side::Sell => self.quote.ask,
        };
        match method {
            TriggerMethod::Last | TriggerMethod::DoubleLast => self.last,
            TriggerMethod::BidAsk | TriggerMethod::DoubleBidAsk => quoted().map(|level| level.price),
            TriggerMethod::LastOrBidAsk => self.last.or_else(|| quoted().map(|level| level.price)),
            TriggerMethod::Middle => Some(middle(self.quote.bid?.price, self.quote.ask?.price)),
        }
    }
}

/// The part of a printed `size` that our orders may take; `None` when the size is unknown.
pub(crate) fn takeable(size: Quantity, fraction: Option<Fraction>) -> Option<Quantity> {
    if !size.is_positive() {
        return None;
    }
    Some(fraction.map_or(size, |fraction| {
        let share = i128::from(size.counts()) * i128::from(fraction.counts()) / i128::from(ONE);
        // The fraction is at most 1.
        Quantity::from_counts(share as i64).whole()
    }))
}

/// The way from which the market meets a limit: a buy limit from above.
const fn meeting(side: Side) -> Direction {
    match side {
        Side::Buy => Direction::Down,
        Side::Sell => Direction::Up,
    }
}

fn has_some(left: Option<Quantity>) -> bool {
    left.is_none_or(Quantity::is_positive)
}

const fn middle(bid: Price, ask: Price) -> Price {
    Price::from_counts(bid.counts().midpoint(ask.counts()))
}
