//! A history played through a back-test in time order.
//!
//! A bar becomes the path of prints that it could have been (`bar_path`): the open is a jump, the rest
//! moves continuously. While no order of a symbol is alive its path could touch nothing, and is skipped.
//! A bar is complete, and told, when its span is over: nothing of it is known before.
//! Of quotes in a row that lead to nothing only the last two are told; all are counted (`pass_over`).

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::{Bar, EventKind, Quote, SessionKnown, Trade};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Span, Timestamp};

use super::history::{DAY, Detail, History, HistoryError, Ticks, head, quote, trade};
use super::{Backtest, Observer};
use crate::bars::bar_path;

/// Shares that an assumed quote shows at least.
const ROUND_LOT: Quantity = Quantity::from_units(100);
/// Items between two looks at whether to stop.
const ITEMS_BETWEEN_LOOKS: u32 = 1 << 16;

/// A back-test on its way through a history.
struct Player<'a, 'b, O> {
    world: &'b mut Backtest<O>,
    history: &'b History<'a>,
    /// By series of bars: the next row.
    next_bar: Vec<usize>,
    /// By series of ticks: the next row.
    next_tick: Vec<usize>,
    next_event: usize,
    /// Nothing after this happens.
    last: Timestamp,
    /// The session that goes on or comes next, and whether it goes on.
    session: usize,
    is_open: bool,
    /// The bars that go on.
    batch: Vec<Bar>,
    /// Bars of symbols with quotes of their own need none around their prints.
    has_ticks: Vec<bool>,
    fills: usize,
    looks_in: u32,
}

impl<O: Observer> Backtest<O> {
    /// Plays a history up to its last price: what is open then stays open.
    ///
    /// # Errors
    /// The first row that cannot be played; what came before it has happened.
    pub fn play(&mut self, history: &History<'_>) -> Result<(), HistoryError> {
        let mut has_ticks = vec![false; self.engine.config().instruments.len()];
        let mut has_prints = has_ticks.clone();
        for ticks in &history.ticks {
            match ticks {
                Ticks::Quotes { symbol, .. } => has_ticks[symbol.index()] = true,
                Ticks::Prints { symbol, .. } => has_prints[symbol.index()] = true,
            }
        }
        for bars in &history.bars {
            has_prints[bars.symbol.index()] = true;
        }
        self.has_quotes_alone =
            has_ticks.iter().zip(has_prints).map(|(quoted, printed)| *quoted && !printed).collect();
        let mut player = Player {
            next_bar: history.bars.iter().map(|bars| history.begin(bars.start)).collect(),
            next_tick: history.ticks.iter().map(|ticks| history.begin(ticks.at())).collect(),
            next_event: history.first_event(),
            last: history.to.map_or(Timestamp::MAX, |to| to - Span(1)),
            session: 0,
            is_open: false,
            batch: Vec::with_capacity(history.bars.len()),
            has_ticks,
            fills: 0,
            looks_in: ITEMS_BETWEEN_LOOKS,
            world: self,
            history,
        };
        player.play()
    }
}

impl<O: Observer> Player<'_, '_, O> {
    fn play(&mut self) -> Result<(), HistoryError> {
        self.begin_sessions();
        let mut next = self.next_start();
        while let Some(start) = next {
            if self.next_other().0 < start {
                self.until(Timestamp(start - 1))?;
            }
            let end;
            (end, next) = self.read_batch(start)?;
            self.play_batch(start, end)?;
            if self.should_stop(self.batch.len() as u32) {
                return Ok(());
            }
        }
        // After the last price nothing could be filled: what is open stays open.
        let ticks = self.history.ticks.iter().filter_map(|ticks| ticks.at().last().copied());
        let last = self.world.at.max(Timestamp(ticks.max().unwrap_or(i64::MIN)));
        self.until(last)?;
        self.hear_events(last);
        Ok(())
    }

    fn should_stop(&mut self, items: u32) -> bool {
        self.looks_in = self.looks_in.saturating_sub(items.max(1));
        if self.looks_in > 0 {
            return false;
        }
        self.looks_in = ITEMS_BETWEEN_LOOKS;
        self.world.observer.wants_to_stop()
    }

    // -- bars --------------------------------------------------------------------------------

    fn next_start(&self) -> Option<i64> {
        let heads = self.history.bars.iter().zip(&self.next_bar).map(|(bars, next)| head(bars.start, *next));
        heads.min().filter(|start| self.is_played(*start))
    }

