//! An order: its facts, and the phase computed from them.
//!
//! TWS repeats, omits and reorders messages, so nothing here is a transition: facts accumulate, and
//! `phase` reads them. Executions alone prove fills; an error code is evidence, never a verdict.

mod asked;
mod orders;

pub use asked::Asked;
pub use orders::Orders;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::command::{Role, Ticket};
use crate::decimal::{Money, Price, Quantity};
use crate::event::{OrderOpened, OrderStatus, OrderStatusReport};
use crate::id::{ContextId, PermId};
use crate::time::Timestamp;

/// Where an order stands, computed from its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Sent; the broker has not answered.
    Submitting,
    /// Alive at the broker.
    Working,
    /// Alive, and not working: Inactive at TWS.
    Held,
    /// A cancel was asked for and is not confirmed, or it is and reported fills are still to come.
    Cancelling,
    /// A full snapshot of the broker did not show it, or it is said to be filled without executions.
    Unknown,
    /// Ended with every share filled.
    Filled,
    /// Ended by a cancel.
    Cancelled,
    /// Ended by a refusal.
    Rejected,
}

impl Phase {
    /// Whether nothing more can happen to the order, as far as the broker has said.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected)
    }
}

/// What the broker has confirmed of an order's changeable terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// Total quantity.
    pub quantity: Quantity,
    /// Limit, of types that have one.
    pub limit_price: Option<Price>,
    /// Trigger, of types that have one; a trailing one moves by itself.
    pub stop_price: Option<Price>,
}

impl Terms {
    /// The terms that a ticket asks for.
    #[must_use]
    pub const fn of(ticket: &Ticket) -> Self {
        Self {
            quantity: ticket.quantity,
            limit_price: ticket.order_type.limit_price(),
            stop_price: ticket.order_type.stop_price(),
        }
    }
}

/// What an order waits for: the words of TWS whyHeld that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WhyHeld {
    /// Its parent: `child`.
    pub parent: bool,
    /// Shares to borrow: `locate`.
    pub locate: bool,
}

impl WhyHeld {
    fn of(words: &str) -> Self {
        match words {
            "" => Self::default(),
            // Mostly it is the one word; looking for it in others takes longer.
            "child" => Self { parent: true, locate: false },
            _ => Self { parent: words.contains("child"), locate: words.contains("locate") },
        }
    }
}

/// What a plan sees of the broker's words about an order: as long as it stays, they are no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) phase: Phase,
    /// Of an order that is not done.
    alive: Option<Alive>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alive {
    working: Option<Terms>,
    /// Placing, changing, cancelling.
    is_asked: [bool; 3],
    is_resting: bool,
    has_unproven_fills: bool,
    /// Of an exit: whether it waits for its entry no longer.
    has_started: bool,
    waits_to_borrow: bool,
    is_refused: bool,
    is_doubled: bool,
    is_absent: bool,
}

impl Standing {
    /// Whether nothing has changed but that it waits for its entry no longer.
    pub(crate) fn has_but_started(self, before: Self) -> bool {
        let started = before.alive.map(|alive| Alive { has_started: true, ..alive });
        self == Self { alive: started, ..before }
    }
}

/// A change of a live order that the broker refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// TWS error code.
    pub code: i32,
    /// The terms that were refused.
    pub terms: Terms,
    /// When.
    pub at: Timestamp,
    /// How often the same terms were refused.
    pub times: u8,
}

/// What the broker said of one of its orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permit {
    /// TWS permId.
    pub id: PermId,
    /// It was filled or cancelled.
    pub has_ended: bool,
    /// Filled, by the word of its last status.
    pub filled: Quantity,
}

/// One order of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// What we last asked for.
    pub ticket: Ticket,
    /// What it is for.
    pub role: Role,
    /// The trade it belongs to.
    pub context: Option<ContextId>,
    /// The placement, until the broker answers it.
    pub placing: Option<Asked>,
    /// A change, until the broker confirms or refuses it.
    pub changing: Option<Asked>,
    /// A cancel, until the order ends or the broker refuses it.
    pub cancelling: Option<Asked>,
    /// The largest total that it can have at the broker: the last one shown, and every one asked for
    /// since without an answer.
    pub largest: Quantity,
    /// The terms that the broker showed last.
    pub working: Option<Terms>,
    /// The status that the broker told last.
    pub status: Option<OrderStatus>,
    /// What it waits for, by the last status.
    pub why_held: WhyHeld,
    /// The broker said once that it waits for its parent.
    pub has_waited: bool,
    /// The broker's orders for it; more than one means that it was forked.
    pub permits: SmallVec<[Permit; 1]>,
    /// Filled, by executions. FIX CumQty 14.
    pub cum_qty: Quantity,
    /// Price × quantity over its executions, without multiplier.
    pub cum_value: Money,
    /// Filled and taken back by corrections: the order worked for them and does no more.
    pub taken_back: Quantity,
    /// Filled, by the word of statuses; of forks all together.
    pub reported_filled: Quantity,
    /// A state that only more evidence can end: unknown, or ended with fills still to come.
    pub doubt: Option<Asked>,
    /// A refusal of the order itself: TWS error code.
    pub refused: Option<i32>,
    /// The last refused change.
    pub refusal: Option<Box<Refusal>>,
    /// TWS said that it has no such order to change or cancel.
    pub not_found: bool,
    /// A full snapshot ended without it.
    pub is_absent: bool,
    /// It was sent again since then: what the snapshot showed is no evidence of it any more.
    pub is_resent: bool,
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// When its last execution was applied.
    pub filled_at: Option<Timestamp>,
    /// When it was first seen done.
    pub done_at: Option<Timestamp>,
    /// Since when it has been held.
    pub held_since: Option<Timestamp>,
}

