//! What must hold, judged by the venue's ledger and never by the engine's belief.
//!
//! The numbers are those of the invariants that the explorer of the core checks, too.

use std::collections::BTreeMap;

use orderloom_core::command::Role;
use orderloom_core::decimal::{Money, Quantity};
use orderloom_core::event::{Event, EventKind, Side};
use orderloom_core::id::{ContextId, OrderId, SymbolId};
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{ChildrenStart, Execution, OpenOrder};

use crate::world::{CLIENT, Check, World};

/// After a mishap nothing is said of how long shares may stand without a stop: questions are asked
/// again with growing patience. It ends in any case.
pub(crate) const UNTIL_RECOVERED: Span = Span::from_secs(75);

/// One order of ours, as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) role: Role,
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    pub(crate) order_ref: std::sync::Arc<str>,
    /// Its group, where we named one.
    pub(crate) group: Option<Box<str>>,
    pub(crate) has_traded: bool,
    /// It trades back what was closed that was not open.
    pub(crate) is_repair: bool,
    /// Its trade, and its place among the brackets of it.
    pub(crate) tranche: Option<(ContextId, usize)>,
}

/// What one bracket holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tranche {
    /// Positive in the trade's direction.
    pub(crate) shares: Quantity,
    /// What its entry was for.
    pub(crate) ordered: Quantity,
    /// Since when a part of them has had no stop at work.
    pub(crate) naked_since: Option<Timestamp>,
}

/// One symbol, as the past left it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// By executions of the venue.
    pub(crate) position: Quantity,
    /// Why exits may execute beyond the position, where TWS or somebody else can make them.
    pub(crate) excuse: Option<&'static str>,
    /// Exits did execute beyond the position, or shares came from elsewhere.
    pub(crate) was_overfilled: bool,
    /// An entry filled more than was ordered.
    pub(crate) has_excess: bool,
    /// The engine may not have heard of that yet.
    pub(crate) is_excess_unheard: bool,
    pub(crate) is_overfill_told: bool,
    pub(crate) by_hand: Quantity,
    pub(crate) was_forked: bool,
    pub(crate) is_alarmed: bool,
    pub(crate) naked: Quantity,
    pub(crate) naked_since: Option<Timestamp>,
    pub(crate) excess_since: Option<Timestamp>,
    pub(crate) is_open: bool,
    /// Profit of concluded trades, before commissions.
    pub(crate) concluded: Money,
}

/// What has to be remembered of the past to judge the present.
#[derive(Debug, Clone)]
pub(crate) struct Duty {
    pub(crate) books: Vec<Book>,
    pub(crate) legs: BTreeMap<OrderId, Leg>,
    pub(crate) tranches: BTreeMap<(ContextId, usize), Tranche>,
    /// Executions of the venue that were looked at.
    pub(crate) executions: usize,
    pub(crate) disturbed_until: Timestamp,
    pub(crate) is_halted: bool,
    pub(crate) signals: Vec<Box<str>>,
    /// Profits may have been told anew.
    pub(crate) was_retold: bool,
}

impl Duty {
    pub(crate) fn new(symbols: u32) -> Self {
        Self {
            books: vec![Book::default(); symbols as usize],
            legs: BTreeMap::new(),
            tranches: BTreeMap::new(),
            executions: 0,
            disturbed_until: Timestamp::MIN,
            is_halted: false,
            signals: Vec::new(),
            was_retold: false,
        }
    }

    pub(crate) fn newest_id(&self) -> i64 {
        self.legs.last_key_value().map_or(0, |(id, _)| id.0)
    }

    pub(crate) fn role(&self, id: OrderId) -> Option<Role> {
        self.legs.get(&id).map(|leg| leg.role)
    }

    pub(crate) fn excuse(&mut self, symbol: SymbolId, why: &'static str) {
        let book = &mut self.books[symbol.index()];
        book.excuse = Some(why);
        book.was_forked |= why == "fork";
    }

    /// Something went wrong, or will until `until`.
    pub(crate) fn disturb(&mut self, until: Timestamp) {
        self.disturbed_until = self.disturbed_until.max(until);
    }

    /// Whether a member of the group has traded.
    pub(crate) fn has_traded(&self, group: &str) -> bool {
        self.legs.values().any(|leg| leg.has_traded && leg.group.as_deref() == Some(group))
    }

