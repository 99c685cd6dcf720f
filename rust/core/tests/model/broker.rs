//! A small broker with every freedom that TWS leaves itself: its ledger is the oracle.
//!
//! It knows orders, families and groups, and one position. What is undocumented of TWS is a `Reading`;
//! what is chance (which order fills, when, how much) is a choice of the search.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use orderloom_core::command::{OrderType, Role, Ticket};
use orderloom_core::decimal::Price;
use orderloom_core::event::{OrderStatus, Side};
use orderloom_core::time::Timestamp;

/// What TWS may do where its documentation is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) children: Children,
    pub(crate) after_partial: AfterPartial,
    pub(crate) oca: OcaReduction,
    pub(crate) crossing: Crossing,
    pub(crate) changes: Changes,
    pub(crate) words: Words,
    /// Whether a waiting child says `child`, and says so when it waits no longer.
    pub(crate) says_child: bool,
    /// Whether cancelling one member of a group cancels the others.
    pub(crate) cancel_spreads: bool,
    pub(crate) refusal: Refusal,
    pub(crate) latecomer: Latecomer,
    /// Whether a short sale waits until shares to borrow are found: error 404.
    pub(crate) locates: bool,
    /// Whether trades of others come as they happen; else only with the books.
    pub(crate) hears_others: bool,
}

impl Reading {
    pub(crate) const PLAIN: Self = Self {
        children: Children::WaitForFull,
        after_partial: AfterPartial::Scale,
        oca: OcaReduction::AtOnce,
        crossing: Crossing::KeepsReduced,
        changes: Changes::Accepted,
        words: Words::ExecutionThenStatus,
        says_child: false,
        cancel_spreads: false,
        refusal: Refusal::Cancelled,
        latecomer: Latecomer::Refused,
        locates: false,
        hears_others: true,
    };

    /// Whether exits can execute beyond the position although nobody erred: the engine must then
    /// notice, trade the excess back once, and tell.
    pub(crate) fn can_overfill(self) -> bool {
        self.oca == OcaReduction::Lagging
            || self.crossing == Crossing::Restores
            || self.children == Children::FullAtFirstFill
            || self.after_partial == AfterPartial::Keep
            || self.latecomer == Latecomer::Works
    }
}

/// When the children of a family start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    WaitForFull,
    FullAtFirstFill,
    GrowWithFills,
}

/// What becomes of children whose parent is cancelled after a partial fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterPartial {
    Keep,
    Scale,
    Cancel,
}

/// When a fill reduces the other members of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OcaReduction {
    AtOnce,
    Lagging,
}

/// What a change does that was sent before its client knew of a reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crossing {
    /// The order stays reduced.
    KeepsReduced,
    /// The order is as large again as the change says.
    Restores,
}

/// What happens to changes of live orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    Accepted,
    Refused,
}

/// What is told of a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    ExecutionThenStatus,
    StatusThenExecution,
    ExecutionAlone,
}

/// What follows error 201 on a new order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Cancelled,
    Inactive,
    Silent,
}

/// What becomes of an order that joins a group in which something has traded already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latecomer {
    Refused,
    Works,
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Waits for a member of its family that transmits.
    Held,
    /// Waits for its parent.
    Waiting,
    /// Waits for shares to borrow.
    Locating,
    Working,
    Filled,
    Cancelled,
    Rejected,
}

impl Stage {
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Waiting | Self::Locating | Self::Working)
    }
}

/// An order as it reaches the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: i64,
    pub(crate) role: Role,
    pub(crate) side: Side,
    pub(crate) total: i64,
    pub(crate) order_type: OrderType,
    pub(crate) parent: Option<i64>,
    /// Number of the group that the client named.
    pub(crate) group: Option<i64>,
    pub(crate) transmit: bool,
    /// The total that the client had been shown when it sent this; `None` for a new order.
    pub(crate) known: Option<i64>,
}

impl Request {
    pub(crate) fn new(ticket: &Ticket, role: Role, known: Option<i64>) -> Self {
        let group = |name: &str| name.rsplit('-').next().and_then(|number| number.parse().ok());
        Self {
            id: ticket.order_id.0,
            role,
            side: ticket.side,
            total: units(ticket.quantity),
            order_type: ticket.order_type,
            parent: ticket.parent.map(|id| id.0),
            group: ticket.oca.as_ref().and_then(|oca| group(&oca.name)),
            transmit: ticket.transmit,
            known,
        }
    }
}