impl Order {
    /// An order that is being sent.
    #[must_use]
    pub fn new(ticket: Ticket, role: Role, context: Option<ContextId>, at: Timestamp) -> Self {
        Self {
            largest: ticket.quantity,
            ticket,
            role,
            context,
            placing: Some(Asked::first(at)),
            changing: None,
            cancelling: None,
            working: None,
            status: None,
            why_held: WhyHeld::default(),
            has_waited: false,
            permits: SmallVec::new(),
            cum_qty: Quantity::ZERO,
            cum_value: Money::ZERO,
            taken_back: Quantity::ZERO,
            reported_filled: Quantity::ZERO,
            doubt: None,
            refused: None,
            refusal: None,
            not_found: false,
            is_absent: false,
            is_resent: false,
            sent_at: at,
            filled_at: None,
            done_at: None,
            held_since: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.has_live_fork() && !self.is_absent {
            return if self.cancelling.is_some() { Phase::Cancelling } else { Phase::Working };
        }
        let worked = self.cum_qty + self.taken_back;
        let proven = worked >= self.reported_filled;
        if proven && worked >= self.total().max(self.largest) {
            return Phase::Filled;
        }
        match self.status {
            Some(OrderStatus::Filled) if proven && self.reported_filled.is_positive() => {
                return Phase::Filled;
            }
            Some(OrderStatus::Cancelled | OrderStatus::ApiCancelled) => {
                return match (proven, self.refused) {
                    (false, _) => Phase::Cancelling,
                    (true, Some(_)) if self.cum_qty.is_zero() => Phase::Rejected,
                    (true, _) => Phase::Cancelled,
                };
            }
            _ => {}
        }
        if self.is_absent && proven {
            // Two independent words of the broker: it does not list the order, and it refused or
            // does not know it. Either alone leaves the order unknown.
            return match (self.refused, self.not_found) {
                _ if self.is_resent => Phase::Unknown,
                (Some(_), _) if self.cum_qty.is_zero() => Phase::Rejected,
                (Some(_), _) | (None, true) => Phase::Cancelled,
                (None, false) => Phase::Unknown,
            };
        }
        match self.status {
            Some(OrderStatus::Filled) => Phase::Unknown,
            _ if self.cancelling.is_some() => Phase::Cancelling,
            None | Some(OrderStatus::ApiPending | OrderStatus::PendingSubmit) => Phase::Submitting,
            Some(OrderStatus::Inactive) => Phase::Held,
            Some(
                OrderStatus::PreSubmitted
                | OrderStatus::Submitted
                | OrderStatus::PendingCancel
                | OrderStatus::Cancelled
                | OrderStatus::ApiCancelled,
            ) => Phase::Working,
        }
    }

    /// Whether a change of it became an order beside it, and one of them has not ended: the end of
    /// the one says nothing of the other.
    #[must_use]
    #[inline]
    pub fn has_live_fork(&self) -> bool {
        self.permits.len() > 1 && self.permits.iter().any(|permit| !permit.has_ended)
    }

    /// Whether two orders of the broker live under its one number.
    #[must_use]
    pub fn is_doubled(&self) -> bool {
        self.permits.iter().filter(|permit| !permit.has_ended).count() > 1
    }

    /// Whether a status told of more fills than executions did.
    #[must_use]
    pub fn has_unproven_fills(&self) -> bool {
        self.cum_qty + self.taken_back < self.reported_filled
    }

    /// Whether it is in a state that only more evidence can end.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful_in(self.phase())
    }

    pub(crate) fn is_doubtful_in(&self, phase: Phase) -> bool {
        self.has_unproven_fills() || phase == Phase::Unknown
    }

