//! What happens without a client: trades and orders by hand in TWS, second orders made from a change,
//! executions that are corrected, busted, or of more than was ordered.
//!
//! An order by hand has client 0 and order id 0 until client 0 binds it to a negative id.

use std::sync::Arc;

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::Side;
use orderloom_core::id::{ExecId, OrderId, PermId, SymbolId};
use orderloom_core::time::Timestamp;

use crate::admission::Refusal;
use crate::market::Source;
use crate::news::{Listener, News};
use crate::order::OrderIndex;
use crate::reading::BustNews;
use crate::request::{ClientId, OrderKey, OrderKind, OrderRequest, no_ref};
use crate::venue::{Venue, VenueError};

/// The name of all orders by hand that are not bound.
const BY_HAND: OrderKey = OrderKey { client_id: ClientId(0), order_id: OrderId(0) };

impl Venue {
    /// Trades by hand: a fill that no client's order explains. At the market without a `price`.
    ///
    /// # Errors
    /// When the quantity is not positive, or no price is known.
    pub fn manual_trade(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        side: Side,
        quantity: Quantity,
        price: Option<Price>,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        let market = &self.markets[symbol.index()];
        let Some(price) = price.or_else(|| market.touch(side)) else {
            return Err(VenueError::Refused { code: 201, text: "no price is known to trade at".into() });
        };
        let con_id = market.listing.con_id;
        let request = OrderRequest::new(BY_HAND, con_id, side, quantity, OrderKind::Market, no_ref());
        let checked = self.check(&request).map_err(refused)?;
        self.begin(at, out);
        let index = self.enter(request, checked, None);
        self.fill(index, price, quantity, Source::Elsewhere, out);
        self.finish(out);
        Ok(())
    }

    /// Places an order by hand; its client and order id are ignored.
    ///
    /// # Errors
    /// When no client could place such an order either.
    pub fn manual_order(
        &mut self,
        at: Timestamp,
        mut request: OrderRequest,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        request.client_id = BY_HAND.client_id;
        request.order_id = BY_HAND.order_id;
        self.begin(at, out);
        let admitted = self.admit(request, out).map_err(refused);
        self.finish(out);
        admitted
    }

    /// Binds the live orders by hand to client 0 under negative ids, and returns these.
    pub fn bind(&mut self) -> Vec<(PermId, OrderId)> {
        let mut bound = Vec::new();
        for index in self.live_indices() {
            let order = &mut self.orders[index.index()];
            if order.request.key() == BY_HAND {
                self.last_bound_id -= 1;
                order.request.order_id = OrderId(self.last_bound_id);
                self.by_key.insert(order.request.key(), index);
                bound.push((order.perm_id, order.request.order_id));
            }
        }
        bound
    }

    /// Takes a change of a live order as a second order under the same id, as TWS was seen to do when it
    /// was cut off from IB. The first one lives on and answers to no id.
    pub fn fork(&mut self, at: Timestamp, request: OrderRequest, out: &mut dyn Listener) {
        self.begin(at, out);
        let key = request.key();
        let was = self.by_key.swap_remove(&key);
        if let Err(Refusal { code, text }) = self.admit(request, out) {
            self.by_key.extend(was.map(|index| (key, index)));
            self.tell_error(key, code, text.into_string(), out);
        }
        self.finish(out);
    }

    /// Corrects the price of the latest execution, which is told again with a later execution id.
    ///
    /// # Errors
    /// When nothing was executed yet.
    pub fn correct_latest(
        &mut self,
        at: Timestamp,
        price: Price,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        let report = self.executions.last_mut().ok_or_else(nothing_executed)?;
        let execution = &mut report.execution;
        let symbol = self.by_con_id[&execution.con_id];
        let multiplier = self.markets[symbol.index()].listing.multiplier;
        let more = price - execution.price;
        let quantity = execution.quantity;
        self.ledger.correct(symbol, execution.side, more.value(quantity, multiplier), report.realized_pnl);
        if let Some(profit) = &mut report.realized_pnl {
            *profit += match execution.side {
                Side::Buy => -more.value(quantity, multiplier),
                Side::Sell => more.value(quantity, multiplier),
            };
        }
        let order = self.orders.iter_mut().find(|order| order.perm_id == execution.perm_id);
        if let Some(order) = order {
            order.paid += more.value(quantity, 1);
            execution.avg_price = order.average_price();
        }
        execution.exec_id = ExecId(next_version(&execution.exec_id.0));
        execution.price = price;
        let corrected = execution.clone();
        self.begin(at, out);
        out.hear(News::Execution(&corrected));
        self.tell_position(symbol, out);
        self.finish(out);
        Ok(())
    }

    /// Fills the order of the latest execution to its end and by `more` beyond, at the same price.
    ///
    /// # Errors
    /// When nothing was executed yet.
    pub fn overfill(
        &mut self,
        at: Timestamp,
        more: Quantity,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        let latest = self.executions.last().ok_or_else(nothing_executed)?;
        let (perm_id, price) = (latest.execution.perm_id, latest.execution.price);
        let place = self.orders.iter().position(|order| order.perm_id == perm_id);
        let index = OrderIndex(place.expect("an execution is of an order") as u32);
        self.begin(at, out);
        let quantity = self.orders[index.index()].remaining() + more;
        self.fill(index, price, quantity, Source::Elsewhere, out);
        self.finish(out);
        Ok(())
    }

    /// Busts the latest execution: what it moved is moved back, commission included, and it is listed no
    /// more. The order stays as it ended.
    ///
    /// # Errors
    /// When nothing was executed yet.
    pub fn bust_latest(&mut self, at: Timestamp, out: &mut dyn Listener) -> Result<(), VenueError> {
        let report = self.executions.pop().ok_or_else(nothing_executed)?;
        let mut execution = report.execution;
        let symbol = self.by_con_id[&execution.con_id];
        let multiplier = self.markets[symbol.index()].listing.multiplier;
        let value = execution.price.value(execution.quantity, multiplier);
        let back = execution.side.opposite();
        self.begin(at, out);
        self.ledger.book(symbol, back, execution.quantity, value, -report.commission);
        if self.config.bust_news == BustNews::NoShares {
            execution.exec_id = ExecId(next_version(&execution.exec_id.0));
            execution.cum_quantity -= execution.quantity;
            execution.quantity = Quantity::ZERO;
            out.hear(News::Execution(&execution));
        }
        self.tell_position(symbol, out);
        self.finish(out);
        Ok(())
    }
}

/// `….01` as `….02`.
fn next_version(exec_id: &str) -> Arc<str> {
    let (stem, version) = exec_id.rsplit_once('.').unwrap_or((exec_id, "01"));
    let version: u32 = version.parse().unwrap_or(1);
    format!("{stem}.{:02}", version + 1).into()
}

fn nothing_executed() -> VenueError {
    VenueError::Refused { code: 201, text: "nothing was executed yet".into() }
}

fn refused(refusal: Refusal) -> VenueError {
    VenueError::Refused { code: refusal.code, text: refusal.text }
}
