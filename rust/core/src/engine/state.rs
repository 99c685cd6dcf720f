//! Everything the engine remembers between two events.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Incident, IncidentCode, Mode, Notice};
use crate::config::EngineConfig;
use crate::context::Context;
use crate::decimal::{Money, Price, Quantity};
use crate::engine::ask::PendingAsk;
use crate::event::{HoldReason, Quote};
use crate::id::{AskId, ContextId, OrderId, OrderRef, RuleId, SymbolId};
use crate::indicator::IndicatorTable;
use crate::market::Market;
use crate::order::{Asked, Orders, Phase};
use crate::position::Ledger;
use crate::time::{Date, Timestamp};

/// What the engine keeps per symbol.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) market: Market,
    pub(crate) context: Option<Context>,
    /// The broker's last word on the position; `None` before the first.
    pub(crate) reported: Option<Quantity>,
    /// What a share of it cost, by the same word.
    pub(crate) reported_cost: Option<Price>,
    /// Shares that belong to no trade of ours: what others and single orders traded.
    pub(crate) unattached: Quantity,
    /// Since when that word and the sum of executions differ.
    pub(crate) mismatch: Option<Asked>,
    /// No entries until a person looked at it.
    pub(crate) is_quarantined: bool,
    /// Facts changed since it was last settled.
    pub(crate) is_dirty: bool,
    /// Facts changed that a plan is made of.
    pub(crate) wants_plan: bool,
    /// When time alone changes the plan of its trade.
    pub(crate) plan_due: Option<Timestamp>,
    /// The next price may change the plan.
    pub(crate) wants_price: bool,
    /// An operator was told that what is held cannot be closed before the next session.
    pub(crate) is_asleep_told: bool,
    /// When time alone changes anything about it.
    pub(crate) due: Option<Timestamp>,
    pub(crate) concluded_at: Option<Timestamp>,
    /// Trades of the run, the one under way included.
    pub(crate) opened: u32,
    /// Whether a position report came in the snapshot that is being received.
    pub(crate) is_in_snapshot: bool,
}

/// A snapshot of the broker that is being received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) began: Timestamp,
    /// Orders that lived when it began and that the broker has not named since.
    pub(crate) unheard: IndexSet<OrderId, FxBuildHasher>,
}

/// Account values and what is derived from them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) equity: Option<Money>,
    pub(crate) equity_peak: Option<Money>,
    pub(crate) buying_power: Option<Money>,
    pub(crate) day: Option<Date>,
    /// Profit of the run when the day began.
    pub(crate) day_base: Money,
}

/// Entries of the last minute.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Recent {
    entries: std::collections::VecDeque<(Timestamp, RuleId, SymbolId)>,
}

impl Recent {
    pub(crate) fn push(&mut self, at: Timestamp, rule: RuleId, symbol: SymbolId) {
        self.entries.push_back((at, rule, symbol));
    }

    /// Books the entries under other rules.
    pub(crate) fn rename(&mut self, now: impl Fn(RuleId) -> RuleId) {
        for (_, rule, _) in &mut self.entries {
            *rule = now(*rule);
        }
    }

    /// Entries of the minute before `at`: all, of `rule`, of `symbol`.
    pub(crate) fn count(&mut self, at: Timestamp, rule: RuleId, symbol: SymbolId) -> [u32; 3] {
        let minute_ago = at - crate::time::Span::from_secs(60);
        while self.entries.front().is_some_and(|(sent, ..)| *sent <= minute_ago) {
            self.entries.pop_front();
        }
        self.entries.iter().fold([0; 3], |[all, of_rule, of_symbol], (_, by, on)| {
            [all + 1, of_rule + u32::from(*by == rule), of_symbol + u32::from(*on == symbol)]
        })
    }
}