    pub(crate) fn standing(&self) -> Standing {
        let phase = self.phase();
        let alive = (!phase.is_done()).then(|| Alive {
            working: self.working,
            is_asked: [self.placing, self.changing, self.cancelling].map(|asked| asked.is_some()),
            is_resting: self.rests_in(phase),
            has_unproven_fills: self.has_unproven_fills(),
            has_started: self.role != Role::Entry && self.has_started_in(phase),
            waits_to_borrow: self.why_held.locate,
            is_refused: self.refused.is_some(),
            is_doubled: self.is_doubled(),
            is_absent: self.is_absent,
        });
        Standing { phase, alive }
    }

    /// Whether nothing more can happen to it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase().is_done()
    }

    /// Whether it rests at the broker and can execute once it has started: shown, not held. A cancel
    /// that is not confirmed leaves an order where it was.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.rests_in(self.phase())
    }

    pub(crate) fn rests_in(&self, phase: Phase) -> bool {
        match phase {
            Phase::Working => true,
            Phase::Cancelling => {
                matches!(self.status, Some(OrderStatus::PreSubmitted | OrderStatus::Submitted))
            }
            _ => false,
        }
    }

    /// Whether the broker says that it waits for its parent.
    #[must_use]
    pub fn waits_for_parent(&self) -> bool {
        self.why_held.parent
    }

    /// Whether the broker has shown that it waits for its parent no longer. PreSubmitted shows
    /// nothing: a stop says so all its life; nor does its end.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.has_started_in(self.phase())
    }

    pub(crate) fn has_started_in(&self, phase: Phase) -> bool {
        self.cum_qty.is_positive()
            || self.status == Some(OrderStatus::Submitted)
            || (self.has_waited && !self.waits_for_parent() && !phase.is_done())
    }

    /// Total quantity that may fill: with a change under way, the larger of old and new.
    #[must_use]
    pub fn total(&self) -> Quantity {
        match (self.working, self.changing) {
            (Some(working), Some(_)) => working.quantity.max(self.ticket.quantity),
            (Some(working), None) => working.quantity,
            (None, _) => self.ticket.quantity,
        }
    }

    /// Not filled yet. FIX LeavesQty 151.
    #[must_use]
    pub fn leaves_qty(&self) -> Quantity {
        self.leaves_in(self.phase())
    }

    pub(crate) fn leaves_in(&self, phase: Phase) -> Quantity {
        if phase.is_done() { Quantity::ZERO } else { self.total() - self.cum_qty }
    }

    /// Average price of its executions. FIX AvgPx 6.
    #[must_use]
    pub fn avg_price(&self) -> Option<Price> {
        self.cum_value.per_share(self.cum_qty, 1)
    }

    /// Takes in TWS openOrder.
    pub fn on_opened(&mut self, opened: &OrderOpened) {
        let is_trailing = self.ticket.order_type.is_trailing();
        let shown = Terms {
            quantity: opened.quantity,
            limit_price: self.ticket.order_type.limit_price().and(opened.limit_price),
            stop_price: self.ticket.order_type.stop_price().and(opened.stop_price),
        };
        let asked = Terms::of(&self.ticket);
        if opened.status != OrderStatus::Filled && opened.quantity.is_positive() {
            self.working = Some(shown);
            let matches = shown.quantity == asked.quantity
                && shown.limit_price == asked.limit_price
                && (is_trailing || shown.stop_price == asked.stop_price);
            if matches {
                self.changing = None;
            } else if self.changing.is_none() {
                // Nothing was asked: the broker reduced it, as the member of a group that filled.
                self.ticket.quantity = shown.quantity;
            }
            self.largest = match self.changing {
                None => shown.quantity,
                Some(_) => self.largest.max(shown.quantity),
            };
        }
        if opened.status == OrderStatus::Filled && self.cum_qty < opened.quantity {
            // It does not say how much of it: the status or the executions will.
            self.on_perm_id(opened.perm_id);
        } else {
            self.on_word(opened.status, opened.perm_id);
        }
    }

    /// Takes in TWS orderStatus.
    pub fn on_status(&mut self, report: &OrderStatusReport) {
        self.why_held = WhyHeld::of(&report.why_held);
        self.has_waited |= self.waits_for_parent();
        self.on_word(report.status, report.perm_id);
        self.on_remaining(report);
        if let Some(permit) = self.permits.iter_mut().find(|permit| permit.id == report.perm_id) {
            permit.filled = permit.filled.max(report.filled);
        }
        let all = self.permits.iter().map(|permit| permit.filled).sum();
        self.reported_filled = self.reported_filled.max(report.filled).max(all);
    }

    /// What is filled and what remains tell that an order grew, where the openOrder that said so is lost.
    fn on_remaining(&mut self, report: &OrderStatusReport) {
        let total = report.filled + report.remaining;
        let has_ended = matches!(
            self.status,
            Some(OrderStatus::Filled | OrderStatus::Cancelled | OrderStatus::ApiCancelled)
        );
        let Some(working) = self.working.as_mut().filter(|working| total > working.quantity) else { return };
        if has_ended || self.permits.len() > 1 {
            return;
        }
        working.quantity = total;
        self.largest = self.largest.max(total);
        if self.changing.is_none() {
            self.ticket.quantity = total;
        }
    }

    /// The broker knows the order.
    fn on_perm_id(&mut self, perm_id: PermId) {
        self.placing = None;
        self.is_absent = false;
        self.not_found = false;
        if perm_id.0 != 0 && self.permits.iter().all(|permit| permit.id != perm_id) {
            self.permits.push(Permit { id: perm_id, has_ended: false, filled: Quantity::ZERO });
        }
    }

    fn on_word(&mut self, status: OrderStatus, perm_id: PermId) {
        self.on_perm_id(perm_id);
        // A repeated old word must not bring an ended order back to life; an execution that exceeds
        // what it ended with is caught by its quantity.
        let is_ended = matches!(
            self.status,
            Some(OrderStatus::Cancelled | OrderStatus::ApiCancelled | OrderStatus::Filled)
        );
        let ends = matches!(status, OrderStatus::Cancelled | OrderStatus::ApiCancelled | OrderStatus::Filled);
        let mut is_news = false;
        if let Some(permit) = self.permits.iter_mut().find(|permit| permit.id == perm_id) {
            is_news = ends && !permit.has_ended;
            permit.has_ended |= ends;
        }
        if !is_ended || ends {
            self.status = Some(status);
        }
        if ends && !self.is_doubled() && (is_news || !self.has_live_fork()) {
            // A cancel ends one order. Where another is left, it is asked for again or stays; that the
            // one has ended, told once more, answers nothing.
            self.cancelling = None;
            self.changing = None;
        }
    }

    /// Takes in the quantity and price of a new execution, or the difference that a correction makes.
    pub fn on_fill(&mut self, quantity: Quantity, value: Money, is_correction: bool, at: Timestamp) {
        if is_correction {
            self.taken_back = (self.taken_back - quantity).max(Quantity::ZERO);
        }
        self.placing = None;
        self.is_absent = false;
        self.not_found = false;
        self.cum_qty += quantity;
        self.cum_value += value;
        self.filled_at = Some(at);
    }

    /// Takes in a TWS error that names this order.
    pub fn on_error(&mut self, code: i32, at: Timestamp) {
        match ErrorClass::of(code) {
            ErrorClass::Information => {}
            ErrorClass::Missing if self.placing.is_some() => self.refused = Some(code),
            ErrorClass::Missing | ErrorClass::NotFound => {
                self.not_found = true;
                self.refuse_change(code, at);
            }
            ErrorClass::Refusal => {
                if self.placing.is_some() || (self.working.is_none() && self.status.is_none()) {
                    self.refused = Some(code);
                } else if self.changing.is_some() {
                    self.refuse_change(code, at);
                } else if self.cancelling.is_none() {
                    // Rejected after it was accepted; its status follows.
                    self.refused = Some(code);
                }
            }
        }
    }

    fn refuse_change(&mut self, code: i32, at: Timestamp) {
        if self.changing.take().is_none() {
            return;
        }
        let terms = Terms::of(&self.ticket);
        let last = self.refusal.as_ref().filter(|last| last.terms == terms);
        let times = last.map_or(0, |last| last.times).saturating_add(1);
        self.refusal = Some(Box::new(Refusal { code, terms, at, times }));
        if let Some(working) = self.working {
            self.ticket.quantity = working.quantity;
            self.ticket.order_type =
                self.ticket.order_type.with_prices(working.limit_price, working.stop_price);
        }
    }
}

/// What an error code that names an order can mean for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorClass {
    /// The order is as it was.
    Information,
    /// Something was refused: the order, its change, or its cancel.
    Refusal,
    /// TWS misses an order that the message named: the parent of a new one, or the one to change.
    Missing,
    /// TWS has no such order to cancel: it ended, is somebody else's, or never arrived.
    NotFound,
}

impl ErrorClass {
    /// Codes as IBKR documents them and as users report them: 202 confirms a cancel, 399 says "not
    /// before the open", 404 waits for shares to borrow, 10349 says that a preset chose the tif, and
    /// 2100–2199 are warnings. An unknown code counts as a refusal *of what was asked*, which ends
    /// nothing by itself.
    const fn of(code: i32) -> Self {
        match code {
            202 | 399 | 404 | 10_349 | 2_100..=2_199 | 10_167 | 10_197 => Self::Information,
            135 => Self::Missing,
            10_147 | 10_148 => Self::NotFound,
            _ => Self::Refusal,
        }
    }
}
