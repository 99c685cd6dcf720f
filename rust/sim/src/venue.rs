//! The venue: takes one command, pushes its events into the caller's list.
//!
//! Market data that touches no order costs a few comparisons and allocates nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::OrderStatus;
use orderloom_core::id::{PermId, SymbolId};
use orderloom_core::pages::Pages;
use orderloom_core::time::Timestamp;
use rustc_hash::FxBuildHasher;
use serde::Serialize;
use thiserror::Error;

use crate::config::VenueConfig;
use crate::event::{Execution, OpenOrder};
use crate::latency::{Journey, Travels};
use crate::ledger::{Holding, Ledger};
use crate::market::{Level, Listing, Market, Print, Quote, Source, takeable};
use crate::news::{Listener, News, Told};
use crate::oca::{Groups, LateReduction};
use crate::order::{Ending, HIGHEST, LOWEST, Order, OrderIndex, Stage};
use crate::order_types::{Auction, Trigger};
use crate::random::SplitMix64;
use crate::reading::UnfilledNews;
use crate::request::{ConId, OrderKey};

/// What a caller got wrong; the venue is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VenueError {
    /// The instrument was listed before.
    #[error("instrument {0}: listed twice")]
    ListedTwice(ConId),
    /// No instrument has this number.
    #[error("instrument {0}: not listed")]
    NotListed(ConId),
    /// The instrument cannot be traded with such numbers.
    #[error("instrument {con_id}: expected a positive {field}, found `{found}`")]
    NotPositive {
        /// Which instrument.
        con_id: ConId,
        /// Which of its fields.
        field: &'static str,
        /// What it was.
        found: Box<str>,
    },
    /// The order could never be placed.
    #[error("order refused with {code}: {text}")]
    Refused {
        /// TWS error code.
        code: i32,
        /// For a person.
        text: Box<str>,
    },
}

/// An ended order, as TWS completedOrder shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completed {
    /// The order as it ended.
    #[serde(flatten)]
    pub order: OpenOrder,
    /// How it ended, in TWS's words.
    pub completed_status: Box<str>,
    /// When it ended.
    pub completed_at: Timestamp,
}

/// A fill with what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedExecution {
    /// The fill.
    #[serde(flatten)]
    pub execution: Execution,
    /// What it cost.
    pub commission: Money,
    /// Profit of the part that closed a position; `None` when nothing closed.
    pub realized_pnl: Option<Money>,
}

/// A simulated exchange with one account.
#[derive(Debug, Clone)]
pub struct Venue {
    pub(crate) config: VenueConfig,
    pub(crate) now: Timestamp,
    /// Commands so far.
    pub(crate) turn: u64,
    pub(crate) markets: Vec<Market>,
    pub(crate) by_con_id: BTreeMap<ConId, SymbolId>,
    /// Every order ever accepted, in order of arrival.
    pub(crate) orders: Pages<Order>,
    pub(crate) by_key: IndexMap<OrderKey, OrderIndex, FxBuildHasher>,
    /// Ids of orders that were refused before they became orders.
    pub(crate) burnt: BTreeSet<OrderKey>,
    pub(crate) groups: Groups,
    pub(crate) late_reductions: Vec<LateReduction>,
    pub(crate) ledger: Ledger,
    pub(crate) executions: Vec<ReportedExecution>,
    /// Nothing happens by itself before this.
    pub(crate) next_due: Timestamp,
    /// Markets whose orders changed and must be matched before the command is over.
    pub(crate) dirty: Vec<SymbolId>,
    /// Of the market that is being matched.
    pub(crate) within_reach: Vec<OrderIndex>,
    /// What is on its way to the exchange, and back.
    pub(crate) travels: Travels,
    random: SplitMix64,
    last_perm_id: i64,
    /// The latest id given to an order by hand; counts down.
    pub(crate) last_bound_id: i64,
    last_exec_number: u32,
}

