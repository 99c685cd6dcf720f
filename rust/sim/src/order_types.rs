//! An order type is two answers: what turns the order on, and what price it takes then.
//!
//! Matching knows `Trigger` and `Pricing` and no order type. A new type is a row in `Terms::of`; a new
//! kind of trigger or price is a variant here.

use orderloom_core::decimal::{Price, Rounding, divide_rounded};
use orderloom_core::event::Side;

use crate::request::{OrderKind, OrderRequest, TimeInForce};

/// An order's type, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What turns it on; `None` once it is on.
    pub(crate) trigger: Option<Trigger>,
    pub(crate) pricing: Pricing,
}

/// What turns an order on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The market goes against the side: up for a buy, down for a sell.
    Stop(Price),
    /// The market comes to meet the side: down for a buy, up for a sell.
    Touch(Price),
    /// A session opens or closes.
    Auction(Auction),
    /// A stop that follows the market by a distance; unset until a price is known.
    Trail { distance: Distance, stop: Option<Price> },
}

/// Which end of the session an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auction {
    Open,
    Close,
}

/// How far a trailing stop stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    Amount(Price),
    /// Percent of the market's price.
    Percent(Price),
}

/// What price an order takes once it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pricing {
    Market,
    Limit(Price),
    /// A limit that far beyond the stop that triggered.
    LimitOffset(Price),
    /// The market's price, and what is left as a limit there.
    MarketToLimit,
    /// A limit that follows the quote: its own side, better by `better`, or the middle when absent;
    /// never worse than `cap`.
    Pegged {
        better: Option<Price>,
        cap: Option<Price>,
    },
}

/// Which way the market must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// Why a request's type and prices make no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TermsError {
    Unsupported(Box<str>),
    Missing { field: &'static str, kind: &'static str },
}

impl Terms {
    pub(crate) fn of(request: &OrderRequest) -> Result<Self, TermsError> {
        let limit = |kind| request.limit_price.ok_or(TermsError::Missing { field: "limit_price", kind });
        let stop = |kind| request.stop_price.ok_or(TermsError::Missing { field: "stop_price", kind });
        let (trigger, pricing) = match &request.order_type {
            OrderKind::Market => (None, Pricing::Market),
            OrderKind::Limit => (None, Pricing::Limit(limit("LMT")?)),
            OrderKind::Stop => (Some(Trigger::Stop(stop("STP")?)), Pricing::Market),
            OrderKind::StopLimit => {
                (Some(Trigger::Stop(stop("STP LMT")?)), Pricing::Limit(limit("STP LMT")?))
            }
            OrderKind::MarketIfTouched => (Some(Trigger::Touch(stop("MIT")?)), Pricing::Market),
            OrderKind::LimitIfTouched => (Some(Trigger::Touch(stop("LIT")?)), Pricing::Limit(limit("LIT")?)),
            OrderKind::Trail => (Some(trail(request, "TRAIL")?), Pricing::Market),
            OrderKind::TrailLimit => {
                let offset = match (request.limit_offset, request.limit_price, request.trail_stop_price) {
                    (Some(offset), ..) => offset,
                    (None, Some(limit), Some(stop)) => match request.action {
                        Side::Buy => limit - stop,
                        Side::Sell => stop - limit,
                    },
                    (None, ..) => {
                        return Err(TermsError::Missing { field: "limit_offset", kind: "TRAIL LIMIT" });
                    }
                };
                (Some(trail(request, "TRAIL LIMIT")?), Pricing::LimitOffset(offset))
            }
            OrderKind::MarketOnClose => (Some(Trigger::Auction(Auction::Close)), Pricing::Market),
            OrderKind::LimitOnClose => {
                (Some(Trigger::Auction(Auction::Close)), Pricing::Limit(limit("LOC")?))
            }
            OrderKind::MarketToLimit => (None, Pricing::MarketToLimit),
            OrderKind::Relative => {
                let better = request.stop_price.unwrap_or_default();
                (None, Pricing::Pegged { better: Some(better), cap: request.positive_limit() })
            }
            OrderKind::PeggedToMiddle => {
                (None, Pricing::Pegged { better: None, cap: request.positive_limit() })
            }
            OrderKind::Other(word) => return Err(TermsError::Unsupported(word.clone())),
        };
        if request.tif == TimeInForce::Opening {
            return match (trigger, pricing) {
                (None, Pricing::Market | Pricing::Limit(_)) => {
                    Ok(Self { trigger: Some(Trigger::Auction(Auction::Open)), pricing })
                }
                _ => Err(TermsError::Unsupported("OPG with this order type".into())),
            };
        }
        Ok(Self { trigger, pricing })
    }

