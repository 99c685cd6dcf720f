//! Risk-increasing actions: from a declared entry to an attached bracket that passed every gate.

use std::sync::Arc;

use crate::bracket::Bracket;
use crate::command::{ExitReason, Mode, Notice, OrderType, PositionSide, Reason, Role, Ticket, TimeInForce};
use crate::context::{Context, Exit, Policy, Successor};
use crate::decimal::{Price, Quantity, Rounding};
use crate::engine::state::State;
use crate::engine::view::StateView;
use crate::event::{HoldReason, Side};
use crate::id::{RuleId, SymbolId};
use crate::instrument::Instrument;
use crate::limits::{Exposure, Intent, Refusal, check};
use crate::plan::exit_type;
use crate::rule::{CompiledEnter, CompiledLevel, Level, Opposite, ScaleInSpec, Size};
use crate::time::Timestamp;

/// An entry with everything decided but the gates.
pub(crate) struct Draft {
    symbol: SymbolId,
    rule: RuleId,
    side: PositionSide,
    quantity: Quantity,
    /// What it is expected to trade at.
    price: Price,
    order_type: OrderType,
    stop: Option<OrderType>,
    target: Option<OrderType>,
    expires_at: Option<Timestamp>,
    policy: Policy,
}

/// What an enter action decided, before anything changes.
pub(crate) enum Entry {
    /// Send this.
    Send(Box<Draft>),
    /// Close the other side, and perhaps enter afterwards.
    CloseFirst(Option<Successor>),
}

