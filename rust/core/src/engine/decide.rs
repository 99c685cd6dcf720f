//! Step 4: rules triggered by this event are judged, and those that hold act.

use std::sync::Arc;

use crate::command::{
    Command, Conclusion, ExitReason, LogLine, Mode, Notice, Oca, OrderType, Reason, Role, Ticket, Wanted,
};
use crate::context::{Exit, Successor};
use crate::decimal::{Price, Rounding};
use crate::engine::ask::Answers;
use crate::engine::enter::Entry;
use crate::engine::explain::Watch;
use crate::engine::state::State;
use crate::engine::view::{Occasion, StateView};
use crate::event::{EventKind, Operator};
use crate::id::{RuleId, SymbolId};
use crate::limits::{Intent, Refusal};

use crate::rule::{
    CompiledAction, CompiledEnter, CompiledLevel, CompiledOperand, CompiledOrder, CompiledRule, Level,
    RuleSet, Trigger, Truth,
};

/// Judges rules against the state and carries their actions out.
pub(crate) struct Judge<'a, W> {
    pub(crate) state: &'a mut State,
    pub(crate) rules: &'a RuleSet,
    /// Reused between events.
    pub(crate) candidates: &'a mut Vec<RuleId>,
    /// Hears why, when somebody asks.
    pub(crate) watch: &'a mut W,
}

