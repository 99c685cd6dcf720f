//! The planner: exits that should exist against exits that do, as the smallest set of steps.
//!
//! A pure function of facts. Partial fills, races, lost answers, scale-ins, closes, reversals, the end
//! of the day and recovery all come through here; nothing else decides what is sent for a trade.
//!
//! What it never does: resize an order by what *should* have filled (only executions count), place an
//! exit beside a live one of the same bracket (both could fill), or take silence for an answer.

mod ask;
mod terms;

pub use terms::exit_type;

use self::terms::Planned;
use crate::bracket::Bracket;
use crate::command::{ExitReason, IncidentCode, OrderType, Role};
use crate::config::Execution;
use crate::context::{Context, Exit};
use crate::decimal::Quantity;
use crate::event::Side;
use crate::id::OrderId;
use crate::instrument::Instrument;
use crate::market::Market;
use crate::order::{Order, Orders, Phase, Terms};
use crate::rule::Level;
use crate::time::Timestamp;

/// One thing to do for a trade.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask for other terms of a live order.
    Change {
        /// Which order.
        order: OrderId,
        /// What it should become.
        terms: Terms,
    },
    /// Price an exit to fill now: the close of its bracket.
    PriceToClose {
        /// Which bracket.
        bracket: usize,
        /// Its exit.
        order: OrderId,
        /// What it should become.
        terms: Terms,
    },
    /// Send the same order again under the same id, because no answer came.
    Resend {
        /// Which order.
        order: OrderId,
        /// How large it should be by now: what it was sent for may have filled elsewhere since.
        quantity: Quantity,
    },
    /// Ask for a cancel, for the first time or again.
    Cancel {
        /// Which order.
        order: OrderId,
    },
    /// Place new exits for a bracket none of whose exits lives.
    PlaceExits {
        /// Which bracket.
        bracket: usize,
        /// How many shares they protect.
        quantity: Quantity,
        /// The stop.
        stop: OrderType,
        /// The target, in one OCA group with the stop.
        target: Option<OrderType>,
    },
    /// Trade the shares of a bracket away at the market; none of its exits lives.
    Flatten {
        /// Which bracket.
        bracket: usize,
        /// Buy or sell.
        side: Side,
        /// How many shares.
        quantity: Quantity,
    },
    /// Begin to close the whole trade.
    Close {
        /// Why.
        reason: ExitReason,
    },
    /// Ask the broker for everything it knows.
    Reconcile {
        /// The order in doubt.
        order: OrderId,
    },
    /// Tell the operator, once.
    Alarm {
        /// What about.
        code: IncidentCode,
        /// Which order.
        order: Option<OrderId>,
        /// What was expected, what was found.
        text: String,
    },
}

/// What to do now, and when to look again if nothing happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In the order of doing.
    pub steps: Vec<Step>,
    /// The next moment at which time alone changes the plan.
    pub due: Timestamp,
    /// Filled shares without a live stop.
    pub uncovered: Quantity,
    /// Shares beyond the trade: filled that were not ordered, and closed that are not open.
    pub surplus: Quantity,
    /// Whether the next price may change the plan.
    pub wants_price: bool,
}

/// What the planner looks at besides the trade itself.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The time.
    pub now: Timestamp,
    /// Every order.
    pub orders: &'a Orders,
    /// The symbol's market.
    pub market: &'a Market,
    /// The symbol.
    pub instrument: &'a Instrument,
    /// Patience and tolerances.
    pub execution: &'a Execution,
    /// When the last complete snapshot of the broker began.
    pub confirmed_at: Option<Timestamp>,
}

/// What should be done for `context` now.
#[must_use]
pub fn plan(context: &Context, situation: Situation<'_>) -> Plan {
    let mut planner = Planner::new(context, situation);
    planner.watch();
    planner.watch_size();
    for index in 0..context.brackets.len() {
        planner.bracket(index);
    }
    planner.plan
}

/// Whether a live stop stands for every share of `context` that has left its entry's care: while an
/// entry works, its stop is the broker's to start.
#[must_use]
pub fn is_protected(context: &Context, situation: Situation<'_>) -> bool {
    let planner = Planner::new(context, situation);
    let is_protected = |bracket| !planner.entry_is_done(bracket) || planner.uncovered(bracket).is_zero();
    context.brackets.iter().all(is_protected)
}

