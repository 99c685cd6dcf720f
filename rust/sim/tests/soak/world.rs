//! The real engine and the real venue, day by day, moved one moment at a time.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use orderloom_core::command::{Command, PlaceOrder};
use orderloom_core::decimal::Quantity;
use orderloom_core::engine::Engine;
use orderloom_core::event::{Bar, Event, EventKind, Operator, SessionKnown, Signal};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::{Date, Session, Span, Timestamp};
use orderloom_sim::{ClientId, ConId, Listing, SecType, Venue, VenueEvent};

use crate::defect::distort;
use crate::duty::Duty;
use crate::market::{Market, TICKS_PER_BAR};
use crate::mishap::Shuffle;
use crate::random::Random;
use crate::rewrite::Rewrites;
use crate::script::{Prediction, Script};
use crate::strategy::WARM_UP;
use crate::tally::Tally;

/// What is wrong, in a sentence that names the invariant.
pub(crate) type Check = Result<(), String>;

pub(crate) const CLIENT: ClientId = ClientId(1);

/// What is on its way to the broker.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    Place(PlaceOrder),
    /// With the total that the client knew of when it sent this.
    Modify(PlaceOrder, Option<Quantity>),
    Cancel(OrderId),
    AskOrders(u32),
    AskBooks(u32),
}

/// What is on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) kind: EventKind,
    pub(crate) is_snapshot: bool,
}

/// Something that begins or ends by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Later {
    LineDown,
    LineUp,
    Restart,
    HaltOver(SymbolId),
    Located(SymbolId),
    Resume,
    /// The snapshot of this number has not ended.
    AskAgain(u32),
    /// Fast again; changes are taken again.
    Over,
}

/// Mishaps that wait for the next thing of their kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Armed {
    pub(crate) lose_message: bool,
    pub(crate) lose_execution: bool,
    pub(crate) lose_command: bool,
    pub(crate) repeat: bool,
    pub(crate) shuffle: Option<Shuffle>,
    pub(crate) refuse_place: Option<i32>,
    pub(crate) refuse_changes: Option<i32>,
    pub(crate) refuse_cancel: bool,
    pub(crate) fork: bool,
    pub(crate) forgets_ids: bool,
    pub(crate) slow: Span,
}

pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) engine: Engine,
    pub(crate) venue: Venue,
    pub(crate) now: Timestamp,
    pub(crate) duty: Duty,
    pub(crate) tally: Tally,
    /// Every event, command and notice in words, when wanted.
    pub(crate) trace: Option<String>,
    /// Takes the engine up from snapshots under way.
    pub(crate) rewrites: Option<Rewrites>,
    pub(crate) to_venue: VecDeque<(Timestamp, Sent)>,
    pub(crate) to_engine: VecDeque<(Timestamp, Mail)>,
    pub(crate) later: Vec<(Timestamp, Later)>,
    pub(crate) armed: Armed,
    pub(crate) markets: Vec<Market>,
    pub(crate) bars: Vec<VecDeque<Bar>>,
    pub(crate) line: Random,
    pub(crate) journal: Vec<Event>,
    /// Events of the journal up to the last one that a command followed from.
    pub(crate) durable: usize,
    pub(crate) seq: u64,
    /// The line carries bytes.
    pub(crate) is_up: bool,
    /// The process runs.
    pub(crate) is_alive: bool,
    /// A snapshot has ended since the line came up.
    pub(crate) is_synced: bool,
    pub(crate) snapshot: Option<u32>,
    pub(crate) snapshots: u32,
    /// Ids that were refused, and serve nobody any more.
    pub(crate) burnt: Vec<OrderId>,
    pub(crate) out: Vec<VenueEvent>,
    pub(crate) today: Session,
}

fn session(script: &Script, day: usize) -> Session {
    let plan = &script.days[day];
    Session {
        date: Date(2026_03_10 + day as u32),
        utc_offset: Span::from_secs(-4 * 3_600),
        open: plan.open,
        close: plan.close,
    }
}