impl<W: Watch> Judge<'_, W> {
    /// Judges the rules that `event` triggers.
    pub(crate) fn on_event(&mut self, event: &EventKind) {
        let occasion = Occasion::Event(event);
        match event {
            EventKind::Signal(signal) => {
                let dropped = self.state.judge_signal(signal);
                self.state.notices.push(Notice::SignalJudged {
                    key: signal.key.clone(),
                    ticker: signal.ticker.clone(),
                    side: signal.side,
                    dropped,
                });
                match dropped {
                    None => self.trigger(Trigger::PredictionSignal, signal.symbol, occasion),
                    Some(reason) if W::IS_ON => self.look_at_dropped(signal, reason),
                    Some(_) => {}
                }
            }
            EventKind::Bar(bar) if !bar.is_history => self.trigger(Trigger::Bar, Some(bar.symbol), occasion),
            EventKind::Quote(quote) => self.trigger(Trigger::Quote, Some(quote.symbol), occasion),
            EventKind::Trade(trade) => self.trigger(Trigger::Trade, Some(trade.symbol), occasion),
            EventKind::Execution(execution) => {
                let (has_filled, position_changed) = self.state.what_happened();
                if has_filled {
                    self.trigger(Trigger::Fill, Some(execution.symbol), occasion);
                }
                if position_changed {
                    self.trigger(Trigger::Position, Some(execution.symbol), occasion);
                }
            }
            EventKind::Reading(reading) => match reading.symbol {
                Some(symbol) => self.trigger(Trigger::Reading, Some(symbol), occasion),
                None => self.trigger_everywhere(Trigger::Reading, occasion),
            },
            EventKind::Clock => self.trigger_everywhere(Trigger::Clock, occasion),
            EventKind::Answer(answer) => self.on_answer(answer),
            EventKind::Operator(Operator::EnableRule { rule, enabled }) => self.switch(rule, *enabled),
            _ => {}
        }
    }

    /// Judges the rules that a concluded trade triggers, and lets its successor enter.
    pub(crate) fn on_concluded(&mut self, conclusion: &Conclusion, successor: Option<Successor>) {
        let occasion = Occasion::Concluded(conclusion);
        if let Some(successor) = successor {
            self.succeed(conclusion.symbol, &successor, occasion);
        }
        self.trigger(Trigger::ContextConcluded, Some(conclusion.symbol), occasion);
    }

    fn trigger_everywhere(&mut self, trigger: Trigger, occasion: Occasion<'_>) {
        if self.rules.listens_to(trigger) {
            for symbol in self.state.symbols() {
                self.trigger(trigger, Some(symbol), occasion);
            }
        }
    }

    fn trigger(&mut self, trigger: Trigger, symbol: Option<SymbolId>, occasion: Occasion<'_>) {
        if !self.rules.listens_to(trigger) {
            return;
        }
        let mut candidates = std::mem::take(self.candidates);
        if W::IS_ON {
            // Those that cannot fire are asked about, too; judging them changes nothing.
            self.rules.listeners(trigger, symbol, &mut candidates);
        } else {
            let view = StateView { state: self.state, occasion, symbol, answers: &[] };
            self.rules.candidates(trigger, symbol, &view, &mut candidates);
        }
        for id in &candidates {
            let rule = self.rules.rule(*id);
            if W::IS_ON {
                self.judge(rule, symbol, occasion, &Answers::default());
            } else {
                let view = StateView { state: self.state, occasion, symbol, answers: &[] };
                let truth = rule.evaluate_candidate(&view);
                self.weigh(rule, symbol, occasion, &Answers::default(), truth);
            }
        }
        *self.candidates = candidates;
    }

    pub(super) fn judge(
        &mut self,
        rule: &CompiledRule,
        symbol: Option<SymbolId>,
        occasion: Occasion<'_>,
        answers: &Answers,
    ) {
        let view = StateView { state: self.state, occasion, symbol, answers: &answers.conditions };
        let truth = rule.condition.evaluate(&view);
        if W::IS_ON {
            let verdict = self.look(rule, symbol, occasion, &answers.conditions);
            let told = self.state.notices.len();
            self.weigh(rule, symbol, occasion, answers, truth);
            self.tell(verdict, told);
        } else {
            self.weigh(rule, symbol, occasion, answers, truth);
        }
    }

    /// Has a rule act if its condition, `truth` now, holds and its discipline lets it.
    #[inline]
    fn weigh(
        &mut self,
        rule: &CompiledRule,
        symbol: Option<SymbolId>,
        occasion: Occasion<'_>,
        answers: &Answers,
        truth: Truth,
    ) {
        let view = StateView { state: self.state, occasion, symbol, answers: &answers.conditions };
        match truth {
            Truth::Yes => {}
            Truth::No => return,
            Truth::Unknown => {
                if let Some(name) = rule.condition.needs_ask(&view)
                    && self.discipline(rule, symbol).is_ok()
                {
                    let name = name.into();
                    self.ask(rule, symbol, occasion, answers, name, Wanted::Condition);
                }
                return;
            }
        }
        let asked = if rule.asks_for_actions { &*rule.actions } else { &[] };
        let missing = answers.missing_actions(asked, &view).map(Box::from);
        let acted = match (self.discipline(rule, symbol), missing) {
            (Ok(()), Some(name)) => {
                self.ask(rule, symbol, occasion, answers, name, Wanted::Actions);
                return;
            }
            (Ok(()), None) => self.act(rule, symbol, occasion, answers, &rule.actions),
            (Err(refusal), _) => Err(refusal),
        };
        match acted {
            Ok(()) => {
                self.note_acted(rule, symbol);
                self.state.notices.push(Notice::RuleFired { rule: rule.id, symbol });
            }
            Err(refusal) => self.state.notices.push(Notice::RuleBlocked {
                rule: rule.id,
                symbol,
                reason: refusal.reason,
                detail: refusal.detail.into(),
            }),
        }
    }

    /// Switch, time window, cooldown and daily cap.
    pub(super) fn discipline(&self, rule: &CompiledRule, symbol: Option<SymbolId>) -> Result<(), Refusal> {
        self.switched_on(rule)?;
        self.inside_window(rule, symbol)?;
        self.cooled_down(rule, symbol)?;
        self.below_cap(rule, symbol)
    }

    pub(super) fn switched_on(&self, rule: &CompiledRule) -> Result<(), Refusal> {
        if rule.enabled == self.state.disabled.contains(&rule.id) {
            return Err(Refusal::new(Reason::Disabled, "the rule is switched off"));
        }
        Ok(())
    }

    pub(super) fn inside_window(&self, rule: &CompiledRule, symbol: Option<SymbolId>) -> Result<(), Refusal> {
        let (Some(window), Some(session)) = (rule.window, self.session(symbol)) else { return Ok(()) };
        if !window.contains(session.second_of_day(self.state.now)) {
            return Err(Refusal::new(Reason::TimeWindow, "outside the rule's time window"));
        }
        Ok(())
    }

    pub(super) fn cooled_down(&self, rule: &CompiledRule, symbol: Option<SymbolId>) -> Result<(), Refusal> {
        let Some(at) = self.state.acted_at.get(&(rule.id, symbol)) else { return Ok(()) };
        let passed = self.state.now - *at;
        if passed < rule.cooldown {
            let left = (*at + rule.cooldown) - self.state.now;
            let detail = format!("acted {passed} ago, cooldown {}, {left} left", rule.cooldown);
            return Err(Refusal::new(Reason::Cooldown, detail));
        }
        Ok(())
    }

    pub(super) fn below_cap(&self, rule: &CompiledRule, symbol: Option<SymbolId>) -> Result<(), Refusal> {
        let Some(cap) = rule.daily_cap else { return Ok(()) };
        let date = self.session(symbol).map(|session| session.date);
        let acted = self.state.acted_today.get(&rule.id);
        let times = acted.filter(|(on, _)| *on == date).map_or(0, |(_, times)| *times);
        if times >= cap {
            let detail = format!("acted {times} times today, allowed {cap}");
            return Err(Refusal::new(Reason::DailyCap, detail));
        }
        Ok(())
    }

    fn session(&self, symbol: Option<SymbolId>) -> Option<crate::time::Session> {
        self.state.slot(symbol?).market.session
    }

    fn note_acted(&mut self, rule: &CompiledRule, symbol: Option<SymbolId>) {
        let state = &mut *self.state;
        if rule.cooldown > crate::time::Span::ZERO {
            state.acted_at.insert((rule.id, symbol), state.now);
        }
        if rule.daily_cap.is_some() {
            let date =
                symbol.and_then(|symbol| state.slot(symbol).market.session).map(|session| session.date);
            let times = state.acted_today.entry(rule.id).or_insert((date, 0));
            *times = if times.0 == date { (date, times.1 + 1) } else { (date, 1) };
        }
    }

    fn switch(&mut self, name: &str, enabled: bool) {
        let Some(rule) = self.rules.find(name) else { return };
        if enabled == rule.enabled {
            self.state.disabled.swap_remove(&rule.id);
        } else {
            self.state.disabled.insert(rule.id);
        }
    }

    /// Carries out actions in order and stops at the first that is refused.
    fn act(
        &mut self,
        rule: &CompiledRule,
        symbol: Option<SymbolId>,
        occasion: Occasion<'_>,
        answers: &Answers,
        actions: &[CompiledAction],
    ) -> Result<(), Refusal> {
        for action in actions {
            match action {
                CompiledAction::Enter(spec) => {
                    self.enter(rule, traded(symbol)?, occasion, answers, spec)?;
                }
                CompiledAction::ScaleIn(spec) => {
                    let view =
                        StateView { state: self.state, occasion, symbol, answers: &answers.conditions };
                    let draft = view.draft_scale_in(traded(symbol)?, rule.id, spec)?;
                    self.state.send_entry(draft)?;
                }
                CompiledAction::DoubleDown { fraction_bp, size_bp } => {
                    let view =
                        StateView { state: self.state, occasion, symbol, answers: &answers.conditions };
                    let draft = view.draft_double_down(traded(symbol)?, rule.id, *fraction_bp, *size_bp)?;
                    self.state.send_entry(draft)?;
                }
                CompiledAction::CloseAll => {
                    if !self.state.begin_close(traded(symbol)?, ExitReason::CloseAll) {
                        return Err(Refusal::new(Reason::NoContext, "there is no open trade to close"));
                    }
                }
                CompiledAction::CloseEverything => {
                    for symbol in self.state.symbols() {
                        self.state.begin_close(symbol, ExitReason::CloseAll);
                    }
                }
                CompiledAction::AdjustStop(levels) => {
                    self.adjust(traded(symbol)?, occasion, answers, levels, Exit::Stop)?;
                }
                CompiledAction::AdjustTarget(levels) => {
                    self.adjust(traded(symbol)?, occasion, answers, levels, Exit::Target)?;
                }
                CompiledAction::Order(spec) => {
                    self.single(rule, traded(symbol)?, occasion, answers, spec, None)?;
                }
                CompiledAction::OcoGroup { orders, kind } => {
                    let symbol = traded(symbol)?;
                    let name = format!("{}-oca-{}", self.state.config.run, self.state.next_intent);
                    for spec in orders {
                        let oca = Oca { name: name.as_str().into(), kind: *kind };
                        self.single(rule, symbol, occasion, answers, spec, Some(oca))?;
                    }
                }
                CompiledAction::Cancel => self.cancel_entries(traded(symbol)?),
                CompiledAction::Log { text } => {
                    let line = LogLine { rule: rule.id, symbol, text: text.clone() };
                    self.state.commands.push(Command::Log(line));
                }
                CompiledAction::Notify { text } => {
                    let line = LogLine { rule: rule.id, symbol, text: text.clone() };
                    self.state.commands.push(Command::Notify(line));
                }
                CompiledAction::Sequence(actions) => {
                    self.act(rule, symbol, occasion, answers, actions)?;
                }
                CompiledAction::When { condition, then, otherwise } => {
                    let view =
                        StateView { state: self.state, occasion, symbol, answers: &answers.conditions };
                    match condition.evaluate(&view) {
                        Truth::Yes => self.act(rule, symbol, occasion, answers, then)?,
                        Truth::No => self.act(rule, symbol, occasion, answers, otherwise)?,
                        Truth::Unknown => {
                            let detail = "the condition of an action is unknown";
                            return Err(Refusal::new(Reason::ConditionUnknown, detail));
                        }
                    }
                }
                CompiledAction::Custom { name } => {
                    let Some(scripted) = answers.actions_of(name) else {
                        let detail = format!("the custom action `{name}` was not asked");
                        return Err(Refusal::new(Reason::ConditionUnknown, detail));
                    };
                    if scripted.is_empty() {
                        let detail = format!("the custom action `{name}` wants nothing done");
                        return Err(Refusal::new(Reason::ConditionFalse, detail));
                    }
                    self.act(rule, symbol, occasion, answers, scripted)?;
                }
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        rule: &CompiledRule,
        symbol: SymbolId,
        occasion: Occasion<'_>,
        answers: &Answers,
        spec: &Arc<CompiledEnter>,
    ) -> Result<(), Refusal> {
        let view =
            StateView { state: self.state, occasion, symbol: Some(symbol), answers: &answers.conditions };
        match view.draft_entry(symbol, rule.id, spec)? {
            Entry::Send(draft) => self.state.send_entry(*draft),
            Entry::CloseFirst(successor) => {
                self.state.close_first(symbol, successor);
                Ok(())
            }
        }
    }

    /// The other side is closed: enter, if the signal that wanted it is still valid.
    fn succeed(&mut self, symbol: SymbolId, successor: &Successor, occasion: Occasion<'_>) {
        let rule = self.rules.rule(successor.rule);
        let verdict = W::IS_ON.then(|| self.look_at_successor(rule, symbol, occasion));
        let told = self.state.notices.len();
        let outcome = if self.state.now > successor.valid_until {
            Err(Refusal::new(Reason::Expired, "the signal expired while the other side was closed"))
        } else {
            self.enter(rule, symbol, occasion, &Answers::default(), &successor.enter)
        };
        self.state.notices.push(match outcome {
            Ok(()) => Notice::RuleFired { rule: rule.id, symbol: Some(symbol) },
            Err(refusal) => Notice::RuleBlocked {
                rule: rule.id,
                symbol: Some(symbol),
                reason: refusal.reason,
                detail: refusal.detail.into(),
            },
        });
        if let Some(verdict) = verdict {
            self.tell(verdict, told);
        }
    }

    /// Gives every tranche another stop or target; a stop never moves away from the market.
    fn adjust(
        &mut self,
        symbol: SymbolId,
        occasion: Occasion<'_>,
        answers: &Answers,
        levels: &[CompiledLevel],
        exit: Exit,
    ) -> Result<(), Refusal> {
        let view =
            StateView { state: self.state, occasion, symbol: Some(symbol), answers: &answers.conditions };
        let level = CompiledLevel::first(levels, &view).ok_or_else(|| {
            let reason = if exit == Exit::Stop { Reason::NoStop } else { Reason::NoTarget };
            Refusal::new(reason, "no level is available")
        })?;
        let instrument = self.state.config.instruments[symbol.index()].clone();
        let no_trade = || Refusal::new(Reason::NoContext, "there is no open trade to adjust");
        let context = self.state.slot(symbol).context.as_ref().ok_or_else(no_trade)?;
        let side = context.side;
        let market = self.state.slot(symbol).market.mark();
        let base = market.ok_or_else(|| Refusal::new(Reason::NoPrice, "the symbol has no price"))?;
        let wrong = || Refusal::new(Reason::WrongSide, format!("the level is on the wrong side of {base}"));
        let price = level.price(exit, side, base, &instrument).ok_or_else(wrong)?;
        let stops =
            || context.brackets.iter().filter_map(|bracket| bracket.leg(Role::Stop, &self.state.orders));
        if exit == Exit::Stop && stops().any(|stop| stop.ticket.order_type.is_trailing()) {
            // TWS refuses to change an order's type, and where it stands only the broker knows.
            return Err(Refusal::new(Reason::NoStop, "the stop trails at the broker, which moves it itself"));
        }
        let standing =
            stops().filter_map(|stop| stop.ticket.order_type.stop_price()).reduce(|one, other| match side {
                crate::command::PositionSide::Long => one.max(other),
                crate::command::PositionSide::Short => one.min(other),
            });
        let moves_away = exit == Exit::Stop
            && standing.is_some_and(|standing| match side {
                crate::command::PositionSide::Long => price <= standing,
                crate::command::PositionSide::Short => price >= standing,
            });
        if moves_away {
            let detail = format!("the stop stands at {}, {price} is no closer", standing.unwrap_or(price));
            return Err(Refusal::new(Reason::WrongSide, detail));
        }
        if let Some(context) = &mut self.state.slot_mut(symbol).context {
            match exit {
                Exit::Stop => context.policy.stop = Some(Level::Price(price)),
                Exit::Target => context.policy.target = Some(Level::Price(price)),
            }
        }
        self.state.mark_dirty(symbol);
        Ok(())
    }

    /// A single order outside any trade: it has no exits of its own, and passes the gates of entries.
    fn single(
        &mut self,
        rule: &CompiledRule,
        symbol: SymbolId,
        occasion: Occasion<'_>,
        answers: &Answers,
        spec: &CompiledOrder,
        oca: Option<Oca>,
    ) -> Result<(), Refusal> {
        self.state.may_enter(symbol, false)?;
        let view =
            StateView { state: self.state, occasion, symbol: Some(symbol), answers: &answers.conditions };
        let instrument = &view.state.config.instruments[symbol.index()];
        let price_of = |operand: &Option<CompiledOperand>| match operand {
            None => Ok(None),
            Some(operand) => operand
                .value(&view)
                .and_then(Price::from_f64)
                .map(|price| Some(instrument.round(price, Rounding::Nearest)))
                .ok_or_else(|| Refusal::new(Reason::NoPrice, "a price of the order is not available")),
        };
        let (limit, stop) = (price_of(&spec.limit)?, price_of(&spec.stop)?);
        let order_type = match (limit, stop) {
            (None, None) => OrderType::Market,
            (Some(limit_price), None) => OrderType::Limit { limit_price },
            (None, Some(stop_price)) => OrderType::Stop { stop_price },
            (Some(limit_price), Some(stop_price)) => OrderType::StopLimit { stop_price, limit_price },
        };
        let (price, _) = view.entry_price(symbol, spec.side, None, None)?;
        let quantity = view.size(spec.size, limit.unwrap_or(price), None, instrument)?;
        self.state.check_limits(symbol, rule.id, |instrument| Intent {
            instrument,
            side: spec.side,
            quantity,
            price,
            limit_price: order_type.limit_price(),
            opens_context: false,
        })?;
        self.state.recent.push(self.state.now, rule.id, symbol);
        let ticket = Ticket {
            order_id: self.state.allocate_order_id(),
            order_ref: self.state.allocate_role_ref(Role::Single),
            symbol,
            side: spec.side,
            quantity,
            order_type,
            tif: spec.tif,
            parent: None,
            oca,
            transmit: true,
            outside_rth: false,
        };
        self.state.place(ticket, Role::Single, None, None);
        Ok(())
    }

    fn cancel_entries(&mut self, symbol: SymbolId) {
        let live: Vec<_> = self
            .state
            .orders
            .iter()
            .filter(|order| order.ticket.symbol == symbol && matches!(order.role, Role::Entry | Role::Single))
            .filter(|order| !order.is_done() && order.cancelling.is_none())
            .map(|order| order.ticket.order_id)
            .collect();
        for id in live {
            self.state.cancel(id);
        }
    }

    /// Tells a change of the mode, with its cause.
    pub(crate) fn tell_mode(&mut self, event: &EventKind) {
        let mode = self.state.mode();
        if mode == self.state.told_mode {
            return;
        }
        self.state.told_mode = mode;
        let reason: Box<str> = match event {
            EventKind::Operator(Operator::Halt { reason } | Operator::ReduceOnly { reason }) => {
                reason.clone()
            }
            EventKind::Operator(_) => "an operator's word".into(),
            EventKind::Snapshot(_) if mode == Mode::Active => "the broker's snapshot has ended".into(),
            _ if mode == Mode::Active => "a live stop stands for every share".into(),
            _ if self.state.is_synced => "what stands after the broker's restart is not confirmed yet".into(),
            _ => "the broker's snapshot is not complete".into(),
        };
        self.state.notices.push(Notice::ModeChanged { mode, reason });
    }
}

fn traded(symbol: Option<SymbolId>) -> Result<SymbolId, Refusal> {
    symbol.ok_or_else(|| Refusal::new(Reason::UnknownSymbol, "the event names no symbol"))
}