impl Venue {
    /// An empty venue.
    #[must_use]
    pub fn new(config: VenueConfig) -> Self {
        let mut random = SplitMix64::new(config.seed);
        let last_perm_id = 1_000_000_000 + random.below(400_000_000) as i64;
        let last_exec_number = random.below(1 << 31) as u32;
        let travels = Travels::new(config.latency, config.seed);
        Self {
            ledger: Ledger::new(config.cash),
            config,
            now: Timestamp::MIN,
            turn: 0,
            markets: Vec::new(),
            by_con_id: BTreeMap::new(),
            orders: Pages::default(),
            by_key: IndexMap::default(),
            burnt: BTreeSet::new(),
            groups: Groups::default(),
            late_reductions: Vec::new(),
            executions: Vec::new(),
            next_due: Timestamp::MAX,
            dirty: Vec::new(),
            within_reach: Vec::new(),
            travels,
            random,
            last_perm_id,
            last_bound_id: 0,
            last_exec_number,
        }
    }

    /// Lists an instrument. Its index counts from 0 in the order of listing.
    ///
    /// # Errors
    /// When it is listed already, or its tick or multiplier is not positive.
    pub fn add_instrument(&mut self, listing: Listing) -> Result<SymbolId, VenueError> {
        let con_id = listing.con_id;
        if self.by_con_id.contains_key(&con_id) {
            return Err(VenueError::ListedTwice(con_id));
        }
        let not_positive =
            |field, found: String| VenueError::NotPositive { con_id, field, found: found.into() };
        if !listing.tick.is_positive() {
            return Err(not_positive("tick", listing.tick.to_string()));
        }
        if listing.multiplier <= 0 {
            return Err(not_positive("multiplier", listing.multiplier.to_string()));
        }
        let symbol = SymbolId(u32::try_from(self.markets.len()).expect("fewer than 2³² instruments"));
        self.markets.push(Market::new(listing, self.config.starts_open));
        self.ledger.holdings.push(Holding::default());
        self.by_con_id.insert(con_id, symbol);
        Ok(symbol)
    }

    /// The index of a listed instrument.
    ///
    /// # Errors
    /// When none has this number.
    pub fn symbol(&self, con_id: ConId) -> Result<SymbolId, VenueError> {
        self.by_con_id.get(&con_id).copied().ok_or(VenueError::NotListed(con_id))
    }

    /// A new best bid and ask; a missing side is quoted by nobody, a size of 0 is unknown and fills any
    /// quantity. What is displayed can be taken once; the next quote displays anew.
    pub fn quote(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        bid: Option<(Price, Quantity)>,
        ask: Option<(Price, Quantity)>,
        out: &mut dyn Listener,
    ) {
        self.begin(at, out);
        let level = |side: Option<(Price, Quantity)>| {
            side.map(|(price, size)| Level { price, left: size.is_positive().then_some(size) })
        };
        let market = &mut self.markets[symbol.index()];
        market.quote_before = market.quote;
        market.quote = Quote { bid: level(bid), ask: level(ask) };
        debug_assert!(self.rests_as_told(symbol));
        self.touch(symbol);
        self.finish(out);
    }

    /// A print: the price jumps there. A size of 0 is unknown and fills any quantity.
    pub fn trade(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        price: Price,
        size: Quantity,
        out: &mut dyn Listener,
    ) {
        self.begin(at, out);
        let market = &mut self.markets[symbol.index()];
        market.last_before = market.last;
        market.last = Some(price);
        self.print(symbol, price, size, out);
        self.finish(out);
    }

    /// A print to which the price moved continuously from the last one: stops trigger and limits fill
    /// at their own prices on the way, in the order in which the price comes by.
    pub fn sweep(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        price: Price,
        size: Quantity,
        out: &mut dyn Listener,
    ) {
        self.begin(at, out);
        let market = &mut self.markets[symbol.index()];
        market.last_before = market.last;
        market.last = market.last.or(Some(price));
        self.print(symbol, price, size, out);
        self.finish(out);
    }