    /// Prices that must lie on the instrument's tick grid.
    pub(crate) fn prices(&self) -> impl Iterator<Item = Price> {
        let trigger = match self.trigger {
            Some(Trigger::Stop(price) | Trigger::Touch(price)) => Some(price),
            Some(Trigger::Trail { stop, .. }) => stop,
            Some(Trigger::Auction(_)) | None => None,
        };
        let limit = match self.pricing {
            Pricing::Limit(price) => Some(price),
            Pricing::Pegged { cap, .. } => cap,
            Pricing::Market | Pricing::LimitOffset(_) | Pricing::MarketToLimit => None,
        };
        trigger.into_iter().chain(limit)
    }

    /// Turns the order on; a limit that hangs on a trailing stop is fixed where the stop stands.
    pub(crate) fn turn_on(&mut self, side: Side) {
        if let (Some(Trigger::Trail { stop: Some(stop), .. }), Pricing::LimitOffset(offset)) =
            (self.trigger, self.pricing)
        {
            self.pricing = Pricing::Limit(match side {
                Side::Buy => stop + offset,
                Side::Sell => stop - offset,
            });
        }
        self.trigger = None;
    }

    /// Takes over that an order is on already, and the limit that it then got.
    pub(crate) const fn stay_on(&mut self, was: Self) {
        self.trigger = None;
        if let Pricing::LimitOffset(_) | Pricing::MarketToLimit = self.pricing {
            self.pricing = was.pricing;
        }
    }

    /// Whether an order of `side` that is on would trade at `price`.
    pub(crate) fn takes(&self, side: Side, price: Price) -> bool {
        match (self.pricing, side) {
            (Pricing::Limit(limit), Side::Buy) => price <= limit,
            (Pricing::Limit(limit), Side::Sell) => price >= limit,
            _ => true,
        }
    }

    /// Whether a price must be reached before the order is on.
    pub(crate) const fn waits_for_price(&self) -> bool {
        matches!(self.trigger, Some(Trigger::Stop(_) | Trigger::Touch(_) | Trigger::Trail { .. }))
    }

    /// Where a trailing stop stands.
    pub(crate) const fn trail_stop(&self) -> Option<Price> {
        match self.trigger {
            Some(Trigger::Trail { stop, .. }) => stop,
            Some(Trigger::Stop(_) | Trigger::Touch(_) | Trigger::Auction(_)) | None => None,
        }
    }
}

fn trail(request: &OrderRequest, kind: &'static str) -> Result<Trigger, TermsError> {
    let positive = |price: Option<Price>| price.filter(|price| price.is_positive());
    let distance = match (positive(request.trail_percent), positive(request.stop_price)) {
        (Some(percent), _) => Distance::Percent(percent),
        (None, Some(amount)) => Distance::Amount(amount),
        (None, None) => return Err(TermsError::Missing { field: "stop_price or trail_percent", kind }),
    };
    Ok(Trigger::Trail { distance, stop: request.trail_stop_price })
}

impl Trigger {
    /// The price that turns the order on and the way from which the market reaches it.
    pub(crate) const fn level(self, side: Side) -> Option<(Price, Direction)> {
        let against = match side {
            Side::Buy => Direction::Up,
            Side::Sell => Direction::Down,
        };
        match self {
            Self::Stop(price) | Self::Trail { stop: Some(price), .. } => Some((price, against)),
            Self::Touch(price) => Some((price, against.opposite())),
            Self::Trail { stop: None, .. } | Self::Auction(_) => None,
        }
    }

    /// Lets a trailing stop follow the market, never back.
    pub(crate) fn follow(&mut self, side: Side, market: Price, tick: Price) {
        let Self::Trail { distance, stop } = self else { return };
        let behind = distance.at(market);
        let wanted = match side {
            Side::Buy => market + behind,
            Side::Sell => market - behind,
        }
        .rounded_to(tick, Rounding::Nearest);
        *stop = Some(match (*stop, side) {
            (None, _) => wanted,
            (Some(stop), Side::Buy) => stop.min(wanted),
            (Some(stop), Side::Sell) => stop.max(wanted),
        });
    }
}

impl Distance {
    fn at(self, market: Price) -> Price {
        match self {
            Self::Amount(amount) => amount,
            Self::Percent(percent) => {
                let hundred = i128::from(Price::from_units(100).counts());
                let product = i128::from(market.counts()) * i128::from(percent.counts());
                // A percentage below 100 of an i64 fits an i64.
                Price::from_counts(divide_rounded(product, hundred) as i64)
            }
        }
    }
}

impl Direction {
    const fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

    /// Whether `price` has got as far as `level`.
    pub(crate) fn reaches(self, level: Price, price: Price) -> bool {
        match self {
            Self::Up => price >= level,
            Self::Down => price <= level,
        }
    }

    /// Whether `price` has got further than `level`.
    pub(crate) fn passes(self, level: Price, price: Price) -> bool {
        price != level && self.reaches(level, price)
    }

    /// The first price at or beyond `level` on the way from `from` to `to`.
    pub(crate) fn first_reach(self, level: Price, from: Price, to: Price) -> Option<Price> {
        if self.reaches(level, from) { Some(from) } else { self.reaches(level, to).then_some(level) }
    }
}