impl StateView<'_> {
    /// Decides an enter action against the state; nothing changes.
    pub(crate) fn draft_entry(
        &self,
        symbol: SymbolId,
        rule: RuleId,
        spec: &Arc<CompiledEnter>,
    ) -> Result<Entry, Refusal> {
        let state = self.state;
        let side = PositionSide::of_entry(spec.side);
        if let Some(context) = &state.slot(symbol).context {
            return self.against_open_trade(context, rule, spec);
        }
        state.may_enter(symbol, spec.outside_rth)?;
        let instrument = &state.config.instruments[symbol.index()];
        let (price, order_type) =
            self.entry_price(symbol, spec.side, spec.limit_offset, spec.limit.as_ref())?;
        let base = order_type.limit_price().unwrap_or(price);
        let stop = if spec.unprotected && spec.stop.is_empty() {
            None
        } else {
            Some(
                CompiledLevel::first(&spec.stop, self)
                    .ok_or_else(|| Refusal::new(Reason::NoStop, "no level of the stop is available"))?,
            )
        };
        let target = if spec.target.is_empty() {
            None
        } else {
            Some(
                CompiledLevel::first(&spec.target, self)
                    .ok_or_else(|| Refusal::new(Reason::NoTarget, "no level of the target is available"))?,
            )
        };
        let policy = Policy {
            stop,
            target,
            reprice: spec.reprice,
            exit_tif: spec.exit_tif,
            outside_rth: spec.outside_rth,
        };
        let exits = exits(&policy, side, base, instrument)?;
        let quantity = self.size(spec.size, base, exits.0.and_then(OrderType::stop_price), instrument)?;
        Ok(Entry::Send(Box::new(Draft {
            symbol,
            rule,
            side,
            quantity,
            price,
            order_type,
            stop: exits.0,
            target: exits.1,
            expires_at: spec.expires_after.map(|span| state.now + span),
            policy,
        })))
    }

    fn against_open_trade(
        &self,
        context: &Context,
        rule: RuleId,
        spec: &Arc<CompiledEnter>,
    ) -> Result<Entry, Refusal> {
        let (held, wanted) = (context.side, PositionSide::of_entry(spec.side));
        if held == wanted {
            let detail = format!("a {} trade is open", held.as_str());
            return Err(Refusal::new(Reason::ContextOpen, detail));
        }
        match spec.opposite {
            Opposite::Ignore => {
                let detail = format!("a {} trade is open, the rule wants {}", held.as_str(), wanted.as_str());
                Err(Refusal::new(Reason::OppositeContext, detail))
            }
            Opposite::Close => Ok(Entry::CloseFirst(None)),
            Opposite::Reverse => {
                self.state.may_take_risk(context.symbol)?;
                let valid_from = match self.occasion {
                    super::view::Occasion::Event(crate::event::EventKind::Signal(signal)) => {
                        signal.predicted_at
                    }
                    _ => self.state.now,
                };
                let valid_until = valid_from + self.state.config.signals.max_age;
                Ok(Entry::CloseFirst(Some(Successor { rule, enter: Arc::clone(spec), valid_until })))
            }
        }
    }

    /// What the entry is expected to trade at, and how it is sent.
    pub(crate) fn entry_price(
        &self,
        symbol: SymbolId,
        side: Side,
        limit_offset: Option<Price>,
        limit: Option<&crate::rule::CompiledOperand>,
    ) -> Result<(Price, OrderType), Refusal> {
        let state = self.state;
        let instrument = &state.config.instruments[symbol.index()];
        let far = state
            .slot(symbol)
            .market
            .far_side(side, state.now, state.config.execution.quote_max_age)
            .ok_or_else(|| {
            let detail = format!("{} has no sane and fresh price", instrument.symbol);
            Refusal::new(Reason::NoPrice, detail)
        })?;
        let rounding = match side {
            Side::Buy => Rounding::Down,
            Side::Sell => Rounding::Up,
        };
        let limit_price = match (limit, limit_offset) {
            (Some(operand), _) => {
                let wanted =
                    operand.value(self).and_then(Price::from_f64).filter(|price| price.is_positive());
                Some(
                    wanted
                        .ok_or_else(|| Refusal::new(Reason::NoPrice, "the limit's value is not available"))?,
                )
            }
            (None, Some(offset)) => Some(match side {
                Side::Buy => far + offset,
                Side::Sell => far - offset,
            }),
            (None, None) => None,
        };
        Ok(match limit_price {
            Some(price) => (far, OrderType::Limit { limit_price: instrument.round(price, rounding) }),
            None => (far, OrderType::Market),
        })
    }

    pub(crate) fn size(
        &self,
        size: Size,
        price: Price,
        stop: Option<Price>,
        instrument: &Instrument,
    ) -> Result<Quantity, Refusal> {
        let by_risk = |risk: f64| {
            let stop = stop.ok_or_else(|| Refusal::new(Reason::NoStop, "a size by risk needs a stop"))?;
            let per_share = (price - stop).abs().to_f64() * instrument.multiplier as f64;
            Ok(Quantity::from_f64((risk / per_share).floor()))
        };
        let quantity = match size {
            Size::Shares(shares) => Some(shares),
            Size::Notional(money) => {
                let per_share = price.value(Quantity::from_units(1), instrument.multiplier);
                i64::try_from(money.counts() / per_share.counts()).ok().map(Quantity::from_units)
            }
            Size::RiskMoney(money) => by_risk(money.to_f64())?,
            Size::RiskBp(basis_points) => {
                let equity =
                    self.state.account.equity.ok_or_else(|| {
                        Refusal::new(Reason::NoEquity, "the account's equity is not known yet")
                    })?;
                by_risk(equity.to_f64() * basis_points as f64 / 10_000.0)?
            }
        };
        quantity
            .filter(|quantity| quantity.is_positive())
            .ok_or_else(|| Refusal::new(Reason::SizeZero, format!("the size is below one share at {price}")))
    }

    /// Decides a scale-in: a tranche that follows the trade's policy.
    pub(crate) fn draft_scale_in(
        &self,
        symbol: SymbolId,
        rule: RuleId,
        spec: &ScaleInSpec,
    ) -> Result<Draft, Refusal> {
        let context = self.open_trade(symbol, spec.side)?;
        let (price, order_type) = self.entry_price(symbol, context.side.entry(), spec.limit_offset, None)?;
        let base = order_type.limit_price().unwrap_or(price);
        self.tranche(context, rule, spec.size, price, base, order_type)
    }

    /// Decides a double-down: a limit resting between the average price and the stop.
    pub(crate) fn draft_double_down(
        &self,
        symbol: SymbolId,
        rule: RuleId,
        fraction_bp: i64,
        size_bp: i64,
    ) -> Result<Draft, Refusal> {
        let context = self.open_trade(symbol, None)?;
        let orders = &self.state.orders;
        let instrument = &self.state.config.instruments[symbol.index()];
        let (_, average) = context.filled(true, orders);
        let stop = context
            .brackets
            .iter()
            .find_map(|bracket| bracket.leg(Role::Stop, orders)?.ticket.order_type.stop_price());
        let (Some(average), Some(stop)) = (average, stop) else {
            return Err(Refusal::new(Reason::NoStop, "a double-down needs an average price and a stop"));
        };
        let way = (average - stop).counts() as i128 * i128::from(fraction_bp) / 10_000;
        let price = Price::from_counts(average.counts() - i64::try_from(way).unwrap_or(0));
        let price = instrument.round(price, Rounding::Nearest);
        let held = context.open_quantity(orders);
        let quantity =
            Quantity::from_counts((i128::from(held.counts()) * i128::from(size_bp) / 10_000) as i64).whole();
        let far = self.entry_price(symbol, context.side.entry(), None, None)?.0;
        let order_type = OrderType::Limit { limit_price: price };
        self.tranche(context, rule, Size::Shares(quantity), far, price, order_type)
    }

    fn open_trade(&self, symbol: SymbolId, side: Option<Side>) -> Result<&Context, Refusal> {
        self.state.may_enter(symbol, true)?;
        let context = self
            .state
            .slot(symbol)
            .context
            .as_ref()
            .filter(|context| {
                context.closing.is_none() && context.open_quantity(&self.state.orders).is_positive()
            })
            .ok_or_else(|| Refusal::new(Reason::NoContext, "there is no open trade to add to"))?;
        if let Some(side) = side.filter(|side| *side != context.side.entry()) {
            let detail =
                format!("the trade is {}, the rule adds with {}", context.side.as_str(), side.as_str());
            return Err(Refusal::new(Reason::OppositeContext, detail));
        }
        self.state.may_enter(symbol, context.policy.outside_rth)?;
        Ok(context)
    }

    fn tranche(
        &self,
        context: &Context,
        rule: RuleId,
        size: Size,
        price: Price,
        base: Price,
        order_type: OrderType,
    ) -> Result<Draft, Refusal> {
        let instrument = &self.state.config.instruments[context.symbol.index()];
        let (stop, target) = exits(&context.policy, context.side, base, instrument)?;
        let quantity = self.size(size, base, stop.and_then(OrderType::stop_price), instrument)?;
        Ok(Draft {
            symbol: context.symbol,
            rule,
            side: context.side,
            quantity,
            price,
            order_type,
            stop,
            target,
            expires_at: None,
            policy: context.policy.clone(),
        })
    }
}

