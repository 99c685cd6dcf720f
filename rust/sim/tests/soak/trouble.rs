//! What goes wrong, done: lines are cut, processes die, others trade.

use std::fmt::Write as _;
use std::hash::Hasher;

use orderloom_core::command::Role;
use orderloom_core::decimal::Quantity;
use orderloom_core::engine::Engine;
use orderloom_core::event::{Bar, Connection, EventKind, NextOrderId, Operator, Side};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::Span;
use orderloom_sim::OrderKey;

use crate::defect::Defect;
use crate::market::cents;
use crate::mishap::Mishap;
use crate::world::{CLIENT, Check, Later, World};

impl World {
    pub(crate) fn happen(&mut self, mishap: Mishap) -> Check {
        self.tally.add_mishap(mishap);
        if let Some(trace) = &mut self.trace {
            _ = writeln!(trace, "# {mishap:?}");
        }
        let seconds = Span::from_secs;
        match mishap {
            Mishap::LoseMessage => self.armed.lose_message = true,
            Mishap::LoseExecution => self.armed.lose_execution = true,
            Mishap::LoseCommand => self.armed.lose_command = true,
            Mishap::Repeat => self.armed.repeat = true,
            Mishap::Shuffle(shuffle) => self.armed.shuffle = Some(shuffle),
            Mishap::Slow { millis, lasts } => {
                self.armed.slow = Span::from_millis(millis);
                self.duty.disturb(self.now + seconds(lasts));
                self.after(seconds(lasts), Later::Over);
            }
            Mishap::RefusePlace { code } => self.armed.refuse_place = Some(code),
            Mishap::RefuseChanges { code, lasts } => {
                self.armed.refuse_changes = Some(code);
                self.duty.disturb(self.now + seconds(lasts));
                self.after(seconds(lasts), Later::Over);
            }
            Mishap::RefuseCancel => self.armed.refuse_cancel = true,
            Mishap::Fork => self.armed.fork = true,
            Mishap::Cut { .. } | Mishap::Crash { .. } if !self.is_up || !self.is_alive => {}
            Mishap::Cut { blind, lasts, delivers, forgets_ids } => {
                self.cut(delivers);
                self.armed.forgets_ids = forgets_ids;
                self.duty.disturb(self.now + seconds(blind + lasts));
                self.after(seconds(blind), Later::LineDown);
                self.after(seconds(blind + lasts), Later::LineUp);
            }
            Mishap::Crash { loses_tail, lasts, delivers } => {
                self.crash(loses_tail, delivers)?;
                self.duty.disturb(self.now + seconds(lasts));
                self.after(seconds(lasts), Later::Restart);
            }
            Mishap::Manual { symbol, percent } => self.trade_by_hand(symbol, percent)?,
            Mishap::Halt { symbol, lasts } => {
                self.venue.halt(self.now, symbol, true, &mut self.out);
                self.settle_venue()?;
                self.after(seconds(lasts), Later::HaltOver(symbol));
            }
            Mishap::Hard { symbol, lasts } => {
                self.venue.locate(self.now, symbol, true, &mut self.out);
                self.settle_venue()?;
                self.after(seconds(lasts), Later::Located(symbol));
            }
            Mishap::Kill { symbol, which } => self.kill(symbol, which)?,
            Mishap::CancelAll => {
                self.duty.disturb(self.now);
                self.venue.global_cancel(self.now, &mut self.out);
                self.settle_venue()?;
            }
            Mishap::Stale if self.is_alive => self.hear(EventKind::Connection(Connection::DataStale))?,
            Mishap::Correct { cents: by } => {
                let last = self.venue.executions().last().map(|report| &report.execution);
                // Of an earlier day nobody would be told after a gap.
                if let Some(last) = last.filter(|last| self.is_of_today(last.at)).map(|last| last.price) {
                    let price = last + cents(by);
                    self.venue
                        .correct_latest(self.now, price, &mut self.out)
                        .expect("something was executed");
                    self.duty.heed_correction();
                    self.settle_venue()?;
                }
            }
            Mishap::Overfill { more } => self.overfill(more)?,
            Mishap::OperatorHalt { lasts } if self.is_alive => {
                self.duty.is_halted = true;
                self.hear_halt()?;
                self.after(seconds(lasts), Later::Resume);
            }
            Mishap::OperatorFlatten { symbol } if self.is_alive => {
                self.hear(EventKind::Operator(Operator::Flatten { symbol }))?;
            }
            Mishap::Stale | Mishap::OperatorHalt { .. } | Mishap::OperatorFlatten { .. } => {}
        }
        // A person looks at it after a while.
        self.after(seconds(45), Later::Resume);
        Ok(())
    }

    pub(crate) fn hear_halt(&mut self) -> Check {
        if self.script.case.defect == Some(Defect::DeafToHalt) {
            return Ok(());
        }
        self.hear(EventKind::Operator(Operator::Halt { reason: "by hand".into() }))
    }

