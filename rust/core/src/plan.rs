//! The planner: exits that should exist against exits that do, as the smallest set of steps.
//!
//! A pure function of facts. Partial fills, races, lost answers, scale-ins, closes, reversals, the end
//! of the day and recovery all come through here; nothing else decides what is sent for a trade.
//!
//! What it never does: resize an order by what *should* have filled (only executions count), place an
//! exit beside a live one of the same bracket (both could fill), or take silence for an answer.

mod ask;
mod terms;
mod tranche;

pub use terms::exit_type;

use smallvec::SmallVec;

use self::terms::Planned;
use self::tranche::{Member, Tranche};
use crate::bracket::Bracket;
use crate::command::{ExitReason, IncidentCode, OrderType, Role};
use crate::config::Execution;
use crate::context::{Context, Exit};
use crate::decimal::Quantity;
use crate::event::Side;
use crate::id::OrderId;
use crate::instrument::Instrument;
use crate::market::Market;
use crate::order::{Orders, Phase, Terms};
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
    let tranches = tranches(context, situation.orders);
    let mut planner = Planner::new(context, situation, &tranches);
    planner.watch();
    planner.watch_size();
    for index in 0..tranches.len() {
        planner.bracket(index);
    }
    planner.plan
}

/// Whether a live stop stands for every share of `context` that has left its entry's care: while an
/// entry works, its stop is the broker's to start.
#[must_use]
pub fn is_protected(context: &Context, situation: Situation<'_>) -> bool {
    let tranches = tranches(context, situation.orders);
    let planner = Planner::new(context, situation, &tranches);
    tranches.iter().all(|tranche| !tranche.entry_is_done() || planner.uncovered(tranche).is_zero())
}

fn tranches<'a>(context: &'a Context, orders: &'a Orders) -> SmallVec<[Tranche<'a>; 1]> {
    context.brackets.iter().map(|bracket| Tranche::new(bracket, context.side, orders)).collect()
}

struct Planner<'t, 'a> {
    context: &'a Context,
    at: Situation<'a>,
    tranches: &'t [Tranche<'a>],
    plan: Plan,
}