/// The exits that a policy puts around `base`.
fn exits(
    policy: &Policy,
    side: PositionSide,
    base: Price,
    instrument: &Instrument,
) -> Result<(Option<OrderType>, Option<OrderType>), Refusal> {
    let exit = |exit: Exit, level: Option<Level>| {
        let Some(level) = level else { return Ok(None) };
        let price = level.price(exit, side, base, instrument).ok_or_else(|| {
            let what = if exit == Exit::Stop { "stop" } else { "target" };
            let detail = format!("the {what} of a {} trade at {base} is on the wrong side", side.as_str());
            Refusal::new(Reason::WrongSide, detail)
        })?;
        Ok(Some(exit_type(exit, level, price, instrument)))
    };
    Ok((exit(Exit::Stop, policy.stop)?, exit(Exit::Target, policy.target)?))
}

impl State {
    /// Whether risk may be taken at all: mode, and the symbol's state.
    pub(crate) fn may_take_risk(&self, symbol: SymbolId) -> Result<(), Refusal> {
        match self.mode() {
            Mode::Active => {}
            Mode::ReduceOnly => {
                let detail = match self.ordered_mode {
                    Mode::Active if self.is_connected && self.is_synced => {
                        "only reducing orders are sent until every share is known to have its stop"
                    }
                    _ => "only reducing orders are sent",
                };
                return Err(Refusal::new(Reason::ReduceOnly, detail));
            }
            Mode::Halted => return Err(Refusal::new(Reason::Halted, "trading is halted")),
        }
        if let Some(hold) = self.holds.first() {
            return Err(match hold {
                HoldReason::ClockOffset => {
                    Refusal::new(Reason::ClockOffset, "our clock and the broker's differ by over a second")
                }
                HoldReason::BrokerRestart => {
                    Refusal::new(Reason::BrokerRestart, "the broker's program restarts about now")
                }
            });
        }
        if self.slot(symbol).is_quarantined {
            return Err(Refusal::new(Reason::Quarantined, "the symbol waits for a person after an incident"));
        }
        Ok(())
    }

    /// Whether an entry in the symbol may be sent now.
    pub(crate) fn may_enter(&self, symbol: SymbolId, outside_rth: bool) -> Result<(), Refusal> {
        self.may_take_risk(symbol)?;
        if self.slot(symbol).mismatch.is_some_and(|asked| asked.times > 0) {
            return Err(Refusal::new(Reason::OrderUnknown, "the broker's position is being reconciled"));
        }
        let Some(session) = self.slot(symbol).market.session else { return Ok(()) };
        let is_ending =
            self.end_of_day_at(symbol).is_some_and(|at| at <= self.now && self.now < session.close);
        if is_ending || (!outside_rth && !session.is_open(self.now)) {
            return Err(Refusal::new(Reason::SessionClosed, "the exchange is closed or about to close"));
        }
        Ok(())
    }