struct Planner<'a> {
    context: &'a Context,
    at: Situation<'a>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    const fn new(context: &'a Context, at: Situation<'a>) -> Self {
        let plan = Plan {
            steps: Vec::new(),
            due: Timestamp::MAX,
            uncovered: Quantity::ZERO,
            surplus: Quantity::ZERO,
            wants_price: false,
        };
        Self { context, at, plan }
    }

    fn open(&self, bracket: &Bracket) -> Quantity {
        bracket.open_quantity(self.context.side, self.at.orders)
    }

    fn uncovered(&self, bracket: &Bracket) -> Quantity {
        let open = self.open(bracket);
        if self.context.policy.stop.is_none() || !open.is_positive() {
            return Quantity::ZERO;
        }
        // Whether children start with their parent's first fill or its last is not documented, and TWS
        // need not send anything when they do. A parent that has ended is proof, and so is a sibling
        // that shows it; without proof shares count as uncovered.
        let has_started = self.entry_is_done(bracket)
            || bracket.members(self.at.orders).any(|order| order.role != Role::Entry && order.has_started());
        let covered: Quantity = bracket
            .members(self.at.orders)
            .filter(|order| order.role == Role::Stop && order.is_resting())
            .filter(|order| has_started || order.ticket.parent.is_none())
            .map(Order::leaves_qty)
            .sum();
        (open - covered).max(Quantity::ZERO)
    }

    fn is_overdue(&self) -> bool {
        let cap = self.at.execution.uncovered_max;
        self.context.uncovered_since.is_some_and(|since| self.at.now >= since + cap)
    }

    /// The watchdog: shares without a live stop for longer than allowed are closed, once, with an
    /// alarm. While an entry still works its rest is cancelled first (`bracket`).
    fn watch(&mut self) {
        self.plan.uncovered = self.context.brackets.iter().map(|bracket| self.uncovered(bracket)).sum();
        let Some(since) = self.context.uncovered_since.filter(|_| self.plan.uncovered.is_positive()) else {
            return;
        };
        let cap = self.at.execution.uncovered_max;
        if !self.is_overdue() {
            self.look_again(since + cap);
            return;
        }
        if !self.context.uncovered_alarmed {
            self.alarm(
                IncidentCode::Uncovered,
                None,
                format!(
                    "{} shares of {} had no live stop for {cap}",
                    self.plan.uncovered, self.at.instrument.symbol
                ),
            );
        }
        let entries_are_done = self.context.brackets.iter().all(|bracket| self.entry_is_done(bracket));
        // Twice the cap: the first was for re-covering.
        if self.context.closing.is_none() && entries_are_done && self.at.now >= since + cap + cap {
            self.plan.steps.push(Step::Close { reason: ExitReason::Recovery });
        } else {
            self.look_again(since + cap + cap);
        }
    }

    /// Tells of shares beyond the trade, and again whenever there are more of them.
    fn watch_size(&mut self) {
        let (context, orders) = (self.context, self.at.orders);
        let (mut unordered, mut unopened, mut order) = (Quantity::ZERO, Quantity::ZERO, None);
        for bracket in &context.brackets {
            let overfilled = bracket.overfilled(orders);
            if overfilled.is_positive() {
                unordered += overfilled;
                order = order.or(bracket.entry);
            }
            unopened += (-self.open(bracket)).max(Quantity::ZERO);
        }
        self.plan.surplus = unordered + unopened;
        if self.plan.surplus <= context.surplus_told {
            return;
        }
        let symbol = &self.at.instrument.symbol;
        let text = match (unordered.is_positive(), unopened.is_positive()) {
            (_, false) => format!("{unordered} shares of {symbol} were filled that were not ordered"),
            (false, _) => format!("{unopened} shares of {symbol} were closed that were not open"),
            _ => format!(
                "{unordered} shares of {symbol} were filled that were not ordered, and {unopened} closed \
                 that were not open"
            ),
        };
        self.alarm(IncidentCode::Overfill, order, text);
    }

    fn bracket(&mut self, index: usize) {
        let (context, orders) = (self.context, self.at.orders);
        let bracket = &context.brackets[index];
        let open = self.open(bracket);
        for order in bracket.members(orders) {
            self.chase(bracket, order, open);
        }
        if bracket.members(orders).any(Order::has_unproven_fills) {
            // More has traded than executions tell: what is open is not known until they do.
            return;
        }
        if let Some(entry) = bracket.entry.and_then(|id| orders.find(id)).filter(|entry| !entry.is_done()) {
            // Gone, or not listed by the broker: a family of which only a part arrived.
            let stop = bracket.leg(Role::Stop, orders);
            let has_lost_its_stop =
                context.policy.stop.is_some() && stop.is_none_or(|stop| stop.is_done() || stop.is_absent);
            let is_expired = bracket.expires_at.is_some_and(|at| {
                self.look_again(at);
                self.at.now >= at
            });
            let is_stuck = match entry.phase() {
                Phase::Unknown => true,
                // Why comes after that it is held.
                Phase::Held if !entry.why_held.locate => {
                    let until = entry.held_since.map(|since| since + self.at.execution.oca_patience);
                    until.is_none_or(|until| {
                        self.look_again(until);
                        self.at.now >= until
                    })
                }
                _ => false,
            };
            let is_exposed = self.is_overdue() && self.uncovered(bracket).is_positive();
            // Everything that was held is closed: what was still to be added belongs to no trade.
            let is_late = context.opened_at.is_some() && context.open_quantity(orders).is_zero();
            if is_late
                || context.closing.is_some()
                || has_lost_its_stop
                || is_expired
                || is_stuck
                || is_exposed
            {
                self.cancel(entry);
            }
            // While the entry works its children belong to the broker, unless they close what is not open.
            if open.is_negative() {
                self.cancel_all(bracket, None);
            }
            return;
        }
        if open.is_zero() {
            // The broker cancels children and siblings by itself; what is still there a moment later
            // is cancelled by us.
            let since = bracket.members(orders).filter_map(|order| order.filled_at.max(order.done_at)).max();
            self.cancel_all(bracket, since.map(|at| at + self.at.execution.oca_patience));
            return;
        }
        if open.is_negative() {
            self.repair_overfill(index, open);
            return;
        }
        if let Some(close) = bracket.leg(Role::Close, orders).filter(|close| !close.is_done()) {
            // Held, it lives and cannot fire, and what replaces it must not stand beside it. Lost, it is
            // not sent again beside exits that have all that is open.
            let is_superfluous = close.is_absent && self.kept_by_exits(bracket) >= open;
            if close.phase() == Phase::Held || is_superfluous {
                self.cancel(close);
            }
            // What it leaves is a trade like any other.
            let rest = open - close.leaves_qty();
            let reduces = close.ticket.side == context.side.exit();
            if reduces && rest.is_positive() && context.closing.is_none() {
                self.protect(index, rest);
            }
            return;
        }
        for order in bracket.members(orders).filter(|order| order.is_doubled() && !order.is_absent) {
            // A cancel ends one of the two, whichever its number means to the broker; one is enough.
            self.cancel(order);
        }
        if context.closing.is_some() {
            self.close(index, open);
            return;
        }
        let excess = bracket.excess(context.side, orders);
        if excess.is_positive() {
            self.shed(index, open, excess.min(open));
        } else {
            self.protect(index, open);
        }
    }

    /// More was filled than the entry asked for: what goes beyond it is traded away at the market, once,
    /// beside exits that stand for no more than the rest.
    fn shed(&mut self, index: usize, open: Quantity, excess: Quantity) {
        let bracket = &self.context.brackets[index];
        let kept = open - excess;
        if self.kept_by_exits(bracket) <= kept {
            self.flatten(index, self.context.side.exit(), excess);
        }
        if kept.is_zero() {
            self.cancel_all(bracket, None);
        } else {
            self.protect(index, kept);
        }
    }

    /// Both exits filled, or one filled more than it should: trade the excess back, once nothing of
    /// the bracket lives any more.
    fn repair_overfill(&mut self, index: usize, open: Quantity) {
        let bracket = &self.context.brackets[index];
        // A repair that is held lives and cannot fire.
        let is_repairing = bracket.leg(Role::Close, self.at.orders).is_some_and(|close| {
            !close.is_done() && close.phase() != Phase::Held && close.ticket.side == self.context.side.entry()
        });
        if is_repairing {
            return;
        }
        if !bracket.is_quiet(self.at.orders) {
            self.cancel_all(bracket, None);
            return;
        }
        self.flatten(index, self.context.side.entry(), open.abs());
    }

    /// Trades shares of a bracket at the market; after refusals later each time.
    fn flatten(&mut self, index: usize, side: Side, quantity: Quantity) {
        let bracket = &self.context.brackets[index];
        let asked = bracket.closes_refused(self.at.orders);
        let due = asked.due(self.at.execution.answer_timeout);
        if self.at.now < due {
            self.look_again(due);
            return;
        }
        if asked.times == self.at.execution.asks_max {
            let symbol = &self.at.instrument.symbol;
            let text = format!("{} closes of {symbol} were refused or ended", asked.times + 1);
            self.alarm(IncidentCode::ExitRefused, None, text);
        }
        self.plan.steps.push(Step::Flatten { bracket: index, side, quantity });
    }

    /// Shares are held and should stay: their stop and target must live, at the planned terms.
    fn protect(&mut self, index: usize, open: Quantity) {
        let bracket = &self.context.brackets[index];
        let live = |role| bracket.leg(role, self.at.orders).filter(|order| !order.is_done());
        let (stop, target) = (live(Role::Stop), live(Role::Target));
        let base = self.context.exit_base(bracket, self.at.orders);
        if let Some(stop) = stop {
            if stop.phase() == Phase::Held {
                // It lives and cannot fire. What replaces it must not stand beside it.
                self.cancel_all(bracket, None);
                return;
            }
            if !self.align(bracket, stop, open, self.planned_stop(stop, base)) {
                return;
            }
        }
        if let Some(target) = target {
            if stop.is_none() && self.context.policy.stop.is_some() {
                // A new stop must not stand beside the old target: both could fill.
                self.cancel(target);
                return;
            }
            self.align(bracket, target, open, self.planned_target(base));
        }
        if stop.is_some() || target.is_some() || self.context.policy.stop.is_none() {
            return;
        }
        if self.may_revive(bracket) {
            return;
        }
        if self.awaits_the_night(bracket) {
            return;
        }
        if bracket.stops_placed > self.at.execution.asks_max {
            self.alarm(
                IncidentCode::ExitRefused,
                None,
                format!(
                    "{} stops of {} were refused or ended",
                    bracket.stops_placed, self.at.instrument.symbol
                ),
            );
            self.plan.steps.push(Step::Close { reason: ExitReason::Recovery });
            return;
        }
        let base = base.or_else(|| bracket.entry_price(self.at.orders)).or_else(|| self.at.market.mark());
        let exit = |exit, level: Option<Level>| {
            let price = level?.price(exit, self.context.side, base?, self.at.instrument)?;
            Some(exit_type(exit, level?, price, self.at.instrument))
        };
        match exit(Exit::Stop, self.context.policy.stop) {
            Some(stop) => self.plan.steps.push(Step::PlaceExits {
                bracket: index,
                quantity: open,
                stop,
                target: exit(Exit::Target, self.context.policy.target),
            }),
            None => self.plan.steps.push(Step::Close { reason: ExitReason::Recovery }),
        }
    }

    /// Whether exits that ended while none could fire wait for the broker's whole word: what ended them
    /// may have changed the position, as a split does.
    fn awaits_the_night(&mut self, bracket: &Bracket) -> bool {
        let is_closed = self.at.market.session.is_some_and(|session| !session.is_open(self.at.now));
        let Some(stop) = bracket.leg(Role::Stop, self.at.orders).filter(|_| is_closed) else { return false };
        let ended_at = stop.done_at.unwrap_or(self.at.now);
        if self.context.policy.outside_rth || self.at.confirmed_at.is_some_and(|at| at >= ended_at) {
            return false;
        }
        self.plan.steps.push(Step::Reconcile { order: stop.ticket.order_id });
        true
    }

    /// Whether an entry that just filled may bring its own exits to life again: where they grow with
    /// it, a filled exit works once more when the broker comes to it.
    fn may_revive(&mut self, bracket: &Bracket) -> bool {
        let entry = bracket.entry.and_then(|id| self.at.orders.find(id));
        let until = entry.and_then(|entry| entry.filled_at).map(|at| at + self.at.execution.oca_patience);
        until.filter(|until| self.at.now < *until).is_some_and(|until| {
            self.look_again(until);
            true
        })
    }

    /// Shares are held and should go: the resting exit is priced to fill at once inside its own
    /// bracket; only when no exit lives any more may a market order do it.
    fn close(&mut self, index: usize, open: Quantity) {
        let bracket = &self.context.brackets[index];
        let live = |role| bracket.leg(role, self.at.orders).filter(|order| !order.is_done());
        let (stop, target) = (live(Role::Stop), live(Role::Target));
        let exit_side = self.context.side.exit();
        if let (Some(stop), Some(_)) = (stop, target)
            && !self.align(bracket, stop, open, Planned::default())
        {
            return;
        }
        let Some(exit) = target.or(stop) else {
            if !self.may_revive(bracket) {
                self.flatten(index, exit_side, open);
            }
            return;
        };
        match exit.phase() {
            // Evidence is being asked for (`chase`).
            Phase::Submitting | Phase::Unknown | Phase::Cancelling => return,
            Phase::Working if exit.is_resting() => {}
            _ => {
                self.cancel_all(bracket, None);
                return;
            }
        }
        let patience = self.at.execution.reprice_after;
        let is_hopeless =
            exit.refusal.as_ref().is_some_and(|refusal| refusal.times >= self.at.execution.asks_max)
                || exit.ticket.order_type.is_trailing();
        let since = self.context.closing.map_or(self.at.now, |closing| closing.since);
        let waited_for_price = self.at.now >= since + patience + patience;
        let price = self.marketable(if target.is_some() { exit_side } else { exit_side.opposite() });
        let Some(price) = price.filter(|_| !is_hopeless) else {
            if is_hopeless || waited_for_price {
                self.cancel_all(bracket, None);
            } else {
                self.plan.wants_price = true;
                self.look_again(since + patience + patience);
                self.align(bracket, exit, open, Planned::default());
            }
            return;
        };
        if let Some(at) = bracket.repriced_at.filter(|at| self.at.now < *at + patience) {
            self.look_again(at + patience);
            self.align(bracket, exit, open, Planned::default());
            return;
        }
        // More is asked only when the broker has had its time to reduce: a fill may be on its way here.
        let quantity = if exit.leaves_qty() < open {
            let Some(quantity) = self.aligned_quantity(bracket, exit, open) else { return };
            quantity
        } else {
            exit.cum_qty + open
        };
        let terms = if target.is_some() {
            Terms { quantity, limit_price: Some(price), stop_price: None }
        } else {
            Terms { quantity, limit_price: exit.ticket.order_type.limit_price(), stop_price: Some(price) }
        };
        self.look_again(self.at.now + patience);
        self.plan.steps.push(Step::PriceToClose { bracket: index, order: exit.ticket.order_id, terms });
    }

    /// Shares that live exits of a bracket stand for; of its group only one can trade.
    fn kept_by_exits(&self, bracket: &Bracket) -> Quantity {
        let exits = bracket.members(self.at.orders);
        let exits = exits.filter(|order| matches!(order.role, Role::Stop | Role::Target));
        exits.map(Order::leaves_qty).max().unwrap_or(Quantity::ZERO)
    }

    fn entry_is_done(&self, bracket: &Bracket) -> bool {
        bracket.entry.and_then(|id| self.at.orders.find(id)).is_none_or(Order::is_done)
    }

    fn cancel(&mut self, order: &Order) {
        if order.cancelling.is_none() && !order.is_done() {
            self.plan.steps.push(Step::Cancel { order: order.ticket.order_id });
        }
    }

    fn cancel_all(&mut self, bracket: &Bracket, not_before: Option<Timestamp>) {
        let mut live = bracket.members(self.at.orders).filter(|order| !order.is_done()).peekable();
        if live.peek().is_none() {
            return;
        }
        if let Some(at) = not_before.filter(|at| self.at.now < *at) {
            self.look_again(at);
            return;
        }
        for order in live {
            self.cancel(order);
        }
    }

    fn alarm(&mut self, code: IncidentCode, order: Option<OrderId>, text: String) {
        self.plan.steps.push(Step::Alarm { code, order, text });
    }

    fn look_again(&mut self, at: Timestamp) {
        // What time alone made due before now is in this plan; looking again would find nothing new.
        if at > self.at.now {
            self.plan.due = self.plan.due.min(at);
        }
    }
}