    pub(crate) fn heed_correction(&mut self) {
        self.was_retold = true;
    }
}

impl World {
    /// Every fill must be one that its order was for; then what rests must fit what is held.
    pub(crate) fn check_venue(&mut self) -> Check {
        while let Some(report) = self.venue.executions().get(self.duty.executions) {
            let execution = report.execution.clone();
            self.duty.executions += 1;
            self.check_fill(&execution)?;
        }
        let live: Vec<OpenOrder> = self.venue.live_orders().collect();
        for symbol in self.symbols() {
            self.check_symbol(symbol, &live)?;
        }
        Ok(())
    }

    /// What the journal lost the engine has not said.
    pub(crate) fn forget_tail(&mut self) {
        self.duty.was_retold = true;
        self.duty.signals.retain(|key| {
            let is_it =
                |event: &Event| matches!(&event.kind, EventKind::Signal(signal) if signal.key == *key);
            self.journal.iter().any(is_it)
        });
        for symbol in self.symbols() {
            self.duty.books[symbol.index()].is_open = self.engine.context(symbol).is_some();
        }
    }

    pub(crate) fn check_fill(&mut self, execution: &Execution) -> Check {
        let symbol = SymbolId((execution.con_id.0 - 1) as u32);
        let change = execution.side.signed(execution.quantity);
        let can_overfill = self.script.can_overfill;
        let book = &mut self.duty.books[symbol.index()];
        let before = book.position;
        book.position += change;
        let after = book.position;
        if execution.client_id != CLIENT {
            book.by_hand += execution.quantity;
            self.tally.add("fills by hand", 1);
            return Ok(());
        }
        let id = execution.order_id;
        let leg = self.duty.legs.get_mut(&id).ok_or_else(|| format!("I9: order {id} was never sent"))?;
        leg.has_traded = true;
        let Some(place) = leg.tranche else { return Err(format!("I6: order {id} belongs to no trade")) };
        let tranche = &mut self.duty.tranches.entry(place).or_default().shares;
        let was = *tranche;
        let opens = leg.role == Role::Entry;
        let is_repair = leg.is_repair;
        *tranche += if opens || is_repair { execution.quantity } else { Quantity::ZERO - execution.quantity };
        let is = *tranche;
        let is_excused = can_overfill || book.excuse.is_some();
        if is.is_negative() {
            book.was_overfilled = true;
            self.tally.add("overfills", 1);
        }
        let flips = before.counts().signum() * after.counts().signum() < 0;
        let reduces = !flips && after.abs() < before.abs();
        match leg.role {
            _ if is_repair && is.is_positive() && book.by_hand.is_zero() && !book.was_forked => {
                Err(format!("I13: close {id} made {was} shares of its tranche {is}"))
            }
            _ if is_excused => Ok(()),
            _ if flips => {
                Err(format!("I1: {:?} {id} flipped the position: {before} became {after}", leg.role))
            }
            Role::Entry if reduces => {
                Err(format!("I1: entry {id} traded against the position: {before} became {after}"))
            }
            Role::Entry => Ok(()),
            _ if is.is_negative() => {
                Err(format!("I1: {:?} {id} traded more than its tranche of {was} held", leg.role))
            }
            _ if reduces => Ok(()),
            role => Err(format!("I1: {role:?} {id} opened a position: {before} became {after}")),
        }
    }