    fn is_played(&self, start: i64) -> bool {
        start < i64::MAX && start <= self.last.0
    }

    /// Takes every symbol's bar that begins at `start`; returns when they end, and when the next begin.
    fn read_batch(&mut self, start: i64) -> Result<(i64, Option<i64>), HistoryError> {
        self.batch.clear();
        let span = self.history.span;
        let mut end = start.saturating_add(span.0);
        let mut next_start = i64::MAX;
        for (series, next) in self.history.bars.iter().zip(&mut self.next_bar) {
            let first = head(series.start, *next);
            if first != start {
                next_start = next_start.min(first);
                continue;
            }
            let row = *next;
            *next += 1;
            let Some(bar) = series.bar(row, span) else {
                return Err(series.fault(row).at(self.world, series.symbol, row));
            };
            self.batch.push(bar);
            let following = head(series.start, row + 1);
            if following <= start {
                let symbol = self.world.engine.config().instruments[series.symbol.index()].symbol.clone();
                return Err(HistoryError::Order { symbol, row: row + 1, found: following - start });
            }
            next_start = next_start.min(following);
        }
        let next_start = Some(next_start).filter(|start| self.is_played(*start));
        if let Some(following) = next_start.filter(|following| *following < end) {
            // A day is 23 hours long when the clocks go forward.
            if span < DAY {
                return Err(self.overlap(following, end - following));
            }
            end = following;
        }
        Ok((end, next_start))
    }

    fn overlap(&self, start: i64, inside: i64) -> HistoryError {
        let place = self.history.bars.iter().zip(&self.next_bar);
        let (symbol, row) = place
            .filter(|(bars, next)| head(bars.start, **next) == start)
            .map(|(bars, next)| (bars.symbol, *next))
            .next()
            .unwrap_or((SymbolId(0), 0));
        let symbol = self.world.engine.config().instruments[symbol.index()].symbol.clone();
        HistoryError::Overlap { symbol, row, inside }
    }

    fn play_batch(&mut self, start: i64, end: i64) -> Result<(), HistoryError> {
        if self.is_quiet(Timestamp(end)) {
            for bar in &self.batch {
                self.world.venue.pass(bar.symbol, bar.close);
            }
            self.world.at = Timestamp(end);
        } else {
            self.play_paths(start, end)?;
            self.until(Timestamp(end - 1))?;
            self.world.advance_to(Timestamp(end));
        }
        for index in 0..self.batch.len() {
            self.world.hear(EventKind::Bar(self.batch[index]));
        }
        self.end_moment();
        Ok(())
    }

    /// Whether nothing but complete bars can happen before `end`: the paths would touch nothing.
    fn is_quiet(&self, end: Timestamp) -> bool {
        self.history.detail == Detail::Bars
            && self.world.engine.next_deadline().is_none_or(|due| due >= end)
            && self.next_other() >= end
            && !self.world.venue.has_due(end)
            && self.batch.iter().all(|bar| !self.world.venue.could_act(bar.symbol, bar.low, bar.high))
    }

    fn play_paths(&mut self, start: i64, end: i64) -> Result<(), HistoryError> {
        let span = Span(end - start);
        for step in 0..4 {
            for index in 0..self.batch.len() {
                let bar = self.batch[index];
                let path = bar_path([bar.open, bar.high, bar.low, bar.close], bar.volume, bar.start, span);
                let (at, price, size) = path[step];
                if index == 0 {
                    self.until(at)?;
                    self.world.advance_to(at);
                }
                self.print(&bar, price, size, step > 0);
            }
            self.world.drain();
            self.look_at_fills();
            self.hear_events(self.world.at);
        }
        Ok(())
    }

    /// One print of a bar's path; `moves` when the price went there from the last print.
    fn print(&mut self, bar: &Bar, price: Price, size: Quantity, moves: bool) {
        let world = &mut *self.world;
        let symbol = bar.symbol;
        let trade = Trade { symbol, price, size };
        match self.history.detail {
            Detail::Bars | Detail::Prints => {
                if self.history.detail == Detail::Prints {
                    world.tell(EventKind::Trade(trade));
                }
                let size = if self.history.is_limited_by_volume { size } else { Quantity::ZERO };
                // On the way from where the last print was: the bar goes elsewhere later, or has been there.
                if !world.venue.has_due(world.at) && !world.venue.could_act(symbol, price, price) {
                    world.venue.pass(symbol, price);
                } else if moves {
                    world.venue.sweep(world.at, symbol, price, size, &mut world.inbox);
                } else {
                    world.venue.trade(world.at, symbol, price, size, &mut world.inbox);
                }
            }
            Detail::Quotes => {
                if !self.has_ticks[symbol.index()] {
                    let tick = world.engine.config().instruments[symbol.index()].tick;
                    let quote = quote_around(trade, tick);
                    world.tell(EventKind::Quote(quote));
                    world.show(quote);
                }
                world.tell(EventKind::Trade(trade));
                world.venue.trade(world.at, symbol, price, size, &mut world.inbox);
            }
        }
    }

