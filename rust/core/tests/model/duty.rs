//! What must hold after every step, judged by the broker's ledger and never by the engine's belief.

use std::hash::{Hash, Hasher};

use orderloom_core::command::{Command, Incident, IncidentCode, Notice, PlaceOrder, PositionSide, Role};
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::Side;
use orderloom_core::id::OrderId;
use orderloom_core::time::Timestamp;

use crate::broker::{Children, Leg, Request, Stage, order_id, units};
use crate::defect::Defect;
use crate::world::{Check, Intent, SYMBOL, Sent, World};

/// What has to be remembered of the past to judge the present.
#[derive(Debug, Clone, Default)]
pub(crate) struct Duty {
    /// Sum of the executions that the engine was told of.
    pub(crate) told: i64,
    pub(crate) is_halted: bool,
    /// The exchange is about to close.
    pub(crate) is_late: bool,
    /// An operator was told that something is wrong with the symbol.
    pub(crate) is_alarmed: bool,
    /// Exits executed beyond the position, under a reading where they can.
    pub(crate) was_overfilled: bool,
    /// Since when the broker has held shares that no stop and no close stands for.
    pub(crate) naked_since: Option<Timestamp>,
    is_open: bool,
    entries: u8,
}

impl Hash for Duty {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.is_halted, self.is_late, self.is_alarmed, self.was_overfilled, self.is_open, self.entries)
            .hash(hasher);
    }
}

impl World {
    /// A fill must be one that its order was for.
    pub(crate) fn check_fill(&mut self, id: i64, before: i64) -> Check {
        let after = self.broker.position;
        let leg = self.broker.leg(id).expect("it filled");
        let role = leg.role;
        let reduces = before != 0 && after.signum() != -before.signum() && after.abs() < before.abs();
        let last = leg.fills[leg.fills.len() - 1].0 * if leg.side == Side::Buy { 1 } else { -1 };
        let tranche = self.tranche_of(id);
        // A close can meet a trade of others on its way.
        let (is_repair, is_raced) = (last * self.sign() > 0, !self.broker.others.is_empty());
        let (sign, can_overfill) = (self.sign(), self.can_overfill());
        let exceeds = matches!(role, Role::Stop | Role::Target) && tranche.is_some_and(|net| net * sign < 0);
        self.duty.was_overfilled |= can_overfill && (exceeds || (role != Role::Entry && !reduces));
        match role {
            Role::Entry if before.signum() * after.signum() >= 0 && after.abs() > before.abs() => Ok(()),
            Role::Entry if self.duty.was_overfilled => Ok(()),
            Role::Entry => {
                Err(format!("I1: entry {id} traded against the position: {before} became {after}"))
            }
            // What was overfilled is traded back once: a repair never goes beyond what its tranche lacks.
            Role::Close if self.duty.was_overfilled && (is_repair || !is_raced) => {
                match tranche.map(|net| (net - last, net)) {
                    None => Err(format!("I18: close {id} outlived its trade")),
                    Some((was, is)) if is.abs() < was.abs() && is.signum() != -was.signum() => Ok(()),
                    Some((was, is)) => Err(format!("I13: close {id} made {was} shares of its tranche {is}")),
                }
            }
            _ if exceeds && !can_overfill => {
                Err(format!("I1: {role:?} {id} traded more than its tranche held, {before} became {after}"))
            }
            _ if reduces || can_overfill => Ok(()),
            _ => Err(format!("I1: {role:?} {id} opened or flipped the position: {before} became {after}")),
        }
    }

    /// Shares of the tranche that an order belongs to, signed, by the broker's ledger.
    fn tranche_of(&self, id: i64) -> Option<i64> {
        let context = self.engine.context(SYMBOL)?;
        let is_its = |(_, order): &(Role, OrderId)| order.0 == order_id(id);
        let bracket = context.brackets.iter().find(|bracket| bracket.orders.iter().any(is_its))?;
        let filled = |leg: &Leg| if leg.side == Side::Buy { leg.filled } else { -leg.filled };
        let is_member = |leg: &&Leg| bracket.orders.iter().any(|(_, order)| order.0 == order_id(leg.id));
        let own = self.broker.legs.iter().filter(is_member).map(filled).sum::<i64>();
        Some(own + self.sign() * units(bracket.foreign))
    }

