//! The real engine, the broker, and the two wires between them, moved one step at a time.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use orderloom_core::command::{Command, PlaceOrder, Role, TimeInForce};
use orderloom_core::config::{EngineConfig, Limits};
use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{
    Commission, Connection, Event, EventKind, Execution, NextOrderId, Operator, OrderCompleted, OrderError,
    OrderOpened, OrderStatusReport, PositionReport, Quote, SessionKnown, Side, Signal, SignalSide,
    SnapshotMark,
};
use orderloom_core::id::{ExecId, OrderId, OrderRef, PermId, SymbolId};
use orderloom_core::instrument::Instrument;
use orderloom_core::rule::{
    Action, Comparison, Condition, EnterSpec, ExitLevel, Field, Operand, Opposite, Reprice, RuleSpec,
    ScaleInSpec, Size, Trigger,
};
use orderloom_core::time::{Date, Session, Span, Timestamp};

use crate::broker::{Broker, Burst, Leg, Message, Reading, Request, Stage, order_id, units};
use crate::defect::{self, Defect};
use crate::duty::Duty;

pub(crate) const SYMBOL: SymbolId = SymbolId(0);
const START: Timestamp = Timestamp(1_000_000_000_000);
/// How long before the exchange closes everything is closed.
const END_OF_DAY: Span = Span::from_secs(5);

/// What somebody wants of the engine, once each, at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Intent {
    Enter,
    Add,
    Close,
    Reverse,
    Halt,
    /// The source serves the first signal again.
    Repeat,
    /// The exchange is about to close.
    EndOfDay,
}

impl Intent {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One thing that happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The engine hears the oldest message.
    Hear,
    /// It hears it, and will hear it again.
    HearTwice,
    /// The broker receives the oldest command.
    Carry,
    /// Part of an order trades.
    Fill(u8, u8),
    /// A late reduction of a group's member arrives.
    Reduce(u8),
    /// Shares to borrow are found.
    Locate(u8),
    /// Somebody else trades a share out of the position.
    Other,
    /// Somebody wants something.
    Want(Intent),
    /// Time passes up to the engine's next deadline.
    Clock,
    /// The line comes back.
    Reconnect,
    /// Fault: the oldest message is lost.
    LoseMessage,
    /// Fault: the oldest command is lost.
    LoseCommand,
    /// Fault: the broker refuses the oldest command.
    Refuse,
    /// Fault: the oldest command, a change, becomes an order beside the one that it was meant for.
    Fork,
    /// Fault: the line is cut; what was on it is lost.
    Cut,
    /// Fault: the broker ends an exit by itself.
    Kill(u8),
}

impl Step {
    pub(crate) const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::LoseMessage | Self::LoseCommand | Self::Refuse | Self::Fork | Self::Cut | Self::Kill(_)
        )
    }
}

/// What is explored: who trades what, under which reading, with how many mishaps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) is_long: bool,
    pub(crate) entry: i64,
    /// Shares of a scale-in; more than one is more than the limits allow.
    pub(crate) add: i64,
    pub(crate) has_target: bool,
    pub(crate) intents: &'static [Intent],
    pub(crate) reading: Reading,
    /// Faults in all.
    pub(crate) faults: u8,
    /// Shares that somebody else trades out of the position.
    pub(crate) others: u8,
    /// Whether a change can become an order of its own.
    pub(crate) forks: bool,
    /// Messages heard twice.
    pub(crate) repeats: u8,
    /// Deadlines that pass while something is still on a wire.
    pub(crate) slow: u8,
    /// What left together arrives together; else each message and command for itself.
    pub(crate) in_bursts: bool,
    pub(crate) defect: Option<Defect>,
}

impl Scenario {
    /// A long entry of two, with stop and target.
    pub(crate) const PLAIN: Self = Self {
        is_long: true,
        entry: 2,
        add: 1,
        has_target: true,
        intents: &[],
        reading: Reading::PLAIN,
        faults: 0,
        others: 0,
        forks: false,
        repeats: 0,
        slow: 0,
        in_bursts: false,
        defect: None,
    };
}

/// What is on its way to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Order(Request),
    Cancel(i64),
    AskOrders,
    AskBooks,
}