    // -- everything else ---------------------------------------------------------------------

    /// The first moment of anything but a bar.
    fn next_other(&self) -> Timestamp {
        self.next_session_change().min(self.next_event_at()).min(Timestamp(self.next_tick_at()))
    }

    fn next_session_change(&self) -> Timestamp {
        let session = self.history.sessions.get(self.session);
        session.map_or(Timestamp::MAX, |session| if self.is_open { session.close } else { session.open })
    }

    fn next_tick_at(&self) -> i64 {
        let heads = self.history.ticks.iter().zip(&self.next_tick);
        heads.map(|(ticks, next)| head(ticks.at(), *next)).min().unwrap_or(i64::MAX)
    }

    /// Plays sessions, signals and ticks up to and including `at`. At one time they come in this order;
    /// where every print is quoted, signals of `at` wait for its prices (`hear_events`).
    fn until(&mut self, at: Timestamp) -> Result<(), HistoryError> {
        let at = at.min(self.last);
        loop {
            let change = self.next_session_change();
            let mut event = self.next_event_at();
            if event == at && self.history.detail == Detail::Quotes {
                event = Timestamp::MAX;
            }
            let other = change.min(event);
            let tick = Timestamp(self.next_tick_at());
            if tick < other && tick <= at {
                if self.play_ticks(other.min(at + Span(1)))? {
                    return Ok(());
                }
            } else if other > at || other == Timestamp::MAX {
                return Ok(());
            } else if change <= event {
                self.world.advance_to(change);
                self.change_session();
            } else {
                self.hear_events(event);
            }
        }
    }

    fn next_event_at(&self) -> Timestamp {
        self.history.events.get(self.next_event).map_or(Timestamp::MAX, |(at, _)| *at)
    }

    /// Plays signals up to and including `until`.
    fn hear_events(&mut self, until: Timestamp) {
        let until = until.min(self.last);
        while let Some((at, kind)) = self.history.events.get(self.next_event).filter(|(at, _)| *at <= until) {
            self.next_event += 1;
            self.world.event(*at, kind.clone());
            self.look_at_fills();
        }
    }

    /// Plays ticks before `limit`; `true` when the run is to stop.
    fn play_ticks(&mut self, limit: Timestamp) -> Result<bool, HistoryError> {
        loop {
            let heads = self.history.ticks.iter().zip(&self.next_tick);
            let heads = heads.enumerate().map(|(index, (ticks, next))| (head(ticks.at(), *next), index));
            let Some((first, index)) = heads.min() else { return Ok(false) };
            if first >= limit.0 {
                return Ok(false);
            }
            // This series goes on until another one, or `limit`, comes before its next tick.
            let others = self.history.ticks.iter().zip(&self.next_tick).enumerate();
            let until = others
                .filter(|(other, _)| *other != index)
                .map(|(other, (ticks, next))| {
                    head(ticks.at(), *next).saturating_add(i64::from(other > index))
                })
                .min()
                .unwrap_or(i64::MAX)
                .min(limit.0);
            let series = self.history.ticks[index];
            let begin = self.next_tick[index];
            let row = self.play_series(&series, begin, until)?;
            self.next_tick[index] = row;
            self.look_at_fills();
            if self.should_stop((row - begin) as u32) {
                return Ok(true);
            }
        }
    }