    /// Whether exits can execute beyond the position although the engine did all it could.
    fn can_overfill(&self) -> bool {
        let broker = &self.broker;
        self.scenario.reading.can_overfill() || broker.has_forked() || !broker.others.is_empty()
    }

    /// Shares that others left behind by trading out of a position that was closed meanwhile.
    fn left_by_others(&self) -> i64 {
        let others: i64 = self.broker.others.iter().map(|(sign, _)| sign).sum();
        let position = self.broker.position;
        let is_theirs = position * others > 0 && position.abs() <= others.abs();
        if is_theirs && self.engine.context(SYMBOL).is_none() { position } else { 0 }
    }

    /// What must hold whenever anything happened.
    pub(crate) fn check(&mut self) -> Check {
        self.check_naked()?;
        self.check_exits()?;
        self.check_ended()?;
        if self.is_quiet() {
            self.check_quiet()?;
        }
        Ok(())
    }

    /// I4: when nobody errs and everybody answers, shares are covered or on their way out in time.
    fn check_naked(&mut self) -> Check {
        let held = self.broker.position - self.left_by_others();
        let naked = (held * self.sign() - self.guarded()).max(0);
        if naked == 0 {
            self.duty.naked_since = None;
            return Ok(());
        }
        let since = *self.duty.naked_since.get_or_insert(self.at);
        // The cap is for re-covering, as much again for flattening.
        let cap = self.engine.config().execution.uncovered_max;
        if self.scenario.faults == 0 && self.scenario.slow == 0 && self.at > since + cap + cap {
            return Err(format!("I4: {naked} shares were without a stop for {}", self.at - since));
        }
        Ok(())
    }

    /// Shares that a stop at work stands for, or an exit that trades at the price of the moment; of a
    /// group only one can.
    fn guarded(&self) -> i64 {
        self.at_work(|leg| match leg.role {
            Role::Stop | Role::Close => true,
            Role::Target => self.trades_now(leg),
            Role::Entry | Role::Single => false,
        })
    }

    /// I2: exits that could trade now never exceed the position; of a group only one can.
    fn check_exits(&self) -> Check {
        if self.can_overfill() {
            return Ok(());
        }
        let position = self.broker.position;
        let exits = self.exits_at_work();
        if exits > position.abs() {
            return Err(format!("I2: exits of {exits} can trade against a position of {position}"));
        }
        Ok(())
    }

    fn exits_at_work(&self) -> i64 {
        self.at_work(|leg| leg.role != Role::Entry)
    }

    /// Shares that some orders could trade now, each group counted once.
    fn at_work(&self, is_meant: impl Fn(&Leg) -> bool) -> i64 {
        let legs = || self.broker.legs.iter().filter(|leg| leg.started() > 0 && is_meant(leg));
        let is_beside = |leg: &Leg, other: &Leg| leg.group.is_some() && leg.group == other.group;
        let largest = |leg: &Leg| {
            legs().filter(|other| is_beside(leg, other)).map(Leg::started).fold(leg.started(), i64::max)
        };
        let is_first =
            |leg: &Leg| legs().find(|other| is_beside(leg, other)).is_none_or(|one| one.id == leg.id);
        legs().filter(|leg| is_first(leg)).map(largest).sum()
    }

    /// I10: the engine holds an order for ended only when it has.
    fn check_ended(&self) -> Check {
        for leg in self.broker.legs.iter().filter(|leg| leg.leaves() > 0) {
            if let Some(order) = self.engine.orders().find(OrderId(order_id(leg.id)))
                && order.is_done()
                && !self.may_have_grown()
            {
                let phase = order.phase();
                return Err(format!(
                    "I10: order {} is {phase:?} to the engine and live at the broker",
                    leg.id
                ));
            }
        }
        Ok(())
    }

