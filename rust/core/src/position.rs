//! Positions, folded from executions.
//!
//! Knows nothing of orders: an execution counts whatever its order's phase.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::decimal::{Money, Price, Quantity, divide_rounded};
use crate::event::{Execution, Side};
use crate::id::{ContextId, ExecId, OrderId, SymbolId};
use crate::time::Timestamp;

/// What is held of one symbol, and what it earned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Signed: positive long, negative short.
    pub quantity: Quantity,
    /// What was paid for what is held; negative when it was received.
    pub cost: Money,
    /// Profit of what was closed, before commissions.
    pub realized: Money,
    /// Commissions of all fills.
    pub commission: Money,
    /// First fill of what is held.
    pub opened_at: Option<Timestamp>,
}

impl Position {
    /// Applies one fill by the average-cost method: a reducing fill realises against the average, a
    /// fill beyond zero closes and opens at its own price.
    pub fn fill(&mut self, side: Side, quantity: Quantity, price: Price, multiplier: i64, at: Timestamp) {
        let signed = side.signed(quantity);
        let is_reducing = self.quantity.is_positive() != signed.is_positive() && !self.quantity.is_zero();
        if !is_reducing {
            if self.quantity.is_zero() {
                self.opened_at = Some(at);
            }
            self.quantity += signed;
            self.cost += price.value(signed, multiplier);
            return;
        }
        let closed = quantity.min(self.quantity.abs());
        let released = if closed == self.quantity.abs() {
            self.cost
        } else {
            let share = self.cost.counts() * i128::from(closed.counts());
            Money::from_counts(divide_rounded(share, i128::from(self.quantity.abs().counts())))
        };
        self.realized += -price.value(side.signed(closed), multiplier) - released;
        self.cost -= released;
        self.quantity += side.signed(closed);
        if self.quantity.is_zero() {
            self.opened_at = None;
        }
        let beyond = quantity - closed;
        if beyond.is_positive() {
            self.fill(side, beyond, price, multiplier, at);
        }
    }

    /// Takes `now` shares for every `then`. A split leaves what was paid for them as it is; shares that
    /// went otherwise take their part of it along.
    fn restate(&mut self, (now, then): (Quantity, Quantity), is_split: bool) {
        self.quantity = self.quantity.scaled(now, then);
        if !is_split {
            let cost = self.cost.counts() * i128::from(now.counts());
            self.cost = Money::from_counts(divide_rounded(cost, i128::from(then.counts())));
        }
        if self.quantity.is_zero() {
            self.opened_at = None;
        }
    }

    /// Average price of what is held; `None` when flat.
    #[must_use]
    pub fn average_price(&self, multiplier: i64) -> Option<Price> {
        self.cost.per_share(self.quantity, multiplier)
    }

    /// Profit if it were closed at `price`, before commissions.
    #[must_use]
    pub fn unrealized(&self, price: Price, multiplier: i64) -> Money {
        price.value(self.quantity, multiplier) - self.cost
    }
}

/// One fill as it counts now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fill {
    /// Its id, with the revision that counts.
    pub exec_id: ExecId,
    /// Revision behind the last dot of the id.
    pub revision: u32,
    /// Which instrument.
    pub symbol: SymbolId,
    /// Our order, when it was ours.
    pub order_id: Option<OrderId>,
    /// The trade it belongs to.
    pub context: Option<ContextId>,
    /// Bought or sold.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// When the engine learned of it.
    pub at: Timestamp,
    /// What it cost, once known.
    pub commission: Option<Money>,
}

/// What taking in an execution changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// A new fill.
    New {
        /// What it cost, when that was known before the fill.
        commission: Option<Money>,
    },
    /// A correction: the differences against what counted before.
    Corrected {
        /// Quantity now minus before.
        quantity: Quantity,
        /// Value now minus before, without multiplier.
        value: Money,
    },
    /// Seen before: nothing changed.
    Repeated,
}

/// What the broker made of a position without an execution.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Restatement {
    symbol: SymbolId,
    /// How many fills came before it.
    after: usize,
    ratio: (Quantity, Quantity),
    is_split: bool,
}

/// The part of an execution's id that its corrections share.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FillKey {
    id: ExecId,
    length: usize,
}

impl Borrow<str> for FillKey {
    fn borrow(&self) -> &str {
        &self.id.0[..self.length]
    }
}

impl Hash for FillKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        Borrow::<str>::borrow(self).hash(hasher);
    }
}

impl PartialEq for FillKey {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<str>::borrow(self) == Borrow::<str>::borrow(other)
    }
}

impl Eq for FillKey {}

/// The positions of every symbol, and the fills and restatements that they are the sum of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ledger {
    positions: Vec<Position>,
    multipliers: Vec<i64>,
    #[serde(with = "indexmap::map::serde_seq")]
    fills: IndexMap<FillKey, Fill, FxBuildHasher>,
    restatements: Vec<Restatement>,
    // Commission reports may come before their execution, and that may come as its correction.
    #[serde(with = "indexmap::map::serde_seq")]
    early_commissions: IndexMap<Box<str>, Money, FxBuildHasher>,
}

impl Ledger {
    /// Flat in every symbol.
    #[must_use]
    pub fn new(multipliers: Vec<i64>) -> Self {
        Self { positions: vec![Position::default(); multipliers.len()], multipliers, ..Self::default() }
    }