/// Everything the engine remembers, and what it has to say about the event at hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// Shared: a search clones engines by the million.
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) now: Timestamp,
    pub(crate) slots: Vec<Slot>,
    pub(crate) orders: Orders,
    pub(crate) ledger: Ledger,
    pub(crate) indicators: IndicatorTable,
    #[serde(with = "indexmap::map::serde_seq")]
    pub(crate) readings: IndexMap<(Box<str>, Option<SymbolId>), f64, FxBuildHasher>,
    pub(crate) account: Account,
    pub(crate) recent: Recent,
    pub(crate) is_connected: bool,
    pub(crate) is_synced: bool,
    /// Since when entries wait for a whole word of the broker that is newer, and for a live stop of every
    /// share that is held.
    pub(crate) verifying: Option<Timestamp>,
    pub(crate) snapshot: Option<Snapshot>,
    /// When the last snapshot that ended began.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Why no entry may be sent now, whatever the mode.
    pub(crate) holds: BTreeSet<HoldReason>,
    /// `Active` or what a person said; start-up and reconnect come on top (`mode`).
    pub(crate) ordered_mode: Mode,
    pub(crate) told_mode: Mode,
    pub(crate) next_order_id: i64,
    pub(crate) next_intent: u64,
    pub(crate) next_context: u64,
    pub(crate) next_ask: u64,
    /// Predictions seen, with when they were made.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(crate) seen_signals: IndexMap<Box<str>, Timestamp, FxBuildHasher>,
    #[serde(with = "indexmap::map::serde_seq")]
    pub(crate) asks: IndexMap<AskId, PendingAsk, FxBuildHasher>,
    /// By rule and symbol: when it acted last.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(crate) acted_at: IndexMap<(RuleId, Option<SymbolId>), Timestamp, FxBuildHasher>,
    /// By rule: how often it acted on the day named.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(crate) acted_today: IndexMap<RuleId, (Option<Date>, u32), FxBuildHasher>,
    pub(crate) disabled: IndexSet<RuleId, FxBuildHasher>,
    /// When time alone changes something: the smallest over all symbols and asks.
    pub(crate) due: Timestamp,
    /// Whether `due` may be earlier than anything that is still due.
    pub(crate) is_due_stale: bool,
    // What follows is about the event at hand and empty between events.
    #[serde(skip)]
    pub(crate) commands: Vec<Command>,
    #[serde(skip)]
    pub(crate) notices: Vec<Notice>,
    #[serde(skip)]
    pub(crate) touched: Vec<(OrderId, Phase)>,
    pub(crate) dirty: Vec<SymbolId>,
    #[serde(skip)]
    pub(crate) entered: Vec<SymbolId>,
    /// The symbol whose position the broker just told.
    #[serde(skip)]
    pub(crate) reported: Option<SymbolId>,
}

impl State {
    pub(crate) fn new(config: EngineConfig, indicators: IndicatorTable) -> Self {
        let multipliers = config.instruments.iter().map(|instrument| instrument.multiplier).collect();
        Self {
            now: Timestamp::MIN,
            slots: vec![Slot::default(); config.instruments.len()],
            orders: Orders::default(),
            ledger: Ledger::new(multipliers),
            indicators,
            readings: IndexMap::default(),
            account: Account::default(),
            recent: Recent::default(),
            is_connected: false,
            is_synced: false,
            verifying: None,
            snapshot: None,
            confirmed_at: None,
            holds: BTreeSet::new(),
            ordered_mode: Mode::Active,
            told_mode: Mode::ReduceOnly,
            next_order_id: 1,
            next_intent: 1,
            next_context: 1,
            next_ask: 1,
            seen_signals: IndexMap::default(),
            asks: IndexMap::default(),
            acted_at: IndexMap::default(),
            acted_today: IndexMap::default(),
            disabled: IndexSet::default(),
            due: Timestamp::MAX,
            is_due_stale: false,
            commands: Vec::new(),
            notices: Vec::new(),
            touched: Vec::new(),
            dirty: Vec::new(),
            entered: Vec::new(),
            reported: None,
            config: Arc::new(config),
        }
    }

    /// Forgets what was said about the event before.
    pub(crate) fn begin(&mut self) {
        self.commands.clear();
        self.notices.clear();
        self.touched.clear();
        self.entered.clear();
        self.reported = None;
    }

    /// Whether the event at hand brought a fill of ours, and whether a position changed.
    pub(crate) fn what_happened(&self) -> (bool, bool) {
        let own = |notice: &Notice| matches!(notice, Notice::Filled { role: Some(_), .. });
        let moved = |notice: &Notice| matches!(notice, Notice::PositionChanged { .. });
        (self.notices.iter().any(own), self.notices.iter().any(moved))
    }