impl<'t, 'a> Planner<'t, 'a> {
    const fn new(context: &'a Context, at: Situation<'a>, tranches: &'t [Tranche<'a>]) -> Self {
        let plan = Plan {
            steps: Vec::new(),
            due: Timestamp::MAX,
            uncovered: Quantity::ZERO,
            surplus: Quantity::ZERO,
            wants_price: false,
        };
        Self { context, at, tranches, plan }
    }

    /// Shares of a tranche without a live stop, of a trade that should have one.
    fn uncovered(&self, tranche: &Tranche<'_>) -> Quantity {
        if self.context.policy.stop.is_none() { Quantity::ZERO } else { tranche.uncovered() }
    }

    fn is_overdue(&self) -> bool {
        let cap = self.at.execution.uncovered_max;
        self.context.uncovered_since.is_some_and(|since| self.at.now >= since + cap)
    }

    /// The watchdog: shares without a live stop for longer than allowed are closed, once, with an
    /// alarm. While an entry still works its rest is cancelled first (`bracket`).
    fn watch(&mut self) {
        self.plan.uncovered = self.tranches.iter().map(|tranche| self.uncovered(tranche)).sum();
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
        let entries_are_done = self.tranches.iter().all(Tranche::entry_is_done);
        // Twice the cap: the first was for re-covering.
        if self.context.closing.is_none() && entries_are_done && self.at.now >= since + cap + cap {
            self.plan.steps.push(Step::Close { reason: ExitReason::Recovery });
        } else {
            self.look_again(since + cap + cap);
        }
    }

    /// Tells of shares beyond the trade, and again whenever there are more of them.
    fn watch_size(&mut self) {
        let (mut unordered, mut unopened, mut order) = (Quantity::ZERO, Quantity::ZERO, None);
        for tranche in self.tranches {
            if tranche.overfilled.is_positive() {
                unordered += tranche.overfilled;
                order = order.or(tranche.bracket.entry);
            }
            unopened += (-tranche.open).max(Quantity::ZERO);
        }
        self.plan.surplus = unordered + unopened;
        if self.plan.surplus <= self.context.surplus_told {
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
        let (context, tranche) = (self.context, &self.tranches[index]);
        let (bracket, open) = (tranche.bracket, tranche.open);
        for member in &tranche.members {
            self.chase(tranche, *member);
        }
        if tranche.members.iter().any(|member| member.order.has_unproven_fills()) {
            // More has traded than executions tell: what is open is not known until they do.
            return;
        }
        if let Some(entry) = tranche.entry {
            // Gone, or not listed by the broker: a family of which only a part arrived.
            let stop = tranche.live(Role::Stop);
            let has_lost_its_stop =
                context.policy.stop.is_some() && stop.is_none_or(|stop| stop.order.is_absent);
            let is_expired = bracket.expires_at.is_some_and(|at| {
                self.look_again(at);
                self.at.now >= at
            });
            let is_stuck = match entry.phase {
                Phase::Unknown => true,
                // Why comes after that it is held.
                Phase::Held if !entry.order.why_held.locate => {
                    let until = entry.order.held_since.map(|since| since + self.at.execution.oca_patience);
                    until.is_none_or(|until| {
                        self.look_again(until);
                        self.at.now >= until
                    })
                }
                _ => false,
            };
            let is_exposed = self.is_overdue() && self.uncovered(tranche).is_positive();
            // Everything that was held is closed: what was still to be added belongs to no trade.
            let is_late = context.opened_at.is_some() && self.holds_nothing();
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
                self.cancel_all(tranche, None);
            }
            return;
        }
        if open.is_zero() {
            // The broker cancels children and siblings by itself; what is still there a moment later
            // is cancelled by us.
            let since =
                tranche.members.iter().filter_map(|it| it.order.filled_at.max(it.order.done_at)).max();
            self.cancel_all(tranche, since.map(|at| at + self.at.execution.oca_patience));
            return;
        }
        if open.is_negative() {
            self.repair_overfill(index, open);
            return;
        }
        if let Some(close) = tranche.live(Role::Close) {
            // Held, it lives and cannot fire, and what replaces it must not stand beside it. Lost, it is
            // not sent again beside exits that have all that is open.
            let is_superfluous = close.order.is_absent && tranche.kept_by_exits() >= open;
            if close.phase == Phase::Held || is_superfluous {
                self.cancel(close);
            }
            // What it leaves is a trade like any other.
            let rest = open - close.leaves_qty();
            let reduces = close.order.ticket.side == context.side.exit();
            if reduces && rest.is_positive() && context.closing.is_none() {
                self.protect(index, rest);
            }
            return;
        }
        for member in tranche.members.iter().filter(|it| it.order.is_doubled() && !it.order.is_absent) {
            // A cancel ends one of the two, whichever its number means to the broker; one is enough.
            self.cancel(*member);
        }
        if context.closing.is_some() {
            self.close(index, open);
            return;
        }
        let excess = bracket.excess(context.side, self.at.orders);
        if excess.is_positive() {
            self.shed(index, open, excess.min(open));
        } else {
            self.protect(index, open);
        }
    }

    /// More was filled than the entry asked for: what goes beyond it is traded away at the market, once,
    /// beside exits that stand for no more than the rest.
    fn shed(&mut self, index: usize, open: Quantity, excess: Quantity) {
        let tranche = &self.tranches[index];
        let kept = open - excess;
        if tranche.kept_by_exits() <= kept {
            self.flatten(index, self.context.side.exit(), excess);
        }
        if kept.is_zero() {
            self.cancel_all(tranche, None);
        } else {
            self.protect(index, kept);
        }
    }

    /// Both exits filled, or one filled more than it should: trade the excess back, once nothing of
    /// the bracket lives any more.
    fn repair_overfill(&mut self, index: usize, open: Quantity) {
        let tranche = &self.tranches[index];
        // A repair that is held lives and cannot fire.
        let is_repairing = tranche.live(Role::Close).is_some_and(|close| {
            close.phase != Phase::Held && close.order.ticket.side == self.context.side.entry()
        });
        if is_repairing {
            return;
        }
        if !tranche.is_quiet() {
            self.cancel_all(tranche, None);
            return;
        }
        self.flatten(index, self.context.side.entry(), open.abs());
    }

    /// Trades shares of a bracket at the market; after refusals later each time.
    fn flatten(&mut self, index: usize, side: Side, quantity: Quantity) {
        let asked = self.tranches[index].bracket.closes_refused(self.at.orders);
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
        let tranche = &self.tranches[index];
        let bracket = tranche.bracket;
        let (stop, target) = (tranche.live(Role::Stop), tranche.live(Role::Target));
        let base = self.context.exit_base(bracket, self.at.orders);
        if let Some(stop) = stop {
            if stop.phase == Phase::Held {
                // It lives and cannot fire. What replaces it must not stand beside it.
                self.cancel_all(tranche, None);
                return;
            }
            if !self.align(tranche, stop, open, self.planned_stop(stop.order, base)) {
                return;
            }
        }
        if let Some(target) = target {
            if stop.is_none() && self.context.policy.stop.is_some() {
                // A new stop must not stand beside the old target: both could fill.
                self.cancel(target);
                return;
            }
            self.align(tranche, target, open, self.planned_target(base));
        }
        if stop.is_some() || target.is_some() || self.context.policy.stop.is_none() {
            return;
        }
        if self.may_revive(bracket) {
            return;
        }
        if self.awaits_the_night(tranche) {
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
    fn awaits_the_night(&mut self, tranche: &Tranche<'_>) -> bool {
        let is_closed = self.at.market.session.is_some_and(|session| !session.is_open(self.at.now));
        let Some(Member { order: stop, .. }) = tranche.leg(Role::Stop).filter(|_| is_closed) else {
            return false;
        };
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
        let tranche = &self.tranches[index];
        let bracket = tranche.bracket;
        let (stop, target) = (tranche.live(Role::Stop), tranche.live(Role::Target));
        let exit_side = self.context.side.exit();
        if let (Some(stop), Some(_)) = (stop, target)
            && !self.align(tranche, stop, open, Planned::default())
        {
            return;
        }
        let Some(exit) = target.or(stop) else {
            if !self.may_revive(bracket) {
                self.flatten(index, exit_side, open);
            }
            return;
        };
        match exit.phase {
            // Evidence is being asked for (`chase`).
            Phase::Submitting | Phase::Unknown | Phase::Cancelling => return,
            Phase::Working if exit.is_resting() => {}
            _ => {
                self.cancel_all(tranche, None);
                return;
            }
        }
        let patience = self.at.execution.reprice_after;
        let is_hopeless =
            exit.order.refusal.as_ref().is_some_and(|refusal| refusal.times >= self.at.execution.asks_max)
                || exit.order.ticket.order_type.is_trailing();
        let since = self.context.closing.map_or(self.at.now, |closing| closing.since);
        let waited_for_price = self.at.now >= since + patience + patience;
        let price = self.marketable(if target.is_some() { exit_side } else { exit_side.opposite() });
        let Some(price) = price.filter(|_| !is_hopeless) else {
            if is_hopeless || waited_for_price {
                self.cancel_all(tranche, None);
            } else {
                self.plan.wants_price = true;
                self.look_again(since + patience + patience);
                self.align(tranche, exit, open, Planned::default());
            }
            return;
        };
        if let Some(at) = bracket.repriced_at.filter(|at| self.at.now < *at + patience) {
            self.look_again(at + patience);
            self.align(tranche, exit, open, Planned::default());
            return;
        }
        // More is asked only when the broker has had its time to reduce: a fill may be on its way here.
        let quantity = if exit.leaves_qty() < open {
            let Some(quantity) = self.aligned_quantity(tranche, exit, open) else { return };
            quantity
        } else {
            exit.order.cum_qty + open
        };
        let order = exit.order;
        let terms = if target.is_some() {
            Terms { quantity, limit_price: Some(price), stop_price: None }
        } else {
            Terms { quantity, limit_price: order.ticket.order_type.limit_price(), stop_price: Some(price) }
        };
        self.look_again(self.at.now + patience);
        self.plan.steps.push(Step::PriceToClose { bracket: index, order: order.ticket.order_id, terms });
    }

    fn holds_nothing(&self) -> bool {
        self.tranches.iter().map(|tranche| tranche.open).sum::<Quantity>().is_zero()
    }

    fn cancel(&mut self, member: Member<'_>) {
        if member.order.cancelling.is_none() && !member.is_done() {
            self.plan.steps.push(Step::Cancel { order: member.order.ticket.order_id });
        }
    }

    fn cancel_all(&mut self, tranche: &Tranche<'_>, not_before: Option<Timestamp>) {
        if tranche.is_quiet() {
            return;
        }
        if let Some(at) = not_before.filter(|at| self.at.now < *at) {
            self.look_again(at);
            return;
        }
        for member in &tranche.members {
            self.cancel(*member);
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