    fn play_series(&mut self, series: &Ticks<'_>, begin: usize, until: i64) -> Result<usize, HistoryError> {
        let times = series.at();
        let mut row = begin;
        while times.get(row).is_some_and(|at| *at < until) {
            row += self.pass_over(series, row, until);
            let at = times[row];
            match *series {
                Ticks::Quotes { symbol, prices: [bid, ask], sizes, .. } => {
                    let size = |side: usize| sizes.map(|sizes| sizes[side][row]);
                    match quote(symbol, [bid[row], ask[row]], [size(0), size(1)]) {
                        Ok(quote) => self.world.quote(Timestamp(at), quote),
                        Err(fault) => return Err(fault.at(self.world, symbol, row)),
                    }
                }
                Ticks::Prints { symbol, price, size, .. } => {
                    match trade(symbol, price[row], size.map(|size| size[row])) {
                        Ok(trade) => self.world.trade(Timestamp(at), trade),
                        Err(fault) => return Err(fault.at(self.world, symbol, row)),
                    }
                }
            }
            row += 1;
            if times.get(row).is_some_and(|next| *next < at) {
                let symbol = series.symbol();
                let symbol = self.world.engine.config().instruments[symbol.index()].symbol.clone();
                return Err(HistoryError::Order { symbol, row, found: times[row] - at });
            }
        }
        Ok(row)
    }

    /// Leaves out quotes that lead to nothing; returns how many.
    ///
    /// The engine keeps the latest quote and the venue the one before it, too: the last two are told.
    fn pass_over(&mut self, series: &Ticks<'_>, row: usize, until: i64) -> usize {
        let Ticks::Quotes { symbol, .. } = *series else { return 0 };
        let world = &mut *self.world;
        if world.observer.hears_everything() {
            return 0;
        }
        let Some(due) = world.engine.rests_until(symbol) else { return 0 };
        let Some(between) = world.venue.rests_between(symbol) else { return 0 };
        let until = until.min(due.0).min(world.venue.rests_until().0);
        let passed = series.quoted_between(row, until, between).saturating_sub(2);
        world.seq += passed as u64;
        passed
    }

    /// The session that goes on or comes next is known from the start.
    fn begin_sessions(&mut self) {
        let at = self.world.at;
        self.session = self.history.sessions.partition_point(|session| session.close <= at);
        let Some(session) = self.history.sessions.get(self.session) else { return };
        self.is_open = session.open <= at;
        for symbol in self.symbols() {
            let session = SessionKnown { symbol, session: *session };
            self.world.venue.session(at, symbol, self.is_open, &mut self.world.inbox);
            self.world.hear(EventKind::Session(session));
        }
    }

    fn symbols(&self) -> impl Iterator<Item = SymbolId> + use<O> {
        (0..self.world.engine.config().instruments.len() as u32).map(SymbolId)
    }

    fn change_session(&mut self) {
        self.is_open = !self.is_open;
        if !self.is_open {
            self.session += 1;
        }
        // An open session was told when the one before it closed.
        let known = self.history.sessions.get(self.session).filter(|_| !self.is_open);
        for symbol in self.symbols() {
            self.world.venue.session(self.world.at, symbol, self.is_open, &mut self.world.inbox);
            if let Some(session) = known {
                self.world.tell(EventKind::Session(SessionKnown { symbol, session: *session }));
            }
        }
        self.world.drain();
        self.look_at_fills();
    }

    // -- the account -------------------------------------------------------------------------

    /// Tells the account's values when fills changed them.
    fn look_at_fills(&mut self) {
        let fills = self.world.venue.executions().len();
        if fills != self.fills {
            self.fills = fills;
            self.world.account_values();
            self.world.drain();
            if self.history.bars.is_empty() {
                self.world.observer.on_moment(self.world.at, &self.world.engine);
            }
        }
    }

    fn end_moment(&mut self) {
        self.look_at_fills();
        self.world.observer.on_moment(self.world.at, &self.world.engine);
    }
}

impl<O: Observer> Backtest<O> {
    fn show(&mut self, quote: Quote) {
        let side = |price: Option<Price>, size: Quantity| price.map(|price| (price, size));
        let (bid, ask) = (side(quote.bid, quote.bid_size), side(quote.ask, quote.ask_size));
        self.venue.quote(self.at, quote.symbol, bid, ask, &mut self.inbox);
    }
}

/// The quote assumed at a print: one tick to either side, at least a round lot deep.
fn quote_around(trade: Trade, tick: Price) -> Quote {
    let size = trade.size.max(ROUND_LOT);
    let bid = Some(trade.price - tick).filter(|bid| bid.is_positive());
    Quote {
        symbol: trade.symbol,
        bid,
        ask: Some(trade.price + tick),
        bid_size: if bid.is_some() { size } else { Quantity::ZERO },
        ask_size: size,
    }
}