    /// A child that grows with its parent can be filled, and live again before its client hears of it.
    fn may_have_grown(&self) -> bool {
        self.scenario.reading.children == Children::GrowWithFills && !self.is_quiet()
    }

    /// What must hold once everything was said.
    fn check_quiet(&self) -> Check {
        let (position, own) = (self.broker.position, units(self.engine.position(SYMBOL).quantity));
        let is_told = self.broker.others_told.count_ones() as usize == self.broker.others.len();
        if own != position && is_told {
            return Err(format!("I12: the engine counts {own} shares, the broker holds {position}"));
        }
        if self.duty.was_overfilled && position * self.sign() < 0 && is_told && !self.duty.is_alarmed {
            return Err(format!("I13: {position} shares were overfilled and nobody was told"));
        }
        let Some(context) = self.engine.context(SYMBOL) else {
            let live = self.broker.legs.iter().find(|leg| leg.leaves() > 0);
            return match (position - self.left_by_others(), live) {
                (0, None) => Ok(()),
                (0, Some(leg)) => Err(format!("I18: order {} lives without a trade", leg.id)),
                _ => Err(format!("I5: {position} shares are held without a trade")),
            };
        };
        let naked = self.uncovered();
        let gauge = self.engine.uncovered(SYMBOL).map_or(0, |(shares, _)| units(shares));
        if naked > gauge && context.closing.is_none() {
            return Err(format!("I4: {naked} shares have no live stop, the watchdog counts {gauge}"));
        }
        Ok(())
    }

    /// The sign of the position that the trade under way wants.
    pub(crate) fn sign(&self) -> i64 {
        match self.engine.context(SYMBOL).map(|context| context.side) {
            Some(PositionSide::Short) => -1,
            Some(PositionSide::Long) => 1,
            None => self.broker.position.signum(),
        }
    }

    /// Shares without a stop that could trade now.
    pub(crate) fn uncovered(&self) -> i64 {
        let stops = self.broker.legs.iter().filter(|leg| leg.role == Role::Stop).map(Leg::started);
        (self.broker.position * self.sign() - stops.sum::<i64>()).max(0)
    }

    /// What must be true once nothing is left to happen.
    pub(crate) fn check_end(&self) -> Check {
        let position = self.broker.position;
        let Some(context) = self.engine.context(SYMBOL) else { return Ok(()) };
        if context.closing.is_some() {
            return Err(format!("liveness: a close never ends, {position} shares are left"));
        }
        let stops: i64 = self.broker.legs.iter().filter(|leg| leg.role == Role::Stop).map(Leg::started).sum();
        if position * self.sign() < 0 {
            return Err(format!("I13: {position} shares too many were closed, and stay"));
        }
        let is_surplus = stops > position.abs() && !self.broker.has_forked();
        if is_surplus || (stops != position.abs() && !self.duty.is_alarmed) {
            return Err(format!("I3: stops of {stops} stand for a position of {position}"));
        }
        if stops < position.abs() {
            return Err(format!("I4: {} shares stay without a stop", position.abs() - stops));
        }
        Ok(())
    }

    /// I11: the engine counts what it was told, each execution once.
    pub(crate) fn check_told(&self) -> Check {
        let (own, told) = (units(self.engine.position(SYMBOL).quantity), self.duty.told);
        if own == told { Ok(()) } else { Err(format!("I11: executions sum to {told}, the engine has {own}")) }
    }