    pub(crate) fn trade_by_hand(&mut self, symbol: SymbolId, percent: i64) -> Check {
        let held = self.venue.holdings()[symbol.index()].quantity;
        let quantity = Quantity::from_counts(held.abs().counts() / 100 * percent).whole();
        if !quantity.is_positive() {
            return Ok(());
        }
        let side = if held.is_positive() { Side::Sell } else { Side::Buy };
        self.duty.excuse(symbol, "manual");
        self.duty.disturb(self.now);
        // Without a price nobody trades by hand either.
        _ = self.venue.manual_trade(self.now, symbol, side, quantity, None, &mut self.out);
        self.settle_venue()
    }

    fn overfill(&mut self, more: i64) -> Check {
        let last = self.venue.executions().last().map(|report| &report.execution);
        let of_entry = last.filter(|last| {
            let is_ours = last.client_id == CLIENT && self.is_of_today(last.at);
            is_ours && self.duty.role(last.order_id) == Some(Role::Entry)
        });
        let Some(symbol) = of_entry.map(|last| SymbolId((last.con_id.0 - 1) as u32)) else { return Ok(()) };
        let book = &mut self.duty.books[symbol.index()];
        (book.has_excess, book.is_excess_unheard) = (true, true);
        self.duty.disturb(self.now);
        self.tally.add("entries overfilled", 1);
        let more = Quantity::from_units(more);
        self.venue.overfill(self.now, more, &mut self.out).expect("something was executed");
        self.settle_venue()
    }

    pub(crate) fn kill(&mut self, symbol: SymbolId, which: usize) -> Check {
        let exits: Vec<OrderId> = self
            .venue
            .live_orders()
            .filter(|order| order.con_id.0 == i64::from(symbol.0) + 1 && order.client_id == CLIENT)
            .filter(|order| self.duty.role(order.order_id) != Some(Role::Entry))
            .map(|order| order.order_id)
            .collect();
        if exits.is_empty() {
            return Ok(());
        }
        let key = OrderKey { client_id: CLIENT, order_id: exits[which % exits.len()] };
        self.duty.disturb(self.now);
        self.venue.cancel(self.now, key, &mut self.out);
        self.settle_venue()
    }

    pub(crate) fn connect(&mut self) -> Check {
        (self.is_up, self.is_synced) = (true, false);
        let newest = self.duty.newest_id();
        let id = if std::mem::take(&mut self.armed.forgets_ids) { 1 } else { newest + 1 };
        self.hear(EventKind::Connection(Connection::Up))?;
        self.hear(EventKind::NextOrderId(NextOrderId { order_id: OrderId(id) }))?;
        self.begin_snapshot()
    }

    /// The client learns that the line is gone.
    pub(crate) fn lose_line(&mut self) -> Check {
        (self.is_synced, self.snapshot) = (false, None);
        self.hear(EventKind::Connection(Connection::Down))
    }

    pub(crate) fn cut(&mut self, delivers: bool) {
        self.is_up = false;
        self.to_engine.clear();
        if !delivers {
            self.to_venue.clear();
        }
    }

    pub(crate) fn restart(&mut self) -> Check {
        self.is_alive = true;
        self.hear(EventKind::Restarted(Box::new(self.script.engine.clone())))?;
        self.tell_sessions()?;
        for bar in self.bars.clone().into_iter().flatten() {
            self.hear(EventKind::Bar(Bar { is_history: true, ..bar }))?;
        }
        self.connect()
    }

    /// Replays the journal into a new engine, which must come to the same state.
    pub(crate) fn crash(&mut self, loses_tail: bool, delivers: bool) -> Check {
        self.cut(delivers);
        (self.is_alive, self.snapshot) = (false, None);
        self.check_replay()?;
        if loses_tail {
            // What is older than a moment, or was followed by a command, is on disk.
            let fresh = self.now + Span::from_millis(-100);
            let written = self.journal.partition_point(|event| event.at < fresh);
            self.journal.truncate(self.durable.max(written));
            self.engine = self.replay();
            self.forget_tail();
        }
        Ok(())
    }

    pub(crate) fn replay(&self) -> Engine {
        let mut engine = Engine::new(self.script.engine.clone()).expect("it ran before");
        for event in &self.journal {
            engine.on_event(event);
        }
        engine
    }

    pub(crate) fn check_replay(&mut self) -> Check {
        let replayed = self.replay();
        let print = |engine: &Engine| {
            let mut hasher = std::hash::DefaultHasher::new();
            engine.fingerprint(&mut hasher);
            hasher.finish()
        };
        if print(&replayed) != print(&self.engine) {
            return Err("I14: the replayed journal leads to another state".into());
        }
        self.engine = replayed;
        Ok(())
    }
}