    pub(crate) fn check_symbol(&mut self, symbol: SymbolId, live: &[OpenOrder]) -> Check {
        let of_symbol = |order: &&OpenOrder| order.con_id.0 == i64::from(symbol.0) + 1;
        let ours: Vec<&OpenOrder> =
            live.iter().filter(of_symbol).filter(|order| order.client_id == CLIENT).collect();
        let has_started = |order: &OpenOrder| {
            let parent = live.iter().find(|parent| {
                order.parent_id.0 != 0 && parent.order_id == order.parent_id && parent.client_id == CLIENT
            });
            match (parent, self.script.venue.children_start) {
                (None, _) => true,
                (Some(_), ChildrenStart::OnFullFill) => false,
                (Some(parent), _) => parent.filled.is_positive(),
            }
        };
        let at_work: Vec<(&OpenOrder, Role)> = ours
            .iter()
            .filter_map(|order| Some((*order, self.duty.role(order.order_id)?)))
            .filter(|(order, role)| *role != Role::Entry && has_started(order))
            .collect();
        let book = &self.duty.books[symbol.index()];
        let position = book.position;
        // Of a group only one member can trade.
        let mut exits = Quantity::ZERO;
        for (place, (order, _)) in at_work.iter().enumerate() {
            let group = |other: &OpenOrder| !order.oca_group.is_empty() && other.oca_group == order.oca_group;
            if !at_work[..place].iter().any(|(other, _)| group(other)) {
                let members =
                    at_work.iter().filter(|(other, _)| group(other)).map(|(other, _)| other.remaining);
                exits += members.max().unwrap_or(order.remaining);
            }
        }
        let is_excused = self.script.can_overfill || book.excuse.is_some();
        if exits > position.abs() && !is_excused {
            return Err(format!("I2: exits of {exits} can trade against a position of {position}"));
        }
        let context = self.engine.context(symbol);
        let is_leaving = context.is_some_and(|context| context.closing.is_some()) && exits >= position.abs();
        let is_unprotected = context.is_some_and(|context| context.policy.stop.is_none());
        let reducing = if position.is_positive() { Side::Sell } else { Side::Buy };
        let exit_side = context.map_or(reducing, |context| context.side.exit());
        // Against the trade's side only an overfill is held, which is traded back as fast as the market
        // takes it.
        let returning =
            at_work.iter().filter(|(order, role)| *role == Role::Close && order.action == reducing);
        let returned: Quantity = returning.map(|(order, _)| order.remaining).sum();
        let is_excess = !position.is_zero() && exit_side != reducing;
        let is_stuck = is_excess && returned < position.abs() && self.today.is_open(self.now);
        let is_ours =
            !(is_leaving || is_unprotected || is_excess || book.was_forked) && book.by_hand.is_zero();
        let covering: Vec<(Option<(ContextId, usize)>, Quantity)> = at_work
            .iter()
            .filter(|(order, role)| matches!(role, Role::Stop | Role::Close) && order.action == exit_side)
            .filter_map(|(order, _)| Some((self.duty.legs.get(&order.order_id)?.tranche, order.remaining)))
            .collect();
        let now = self.now;
        let id = context.map_or(ContextId(u64::MAX), |context| context.id);
        let mut naked = Quantity::ZERO;
        let mut since = None;
        for (place, tranche) in self.duty.tranches.range_mut((id, 0)..=(id, usize::MAX)) {
            let covers = covering.iter().filter(|(of, _)| *of == Some(*place)).map(|(_, shares)| *shares);
            let open = tranche.shares - covers.sum();
            let is_naked = is_ours && open.is_positive();
            tranche.naked_since = if is_naked { tranche.naked_since.or(Some(now)) } else { None };
            if is_naked {
                naked += open;
                since = since.into_iter().chain(tranche.naked_since).min();
            }
        }
        let book = &mut self.duty.books[symbol.index()];
        (book.naked, book.naked_since) = (naked, since);
        book.excess_since = if is_stuck { book.excess_since.or(Some(now)) } else { None };
        if position.is_zero() && ours.is_empty() && context.is_none() && !book.was_forked {
            (book.excuse, book.was_overfilled, book.is_excess_unheard) = (None, false, false);
        }
        Ok(())
    }

    /// I4: shares are covered again, or on their way out, in time.
    pub(crate) fn check_time(&mut self) -> Check {
        let cap = self.script.engine.execution.uncovered_max;
        let way = Span(self.script.latency.1 * 1_000);
        let patience = Span(2 * cap.0 + 6 * way.0 + 500_000_000);
        if self.now <= self.duty.disturbed_until + UNTIL_RECOVERED {
            return Ok(());
        }
        for book in &self.duty.books {
            if book.excess_since.is_some_and(|since| self.now > since + UNTIL_RECOVERED) && !book.was_forked {
                return Err(format!("I13: {} shares too many are not traded back", book.position));
            }
            if let Some(since) =
                book.naked_since.map(|since| since.max(self.duty.disturbed_until + UNTIL_RECOVERED))
                && self.now > since + patience
            {
                return Err(format!(
                    "I4: {} shares were without a stop for {}",
                    book.naked,
                    self.now - since
                ));
            }
        }
        Ok(())
    }
}