    fn print(&mut self, symbol: SymbolId, to: Price, size: Quantity, out: &mut dyn Listener) {
        let left = takeable(size, self.config.fill.max_fraction_of_volume);
        let market = &mut self.markets[symbol.index()];
        if market.live.is_empty() {
            market.last = Some(to);
            return;
        }
        market.print = Some(Print { to, left });
        self.touch(symbol);
        self.match_dirty(out);
        let market = &mut self.markets[symbol.index()];
        market.print = None;
        market.last = Some(to);
    }

    /// Lets time pass: what ends by itself ends.
    pub fn advance(&mut self, at: Timestamp, out: &mut dyn Listener) {
        self.begin(at, out);
        self.finish(out);
    }

    /// Opens or closes the regular session; what it is already changes nothing.
    ///
    /// Closing ends orders for the day. One that may work outside the session lives on until shortly
    /// before the next open.
    pub fn session(&mut self, at: Timestamp, symbol: SymbolId, is_open: bool, out: &mut dyn Listener) {
        self.begin(at, out);
        let market = &mut self.markets[symbol.index()];
        if market.is_open != is_open {
            if !is_open {
                self.close_auction(symbol, out);
            }
            let market = &mut self.markets[symbol.index()];
            market.is_open = is_open;
            let live = market.live.clone();
            for index in live {
                self.change_session(index, is_open, out);
            }
            self.touch(symbol);
        }
        self.finish(out);
    }

    fn change_session(&mut self, index: OrderIndex, is_open: bool, out: &mut dyn Listener) {
        let order = &mut self.orders[index.index()];
        if !order.is_live() {
            return; // Its parent ended a moment ago.
        }
        let is_over = order.is_for_the_day()
            && if is_open { order.is_past_close } else { !order.works_outside_session() };
        order.is_past_close |= !is_open;
        if is_open && order.terms.trigger == Some(Trigger::Auction(Auction::Open)) {
            order.terms.turn_on(order.request.action);
        }
        self.watch(index);
        if is_over {
            self.end(index, Ending::Expired, out);
        } else if !self.acts_now(index) {
            self.tell_change(index, out);
        }
    }

    /// Fills what waits for the close at the session's last price; a limit that is not met expires.
    ///
    /// An approximation: the auction's own price and volume are in no feed.
    fn close_auction(&mut self, symbol: SymbolId, out: &mut dyn Listener) {
        let market = &self.markets[symbol.index()];
        let Some(close) = market.mark().filter(|_| !market.is_halted) else { return };
        for index in market.live.clone() {
            let order = &mut self.orders[index.index()];
            if order.stage != Stage::Active || order.terms.trigger != Some(Trigger::Auction(Auction::Close)) {
                continue;
            }
            let (side, quantity) = (order.request.action, order.remaining());
            order.terms.turn_on(side);
            let takes = order.terms.takes(side, close);
            self.watch(index);
            if takes {
                self.fill(index, close, quantity, Source::Elsewhere, out);
            }
        }
    }

    /// Halts trading in an instrument, or lets it go on. Orders stay; none triggers or fills meanwhile.
    pub fn halt(&mut self, at: Timestamp, symbol: SymbolId, is_halted: bool, out: &mut dyn Listener) {
        self.begin(at, out);
        self.markets[symbol.index()].is_halted = is_halted;
        self.touch(symbol);
        self.finish(out);
    }

    /// Lets an instrument trade between a lowest and a highest price only, as the bands of limit up and
    /// limit down do, or anywhere. Orders stay; none fills outside meanwhile.
    pub fn band(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        band: Option<(Price, Price)>,
        out: &mut dyn Listener,
    ) {
        self.begin(at, out);
        self.markets[symbol.index()].band = band;
        self.touch(symbol);
        self.finish(out);
    }