pub(crate) fn units(quantity: orderloom_core::decimal::Quantity) -> i64 {
    let units = quantity.counts() / orderloom_core::decimal::ONE;
    assert_eq!(orderloom_core::decimal::Quantity::from_units(units), quantity, "whole shares");
    units
}

/// A change that became an order beside the one that it was meant for is kept under the id of that
/// order plus this.
const FORK: i64 = 128;

/// The id that its client knows an order by.
pub(crate) const fn order_id(leg: i64) -> i64 {
    leg % FORK
}

/// One order at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leg {
    /// Its own: `order_id` says what its client calls it.
    pub(crate) id: i64,
    pub(crate) role: Role,
    pub(crate) side: Side,
    pub(crate) total: i64,
    /// As large as its client asked last.
    pub(crate) asked: i64,
    pub(crate) filled: i64,
    pub(crate) order_type: OrderType,
    pub(crate) parent: Option<i64>,
    /// Members of a family share their parent's id, named groups a negative number.
    pub(crate) group: Option<i64>,
    pub(crate) stage: Stage,
    /// A reduction that is on its way to it.
    pub(crate) late: i64,
    /// Quantities of its executions, and when they were.
    pub(crate) fills: Vec<(i64, Timestamp)>,
    /// Which of them were handed to the client.
    pub(crate) delivered: u32,
}

impl Leg {
    pub(crate) fn leaves(&self) -> i64 {
        if self.stage.is_live() { (self.total - self.filled).max(0) } else { 0 }
    }

    /// Shares that it could trade at this moment.
    pub(crate) fn started(&self) -> i64 {
        if self.stage == Stage::Working { self.leaves() } else { 0 }
    }

    fn status(&self) -> OrderStatus {
        match self.stage {
            Stage::Held | Stage::Waiting => OrderStatus::PreSubmitted,
            Stage::Locating => OrderStatus::Inactive,
            Stage::Working => OrderStatus::Submitted,
            Stage::Filled => OrderStatus::Filled,
            Stage::Cancelled | Stage::Rejected => OrderStatus::Cancelled,
        }
    }
}

/// What the broker tells, with the values of the moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    Opened {
        id: i64,
        total: i64,
        limit: Option<Price>,
        stop: Option<Price>,
        status: OrderStatus,
    },
    Status {
        id: i64,
        status: OrderStatus,
        filled: i64,
        remaining: i64,
        why_held: &'static str,
    },
    /// With its commission and the new position.
    Execution {
        id: i64,
        index: usize,
        position: i64,
    },
    /// One share traded by somebody else: which of them, and the new position.
    Other {
        index: usize,
        position: i64,
    },
    Error {
        id: i64,
        code: i32,
    },
    /// The first half of a snapshot: open orders.
    Orders(Vec<Message>),
    /// The second: ended orders, executions, the position, and the end.
    Books {
        ended: Vec<(i64, OrderStatus, i64)>,
        executions: Vec<(i64, usize)>,
        /// How many trades of others.
        others: usize,
        position: i64,
    },
}

impl Message {
    /// Whether it belongs to a snapshot.
    pub(crate) const fn is_snapshot(&self) -> bool {
        matches!(self, Self::Orders(_) | Self::Books { .. })
    }
}

/// Messages or commands of one burst left together.
pub(crate) type Burst = u8;

/// The broker.
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    pub(crate) reading: Reading,
    pub(crate) legs: Vec<Leg>,
    pub(crate) position: i64,
    /// Signs of the trades of others, one share each, and when they were.
    pub(crate) others: Vec<(i64, Timestamp)>,
    /// Which of them the client was told.
    pub(crate) others_told: u32,
    /// Told and not yet heard.
    pub(crate) queue: VecDeque<(Burst, Message)>,
    /// Number of what happened last: what it made be told came in one burst.
    pub(crate) burst: Burst,
    pub(crate) now: Timestamp,
    pub(crate) is_down: bool,
}

