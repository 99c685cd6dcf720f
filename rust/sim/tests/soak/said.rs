//! What must hold of everything that the engine says.

use orderloom_core::command::{
    Command, IncidentCode, Notice, OrderType, PlaceOrder, PositionSide, Reason, Role,
};
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::{Event, EventKind, Side, SignalSide};
use orderloom_core::id::{ContextId, OrderId, RuleId, SymbolId};
use orderloom_core::time::Span;

use crate::duty::{Leg, Tranche};
use crate::world::{CLIENT, Check, Sent, World};

impl World {
    pub(crate) fn check_output(&mut self, event: &Event, commands: &[Command], notices: &[Notice]) -> Check {
        for notice in notices {
            self.check_notice(notice)?;
        }
        if let EventKind::Signal(signal) = &event.kind {
            self.check_explained(signal.side, &signal.key, notices)?;
        }
        self.check_entries(commands, notices)?;
        for command in commands {
            match command {
                Command::Place(order) => self.check_new(order)?,
                Command::Modify(order) => self.check_change(order)?,
                Command::Cancel(order) if self.engine.orders().find(order.order_id).is_none() => {
                    return Err(format!("I26: order {} is cancelled and none of ours", order.order_id));
                }
                Command::Alert(incident) => {
                    self.tally.add_incident(incident.code);
                    if let Some(symbol) = incident.symbol {
                        let book = &mut self.duty.books[symbol.index()];
                        book.is_alarmed = true;
                        book.is_overfill_told |= incident.code == IncidentCode::Overfill;
                    }
                    if matches!(incident.code, IncidentCode::Adapter | IncidentCode::ScriptFailed) {
                        return Err(format!("I30: {}", incident.text));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn check_notice(&mut self, notice: &Notice) -> Check {
        match notice {
            Notice::ContextOpened { symbol, side, .. } => {
                let book = &mut self.duty.books[symbol.index()];
                if book.is_open {
                    return Err("I5: a second trade was opened".into());
                }
                book.is_open = true;
                self.tally.add(if *side == PositionSide::Long { "long trades" } else { "short trades" }, 1);
            }
            Notice::ContextScaled { .. } => self.tally.add("tranches added", 1),
            Notice::RuleBlocked { reason, .. } => self.tally.add_refusal(*reason),
            Notice::ContextConcluded(conclusion) => {
                let symbol = conclusion.symbol;
                self.tally.add_conclusion(conclusion);
                let book = &mut self.duty.books[symbol.index()];
                book.is_open = false;
                book.concluded += conclusion.pnl;
                self.check_conclusion(symbol, conclusion.context)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// I18: a trade is over when nothing of it is held and nothing can come to life.
    pub(crate) fn check_conclusion(&self, symbol: SymbolId, context: ContextId) -> Check {
        let book = &self.duty.books[symbol.index()];
        let is_own = book.by_hand.is_zero() && !book.was_forked;
        if is_own && !book.position.is_zero() && !book.was_overfilled {
            return Err(format!("I18: a trade concluded while the broker holds {}", book.position));
        }
        let is_of_it = |id: &OrderId| {
            self.duty.legs.get(id).and_then(|leg| leg.tranche).is_some_and(|(of, _)| of == context)
        };
        let live =
            self.venue.live_orders().find(|order| order.client_id == CLIENT && is_of_it(&order.order_id));
        if let Some(order) = live.filter(|_| !book.was_forked) {
            return Err(format!("I18: a trade concluded while order {} lives", order.order_id));
        }
        let new = self.to_venue.iter().find_map(|(_, sent)| match sent {
            Sent::Place(order) if order.context == Some(context) => Some(order.ticket.order_id),
            _ => None,
        });
        match new {
            Some(id) => Err(format!("I18: a trade concluded while order {id} is on its way")),
            None => Ok(()),
        }
    }

    /// Every prediction has its outcome: dropped, or told by the rule that it is for.
    pub(crate) fn check_explained(&mut self, side: SignalSide, key: &str, notices: &[Notice]) -> Check {
        let judged = notices.iter().find_map(|notice| match notice {
            Notice::SignalJudged { dropped, .. } => Some(*dropped),
            _ => None,
        });
        let Some(dropped) = judged else { return Err(format!("signal {key} was not judged")) };
        let is_known = self.duty.signals.iter().any(|known| **known == *key);
        if let Some(reason) = dropped {
            self.tally.add_refusal(reason);
            if reason == Reason::Duplicate && !is_known {
                return Err(format!("I8: signal {key} is new and was called a duplicate"));
            }
        } else if is_known {
            return Err(format!("I8: signal {key} went to the rules twice"));
        }
        self.duty.signals.push(key.into());
        let rule = match side {
            SignalSide::Buy => RuleId(0),
            SignalSide::Short => RuleId(1),
            SignalSide::Sell => RuleId(2),
            SignalSide::Neutral => return Ok(()),
        };
        let told = notices.iter().filter(|notice| match notice {
            Notice::RuleFired { rule: of, .. } | Notice::RuleBlocked { rule: of, .. } => *of == rule,
            _ => false,
        });
        if dropped.is_none() && told.count() == 0 {
            return Err(format!("signal {key} went to its rule, which told nothing"));
        }
        Ok(())
    }

    /// I4 and I8: an entry leaves because a rule fired, and with its stop attached.
    pub(crate) fn check_entries(&mut self, commands: &[Command], notices: &[Notice]) -> Check {
        let placed: Vec<&PlaceOrder> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Place(order) => Some(order),
                _ => None,
            })
            .collect();
        let entries = placed.iter().filter(|order| order.role == Role::Entry);
        let fired = notices.iter().filter(|notice| matches!(notice, Notice::RuleFired { .. })).count();
        if entries.clone().count() > fired {
            return Err("I8: more entries left than rules fired".into());
        }
        for entry in entries {
            let id = entry.ticket.order_id;
            let children: Vec<_> = placed.iter().filter(|child| child.ticket.parent == Some(id)).collect();
            let level = |role: Role| {
                let child = children.iter().find(|child| child.role == role)?;
                let fits = child.ticket.quantity == entry.ticket.quantity
                    && child.ticket.side == entry.ticket.side.opposite();
                let kind = child.ticket.order_type;
                fits.then(|| kind.stop_price().or(kind.limit_price())).flatten()
            };
            let (stop, target) = (level(Role::Stop), level(Role::Target));
            if stop.is_none() && !self.script.may_be_unprotected() {
                return Err(format!("I4: entry {id} leaves without its stop attached"));
            }
            let transmits = std::iter::once(*entry).chain(children.into_iter().copied());
            let transmits: Vec<bool> = transmits.map(|order| order.ticket.transmit).collect();
            if !transmits.split_last().is_some_and(|(last, rest)| *last && rest.iter().all(|sent| !sent)) {
                return Err(format!("I4: the family of entry {id} does not leave as one"));
            }
            if let (Some(stop), Some(target)) = (stop, target)
                && (stop < target) != (entry.ticket.side == Side::Buy)
            {
                return Err(format!("I25: entry {id} has its stop at {stop} and its target at {target}"));
            }
            self.check_entry(entry)?;
        }
        Ok(())
    }

    pub(crate) fn check_entry(&mut self, order: &PlaceOrder) -> Check {
        let (id, symbol, side) = (order.ticket.order_id, order.ticket.symbol, order.ticket.side);
        if self.duty.is_halted {
            return Err(format!("I19: entry {id} was sent after the halt"));
        }
        if !self.is_synced {
            return Err(format!("I17: entry {id} was sent before the snapshot had ended"));
        }
        let session = self.today;
        let last =
            self.script.engine.end_of_day.map_or(session.close, |before| session.close + Span(-before.0));
        if self.now < session.open || self.now >= last {
            return Err(format!("I24: entry {id} was sent outside the hours of entries"));
        }
        let book = &self.duty.books[symbol.index()];
        let sign = side.signed(Quantity::from_units(1)).counts().signum();
        if book.position.counts() * sign < 0 && !book.was_overfilled && book.excuse.is_none() {
            return Err(format!("I1: entry {id} was sent against a position of {}", book.position));
        }
        let limits = &self.script.engine.limits;
        let name = &self.script.engine.instruments[symbol.index()].symbol;
        if side == Side::Sell && limits.no_short.contains(name) {
            return Err(format!("I20: entry {id} sells {name} short"));
        }
        let quantity = order.ticket.quantity;
        if limits.max_order_shares.is_some_and(|most| quantity > most) {
            return Err(format!("I20: entry {id} is for {quantity} shares"));
        }
        let is_entry = |of: OrderId| {
            self.duty.legs.get(&of).is_some_and(|leg| leg.role == Role::Entry && leg.symbol == symbol)
        };
        let resting: Quantity = self
            .venue
            .live_orders()
            .filter(|order| order.client_id == CLIENT && is_entry(order.order_id))
            .map(|order| order.remaining)
            .sum();
        let underway: Quantity = self
            .to_venue
            .iter()
            .filter_map(|(_, sent)| match sent {
                Sent::Place(order) if is_entry(order.ticket.order_id) => Some(order.ticket.quantity),
                _ => None,
            })
            .sum();
        let worst = side.signed(book.position) + resting + underway + quantity;
        // Of shares that nobody ordered the engine may not have heard yet.
        let is_known = book.by_hand.is_zero() && !book.is_excess_unheard;
        if limits.max_position_shares.is_some_and(|most| worst > most) && is_known {
            return Err(format!("I20: entry {id} could make the position {worst}"));
        }
        let open = self.symbols().filter(|symbol| self.engine.context(*symbol).is_some()).count();
        if limits.max_open_contexts.is_some_and(|most| open > most as usize) {
            return Err(format!("I20: entry {id} makes {open} open trades"));
        }
        Ok(())
    }

    pub(crate) fn check_side(&self, order: &PlaceOrder) -> Check {
        let (id, symbol) = (order.ticket.order_id, order.ticket.symbol);
        let Some(context) = self.engine.context(symbol).filter(|open| order.context == Some(open.id)) else {
            return Err(format!("I6: order {id} belongs to no trade"));
        };
        let is_right = match order.role {
            Role::Entry => order.ticket.side == context.side.entry(),
            Role::Stop | Role::Target => order.ticket.side == context.side.exit(),
            // It may also buy back what was sold too much.
            Role::Close => true,
            Role::Single => false,
        };
        if !is_right {
            return Err(format!("I6: {:?} {id} would {:?}", order.role, order.ticket.side));
        }
        let tick = self.script.engine.instruments[symbol.index()].tick;
        let kind = order.ticket.order_type;
        let off = |price: &Price| !price.is_positive() || !price.is_on_tick(tick);
        // Where a trailing stop starts is the broker's to move.
        let is_moved = matches!(kind, OrderType::TrailAmount { .. } | OrderType::TrailPercent { .. });
        let prices = kind.limit_price().into_iter().chain(kind.stop_price().filter(|_| !is_moved));
        match prices.into_iter().find(off) {
            Some(price) => Err(format!("I25: {price} of order {id} is no price")),
            None if !order.ticket.quantity.is_positive() => Err(format!("I3: order {id} is for nothing")),
            None => Ok(()),
        }
    }

    pub(crate) fn check_new(&self, order: &PlaceOrder) -> Check {
        let id = order.ticket.order_id;
        if id.0 <= self.duty.newest_id() {
            return Err(format!("I9: order id {id} is not above {}", self.duty.newest_id()));
        }
        if self.duty.legs.values().any(|leg| leg.order_ref == order.ticket.order_ref.0) {
            return Err(format!("I9: intent {} is sent twice", order.ticket.order_ref));
        }
        self.check_side(order)
    }

    pub(crate) fn check_change(&self, order: &PlaceOrder) -> Check {
        let id = order.ticket.order_id;
        let Some(leg) = self.duty.legs.get(&id) else {
            return Err(format!("I9: a change names order {id}, which was never sent"));
        };
        if leg.order_ref != order.ticket.order_ref.0 || leg.side != order.ticket.side {
            return Err(format!("I9: order {id} became another one"));
        }
        if order.role == Role::Entry {
            return Err(format!("I8: entry {id} was sent again"));
        }
        self.check_side(order)
    }

    /// Remembers an order that leaves.
    pub(crate) fn note_placed(&mut self, order: &PlaceOrder) {
        let id = order.ticket.order_id;
        let place = self.engine.context(order.ticket.symbol).map(|context| {
            let has = |(_, of): &(Role, OrderId)| *of == id;
            let bracket = context.brackets.iter().position(|bracket| bracket.orders.iter().any(has));
            let tranche = (context.id, bracket.unwrap_or(0));
            // Shares that no order of it explains.
            let foreign = context.brackets[tranche.1].foreign;
            let new = Tranche { shares: foreign, ordered: foreign, naked_since: None };
            let of_it = self.duty.tranches.entry(tranche).or_insert(new);
            if order.role == Role::Entry {
                of_it.ordered = order.ticket.quantity;
            }
            tranche
        });
        let leg = Leg {
            role: order.role,
            symbol: order.ticket.symbol,
            side: order.ticket.side,
            order_ref: order.ticket.order_ref.0.clone(),
            group: order.ticket.oca.as_ref().map(|oca| oca.name.clone()),
            has_traded: false,
            is_repair: order.role == Role::Close
                && self
                    .engine
                    .context(order.ticket.symbol)
                    .is_some_and(|open| open.side.entry() == order.ticket.side),
            tranche: place,
        };
        self.duty.legs.insert(id, leg);
    }
}
