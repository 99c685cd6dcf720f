//! Which orders a price may touch: resting orders by the price at which they could act.
//!
//! With many orders resting in one market, a quote visits only those that it reaches. What cannot be
//! told from one price alone is visited always.

use std::collections::BTreeSet;
use std::ops::RangeBounds;

use orderloom_core::decimal::Price;
use orderloom_core::event::Side;
use orderloom_core::id::SymbolId;

use crate::market::{Market, TriggerMethod};
use crate::order::{Order, OrderIndex, Stage};
use crate::order_types::{Direction, Pricing, Trigger};
use crate::venue::Venue;

/// So few orders are visited one by one sooner than found; tests look for as good as every one.
const FEW: usize = if cfg!(debug_assertions) { 1 } else { 16 };

const FIRST: OrderIndex = OrderIndex(0);
const LAST: OrderIndex = OrderIndex(u32::MAX);

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

type ByPrice = BTreeSet<(Price, OrderIndex)>;

/// One market's orders by what they wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watches {
    anything: BTreeSet<OrderIndex>,
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
            self.anything.remove(&index);
        } else if let Some((orders, price)) = self.by_price(was) {
            orders.remove(&(price, index));
        }
        if now == Watch::Anything {
            self.anything.insert(index);
        } else if let Some((orders, price)) = self.by_price(now) {
            orders.insert((price, index));
        }
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
            add(found, &self.watches.buys, (ask.price, FIRST)..);
        }
        if let Some(bid) = self.quote.bid {
            add(found, &self.watches.sells, ..=(bid.price, LAST));
        }
        if let Some(last) = self.last {
            let to = self.print.map_or(last, |print| print.to);
            add(found, &self.watches.rising, ..=(last.max(to), LAST));
            add(found, &self.watches.falling, (last.min(to), FIRST)..);
        }
        found.sort_unstable();
    }
}

fn add(found: &mut Vec<OrderIndex>, orders: &ByPrice, range: impl RangeBounds<(Price, OrderIndex)>) {
    found.extend(orders.range(range).map(|(_, index)| *index));
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