    /// Makes an instrument's shares hard to borrow, or finds them. New short sales wait meanwhile.
    pub fn locate(&mut self, at: Timestamp, symbol: SymbolId, is_hard: bool, out: &mut dyn Listener) {
        self.begin(at, out);
        self.markets[symbol.index()].is_hard_to_borrow = is_hard;
        for index in self.markets[symbol.index()].live.clone() {
            if !is_hard && self.orders[index.index()].stage == Stage::Locating {
                self.start(index, out);
            }
        }
        self.finish(out);
    }

    /// Cancels one order.
    pub fn cancel(&mut self, at: Timestamp, key: OrderKey, out: &mut dyn Listener) {
        self.begin(at, out);
        self.send(Journey::Cancel(key), out);
        self.finish(out);
    }

    /// Cancels every order of the account, whoever placed it.
    pub fn global_cancel(&mut self, at: Timestamp, out: &mut dyn Listener) {
        self.begin(at, out);
        self.send(Journey::CancelAll, out);
        self.finish(out);
    }

    pub(crate) fn cancel_all(&mut self, out: &mut dyn Listener) {
        for index in 0..self.orders.len() {
            if self.orders[index].is_live() {
                self.end(OrderIndex(index as u32), Ending::Cancelled, out);
            }
        }
    }

    pub(crate) fn live_indices(&self) -> Vec<OrderIndex> {
        let live = |index: &OrderIndex| self.orders[index.index()].is_live();
        (0..self.orders.len() as u32).map(OrderIndex).filter(live).collect()
    }

    /// Tells every live order, in order of arrival.
    pub fn tell_live_orders(&self, out: &mut dyn Listener) {
        for order in self.orders.iter().filter(|order| order.is_live()) {
            self.show(order, self.status(order), None, out);
            self.tell_status(order, self.status(order), out);
        }
    }

    /// All live orders, in order of arrival.
    pub fn live_orders(&self) -> impl Iterator<Item = OpenOrder> {
        self.orders.iter().filter(|order| order.is_live()).map(|order| self.open_order(order))
    }

    /// All ended orders, in order of arrival. Refused orders never were orders.
    pub fn completed_orders(&self) -> impl Iterator<Item = Completed> {
        self.orders.iter().filter_map(|order| {
            let completed_status = match order.ending()? {
                Ending::Filled => format!("Filled Size: {}", order.filled),
                Ending::Cancelled | Ending::Unfilled => "Cancelled by Trader".to_owned(),
                Ending::Expired => "Expired".to_owned(),
                Ending::Rejected => return None,
            };
            let mut open_order = self.open_order(order);
            open_order.commission = (!order.filled.is_zero()).then_some(order.commission);
            Some(Completed {
                order: open_order,
                completed_status: completed_status.into(),
                completed_at: order.ended_at,
            })
        })
    }