    pub(crate) fn slot(&self, symbol: SymbolId) -> &Slot {
        &self.slots[symbol.index()]
    }

    pub(crate) fn slot_mut(&mut self, symbol: SymbolId) -> &mut Slot {
        &mut self.slots[symbol.index()]
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.slots.len() as u32).map(SymbolId)
    }

    /// What may be sent now: a person's word, and reduce-only until the broker's snapshot has ended and
    /// every share has its stop.
    pub(crate) fn mode(&self) -> Mode {
        if self.is_connected && self.is_synced && self.verifying.is_none() {
            self.ordered_mode
        } else {
            self.ordered_mode.max(Mode::ReduceOnly)
        }
    }

    /// Whether step 3 would find nothing to do.
    pub(crate) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.touched.is_empty() && !self.is_due_stale && self.verifying.is_none()
    }

    /// Marks that facts of `symbol` changed, so that its trade is planned again on this event.
    pub(crate) fn mark_dirty(&mut self, symbol: SymbolId) {
        self.slots[symbol.index()].wants_plan = true;
        self.mark_unsettled(symbol);
    }

    /// Marks that something changed that no plan is made of: whether the books agree, and whether its
    /// trade is over, is looked at again on this event.
    pub(crate) fn mark_unsettled(&mut self, symbol: SymbolId) {
        let slot = &mut self.slots[symbol.index()];
        if !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(symbol);
        }
    }

    /// Remembers where an order stood before this event touched it.
    pub(crate) fn touch(&mut self, id: OrderId) {
        if self.touched.iter().any(|(touched, _)| *touched == id) {
            return;
        }
        if let Some(order) = self.orders.find(id) {
            self.touched.push((id, order.phase()));
        }
    }

    /// Tells the operator of what needs no person: the symbol trades on.
    pub(crate) fn mention(&mut self, code: IncidentCode, symbol: SymbolId, text: impl Into<Box<str>>) {
        let text = text.into();
        self.commands.push(Command::Alert(Incident { code, symbol: Some(symbol), order_id: None, text }));
    }

    /// Tells the operator; the symbol takes no entries from here on.
    pub(crate) fn alert(
        &mut self,
        code: IncidentCode,
        symbol: Option<SymbolId>,
        order_id: Option<OrderId>,
        text: impl Into<Box<str>>,
    ) {
        if let Some(symbol) = symbol {
            self.slot_mut(symbol).is_quarantined = true;
        }
        self.commands.push(Command::Alert(Incident { code, symbol, order_id, text: text.into() }));
    }

    pub(crate) fn allocate_order_id(&mut self) -> OrderId {
        let id = OrderId(self.next_order_id);
        self.next_order_id += 1;
        id
    }

    pub(crate) fn allocate_order_ref(&mut self, what: &str) -> OrderRef {
        let intent = self.next_intent;
        self.next_intent += 1;
        OrderRef::new(&self.config.run, intent, what)
    }

    pub(crate) fn allocate_context(&mut self) -> ContextId {
        let id = ContextId(self.next_context);
        self.next_context += 1;
        id
    }

    /// Profit of the run: realised, unrealised at the last prices, less commissions.
    pub(crate) fn profit(&self) -> Money {
        self.symbols()
            .map(|symbol| {
                let position = self.ledger.position(symbol);
                let multiplier = self.config.instruments[symbol.index()].multiplier;
                let unrealized = self
                    .slot(symbol)
                    .market
                    .mark()
                    .filter(|_| !position.quantity.is_zero())
                    .map_or(Money::ZERO, |price| position.unrealized(price, multiplier));
                position.realized + unrealized - position.commission
            })
            .sum()
    }

    /// Trades under way.
    pub(crate) fn open_contexts(&self) -> u32 {
        self.slots.iter().filter(|slot| slot.context.is_some()).count() as u32
    }

    /// Takes in a quote and says whether a plan waits for it.
    pub(crate) fn on_quote(&mut self, quote: &Quote) {
        let now = self.now;
        let slot = &mut self.slots[quote.symbol.index()];
        slot.market.on_quote(quote, now);
        if slot.wants_price {
            self.mark_dirty(quote.symbol);
        }
    }
}
