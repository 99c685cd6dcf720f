//! Both books agree whenever nothing is on the line, and at the end of a day nothing is left.

use orderloom_core::decimal::Money;
use orderloom_core::id::SymbolId;
use orderloom_core::order::Order;
use orderloom_sim::OpenOrder;

use crate::duty::{Tranche, UNTIL_RECOVERED};
use crate::world::{CLIENT, Check, World};

impl World {
    /// Whenever nothing is on the line both books must agree.
    pub(crate) fn check_heard(&mut self) -> Check {
        if !self.is_quiet() {
            return Ok(());
        }
        let live: Vec<OpenOrder> = self.venue.live_orders().collect();
        for symbol in self.symbols() {
            self.check_symbol(symbol, &live)?;
        }
        if self.now <= self.duty.disturbed_until + UNTIL_RECOVERED {
            return Ok(());
        }
        // A child that grows with its parent rests with nothing left to do.
        for order in live.iter().filter(|order| order.client_id == CLIENT && order.remaining.is_positive()) {
            let (id, symbol) = (order.order_id, SymbolId((order.con_id.0 - 1) as u32));
            let known = self.engine.orders().find(id);
            if known.is_none_or(Order::is_done) && !self.duty.books[symbol.index()].was_forked {
                let phase = known.map(Order::phase);
                return Err(format!("I10: order {id} is {phase:?} to the engine and live at the broker"));
            }
        }
        self.symbols().try_for_each(|symbol| self.check_position(symbol))
    }

    pub(crate) fn check_position(&self, symbol: SymbolId) -> Check {
        let (own, theirs) =
            (self.engine.position(symbol).quantity, self.venue.holdings()[symbol.index()].quantity);
        if own == theirs {
            return Ok(());
        }
        Err(format!("I12: the engine counts {own} shares of {symbol}, the broker holds {theirs}"))
    }

    /// What must be true some time after the close, when nothing goes wrong any more.
    pub(crate) fn check_day(&mut self) -> Check {
        if !self.is_quiet() {
            return Err("liveness: the day is over and the line still busy".into());
        }
        let live: Vec<OpenOrder> =
            self.venue.live_orders().filter(|order| order.client_id == CLIENT).collect();
        for symbol in self.symbols() {
            self.check_position(symbol)?;
            self.check_symbol_end(symbol, &live)?;
        }
        let moved = self.venue.cash() - self.script.venue.cash;
        let booked: Money = self
            .symbols()
            .map(|symbol| {
                let position = self.engine.position(symbol);
                position.realized - position.cost - position.commission
            })
            .sum();
        if moved != booked {
            return Err(format!("I12: cash moved by {moved}, the engine booked {booked}"));
        }
        if self.script.engine.end_of_day.is_some() {
            self.tally.add("days that ended flat", 1);
        }
        Ok(())
    }

    /// A tranche of the open trade that holds more than its entry was for, where only ours traded.
    fn excess_of(&self, symbol: SymbolId) -> Option<Tranche> {
        let id = self.engine.context(symbol)?.id;
        let is_plain = self.duty.books[symbol.index()].by_hand.is_zero();
        let mut tranches = self.duty.tranches.range((id, 0)..=(id, usize::MAX)).map(|(_, tranche)| *tranche);
        tranches.find(|tranche| is_plain && tranche.shares > tranche.ordered)
    }

    pub(crate) fn check_symbol_end(&mut self, symbol: SymbolId, live: &[OpenOrder]) -> Check {
        let book = &self.duty.books[symbol.index()];
        if book.was_overfilled && !book.is_alarmed {
            return Err(format!("I13: {symbol} was overfilled and nobody was told"));
        }
        if book.has_excess && !book.is_overfill_told {
            return Err(format!("I13: an entry of {symbol} was overfilled and nobody was told"));
        }
        if book.was_forked {
            return if book.is_alarmed { Ok(()) } else { Err("I9: a fork was not told".into()) };
        }
        let position = book.position;
        let mut resting = live.iter().filter(|order| order.con_id.0 == i64::from(symbol.0) + 1);
        let context = self.engine.context(symbol);
        // What somebody traded by hand beyond the trade is theirs.
        let is_flat = position.abs() <= book.by_hand;
        if self.script.engine.end_of_day.is_some() {
            if !is_flat {
                return Err(format!("I24: {position} shares are held after the end of the day"));
            }
            if let Some(order) = resting.next() {
                return Err(format!("I24: order {} lives after the end of the day", order.order_id));
            }
            if context.is_some() {
                return Err("I18: a trade is open after the end of the day".into());
            }
        } else if context.is_none() {
            if !is_flat {
                return Err(format!("I5: {position} shares are held without a trade"));
            }
            if let Some(order) = resting.next() {
                return Err(format!("I18: order {} lives without a trade", order.order_id));
            }
        } else if let Some(tranche) = self.excess_of(symbol) {
            return Err(format!("I13: {} shares are held, {} were ordered", tranche.shares, tranche.ordered));
        } else if book.naked.is_positive() {
            return Err(format!("I3: {} shares have no stop over the night", book.naked));
        }
        let is_plain = book.by_hand.is_zero() && context.is_none() && position.is_zero();
        let realized = self.engine.position(symbol).realized;
        if is_plain && !self.duty.was_retold && realized != book.concluded {
            return Err(format!("P&L: trades of {symbol} sum to {}, fills to {realized}", book.concluded));
        }
        Ok(())
    }
}