    /// Adds instruments with these multipliers after those that are known.
    pub fn list(&mut self, multipliers: impl IntoIterator<Item = i64>) {
        self.multipliers.extend(multipliers);
        self.positions.resize_with(self.multipliers.len(), Position::default);
    }

    /// The position of a symbol.
    #[must_use]
    pub fn position(&self, symbol: SymbolId) -> &Position {
        &self.positions[symbol.index()]
    }

    /// Every fill as it counts now, in the order of learning.
    pub fn fills(&self) -> impl Iterator<Item = &Fill> {
        self.fills.values()
    }

    /// By symbol, what our orders outside any trade bought, less what they sold; in shares of now, as splits
    /// count.
    #[must_use]
    pub fn of_single_orders(&self) -> Vec<Quantity> {
        let mut net = vec![Quantity::ZERO; self.positions.len()];
        let mut splits = self.restatements.iter().filter(|each| each.is_split).peekable();
        for index in 0..=self.fills.len() {
            while let Some(each) = splits.next_if(|each| each.after == index) {
                let shares = &mut net[each.symbol.index()];
                *shares = shares.scaled(each.ratio.0, each.ratio.1);
            }
            let fill = self.fills.get_index(index).map(|(_, fill)| fill);
            if let Some(fill) = fill.filter(|fill| fill.order_id.is_some() && fill.context.is_none()) {
                net[fill.symbol.index()] += fill.side.signed(fill.quantity);
            }
        }
        net
    }

    /// Whether an execution would change nothing: it or a later correction of it counts already.
    #[must_use]
    pub fn has(&self, exec_id: &ExecId) -> bool {
        let (key, revision) = exec_id.fill_and_revision();
        self.fills.get(key).is_some_and(|fill| revision <= fill.revision)
    }

    /// Applies an execution once, whichever way and however often it comes; a correction (same id
    /// with a higher number behind the last dot) replaces what it corrects.
    pub fn apply(
        &mut self,
        execution: &Execution,
        order_id: Option<OrderId>,
        context: Option<ContextId>,
        at: Timestamp,
    ) -> Applied {
        let (key, revision) = execution.exec_id.fill_and_revision();
        let early =
            if self.early_commissions.is_empty() { None } else { self.early_commissions.swap_remove(key) };
        if let Some(fill) = self.fills.get_mut(key) {
            if revision <= fill.revision {
                return Applied::Repeated;
            }
            let applied = Applied::Corrected {
                quantity: execution.quantity - fill.quantity,
                value: execution.price.value(execution.quantity, 1) - fill.price.value(fill.quantity, 1),
            };
            fill.exec_id = execution.exec_id.clone();
            fill.revision = revision;
            fill.quantity = execution.quantity;
            fill.price = execution.price;
            let symbol = fill.symbol;
            self.refold(symbol);
            return applied;
        }
        let fill = Fill {
            exec_id: execution.exec_id.clone(),
            revision,
            symbol: execution.symbol,
            order_id,
            context,
            side: execution.side,
            quantity: execution.quantity,
            price: execution.price,
            at,
            commission: early,
        };
        self.fold(&fill);
        self.fills.insert(FillKey { length: key.len(), id: execution.exec_id.clone() }, fill);
        Applied::New { commission: early }
    }

    /// Takes the broker's word for a position that no execution explains: `now` shares for every `then`.
    pub fn restate(&mut self, symbol: SymbolId, ratio: (Quantity, Quantity), is_split: bool) {
        self.restatements.push(Restatement { symbol, after: self.fills.len(), ratio, is_split });
        self.positions[symbol.index()].restate(ratio, is_split);
    }

    /// Notes what a fill cost; returns the fill and what it cost before, when the fill is known and
    /// the cost is news.
    pub fn on_commission(&mut self, exec_id: &ExecId, amount: Money) -> Option<(&Fill, Option<Money>)> {
        let (key, _) = exec_id.fill_and_revision();
        let Some(fill) = self.fills.get_mut(key) else {
            self.early_commissions.insert(key.into(), amount);
            return None;
        };
        let before = fill.commission.replace(amount);
        if before == Some(amount) {
            return None;
        }
        self.positions[fill.symbol.index()].commission += amount - before.unwrap_or_default();
        Some((fill, before))
    }

    fn fold(&mut self, fill: &Fill) {
        let index = fill.symbol.index();
        let position = &mut self.positions[index];
        if fill.quantity.is_positive() {
            position.fill(fill.side, fill.quantity, fill.price, self.multipliers[index], fill.at);
        }
        position.commission += fill.commission.unwrap_or_default();
    }

    fn refold(&mut self, symbol: SymbolId) {
        self.positions[symbol.index()] = Position::default();
        let restatements = std::mem::take(&mut self.restatements);
        let mut due = restatements.iter().filter(|each| each.symbol == symbol).peekable();
        for index in 0..=self.fills.len() {
            while let Some(each) = due.next_if(|each| each.after == index) {
                self.positions[symbol.index()].restate(each.ratio, each.is_split);
            }
            let fill = self.fills.get_index(index).map(|(_, fill)| fill);
            if let Some(fill) = fill.filter(|fill| fill.symbol == symbol).cloned() {
                self.fold(&fill);
            }
        }
        self.restatements = restatements;
    }
}