    /// The same, as the venue holds them.
    pub(crate) fn ended_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| !matches!(order.ending(), None | Some(Ending::Rejected)))
    }

    /// All fills, in order of time.
    #[must_use]
    pub fn executions(&self) -> &[ReportedExecution] {
        &self.executions
    }

    /// What is held, by index of the instrument.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.ledger.holdings
    }

    /// The account's cash.
    #[must_use]
    pub const fn cash(&self) -> Money {
        self.ledger.cash
    }

    /// Whether something happens by itself at `at` or before.
    pub(crate) fn has_due(&self, at: Timestamp) -> bool {
        self.rests_until() <= at
    }

    /// Whether an order of the symbol could do anything while prices stay from `low` to `high`.
    ///
    /// Says yes too often rather than too rarely.
    pub(crate) fn could_act(&self, symbol: SymbolId, low: Price, high: Price) -> bool {
        self.rests_between(symbol).is_none_or(|(below, above)| low <= below || above <= high)
    }

    /// The prices between which no order of the symbol does anything, neither included, be they printed or
    /// quoted; `None` where that is not plain.
    pub(crate) fn rests_between(&self, symbol: SymbolId) -> Option<(Price, Price)> {
        let market = &self.markets[symbol.index()];
        let mut rest = (LOWEST, HIGHEST);
        for index in &market.live {
            let (below, above) = self.orders[index.index()].rests_between()?;
            rest = (rest.0.max(below), rest.1.min(above));
        }
        let (below, above) = rest;
        market.last.is_none_or(|last| below < last && last < above).then_some(rest)
    }

    /// Whether nobody acts at a quote that lies where all orders rest.
    fn rests_as_told(&self, symbol: SymbolId) -> bool {
        let market = &self.markets[symbol.index()];
        let mut quoted = market.quote.bid.iter().chain(&market.quote.ask);
        let is_between = self
            .rests_between(symbol)
            .is_some_and(|(below, above)| quoted.all(|level| below < level.price && level.price < above));
        !is_between || market.live.iter().all(|index| !self.acts_now(*index))
    }

    /// The moment before which nothing happens by itself.
    pub(crate) fn rests_until(&self) -> Timestamp {
        if self.late_reductions.is_empty() { self.next_due } else { Timestamp::MIN }
    }

    /// Puts the price where it went while no order of the symbol was alive.
    pub(crate) fn pass(&mut self, symbol: SymbolId, to: Price) {
        self.markets[symbol.index()].last = Some(to);
    }

    /// Starts a command: time never moves back, and what is due happens first.
    pub(crate) fn begin(&mut self, at: Timestamp, out: &mut dyn Listener) {
        self.now = self.now.max(at);
        self.turn += 1;
        self.travels.listen_from(out.heard());
        if self.now >= self.next_due {
            self.carry_out_due(out);
        }
    }

    /// Ends a command: every market that it touched is matched.
    pub(crate) fn finish(&mut self, out: &mut dyn Listener) {
        self.match_dirty(out);
        if !self.late_reductions.is_empty() {
            self.reduce_after_turn(out);
            self.match_dirty(out);
        }
        self.keep_back(out);
        self.travels.release(self.now, out);
    }

    pub(crate) fn match_dirty(&mut self, out: &mut dyn Listener) {
        while let Some(symbol) = self.dirty.pop() {
            self.match_market(symbol, out);
        }
    }

    /// Marks a market for matching.
    pub(crate) fn touch(&mut self, symbol: SymbolId) {
        if !self.markets[symbol.index()].live.is_empty() && !self.dirty.contains(&symbol) {
            self.dirty.push(symbol);
        }
    }

    fn carry_out_due(&mut self, out: &mut dyn Listener) {
        self.arrive(out);
        let live: Vec<_> = self.markets.iter().flat_map(|market| market.live.iter().copied()).collect();
        for &index in &live {
            if self.orders[index.index()].deadline().is_some_and(|deadline| deadline <= self.now) {
                self.end(index, Ending::Expired, out);
            }
        }
        self.reduce_when_due(out);
        let deadlines = live.iter().filter_map(|index| self.orders[index.index()].deadline());
        let reductions = self.late_reductions.iter().filter_map(|reduction| reduction.due);
        let travels = self.travels.next_due();
        self.next_due = deadlines.chain(reductions).chain(travels).min().unwrap_or(Timestamp::MAX);
    }

    pub(crate) fn next_perm_id(&mut self) -> PermId {
        self.last_perm_id += 1 + self.random.below(7) as i64;
        PermId(self.last_perm_id)
    }

    pub(crate) fn next_exec_id(&mut self) -> Arc<str> {
        self.last_exec_number = self.last_exec_number.wrapping_add(1);
        let mut text = *b"0000e1a7.00000000.01.01";
        for (place, digit) in text[9..17].iter_mut().enumerate() {
            let value = (self.last_exec_number >> (28 - 4 * place)) & 0xf;
            *digit = b"0123456789abcdef"[value as usize];
        }
        std::str::from_utf8(&text).expect("letters and digits").into()
    }

    /// Tells an order as it stands.
    pub(crate) fn tell(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        self.tell_as(index, self.status(&self.orders[index.index()]), out);
    }

    /// Tells an order with a status that it has only for this moment.
    pub(crate) fn tell_as(&mut self, index: OrderIndex, status: OrderStatus, out: &mut dyn Listener) {
        self.say(index, status, false, out);
    }

    /// Tells an order whose status is all that may be news.
    pub(crate) fn tell_again(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        let order = &self.orders[index.index()];
        let repeats_terms = order.told_terms == Some(order.terms_to_tell());
        self.say(index, self.status(order), repeats_terms, out);
    }

    fn say(&mut self, index: OrderIndex, status: OrderStatus, repeats_terms: bool, out: &mut dyn Listener) {
        let order = &self.orders[index.index()];
        out.hear(News::OpenOrder(Told { repeats_terms, ..self.told(order, status) }));
        self.tell_status(order, status, out);
        let why_held = order.why_held(&self.config);
        let order = &mut self.orders[index.index()];
        order.told = Some((status, why_held));
        order.told_terms = Some(order.terms_to_tell());
    }

    /// TWS openOrder.
    pub(crate) fn show(
        &self,
        order: &Order,
        status: OrderStatus,
        commission: Option<Money>,
        out: &mut dyn Listener,
    ) {
        out.hear(News::OpenOrder(Told { commission, ..self.told(order, status) }));
    }

    /// TWS orderStatus.
    pub(crate) fn tell_status(&self, order: &Order, status: OrderStatus, out: &mut dyn Listener) {
        out.hear(News::Status(self.told(order, status)));
    }

    fn told<'a>(&'a self, order: &'a Order, status: OrderStatus) -> Told<'a> {
        Told {
            order,
            status,
            why_held: order.why_held(&self.config),
            oca_group: order.group.map(|group| self.groups.name(group)),
            account: &self.config.account,
            commission: None,
            repeats_terms: false,
        }
    }

    /// Tells an order whose status changed since it was last told.
    pub(crate) fn tell_change(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        let order = &self.orders[index.index()];
        if order.told != Some((self.status(order), order.why_held(&self.config))) {
            self.tell_again(index, out);
        }
    }

    pub(crate) fn tell_error(
        &self,
        key: OrderKey,
        code: i32,
        text: impl Into<Cow<'static, str>>,
        out: &mut dyn Listener,
    ) {
        out.hear(News::Error { key, code, text: text.into() });
    }

    pub(crate) fn status(&self, order: &Order) -> OrderStatus {
        order.status(self.markets[order.symbol.index()].is_open, &self.config)
    }

    pub(crate) fn open_order(&self, order: &Order) -> OpenOrder {
        self.told(order, self.status(order)).into()
    }

    /// Ends a live order, tells it, and carries the end to its children.
    pub(crate) fn end(&mut self, index: OrderIndex, ending: Ending, out: &mut dyn Listener) {
        self.close(index, ending);
        let order = &self.orders[index.index()];
        self.tell_status(order, self.status(order), out);
        let is_told = match ending {
            Ending::Cancelled => true,
            Ending::Unfilled => self.config.unfilled_news == UnfilledNews::Cancelled,
            Ending::Filled | Ending::Expired | Ending::Rejected => false,
        };
        if is_told {
            self.tell_error(order.request.key(), 202, "Order Canceled - reason:", out);
        }
        self.after_parent_end(index, out);
    }

    /// Takes an order out of its market without a word.
    pub(crate) fn close(&mut self, index: OrderIndex, ending: Ending) {
        let now = self.now;
        let order = &mut self.orders[index.index()];
        order.finish(ending, now);
        let live = &mut self.markets[order.symbol.index()].live;
        if let Ok(place) = live.binary_search(&index) {
            live.remove(place);
        }
        self.watch(index);
    }
}