    /// Passes a draft through the limits and sends its bracket.
    pub(crate) fn send_entry(&mut self, draft: Draft) -> Result<(), Refusal> {
        let Draft { symbol, rule, side, .. } = draft;
        if self.entered.contains(&symbol) {
            return Err(Refusal::new(Reason::AlreadyEntered, "another rule entered on the same event"));
        }
        let is_new = self.slot(symbol).context.is_none();
        self.check_limits(symbol, rule, |instrument| Intent {
            instrument,
            side: side.entry(),
            quantity: draft.quantity,
            price: draft.price,
            limit_price: draft.order_type.limit_price(),
            opens_context: is_new,
        })?;
        self.entered.push(symbol);
        self.recent.push(self.now, rule, symbol);
        let context = if is_new {
            let id = self.allocate_context();
            self.open_context(Context::new(id, symbol, side, rule, draft.policy.clone(), self.now));
            id
        } else {
            self.slot(symbol).context.as_ref().map_or(crate::id::ContextId(0), |context| context.id)
        };
        let Some(open) = &mut self.slots[symbol.index()].context else { return Ok(()) };
        open.brackets.push(Bracket::new(draft.expires_at));
        let (index, tranches) = (open.brackets.len() - 1, open.brackets.len() as u32);
        if !is_new {
            self.notices.push(Notice::ContextScaled { context, symbol, tranches });
        }
        self.send_bracket(draft, context, index);
        Ok(())
    }

    /// Entry, target and stop as one attached family: TWS holds all of it until the last leg comes
    /// with transmit, so the stop is there before the entry can fill.
    fn send_bracket(&mut self, draft: Draft, context: crate::id::ContextId, index: usize) {
        let mut legs = vec![(Role::Entry, draft.order_type)];
        legs.extend(draft.target.map(|target| (Role::Target, target)));
        legs.extend(draft.stop.map(|stop| (Role::Stop, stop)));
        let last = legs.len() - 1;
        let mut parent = None;
        for (place, (role, order_type)) in legs.into_iter().enumerate() {
            let order_id = self.allocate_order_id();
            let is_entry = role == Role::Entry;
            let ticket = Ticket {
                order_id,
                order_ref: self.allocate_role_ref(role),
                symbol: draft.symbol,
                side: if is_entry { draft.side.entry() } else { draft.side.exit() },
                quantity: draft.quantity,
                order_type,
                tif: if is_entry { TimeInForce::Day } else { draft.policy.exit_tif },
                parent,
                oca: None,
                transmit: place == last,
                outside_rth: draft.policy.outside_rth,
            };
            self.place(ticket, role, Some(context), Some(index));
            if is_entry {
                parent = Some(order_id);
            }
        }
    }

    /// Whether an order may be sent, judged as if every live order filled.
    pub(crate) fn check_limits(
        &mut self,
        symbol: SymbolId,
        rule: RuleId,
        intent: impl FnOnce(&Instrument) -> Intent<'_>,
    ) -> Result<(), Refusal> {
        let (limits, account) = (&self.config.limits, &self.account);
        // What no limit asks about is not added up over all symbols.
        let asks_elsewhere = limits.max_gross_exposure.is_some() || limits.max_net_exposure.is_some();
        let (gross_elsewhere, net_elsewhere) =
            if asks_elsewhere { self.exposure_elsewhere(symbol) } else { Default::default() };
        let asks_pnl = limits.max_daily_loss.is_some();
        let daily_pnl = if asks_pnl { self.profit() - account.day_base } else { Default::default() };
        let drawdown =
            account.equity_peak.zip(account.equity).map_or_else(Default::default, |(peak, now)| peak - now);
        let exposure = Exposure {
            position: self.position_if_filled(symbol),
            gross_elsewhere,
            net_elsewhere,
            open_contexts: self.open_contexts(),
            daily_pnl,
            drawdown,
            buying_power: self.account.buying_power,
            recent_orders: self.recent.count(self.now, rule, symbol),
        };
        check(&self.config.limits, intent(&self.config.instruments[symbol.index()]), &exposure)
    }

    /// Closes the other side; `successor` enters when it is over.
    pub(crate) fn close_first(&mut self, symbol: SymbolId, successor: Option<Successor>) {
        let reason = if successor.is_some() { ExitReason::Reversal } else { ExitReason::CloseAll };
        self.begin_close(symbol, reason);
        if let Some(context) = &mut self.slots[symbol.index()].context {
            context.successor = successor;
        }
    }
}