/// Everything at one moment.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) engine: Engine,
    pub(crate) broker: Broker,
    pub(crate) commands: VecDeque<(Burst, Sent)>,
    pub(crate) duty: Duty,
    /// Largest order id sent so far.
    pub(crate) newest: i64,
    wanted: u8,
    faults: u8,
    repeats: u8,
    slow: u8,
    price: i64,
    pub(crate) at: Timestamp,
    seq: u64,
}

/// What is wrong, in a sentence that names the invariant.
pub(crate) type Check = Result<(), String>;

impl World {
    /// Connected, and in step with an empty broker.
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut world = Self {
            scenario,
            engine: Engine::new(config(scenario)).expect("the configuration runs"),
            broker: Broker::new(scenario.reading),
            commands: VecDeque::new(),
            duty: Duty::default(),
            newest: 0,
            wanted: 0,
            faults: 0,
            repeats: 0,
            slow: 0,
            price: 100,
            at: START,
            seq: 0,
        };
        for kind in [
            EventKind::Connection(Connection::Up),
            EventKind::NextOrderId(NextOrderId { order_id: OrderId(1) }),
            EventKind::Snapshot(SnapshotMark::Began),
            EventKind::Snapshot(SnapshotMark::Ended),
        ] {
            world.tell(kind).expect("nothing is wrong before the start");
        }
        world
    }

    /// Everything that can happen next.
    pub(crate) fn choices(&self, out: &mut Vec<Step>) {
        out.clear();
        if !self.wants(Intent::Enter) {
            out.push(Step::Want(Intent::Enter));
            return;
        }
        let message = self.broker.queue.front().map(|(_, message)| message);
        if let Some(message) = message {
            out.push(Step::Hear);
            if self.repeats < self.scenario.repeats && !message.is_snapshot() {
                out.push(Step::HearTwice);
            }
        }
        if !self.commands.is_empty() {
            out.push(Step::Carry);
        }
        for leg in &self.broker.legs {
            for quantity in 1..=leg.started() {
                out.push(Step::Fill(leg.id as u8, quantity as u8));
            }
            if leg.late > 0 {
                out.push(Step::Reduce(leg.id as u8));
            }
            if leg.stage == Stage::Locating {
                out.push(Step::Locate(leg.id as u8));
            }
        }
        let is_held = self.broker.position * self.sign() > 0;
        if is_held && self.broker.others.len() < usize::from(self.scenario.others) {
            out.push(Step::Other);
        }
        if self.broker.is_down {
            out.push(Step::Reconnect);
        }
        let wants = self.scenario.intents.iter().filter(|intent| self.wanted & intent.bit() == 0);
        out.extend(wants.map(|intent| Step::Want(*intent)));
        let is_quiet = self.is_quiet();
        if self.engine.next_deadline().is_some() && (is_quiet || self.slow < self.scenario.slow) {
            out.push(Step::Clock);
        }
        if self.faults < self.scenario.faults {
            self.faults(out);
        }
    }

    fn faults(&self, out: &mut Vec<Step>) {
        if self.broker.queue.front().is_some_and(|(_, message)| self.can_be_lost(message)) {
            out.push(Step::LoseMessage);
        }
        match self.commands.front().map(|(_, sent)| sent) {
            Some(Sent::Order(request)) => {
                out.extend([Step::LoseCommand, Step::Refuse]);
                let is_working = |leg: &Leg| leg.stage == Stage::Working;
                if self.scenario.forks
                    && !self.broker.has_forked()
                    && self.broker.leg(request.id).is_some_and(is_working)
                {
                    out.push(Step::Fork);
                }
            }
            Some(Sent::Cancel(_) | Sent::AskOrders | Sent::AskBooks) => out.push(Step::LoseCommand),
            None => {}
        }
        if !self.broker.is_down {
            out.push(Step::Cut);
            let exits = self.broker.legs.iter().filter(|leg| {
                matches!(leg.role, Role::Stop | Role::Target)
                    && matches!(leg.stage, Stage::Waiting | Stage::Working)
            });
            out.extend(exits.map(|leg| Step::Kill(leg.id as u8)));
        }
    }

    /// TWS may leave out the answer to something that was asked; what happens unasked it tells.
    fn can_be_lost(&self, message: &Message) -> bool {
        match message {
            Message::Opened { .. } | Message::Error { .. } => true,
            Message::Status { id, .. } => {
                let order = self.engine.orders().find(OrderId(order_id(*id)));
                order.is_some_and(|order| order.cancelling.is_some() || order.placing.is_some())
            }
            Message::Execution { .. }
            | Message::Other { .. }
            | Message::Orders(_)
            | Message::Books { .. } => false,
        }
    }

    /// Nothing is on a wire, and the broker owes nothing.
    pub(crate) fn is_quiet(&self) -> bool {
        self.broker.queue.is_empty()
            && self.commands.is_empty()
            && !self.broker.is_down
            && self.broker.legs.iter().all(|leg| leg.late == 0)
    }

    /// What happens next when everybody does what they owe, the market trades what is priced to
    /// trade, and only then time passes; `None` when nothing is left to happen.
    pub(crate) fn fair_step(&self) -> Option<Step> {
        if !self.broker.queue.is_empty() {
            return Some(Step::Hear);
        }
        if !self.commands.is_empty() {
            return Some(Step::Carry);
        }
        if self.broker.is_down {
            return Some(Step::Reconnect);
        }
        if let Some(leg) = self.broker.legs.iter().find(|leg| leg.late > 0) {
            return Some(Step::Reduce(leg.id as u8));
        }
        if let Some(leg) = self.broker.legs.iter().find(|leg| leg.started() > 0 && self.trades_now(leg)) {
            return Some(Step::Fill(leg.id as u8, leg.started() as u8));
        }
        self.engine.next_deadline().map(|_| Step::Clock)
    }

    pub(crate) fn trades_now(&self, leg: &Leg) -> bool {
        let (bid, ask) = (Price::from_units(self.price), Price::from_units(self.price));
        let limit = leg.order_type.limit_price();
        let stop = leg.order_type.stop_price();
        match leg.side {
            Side::Buy => limit.is_none_or(|limit| ask <= limit) && stop.is_none_or(|stop| stop <= ask),
            Side::Sell => limit.is_none_or(|limit| limit <= bid) && stop.is_none_or(|stop| bid <= stop),
        }
    }

    /// Makes one step and checks every duty after it.
    pub(crate) fn step(&mut self, step: Step) -> Check {
        self.faults += u8::from(step.is_fault());
        self.broker.burst = self.broker.burst.wrapping_add(1);
        self.broker.now = self.at;
        match step {
            Step::Hear => {
                let (burst, message) = self.broker.queue.pop_front().expect("a message waits");
                self.hear(message)?;
                while self.scenario.in_bursts
                    && let Some((_, message)) = self.broker.queue.pop_front_if(|(of, _)| *of == burst)
                {
                    self.hear(message)?;
                }
            }
            Step::HearTwice => {
                self.repeats += 1;
                let (_, message) = self.broker.queue.front().expect("a message waits").clone();
                self.hear(message)?;
            }
            Step::Carry => {
                let burst = self.commands.front().expect("a command waits").0;
                while self.commands.front().is_some_and(|(of, _)| *of == burst) {
                    self.carry(false);
                    if !self.scenario.in_bursts {
                        break;
                    }
                }
            }
            Step::Refuse => self.carry(true),
            Step::LoseMessage => _ = self.broker.queue.pop_front(),
            Step::LoseCommand => self.lose_command()?,
            Step::Fill(id, quantity) => {
                let before = self.broker.position;
                self.broker.fill(i64::from(id), i64::from(quantity));
                self.check_fill(i64::from(id), before)?;
            }
            Step::Reduce(id) => self.broker.reduce_late(i64::from(id)),
            Step::Kill(id) => self.broker.kill(i64::from(id)),
            Step::Locate(id) => self.broker.locate(i64::from(id)),
            Step::Other => self.broker.trade_by_others(),
            Step::Fork => match self.commands.pop_front() {
                Some((_, Sent::Order(request))) => self.broker.fork(request),
                other => unreachable!("{other:?} is no change"),
            },
            Step::Want(intent) => self.want(intent)?,
            Step::Clock => {
                self.slow += u8::from(!self.is_quiet());
                let deadline = self.engine.next_deadline().expect("the engine waits for a deadline");
                self.at = self.at.max(deadline);
                self.broker.now = self.at;
                self.quote()?;
                self.tell(EventKind::Clock)?;
            }
            Step::Cut => {
                self.broker.is_down = true;
                self.broker.queue.clear();
                self.commands.clear();
                self.tell(EventKind::Connection(Connection::Down))?;
            }
            Step::Reconnect => {
                self.broker.is_down = false;
                // What was asked while the line was down never left.
                self.commands.clear();
                self.tell(EventKind::Connection(Connection::Up))?;
                self.ask_snapshot()?;
            }
        }
        self.check()
    }

    pub(crate) const fn wants(&self, intent: Intent) -> bool {
        self.wanted & intent.bit() != 0
    }

    fn quote(&mut self) -> Check {
        let (bid, size) = (Some(Price::from_units(self.price)), Quantity::from_units(100));
        self.tell(EventKind::Quote(Quote { symbol: SYMBOL, bid, ask: bid, bid_size: size, ask_size: size }))
    }

    fn want(&mut self, intent: Intent) -> Check {
        self.wanted |= intent.bit();
        let side = match (intent, self.scenario.is_long) {
            (Intent::Enter | Intent::Repeat, true) | (Intent::Reverse, false) => SignalSide::Buy,
            (Intent::Enter | Intent::Repeat, false) | (Intent::Reverse, true) => SignalSide::Short,
            (Intent::Add, _) => {
                self.price = if self.scenario.is_long { 102 } else { 98 };
                SignalSide::Neutral
            }
            (Intent::Close, _) => SignalSide::Sell,
            (Intent::Halt, _) => {
                self.duty.is_halted = true;
                return self.tell(EventKind::Operator(Operator::Halt { reason: "".into() }));
            }
            (Intent::EndOfDay, _) => {
                self.duty.is_late = true;
                return self.tell(EventKind::Session(SessionKnown {
                    symbol: SYMBOL,
                    session: Session {
                        date: Date(2026_03_10),
                        utc_offset: Span::ZERO,
                        open: START,
                        close: self.at + Span::from_secs(2),
                    },
                }));
            }
        };
        self.quote()?;
        self.tell(EventKind::Signal(Box::new(Signal {
            key: format!("{:?}", if intent == Intent::Repeat { Intent::Enter } else { intent }).into(),
            ticker: "X".into(),
            symbol: Some(SYMBOL),
            side,
            confidence: None,
            numeric: None,
            probabilities: Box::default(),
            predicted_at: self.at,
            price: None,
            features: Box::default(),
        })))
    }

    fn carry(&mut self, is_refused: bool) {
        match self.commands.pop_front().expect("a command waits").1 {
            Sent::Order(request) => {
                let mut transmits = request.transmit;
                self.broker.receive(request, is_refused);
                // A family is one message to the exchange: nothing happens between its legs.
                while !transmits && let Some((_, Sent::Order(next))) = self.commands.front().copied() {
                    self.commands.pop_front();
                    transmits = next.transmit;
                    self.broker.receive(next, false);
                }
            }
            Sent::Cancel(id) => self.broker.cancel(id),
            Sent::AskOrders => self.broker.tell_open_orders(),
            Sent::AskBooks => self.broker.tell_books(),
        }
    }

    fn lose_command(&mut self) -> Check {
        match self.commands.pop_front().expect("a command waits").1 {
            Sent::Order(_) | Sent::Cancel(_) => {}
            // A request that got lost is noticed by the shell, which asks again.
            Sent::AskOrders | Sent::AskBooks => self.send_questions(),
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Check {
        match message {
            Message::Orders(orders) => orders.into_iter().try_for_each(|order| self.hear(order)),
            Message::Books { ended, executions, others, position } => {
                for (id, status, filled) in ended {
                    self.tell(EventKind::OrderCompleted(Box::new(OrderCompleted {
                        perm_id: perm_id(id),
                        order_ref: self.order_ref(id),
                        status,
                        filled: Quantity::from_units(filled),
                    })))?;
                }
                for (id, index) in executions {
                    self.hear_execution(id, index)?;
                }
                for index in 0..others {
                    self.hear_other(index)?;
                }
                if position != 0 {
                    self.tell(position_report(position))?;
                }
                self.tell(EventKind::Snapshot(SnapshotMark::Ended))
            }
            Message::Execution { id, index, position } => {
                self.hear_execution(id, index)?;
                self.tell(position_report(position))
            }
            Message::Other { index, position } => {
                if self.scenario.reading.hears_others {
                    self.hear_other(index)?;
                }
                self.tell(position_report(position))
            }
            Message::Opened { id, total, limit, stop, status } => {
                let side = self.broker.leg(id).expect("the broker speaks of its own orders").side;
                self.tell(EventKind::OrderOpened(OrderOpened {
                    order_id: OrderId(order_id(id)),
                    perm_id: perm_id(id),
                    order_ref: self.order_ref(id),
                    symbol: Some(SYMBOL),
                    side,
                    quantity: Quantity::from_units(total),
                    limit_price: limit,
                    stop_price: stop,
                    status,
                }))
            }
            Message::Status { id, status, filled, remaining, why_held } => {
                self.tell(EventKind::OrderStatus(OrderStatusReport {
                    order_id: OrderId(order_id(id)),
                    perm_id: perm_id(id),
                    status,
                    filled: Quantity::from_units(filled),
                    remaining: Quantity::from_units(remaining),
                    why_held: why_held.into(),
                }))
            }
            Message::Error { id, code } => self.tell(EventKind::OrderError(OrderError {
                order_id: OrderId(order_id(id)),
                code,
                text: "".into(),
            })),
        }
    }

    fn hear_execution(&mut self, id: i64, index: usize) -> Check {
        let (order_ref, is_long) = (self.order_ref(id), self.scenario.is_long);
        let leg = self.broker.leg(id).expect("its order is known");
        let (shares, executed_at) = leg.fills[index];
        let (side, quantity) = (leg.side, Quantity::from_units(shares));
        // Entries trade at the price of their moment, exits anywhere: only the first matters.
        let price = match leg.role {
            Role::Entry if id > 3 && is_long => 102,
            Role::Entry if id > 3 => 98,
            _ => 100,
        };
        let exec_id = fill_id(id, index);
        self.tell(EventKind::Execution(Execution {
            exec_id: exec_id.clone(),
            order_id: OrderId(order_id(id)),
            perm_id: perm_id(id),
            order_ref,
            symbol: SYMBOL,
            side,
            quantity,
            price: Price::from_units(price),
            executed_at,
        }))?;
        let (amount, currency) = (Money::ZERO, "USD".into());
        self.tell(EventKind::Commission(Commission { exec_id, amount, currency }))
    }

    fn hear_other(&mut self, index: usize) -> Check {
        let (sign, executed_at) = self.broker.others[index];
        let side = if sign > 0 { Side::Buy } else { Side::Sell };
        if self.broker.others_told & (1 << index) == 0 {
            self.broker.others_told |= 1 << index;
            self.duty.told += sign;
        }
        self.tell(EventKind::Execution(Execution {
            exec_id: ExecId(format!("o{index}.01").into()),
            order_id: OrderId(0),
            perm_id: PermId(0),
            order_ref: OrderRef("".into()),
            symbol: SYMBOL,
            side,
            quantity: Quantity::from_units(1),
            price: Price::from_units(100),
            executed_at,
        }))
    }

    /// Notes that the engine is told of a fill of the broker's, for the first time or again.
    fn note_told(&mut self, exec_id: &ExecId) {
        let fill = |leg: &Leg| (0..leg.fills.len()).find(|index| fill_id(leg.id, *index) == *exec_id);
        let found = self.broker.legs.iter_mut().find_map(|leg| fill(leg).map(|index| (leg, index)));
        let Some((leg, index)) = found else { return };
        if leg.delivered & (1 << index) == 0 {
            leg.delivered |= 1 << index;
            self.duty.told += units(leg.side.signed(Quantity::from_units(leg.fills[index].0)));
        }
    }

    fn order_ref(&self, id: i64) -> OrderRef {
        // The broker echoes what it was given; one id serves one intent (checked when it is sent).
        let order = self.engine.orders().find(OrderId(order_id(id)));
        order.map_or(OrderRef("m-somebody-else".into()), |order| order.ticket.order_ref.clone())
    }

    fn ask_snapshot(&mut self) -> Check {
        self.send_questions();
        self.tell(EventKind::Snapshot(SnapshotMark::Began))
    }

    fn send_questions(&mut self) {
        self.commands.retain(|(_, sent)| !matches!(sent, Sent::AskOrders | Sent::AskBooks));
        self.send(Sent::AskOrders);
        // The second half is asked for when the first has come, as a burst of its own.
        self.commands.push_back((self.broker.burst.wrapping_add(128), Sent::AskBooks));
    }

    pub(crate) fn send(&mut self, sent: Sent) {
        self.commands.push_back((self.broker.burst, sent));
    }

    /// Tells the engine what happened, with the scenario's mistake in it.
    fn tell(&mut self, kind: EventKind) -> Check {
        match self.scenario.defect {
            None => self.hand_in(kind)?,
            Some(defect) => {
                defect::mishear(defect, self, kind).into_iter().try_for_each(|kind| self.hand_in(kind))?;
            }
        }
        self.check_told()
    }

    /// Hands one event to the engine and puts its commands on the wire.
    fn hand_in(&mut self, kind: EventKind) -> Check {
        self.seq += 1;
        if let EventKind::Execution(execution) = &kind {
            self.note_told(&execution.exec_id);
        }
        let output = self.engine.on_event(&Event { seq: self.seq, at: self.at, kind });
        let (commands, notices) = (output.commands.to_vec(), output.notices.to_vec());
        self.check_notices(&notices)?;
        let mut wants_snapshot = false;
        let commands = self.distort(commands);
        self.check_batch(&commands)?;
        for command in &commands {
            match command {
                Command::Place(order) => {
                    self.check_new(order)?;
                    self.newest = self.newest.max(order.ticket.order_id.0);
                    self.send(Sent::Order(Request::new(&order.ticket, order.role, None)));
                }
                Command::Modify(order) => {
                    self.check_change(order)?;
                    let known = self.known_total(order);
                    self.send(Sent::Order(Request::new(&order.ticket, order.role, known)));
                }
                Command::Cancel(order) => self.send(Sent::Cancel(order.order_id.0)),
                Command::Reconcile(_) => wants_snapshot = true,
                Command::Alert(incident) => self.note_alert(incident),
                Command::Ask(_) | Command::Log(_) | Command::Notify(_) => {}
            }
        }
        if self.broker.is_down {
            self.commands.clear();
        } else if wants_snapshot {
            self.ask_snapshot()?;
        }
        Ok(())
    }

    /// How large the client takes the order to be: as it was shown, or as it asked before without
    /// having heard the answer.
    fn known_total(&self, order: &PlaceOrder) -> Option<i64> {
        let id = order.ticket.order_id;
        let shown = units(self.engine.orders().find(id)?.working?.quantity);
        let underway = self.commands.iter().filter_map(|(_, sent)| match sent {
            Sent::Order(request) if request.id == id.0 => Some(request.total),
            _ => None,
        });
        let unheard = self.broker.queue.iter().filter_map(|(_, message)| match message {
            Message::Opened { id: of, total, .. } if order_id(*of) == id.0 => Some(*total),
            _ => None,
        });
        Some(underway.chain(unheard).fold(shown, i64::max))
    }

    /// The commands with the scenario's mistake in them.
    fn distort(&mut self, commands: Vec<Command>) -> Vec<Command> {
        match self.scenario.defect {
            None => commands,
            Some(defect) => defect::distort(defect, self, commands),
        }
    }

    /// Whether two worlds have the same future, as a number.
    pub(crate) fn fingerprint(&self, hasher: &mut impl Hasher) {
        let newest = self.newest;
        let age = |id: i64| (newest - order_id(id), id == order_id(id));
        self.engine.fingerprint(hasher);
        let context = self.engine.context(SYMBOL);
        let is_of_trade = |id: i64| {
            let has = |order: &&(Role, OrderId)| order.1.0 == id;
            context.is_some_and(|open| {
                open.brackets.iter().any(|bracket| bracket.orders.iter().find(has).is_some())
            })
        };
        let is_heard = |leg: &Leg| leg.delivered.count_ones() as usize == leg.fills.len();
        let is_over = |leg: &Leg| !leg.stage.is_live() && is_heard(leg) && !is_of_trade(order_id(leg.id));
        self.broker.fingerprint(age, is_over, hasher);
        self.commands.len().hash(hasher);
        let mut last = None;
        for (burst, sent) in &self.commands {
            (last != Some(burst)).hash(hasher);
            last = Some(burst);
            match sent {
                Sent::Order(request) => {
                    (0, age(request.id), request.total, request.order_type, request.known).hash(hasher);
                    (request.parent.map(age), request.group, request.transmit).hash(hasher);
                }
                Sent::Cancel(id) => (1, age(*id)).hash(hasher),
                Sent::AskOrders => 2.hash(hasher),
                Sent::AskBooks => 3.hash(hasher),
            }
        }
        (self.wanted, self.faults, self.repeats, self.slow, self.price).hash(hasher);
        self.duty.hash(hasher);
        // Longer than twice the cap is all the same.
        let longest = self.engine.config().execution.uncovered_max.0 * 2 + 1;
        self.duty.naked_since.map(|since| (self.at - since).0.min(longest)).hash(hasher);
    }
}

pub(crate) fn perm_id(id: i64) -> PermId {
    PermId(1_000 + id)
}

fn fill_id(id: i64, index: usize) -> ExecId {
    ExecId(format!("e{id}-{index}.01").into())
}

fn position_report(position: i64) -> EventKind {
    let quantity = Quantity::from_units(position);
    EventKind::PositionReport(PositionReport { symbol: SYMBOL, quantity, average_cost: None })
}

fn config(scenario: Scenario) -> EngineConfig {
    let (buy, short) = if scenario.is_long { (scenario.entry, 1) } else { (1, scenario.entry) };
    let percent = |percent| vec![ExitLevel::Percent(percent)];
    let enter = |side, shares| {
        Action::Enter(EnterSpec {
            side,
            size: Size::Shares(Quantity::from_units(shares)),
            stop: percent(3.0),
            target: if scenario.has_target { percent(8.0) } else { Vec::new() },
            limit_offset: None,
            limit: None,
            expires_after: None,
            exit_tif: TimeInForce::Gtc,
            opposite: Opposite::Reverse,
            reprice: Reprice::Average,
            outside_rth: false,
            unprotected: false,
        })
    };
    let add = ScaleInSpec {
        size: Size::Shares(Quantity::from_units(scenario.add)),
        side: None,
        limit_offset: None,
    };
    let rule = |name: &str, word: &str, action| RuleSpec {
        name: name.into(),
        on: vec![Trigger::PredictionSignal],
        symbols: Vec::new(),
        when: Condition::Compare {
            left: Operand::Field(Field::SignalSide),
            is: Comparison::Equal,
            right: Operand::Text(word.into()),
        },
        priority: 0,
        cooldown: Span::ZERO,
        daily_cap: None,
        window: None,
        enabled: true,
        actions: vec![action],
    };
    let instrument = |symbol: &str| Instrument {
        symbol: symbol.into(),
        tick: "0.01".parse().expect("a price"),
        multiplier: 1,
        currency: "USD".into(),
    };
    let names: &[&str] = if scenario.defect == Some(Defect::TwoNames) { &["X", "X.2"] } else { &["X"] };
    let max_position_shares =
        (scenario.defect != Some(Defect::NoLimits)).then(|| Quantity::from_units(scenario.entry + 1));
    EngineConfig {
        run: "m".into(),
        instruments: names.iter().map(|name| instrument(name)).collect(),
        signals: orderloom_core::config::SignalConfig::default(),
        limits: Limits { max_position_shares, ..Limits::default() },
        end_of_day: Some(END_OF_DAY),
        execution: orderloom_core::config::Execution::default(),
        rules: vec![
            rule("long", "BUY", enter(Side::Buy, buy)),
            rule("short", "SHORT", enter(Side::Sell, short)),
            rule("add", "NEUTRAL", Action::ScaleIn(add)),
            rule("close", "SELL", Action::CloseAll {}),
        ],
    }
}
