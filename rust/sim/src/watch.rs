//! Which orders a price may touch: resting orders by the price at which they could act.
//!
//! With many orders resting in one market, a quote visits only those that it reaches. What cannot be
//! told from one price alone is visited always.

use orderloom_core::decimal::Price;
use orderloom_core::event::Side;
use orderloom_core::id::SymbolId;

use crate::market::{Market, TriggerMethod};
use crate::order::{Order, OrderIndex, Stage};
use crate::order_types::{Direction, Pricing, Trigger};
use crate::venue::Venue;

/// So few orders are visited one by one sooner than found; tests look for as good as every one.
const FEW: usize = if cfg!(debug_assertions) { 1 } else { 16 };

/// What an order waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Not for a price: it is held, waits for another order, or has ended.
    #[default]
    Nothing,
    /// For more than one price tells.
    Anything,
    /// For the other side of the quote to come to its limit.
    Quote(Side, Price),
    /// For the last price to reach its trigger.
    Last(Direction, Price),
}

impl Watch {
    fn of(order: &Order) -> Self {
        if order.stage != Stage::Active {
            return Self::Nothing;
        }
        let side = order.request.action;
        match (order.terms.trigger, order.terms.pricing) {
            _ if order.is_immediate() => Self::Anything,
            (Some(Trigger::Trail { .. } | Trigger::Auction(_)), _) => Self::Anything,
            (Some(trigger), _) => match trigger.level(side) {
                Some((level, way)) if order.trigger_method == TriggerMethod::Last => Self::Last(way, level),
                _ => Self::Anything,
            },
            (None, Pricing::Limit(limit)) => Self::Quote(side, limit),
            (None, _) => Self::Anything,
        }
    }
}

/// Sorted by price, then by arrival.
type ByPrice = Vec<(Price, OrderIndex)>;

/// One market's orders by what they wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watches {
    anything: Vec<OrderIndex>,
    buys: ByPrice,
    sells: ByPrice,
    rising: ByPrice,
    falling: ByPrice,
}

impl Watches {
    fn by_price(&mut self, watch: Watch) -> Option<(&mut ByPrice, Price)> {
        Some(match watch {
            Watch::Nothing | Watch::Anything => return None,
            Watch::Quote(Side::Buy, price) => (&mut self.buys, price),
            Watch::Quote(Side::Sell, price) => (&mut self.sells, price),
            Watch::Last(Direction::Up, price) => (&mut self.rising, price),
            Watch::Last(Direction::Down, price) => (&mut self.falling, price),
        })
    }

    fn change(&mut self, index: OrderIndex, was: Watch, now: Watch) {
        if was == Watch::Anything {
            take_out(&mut self.anything, &index);
        } else if let Some((orders, price)) = self.by_price(was) {
            take_out(orders, &(price, index));
        }
        if now == Watch::Anything {
            put_in(&mut self.anything, index);
        } else if let Some((orders, price)) = self.by_price(now) {
            put_in(orders, (price, index));
        }
    }
}

fn put_in<T: Ord>(sorted: &mut Vec<T>, item: T) {
    let place = sorted.partition_point(|other| *other < item);
    sorted.insert(place, item);
}

fn take_out<T: Ord>(sorted: &mut Vec<T>, item: &T) {
    if let Ok(place) = sorted.binary_search(item) {
        sorted.remove(place);
    }
}

impl Market {
    /// The orders that may act now, in order of arrival; maybe some that may not, never too few.
    pub(crate) fn find_within_reach(&self, found: &mut Vec<OrderIndex>) {
        found.clear();
        // Where nothing is quoted, limits are met by prints on their way: all are asked.
        if self.live.len() <= FEW || !self.is_quoted() {
            found.extend_from_slice(&self.live);
            return;
        }
        found.extend(&self.watches.anything);
        if let Some(ask) = self.quote.ask {
            add(found, from(&self.watches.buys, ask.price));
        }
        if let Some(bid) = self.quote.bid {
            add(found, up_to(&self.watches.sells, bid.price));
        }
        if let Some(last) = self.last {
            let to = self.print.map_or(last, |print| print.to);
            add(found, up_to(&self.watches.rising, last.max(to)));
            add(found, from(&self.watches.falling, last.min(to)));
        }
        found.sort_unstable();
    }
}

/// Orders at `price` or above.
fn from(orders: &ByPrice, price: Price) -> &[(Price, OrderIndex)] {
    &orders[orders.partition_point(|(at, _)| *at < price)..]
}

/// Orders at `price` or below.
fn up_to(orders: &ByPrice, price: Price) -> &[(Price, OrderIndex)] {
    &orders[..orders.partition_point(|(at, _)| *at <= price)]
}

fn add(found: &mut Vec<OrderIndex>, orders: &[(Price, OrderIndex)]) {
    found.extend(orders.iter().map(|(_, index)| *index));
}

impl Venue {
    /// Notes what an order waits for, after anything that may have changed it.
    pub(crate) fn watch(&mut self, index: OrderIndex) {
        let order = &mut self.orders[index.index()];
        let now = Watch::of(order);
        if order.watch != now {
            let was = std::mem::replace(&mut order.watch, now);
            self.markets[order.symbol.index()].watches.change(index, was, now);
        }
    }

    /// Whether no order acts that was not within reach.
    pub(crate) fn misses_nobody(&self, symbol: SymbolId, visited: &[OrderIndex]) -> bool {
        let market = &self.markets[symbol.index()];
        market.live.iter().all(|index| visited.contains(index) || !self.acts_now(*index))
    }
}