impl World {
    pub(crate) fn new(script: Script, is_traced: bool) -> Self {
        let engine = Engine::new(script.engine.clone()).expect("the strategy runs");
        let mut venue = Venue::new(script.venue.clone());
        for (number, instrument) in (1..).zip(&script.engine.instruments) {
            let listing = Listing {
                con_id: ConId(number),
                symbol: instrument.symbol.clone(),
                sec_type: SecType::Stock,
                currency: (*instrument.currency).into(),
                tick: instrument.tick,
                multiplier: instrument.multiplier,
            };
            venue.add_instrument(listing).expect("names and ticks are sound");
        }
        let seed = script.case.seed;
        let markets = (0..script.symbols).map(|symbol| Market::new(seed, SymbolId(symbol))).collect();
        let first = session(&script, 0);
        Self {
            engine,
            venue,
            now: first.open + Span::from_secs(-60),
            duty: Duty::new(script.symbols),
            tally: Tally::default(),
            trace: is_traced.then(String::new),
            rewrites: None,
            to_venue: VecDeque::new(),
            to_engine: VecDeque::new(),
            later: Vec::new(),
            armed: Armed::default(),
            markets,
            bars: vec![VecDeque::new(); script.symbols as usize],
            line: Random::new(seed, 5),
            journal: Vec::new(),
            durable: 0,
            seq: 0,
            is_up: true,
            is_alive: true,
            is_synced: false,
            snapshot: None,
            snapshots: 0,
            burnt: Vec::new(),
            out: Vec::new(),
            today: first,
            script,
        }
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.script.symbols).map(SymbolId)
    }

    /// Runs every day to its end.
    pub(crate) fn run(&mut self) -> Check {
        self.warm_up()?;
        self.connect()?;
        for day in 0..self.script.days.len() {
            self.day(day)?;
        }
        self.tally.add("sessions", 1);
        self.tally.add("events", self.seq);
        self.tally.add("fills", self.venue.executions().len() as u64);
        Ok(())
    }

    pub(crate) fn day(&mut self, day: usize) -> Check {
        let (plan, script) = (self.script.days[day].clone(), self.script.clone());
        self.today = session(&script, day);
        if self.is_alive {
            self.tell_sessions()?;
        }
        self.advance_to(plan.open)?;
        self.open_or_close(true)?;
        for (tick, at) in plan.ticks.iter().enumerate() {
            self.advance_to(*at)?;
            if tick < plan.calm {
                for (_, _, mishap) in
                    script.mishaps.iter().filter(|(on, when, _)| (*on, *when) == (day, tick))
                {
                    self.happen(*mishap)?;
                }
            }
            self.move_markets(tick, tick >= plan.calm)?;
            for prediction in script.predictions.iter().filter(|one| (one.day, one.tick) == (day, tick)) {
                self.predict(prediction)?;
            }
        }
        self.advance_to(plan.close)?;
        self.open_or_close(false)?;
        self.advance_to(plan.close + Span::from_secs(120))?;
        for _ in 0..3 {
            if !self.is_quiet() {
                // A question that has no answer is asked ever so often.
                self.advance_to(self.now + Span::from_secs(5))?;
            }
        }
        self.check_day()
    }

    /// Lets an ATR have its bars before the first entry.
    pub(crate) fn warm_up(&mut self) -> Check {
        for _ in 0..WARM_UP {
            for symbol in 0..self.markets.len() {
                for _ in 0..TICKS_PER_BAR {
                    self.markets[symbol].step(true);
                }
                self.bar(symbol, true)?;
            }
        }
        Ok(())
    }

    pub(crate) fn bar(&mut self, symbol: usize, is_history: bool) -> Check {
        let Some(bar) = self.markets[symbol].bar(self.now, is_history) else { return Ok(()) };
        let kept = &mut self.bars[symbol];
        kept.push_back(bar);
        if kept.len() > WARM_UP as usize {
            kept.pop_front();
        }
        self.hear(EventKind::Bar(bar))
    }

    pub(crate) fn tell_sessions(&mut self) -> Check {
        let session = self.today;
        self.symbols().try_for_each(|symbol| self.hear(EventKind::Session(SessionKnown { symbol, session })))
    }

    pub(crate) fn open_or_close(&mut self, is_open: bool) -> Check {
        for symbol in self.symbols() {
            self.venue.session(self.now, symbol, is_open, &mut self.out);
        }
        self.settle_venue()
    }

    pub(crate) fn move_markets(&mut self, tick: usize, is_calm: bool) -> Check {
        for symbol in self.symbols() {
            let moment = self.markets[symbol.index()].step(is_calm);
            let side = |price: Option<_>, size| price.map(|price| (price, size));
            let quote = moment.quote;
            let (bid, ask) = (side(quote.bid, quote.bid_size), side(quote.ask, quote.ask_size));
            self.venue.quote(self.now, symbol, bid, ask, &mut self.out);
            self.settle_venue()?;
            self.hear_data(EventKind::Quote(quote))?;
            for print in moment.prints.into_iter().flatten() {
                self.venue.trade(self.now, symbol, print.price, print.size, &mut self.out);
                self.settle_venue()?;
                self.hear_data(EventKind::Trade(print))?;
            }
            if tick as u32 % TICKS_PER_BAR == TICKS_PER_BAR - 1 && self.is_alive && self.is_up {
                self.bar(symbol.index(), false)?;
            }
        }
        Ok(())
    }

    /// Market data comes over the same line.
    pub(crate) fn hear_data(&mut self, kind: EventKind) -> Check {
        if self.is_alive && self.is_up { self.hear(kind) } else { Ok(()) }
    }

    pub(crate) fn predict(&mut self, prediction: &Prediction) -> Check {
        if !self.is_alive {
            return Ok(());
        }
        let symbol = prediction.symbol;
        self.hear(EventKind::Signal(Box::new(Signal {
            key: format!("p{}", prediction.key).into(),
            ticker: self.script.engine.instruments[symbol.index()].symbol.clone(),
            symbol: Some(symbol),
            side: prediction.side,
            confidence: None,
            numeric: None,
            probabilities: Box::default(),
            predicted_at: self.now + Span(-prediction.age.0),
            price: None,
            features: Box::default(),
        })))
    }

    // -- time ------------------------------------------------------------------------------------

    /// Lets everything happen that is due before `at`, in its order.
    pub(crate) fn advance_to(&mut self, at: Timestamp) -> Check {
        let mut steps = 0;
        loop {
            let command = self.to_venue.front().map(|(due, _)| (*due, 0));
            let mail = self.to_engine.front().map(|(due, _)| (*due, 1));
            let later = self.later.iter().map(|(due, _)| (*due, 2)).min();
            let deadline = self.engine.next_deadline().filter(|_| self.is_alive).map(|due| (due, 3));
            let next = [command, mail, later, deadline].into_iter().flatten().min();
            let Some((due, what)) = next.filter(|(due, _)| *due <= at) else { break };
            self.pass_to(due)?;
            match what {
                0 => self.carry()?,
                1 => self.deliver()?,
                2 => self.resume()?,
                _ => self.hear(EventKind::Clock)?,
            }
            steps += 1;
            if steps > 20_000 {
                return Err("liveness: engine and broker talk without end".into());
            }
        }
        self.pass_to(at)
    }

    pub(crate) fn pass_to(&mut self, at: Timestamp) -> Check {
        self.now = self.now.max(at);
        self.venue.advance(self.now, &mut self.out);
        self.settle_venue()?;
        self.check_time()
    }

    pub(crate) fn after(&mut self, span: Span, later: Later) {
        self.later.push((self.now + span, later));
    }

    pub(crate) fn resume(&mut self) -> Check {
        let place = (0..self.later.len()).min_by_key(|place| self.later[*place].0).expect("one is due");
        match self.later.remove(place).1 {
            Later::LineDown if self.is_alive && !self.is_up => self.lose_line(),
            Later::LineUp if self.is_alive => self.connect(),
            Later::Restart => self.restart(),
            Later::HaltOver(symbol) => {
                self.venue.halt(self.now, symbol, false, &mut self.out);
                self.settle_venue()
            }
            Later::Located(symbol) => {
                self.venue.locate(self.now, symbol, false, &mut self.out);
                self.settle_venue()
            }
            Later::Resume if self.is_alive => {
                self.duty.is_halted = false;
                self.hear(EventKind::Operator(Operator::Resume))
            }
            Later::AskAgain(number) if self.snapshot == Some(number) => {
                self.ask_snapshot();
                Ok(())
            }
            Later::Over => {
                (self.armed.slow, self.armed.refuse_changes) = (Span::ZERO, None);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    // -- the engine ------------------------------------------------------------------------------

    /// Hands one event to the engine, and its commands to the line.
    pub(crate) fn hear(&mut self, kind: EventKind) -> Check {
        self.seq += 1;
        let event = Event { seq: self.seq, at: self.now, kind };
        if let Some(rewrites) = &mut self.rewrites {
            rewrites.before(&mut self.engine, &event)?;
        }
        let output = self.engine.on_event(&event);
        let (commands, notices) = (output.commands.to_vec(), output.notices.to_vec());
        if let Some(trace) = &mut self.trace {
            _ = writeln!(trace, "{} {:?}", event.at.0, event.kind);
            commands.iter().for_each(|command| _ = writeln!(trace, "  > {command:?}"));
            notices.iter().for_each(|notice| _ = writeln!(trace, "  ! {notice:?}"));
        }
        let is_notable = !(commands.is_empty() && notices.is_empty());
        if is_notable {
            self.check_output(&event, &commands, &notices)?;
        }
        let is_word = matches!(event.kind, EventKind::Operator(_));
        self.journal.push(event);
        if is_word {
            // A person's word is on disk before it is answered.
            self.durable = self.journal.len();
        }
        if commands.is_empty() {
            return Ok(());
        }
        self.durable = self.journal.len();
        let mut sent = Vec::new();
        let mut wants_snapshot = false;
        for command in distort(self.script.case.defect, commands) {
            match command {
                Command::Place(order) => {
                    self.note_placed(&order);
                    sent.push(Sent::Place(order));
                }
                Command::Modify(order) => {
                    let known = self.engine.orders().find(order.ticket.order_id);
                    let known = known.and_then(|order| order.working).map(|terms| terms.quantity);
                    sent.push(Sent::Modify(order, known));
                }
                Command::Cancel(order) => sent.push(Sent::Cancel(order.order_id)),
                Command::Reconcile(_) => wants_snapshot = true,
                Command::Alert(_) | Command::Ask(_) | Command::Log(_) | Command::Notify(_) => {}
            }
        }
        self.send(sent);
        if wants_snapshot && self.snapshot.is_none() && self.is_alive {
            self.begin_snapshot()?;
        }
        Ok(())
    }

    /// Nothing is on the line, and the client knows everything.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_up && self.is_alive && self.is_synced && self.to_venue.is_empty() && self.to_engine.is_empty()
    }
}

/// One number for a session's whole trace.
pub(crate) fn digest(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