impl Broker {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            reading,
            legs: Vec::new(),
            position: 0,
            others: Vec::new(),
            others_told: 0,
            queue: VecDeque::new(),
            burst: 0,
            now: Timestamp::MIN,
            is_down: false,
        }
    }

    pub(crate) fn leg(&self, id: i64) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    fn index(&self, id: i64) -> Option<usize> {
        self.legs.iter().position(|leg| leg.id == id)
    }

    /// What a client means by an id: of forked orders the newest that lives.
    fn meant(&self, id: i64) -> Option<usize> {
        let is_meant = |leg: &Leg| order_id(leg.id) == id;
        let living = self.legs.iter().rposition(|leg| is_meant(leg) && leg.stage.is_live());
        living.or_else(|| self.legs.iter().rposition(is_meant))
    }

    /// Whether a change became an order of its own.
    pub(crate) fn has_forked(&self) -> bool {
        self.legs.iter().any(|leg| leg.id != order_id(leg.id))
    }

    fn tell(&mut self, message: Message) {
        if !self.is_down {
            self.queue.push_back((self.burst, message));
        }
    }

    fn opened(&self, index: usize) -> Message {
        let leg = &self.legs[index];
        Message::Opened {
            id: leg.id,
            total: leg.total,
            limit: leg.order_type.limit_price(),
            stop: leg.order_type.stop_price(),
            status: leg.status(),
        }
    }

    fn status(&self, index: usize) -> Message {
        let leg = &self.legs[index];
        Message::Status {
            id: leg.id,
            status: leg.status(),
            filled: leg.filled,
            remaining: (leg.total - leg.filled).max(0),
            why_held: match leg.stage {
                Stage::Locating => "locate",
                Stage::Waiting if self.reading.says_child => "child",
                _ => "",
            },
        }
    }

    fn tell_opened(&mut self, index: usize) {
        self.tell(self.opened(index));
        if self.reading.says_child && self.legs[index].parent.is_some() {
            self.tell_status(index);
        }
    }

    fn tell_status(&mut self, index: usize) {
        self.tell(self.status(index));
    }

    /// An order arrives: a new one, or the change of a live one.
    pub(crate) fn receive(&mut self, request: Request, is_refused: bool) {
        match self.meant(request.id) {
            None => self.admit(request, is_refused),
            Some(index) => self.change(index, request, is_refused),
        }
    }

    fn admit(&mut self, request: Request, is_refused: bool) {
        let index = self.legs.len();
        self.legs.push(Leg {
            id: request.id,
            role: request.role,
            side: request.side,
            total: request.total,
            asked: request.total,
            filled: 0,
            order_type: request.order_type,
            parent: request.parent,
            group: request.parent.or(request.group.map(|group| -group)),
            stage: Stage::Held,
            late: 0,
            fills: Vec::new(),
            delivered: 0,
        });
        let parent = request.parent.map(|id| self.leg(id).map(|leg| leg.stage));
        // A child cannot join a family whose parent is unknown or has ended without it.
        let code = match parent {
            Some(None | Some(Stage::Cancelled | Stage::Rejected)) => Some(135),
            _ => (is_refused || self.is_late(index)).then_some(201),
        };
        if let Some(code) = code {
            self.legs[index].stage = Stage::Rejected;
            self.tell(Message::Error { id: request.id, code });
            match self.reading.refusal {
                Refusal::Silent => {}
                Refusal::Cancelled => self.tell_status(index),
                Refusal::Inactive => self.tell(Message::Status {
                    id: request.id,
                    status: OrderStatus::Inactive,
                    filled: 0,
                    remaining: request.total,
                    why_held: "",
                }),
            }
            self.orphan(index);
            return;
        }
        self.tell_opened(index);
        if request.transmit {
            self.transmit(index);
        }
    }

    /// Whether its group has traded before it came.
    fn is_late(&self, index: usize) -> bool {
        let leg = &self.legs[index];
        let has_traded = |other: &Leg| other.group == leg.group && other.filled > 0 && other.id != leg.id;
        self.reading.latecomer == Latecomer::Refused
            && leg.group.is_some()
            && leg.parent.is_none()
            && self.legs.iter().any(has_traded)
    }

    /// The children of a refused or cancelled parent end with it.
    fn orphan(&mut self, parent: usize) {
        let id = self.legs[parent].id;
        for child in 0..self.legs.len() {
            if self.legs[child].parent == Some(id) && self.legs[child].stage.is_live() {
                self.end(child, Stage::Cancelled);
            }
        }
    }

    fn transmit(&mut self, member: usize) {
        let root = self.legs[member].parent.unwrap_or(self.legs[member].id);
        for index in 0..self.legs.len() {
            let leg = &self.legs[index];
            if leg.stage == Stage::Held && (leg.id == root || leg.parent == Some(root)) {
                self.set_out(index);
            }
        }
    }

    fn set_out(&mut self, index: usize) {
        let parent = self.legs[index].parent.and_then(|id| self.leg(id));
        let (may_start, share) = match parent {
            None => (true, None),
            Some(parent) => match self.reading.children {
                _ if parent.stage == Stage::Filled => (true, None),
                Children::WaitForFull => (false, None),
                Children::FullAtFirstFill => (parent.filled > 0, None),
                Children::GrowWithFills => (parent.filled > 0, Some(parent.filled)),
            },
        };
        let leg = &self.legs[index];
        let must_locate = self.reading.locates && leg.role == Role::Entry && leg.side == Side::Sell;
        self.legs[index].stage = match may_start {
            true if must_locate => Stage::Locating,
            true => Stage::Working,
            false => Stage::Waiting,
        };
        if must_locate {
            self.tell(Message::Error { id: self.legs[index].id, code: 404 });
            self.tell_status(index);
        }
        if let (true, Some(share)) = (may_start, share) {
            self.legs[index].total = share;
        }
    }

    fn start(&mut self, index: usize) {
        self.legs[index].stage = Stage::Working;
        if self.reading.says_child {
            self.tell_status(index);
        }
    }

    /// Shares to borrow were found.
    pub(crate) fn locate(&mut self, id: i64) {
        let index = self.index(id).expect("only known orders wait for shares");
        self.legs[index].stage = Stage::Working;
        self.tell_status(index);
    }

    /// A change becomes an order beside the one that it was meant for, and of no family.
    pub(crate) fn fork(&mut self, request: Request) {
        let index = self.legs.len();
        self.admit(Request { id: request.id + FORK, parent: None, group: None, ..request }, false);
        self.legs[index].stage = Stage::Working;
    }

    fn change(&mut self, index: usize, request: Request, is_refused: bool) {
        let leg = &self.legs[index];
        let code = match leg.stage {
            Stage::Filled => Some(104),
            Stage::Cancelled | Stage::Rejected => Some(103),
            Stage::Held | Stage::Waiting | Stage::Locating | Stage::Working => {
                let has_live_parent = |id| self.leg(id).is_some_and(|parent| parent.stage.is_live());
                if request.parent.is_some_and(|id| !has_live_parent(id)) {
                    Some(135)
                } else if request.total < leg.filled || is_refused || self.reading.changes == Changes::Refused
                {
                    Some(201)
                } else {
                    None
                }
            }
        };
        if let Some(code) = code {
            self.tell(Message::Error { id: request.id, code });
            return;
        }
        let total = match self.reading.crossing {
            Crossing::Restores => request.total,
            // Asked for the same size as before: only its price changes.
            Crossing::KeepsReduced if request.total == leg.asked => leg.total,
            Crossing::KeepsReduced => {
                let known = request.known.unwrap_or(leg.total);
                if request.total > known {
                    request.total.max(leg.total)
                } else {
                    request.total.min(leg.total)
                }
            }
        };
        let leg = &mut self.legs[index];
        leg.order_type = request.order_type;
        leg.asked = request.total;
        leg.total = total.max(leg.filled);
        if leg.leaves() == 0 {
            self.end(index, Stage::Cancelled);
            return;
        }
        self.tell_opened(index);
        if request.transmit {
            self.transmit(index);
        }
    }

    pub(crate) fn cancel(&mut self, id: i64) {
        let Some(index) = self.meant(id) else {
            self.tell(Message::Error { id, code: 10_147 });
            return;
        };
        if !self.legs[index].stage.is_live() {
            self.tell(Message::Error { id, code: 10_148 });
            return;
        }
        self.end(index, Stage::Cancelled);
        if let (true, Some(group)) = (self.reading.cancel_spreads, self.legs[index].group) {
            for other in 0..self.legs.len() {
                if self.legs[other].group == Some(group) && self.legs[other].stage.is_live() {
                    self.end(other, Stage::Cancelled);
                }
            }
        }
    }

    /// Ends an order, and what depends on it.
    pub(crate) fn end(&mut self, index: usize, stage: Stage) {
        self.legs[index].stage = stage;
        self.legs[index].late = 0;
        self.tell_status(index);
        let (id, filled, asked) = (self.legs[index].id, self.legs[index].filled, self.legs[index].total);
        if filled == 0 {
            self.orphan(index);
            return;
        }
        for child in 0..self.legs.len() {
            if self.legs[child].parent != Some(id) || !self.legs[child].stage.is_live() {
                continue;
            }
            match self.reading.after_partial {
                AfterPartial::Cancel => self.end(child, Stage::Cancelled),
                AfterPartial::Keep if self.reading.children != Children::GrowWithFills => {
                    self.start_if_waiting(child);
                }
                AfterPartial::Keep | AfterPartial::Scale => {
                    if self.reading.children != Children::GrowWithFills {
                        self.legs[child].total -= asked - filled;
                    }
                    if self.legs[child].leaves() == 0 {
                        self.end(child, Stage::Cancelled);
                    } else {
                        self.tell_opened(child);
                        self.start_if_waiting(child);
                    }
                }
            }
        }
    }

    fn start_if_waiting(&mut self, index: usize) {
        if self.legs[index].stage == Stage::Waiting {
            self.start(index);
        }
    }

    /// Part of an order trades.
    pub(crate) fn fill(&mut self, id: i64, quantity: i64) {
        let index = self.index(id).expect("only known orders fill");
        let leg = &mut self.legs[index];
        assert!(0 < quantity && quantity <= leg.started(), "only what works fills");
        leg.filled += quantity;
        leg.fills.push((quantity, self.now));
        self.position += if leg.side == Side::Buy { quantity } else { -quantity };
        let is_growing = self.is_growing(index);
        let leg = &mut self.legs[index];
        if leg.filled == leg.total && !is_growing {
            leg.stage = Stage::Filled;
            leg.late = 0;
        }
        let execution = Message::Execution { id, index: leg.fills.len() - 1, position: self.position };
        match self.reading.words {
            Words::ExecutionAlone => self.tell(execution),
            Words::ExecutionThenStatus => {
                self.tell(execution);
                self.tell_status(index);
            }
            Words::StatusThenExecution => {
                self.tell_status(index);
                self.tell(execution);
            }
        }
        self.grow_children(index, quantity);
        self.reduce_siblings(index, quantity);
    }

    /// Somebody else trades a share out of the position.
    pub(crate) fn trade_by_others(&mut self) {
        let sign = -self.position.signum();
        self.position += sign;
        self.others.push((sign, self.now));
        self.tell(Message::Other { index: self.others.len() - 1, position: self.position });
    }

    /// Whether its total follows its parent's fills.
    fn is_growing(&self, index: usize) -> bool {
        self.reading.children == Children::GrowWithFills
            && self.legs[index].parent.and_then(|id| self.leg(id)).is_some_and(|leg| leg.stage.is_live())
    }

    fn grow_children(&mut self, parent: usize, quantity: i64) {
        let (id, is_filled) = (self.legs[parent].id, self.legs[parent].stage == Stage::Filled);
        for child in 0..self.legs.len() {
            if self.legs[child].parent != Some(id) {
                continue;
            }
            match (self.legs[child].stage, self.reading.children) {
                (Stage::Waiting, Children::WaitForFull) if is_filled => self.start(child),
                (Stage::Waiting, Children::FullAtFirstFill) => self.start(child),
                (Stage::Waiting, Children::GrowWithFills) => {
                    self.legs[child].total = quantity;
                    self.tell_opened(child);
                    self.start(child);
                }
                (Stage::Working, Children::GrowWithFills) => {
                    self.legs[child].total += quantity;
                    self.tell_opened(child);
                }
                _ => {}
            }
        }
    }

    fn reduce_siblings(&mut self, index: usize, quantity: i64) {
        let Some(group) = self.legs[index].group else { return };
        for other in 0..self.legs.len() {
            if other == index || self.legs[other].group != Some(group) || !self.legs[other].stage.is_live() {
                continue;
            }
            match self.reading.oca {
                OcaReduction::AtOnce => self.reduce(other, quantity),
                OcaReduction::Lagging => self.legs[other].late += quantity,
            }
        }
    }

    /// A reduction that was on its way arrives.
    pub(crate) fn reduce_late(&mut self, id: i64) {
        let index = self.index(id).expect("only known orders are reduced");
        let by = std::mem::take(&mut self.legs[index].late);
        self.reduce(index, by);
    }

    fn reduce(&mut self, index: usize, by: i64) {
        let by = by.min(self.legs[index].leaves());
        self.legs[index].total -= by;
        if self.legs[index].leaves() == 0 && !self.is_growing(index) {
            self.end(index, Stage::Cancelled);
        } else if by > 0 {
            self.tell_opened(index);
        }
    }

    /// The broker ends an order that nobody asked to end.
    pub(crate) fn kill(&mut self, id: i64) {
        let index = self.index(id).expect("only known orders are ended");
        self.end(index, Stage::Cancelled);
    }

    pub(crate) fn tell_open_orders(&mut self) {
        let live = (0..self.legs.len()).filter(|index| self.legs[*index].stage.is_live());
        let orders = live.flat_map(|index| [self.opened(index), self.status(index)]).collect();
        self.tell(Message::Orders(orders));
    }

    pub(crate) fn tell_books(&mut self) {
        let is_listed = |leg: &&Leg| matches!(leg.stage, Stage::Filled | Stage::Cancelled);
        let ended =
            self.legs.iter().filter(is_listed).map(|leg| (leg.id, leg.status(), leg.filled)).collect();
        let all = |leg: &Leg| (0..leg.fills.len()).map(|index| (leg.id, index)).collect::<Vec<_>>();
        let executions = self.legs.iter().flat_map(all).collect();
        self.tell(Message::Books { ended, executions, others: self.others.len(), position: self.position });
    }

    /// How large trades were, and how long ago those that the client was not told of.
    fn hash_trades(&self, trades: &[(i64, Timestamp)], told: u32, hasher: &mut impl Hasher) {
        trades.len().hash(hasher);
        for (index, (quantity, at)) in trades.iter().enumerate() {
            let is_told = told & (1 << index) != 0;
            (quantity, (!is_told).then_some(self.now - *at)).hash(hasher);
        }
    }

    /// What its future depends on; `age` numbers orders from the newest, `is_over` says of which
    /// nothing more can come.
    pub(crate) fn fingerprint(
        &self,
        age: impl Fn(i64) -> (i64, bool),
        is_over: impl Fn(&Leg) -> bool,
        hasher: &mut impl Hasher,
    ) {
        (self.position, self.is_down, self.queue.len(), self.others_told).hash(hasher);
        self.hash_trades(&self.others, self.others_told, hasher);
        for leg in self.legs.iter().filter(|leg| !is_over(leg)) {
            let group = self.legs.iter().find(|other| leg.group.is_some() && other.group == leg.group);
            (age(leg.id), group.map(|first| age(first.id)), leg.parent.map(&age)).hash(hasher);
            (leg.total, leg.asked, leg.filled, leg.order_type, leg.stage, leg.late).hash(hasher);
            leg.delivered.hash(hasher);
            self.hash_trades(&leg.fills, leg.delivered, hasher);
        }
        let mut last = None;
        for (burst, message) in &self.queue {
            (last != Some(burst)).hash(hasher);
            last = Some(burst);
            hash_message(message, &age, hasher);
        }
    }
}

fn hash_message(message: &Message, age: &impl Fn(i64) -> (i64, bool), hasher: &mut impl Hasher) {
    std::mem::discriminant(message).hash(hasher);
    match message {
        Message::Opened { id, total, limit, stop, status } => {
            (age(*id), total, limit, stop, status).hash(hasher);
        }
        Message::Status { id, status, filled, remaining, why_held } => {
            (age(*id), status, filled, remaining, why_held).hash(hasher);
        }
        Message::Execution { id, index, position } => (age(*id), index, position).hash(hasher),
        Message::Other { index, position } => (index, position).hash(hasher),
        Message::Error { id, code } => (age(*id), code).hash(hasher),
        Message::Orders(orders) => orders.iter().for_each(|order| hash_message(order, age, hasher)),
        Message::Books { ended, executions, others, position } => {
            ended.iter().for_each(|(id, status, filled)| (age(*id), status, filled).hash(hasher));
            executions.iter().for_each(|(id, index)| (age(*id), index).hash(hasher));
            (others, position).hash(hasher);
        }
    }
}