    /// I4: an entry leaves with its stop attached, as one family that the last leg transmits.
    pub(crate) fn check_batch(&self, commands: &[Command]) -> Check {
        if self.scenario.defect == Some(Defect::ResizeInsteadOfBracket) {
            return Ok(());
        }
        let placed: Vec<&PlaceOrder> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Place(order) => Some(order),
                _ => None,
            })
            .collect();
        for entry in placed.iter().filter(|order| order.role == Role::Entry) {
            let id = entry.ticket.order_id;
            let children: Vec<_> = placed.iter().filter(|child| child.ticket.parent == Some(id)).collect();
            let is_attached = children.iter().any(|child| {
                child.role == Role::Stop
                    && child.ticket.quantity == entry.ticket.quantity
                    && child.ticket.side == entry.ticket.side.opposite()
            });
            let transmits: Vec<bool> = children.iter().map(|child| child.ticket.transmit).collect();
            let is_one = !entry.ticket.transmit
                && transmits.split_last().is_some_and(|(last, rest)| *last && rest.iter().all(|sent| !sent));
            if !is_attached || !is_one {
                return Err(format!("I4: entry {id} leaves without its stop attached"));
            }
        }
        Ok(())
    }

    /// What must hold of a new order when it leaves.
    pub(crate) fn check_new(&mut self, order: &PlaceOrder) -> Check {
        let id = order.ticket.order_id.0;
        if id <= self.newest {
            return Err(format!("I9: order id {id} is not above {}", self.newest));
        }
        if order.role == Role::Entry {
            self.check_entry(order)?;
        }
        self.check_side(order)?;
        self.check_price(order)
    }

    fn check_entry(&mut self, order: &PlaceOrder) -> Check {
        let id = order.ticket.order_id.0;
        // Of an overfill the engine need not know before it is told.
        let position = if self.duty.was_overfilled { self.duty.told } else { self.broker.position };
        self.duty.entries += 1;
        if self.duty.entries > self.entries_wanted() {
            return Err(format!("I8: entry {id} was sent for no signal of its own"));
        }
        if self.duty.is_halted {
            return Err(format!("I19: entry {id} was sent after the halt"));
        }
        if self.duty.is_late {
            return Err(format!("I24: entry {id} was sent before the exchange closes"));
        }
        if self.duty.is_alarmed {
            return Err(format!("I30: entry {id} was sent after an incident"));
        }
        let sign = if order.ticket.side == Side::Buy { 1 } else { -1 };
        if position * sign < 0 {
            return Err(format!("I1: entry {id} was sent against a position of {position}"));
        }
        let is_opposite =
            |leg: &&Leg| leg.leaves() > 0 && leg.role == Role::Entry && leg.side != order.ticket.side;
        if self.broker.legs.iter().find(is_opposite).is_some() {
            return Err(format!("I1: entry {id} was sent beside an entry of the other side"));
        }
        let live: i64 = self.broker.legs.iter().filter(|leg| leg.role == Role::Entry).map(Leg::leaves).sum();
        let underway: i64 = self
            .commands
            .iter()
            .filter_map(|(_, sent)| match sent {
                Sent::Order(Request { role: Role::Entry, total, known: None, .. }) => Some(total),
                _ => None,
            })
            .sum();
        let worst = position.abs() + live + underway + units(order.ticket.quantity);
        let allowed = self.scenario.entry + 1;
        if worst > allowed {
            return Err(format!("I20: entry {id} could make the position {worst}, allowed {allowed}"));
        }
        Ok(())
    }

    fn check_side(&self, order: &PlaceOrder) -> Check {
        let Some(context) = self.engine.context(SYMBOL) else {
            return Err(format!("I6: order {} belongs to no trade", order.ticket.order_id));
        };
        let is_right = match order.role {
            Role::Entry => order.ticket.side == context.side.entry(),
            Role::Stop | Role::Target => order.ticket.side == context.side.exit(),
            // It may also buy back what was sold too much.
            Role::Close => true,
            Role::Single => false,
        };
        if is_right {
            Ok(())
        } else {
            let (id, side, held) = (order.ticket.order_id, order.ticket.side, context.side);
            Err(format!("I6: {:?} {id} would {side:?} for a {held:?} trade", order.role))
        }
    }

    /// I25, of exits that are not priced to trade at once.
    fn check_price(&self, order: &PlaceOrder) -> Check {
        let Some(context) = self.engine.context(SYMBOL).filter(|context| context.closing.is_none()) else {
            return Ok(());
        };
        let (low, high) = (Price::from_units(98), Price::from_units(102));
        let id = order.ticket.order_id;
        let kind = order.ticket.order_type;
        for price in kind.limit_price().into_iter().chain(kind.stop_price()) {
            if price.counts() % 1_000_000 != 0 {
                return Err(format!("I25: {price} of order {id} is off the tick"));
            }
            let is_below = match order.role {
                Role::Stop => context.side == PositionSide::Long,
                Role::Target => context.side == PositionSide::Short,
                Role::Entry | Role::Close | Role::Single => continue,
            };
            let middle = if (order.role == Role::Stop) == is_below { high } else { low };
            if (is_below && price >= middle) || (!is_below && price <= middle) {
                return Err(format!("I25: {:?} {id} at {price} is on the wrong side", order.role));
            }
        }
        Ok(())
    }

    /// What must hold of a change, or of an order sent again.
    pub(crate) fn check_change(&self, order: &PlaceOrder) -> Check {
        let id = order.ticket.order_id.0;
        if id > self.newest {
            return Err(format!("I9: a change names order {id}, which was never sent"));
        }
        if order.role == Role::Entry {
            return Err(format!("I8: entry {id} was sent again"));
        }
        if order.ticket.quantity <= Quantity::ZERO {
            return Err(format!("I3: order {id} is changed to nothing"));
        }
        self.check_side(order)?;
        self.check_price(order)
    }

    fn entries_wanted(&self) -> u8 {
        [Intent::Enter, Intent::Add, Intent::Reverse]
            .into_iter()
            .map(|intent| u8::from(self.wants(intent)))
            .sum()
    }

    pub(crate) fn check_notices(&mut self, notices: &[Notice]) -> Check {
        for notice in notices {
            match notice {
                Notice::ContextOpened { .. } if self.duty.is_open => {
                    return Err("I5: a second trade was opened".into());
                }
                Notice::ContextOpened { .. } => self.duty.is_open = true,
                Notice::ContextConcluded(_) => self.check_conclusion()?,
                Notice::Filled { role: Some(Role::Stop | Role::Target | Role::Close), .. }
                    if self.scenario.defect == Some(Defect::ConcludeOnFirstExit) =>
                {
                    self.check_conclusion()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// I18: a trade is over when the broker is flat and nothing of it can come to life.
    fn check_conclusion(&mut self) -> Check {
        self.duty.is_open = false;
        let position = self.broker.position - self.left_by_others();
        if position != 0 {
            return Err(format!("I18: a trade concluded while the broker holds {position}"));
        }
        if let Some(leg) = self.broker.legs.iter().find(|leg| leg.stage.is_live()) {
            return Err(format!("I18: a trade concluded while order {} lives", leg.id));
        }
        for (_, sent) in &self.commands {
            let Sent::Order(request) = sent else { continue };
            let is_harmless = self.broker.leg(request.id).is_some_and(|leg| !leg.stage.is_live());
            if !is_harmless {
                return Err(format!("I18: a trade concluded while order {} is on its way", request.id));
            }
        }
        Ok(())
    }

    pub(crate) fn note_alert(&mut self, incident: &Incident) {
        self.duty.is_alarmed |= incident.symbol.is_some() && incident.code != IncidentCode::ExitsAsleep;
    }

    /// Live orders in words, for traces.
    pub(crate) fn picture(&self) -> String {
        let legs = self.broker.legs.iter().filter(|leg| leg.stage.is_live() || leg.stage == Stage::Filled);
        let words: Vec<String> = legs
            .map(|leg| format!("{:?} {} {}/{} {:?}", leg.role, leg.id, leg.filled, leg.total, leg.stage))
            .collect();
        format!("position {}, {}", self.broker.position, words.join(", "))
    }
}
