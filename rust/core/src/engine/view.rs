//! What a rule may look at, read from the engine's state for one event and symbol.

use indexmap::Equivalent;

use crate::command::Conclusion;
use crate::context::Context;
use crate::decimal::{Money, Price, Quantity};
use crate::engine::state::State;
use crate::event::{EventKind, Execution, Signal};
use crate::id::{RuleId, SymbolId};
use crate::indicator::IndicatorSlot;
use crate::instrument::Instrument;
use crate::market::Market;
use crate::position::Position;
use crate::rule::{Field, View};
use crate::time::Session;

/// A reading's key without a copy of its name; it hashes as the pair that it stands for.
#[derive(Hash)]
struct ReadingKey<'a>(&'a str, Option<SymbolId>);

impl Equivalent<(Box<str>, Option<SymbolId>)> for ReadingKey<'_> {
    fn equivalent(&self, key: &(Box<str>, Option<SymbolId>)) -> bool {
        (self.0, self.1) == (&*key.0, key.1)
    }
}

/// What triggered the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Occasion<'a> {
    /// The event itself.
    Event(&'a EventKind),
    /// A trade that this event concluded.
    Concluded(&'a Conclusion),
}

/// The state as one rule sees it.
pub(crate) struct StateView<'a> {
    pub(crate) state: &'a State,
    pub(crate) occasion: Occasion<'a>,
    pub(crate) symbol: Option<SymbolId>,
    pub(crate) answers: &'a [(Box<str>, bool)],
}

impl<'a> StateView<'a> {
    fn signal(&self) -> Option<&'a Signal> {
        match self.occasion {
            Occasion::Event(EventKind::Signal(signal)) => Some(signal),
            _ => None,
        }
    }

    fn execution(&self) -> Option<&'a Execution> {
        match self.occasion {
            Occasion::Event(EventKind::Execution(execution)) => Some(execution),
            _ => None,
        }
    }

    fn conclusion(&self) -> Option<&'a Conclusion> {
        match self.occasion {
            Occasion::Concluded(conclusion) => Some(conclusion),
            Occasion::Event(_) => None,
        }
    }

    fn market(&self) -> Option<&'a Market> {
        Some(&self.state.slot(self.symbol?).market)
    }

    fn instrument(&self) -> Option<&'a Instrument> {
        Some(&self.state.config.instruments[self.symbol?.index()])
    }

    fn position(&self) -> Option<&'a Position> {
        Some(self.state.ledger.position(self.symbol?))
    }

    fn context(&self) -> Option<&'a Context> {
        self.state.slot(self.symbol?).context.as_ref()
    }

    fn session(&self) -> Option<Session> {
        self.market()?.session
    }

    fn quote(&self) -> Option<(Price, Price)> {
        self.market()?.sane_quote(self.state.now, self.state.config.execution.quote_max_age)
    }

    /// The position's price against its average, in the direction that earns: a fraction.
    fn unrealized(&self) -> Option<(Money, f64)> {
        let (position, instrument) = (self.position()?, self.instrument()?);
        if position.quantity.is_zero() {
            return None;
        }
        let gain = position.unrealized(self.market()?.mark()?, instrument.multiplier);
        Some((gain, gain.to_f64() / position.cost.abs().to_f64()))
    }

    fn exposures(&self) -> impl Iterator<Item = Money> + 'a {
        let state = self.state;
        state.symbols().filter_map(move |symbol| {
            let position = state.ledger.position(symbol);
            let multiplier = state.config.instruments[symbol.index()].multiplier;
            Some(state.slot(symbol).market.mark()?.value(position.quantity, multiplier))
        })
    }

    fn other_number(&self, field: Field) -> Option<f64> {
        let now = self.state.now;
        match field {
            Field::SignalConfidence => self.signal()?.confidence,
            Field::SignalNumeric => self.signal()?.numeric.map(|number| number as f64),
            Field::SignalPrice => self.signal()?.price.map(Price::to_f64),
            Field::SignalAge => Some((now - self.signal()?.predicted_at).as_secs_f64()),
            Field::PositionQuantity => Some(self.position()?.quantity.to_f64()),
            Field::PositionAveragePrice => {
                self.position()?.average_price(self.instrument()?.multiplier).map(Price::to_f64)
            }
            Field::PositionUnrealized => Some(self.unrealized()?.0.to_f64()),
            Field::PositionUnrealizedPercent => Some(self.unrealized()?.1 * 100.0),
            Field::PositionAge => Some((now - self.position()?.opened_at?).as_secs_f64()),
            Field::ContextTranches => {
                self.symbol?;
                Some(self.context().map_or(0.0, |context| context.brackets.len() as f64))
            }
            Field::ContextSinceConclusion => {
                Some((now - self.state.slot(self.symbol?).concluded_at?).as_secs_f64())
            }
            Field::ContextCount => Some(f64::from(self.state.slot(self.symbol?).opened)),
            Field::MarketSpreadPercent => {
                let (bid, ask) = self.quote()?;
                let (bid, ask) = (bid.to_f64(), ask.to_f64());
                Some((ask - bid) / ((ask + bid) / 2.0) * 100.0)
            }
            Field::MarketVolume => Some(self.market()?.day_volume.to_f64()),
            Field::MarketChangePercent => {
                let market = self.market()?;
                Some((market.mark()?.to_f64() / market.day_open?.to_f64() - 1.0) * 100.0)
            }
            Field::MarketVolatility => self.market()?.volatility_percent(),
            Field::BarOpen => Some(self.market()?.bar?.open.to_f64()),
            Field::BarHigh => Some(self.market()?.bar?.high.to_f64()),
            Field::BarLow => Some(self.market()?.bar?.low.to_f64()),
            Field::BarVolume => Some(self.market()?.bar?.volume.to_f64()),
            Field::TimeHhmm => {
                let second = self.session()?.second_of_day(now);
                Some((second / 3_600 * 100 + second / 60 % 60) as f64)
            }
            Field::TimeWeekday => Some(f64::from(self.session()?.date.weekday())),
            Field::SessionMinutesAfterOpen => Some((now - self.session()?.open).as_secs_f64() / 60.0),
            Field::SessionMinutesBeforeClose => Some((self.session()?.close - now).as_secs_f64() / 60.0),
            Field::AccountEquity => self.state.account.equity.map(Money::to_f64),
            Field::AccountDailyPnl => Some((self.state.profit() - self.state.account.day_base).to_f64()),
            Field::AccountGrossExposure => Some(self.exposures().map(Money::abs).sum::<Money>().to_f64()),
            Field::AccountNetExposure => Some(self.exposures().sum::<Money>().to_f64()),
            Field::AccountOpenContexts => Some(f64::from(self.state.open_contexts())),
            Field::FillQuantity => Some(self.execution()?.quantity.to_f64()),
            Field::FillPrice => Some(self.execution()?.price.to_f64()),
            Field::ConclusionPnl => Some(self.conclusion()?.pnl.to_f64()),
            Field::BarIndex
            | Field::BarClose
            | Field::MarketPrice
            | Field::MarketBid
            | Field::MarketAsk
            | Field::SignalSide
            | Field::PositionIsFlat
            | Field::PositionIsLong
            | Field::PositionIsShort
            | Field::PositionSide
            | Field::ContextIsOpen
            | Field::ContextPhase
            | Field::SessionIsOpen
            | Field::FillSide
            | Field::ConclusionReason => None,
        }
    }
}

impl View for StateView<'_> {
    #[inline]
    fn number(&self, field: Field) -> Option<f64> {
        // What rules on every bar and quote ask for comes first, where it can be inlined.
        match field {
            Field::BarIndex => Some(self.market()?.bars.checked_sub(1)? as f64),
            Field::BarClose => Some(self.market()?.bar?.close.to_f64()),
            Field::MarketPrice => self.market()?.mark().map(Price::to_f64),
            Field::MarketBid => Some(self.quote()?.0.to_f64()),
            Field::MarketAsk => Some(self.quote()?.1.to_f64()),
            other => self.other_number(other),
        }
    }

    fn text(&self, field: Field) -> Option<&str> {
        match field {
            Field::SignalSide => Some(self.signal()?.side.as_str()),
            Field::PositionSide => Some(match self.position()?.quantity {
                quantity if quantity.is_positive() => "LONG",
                quantity if quantity.is_negative() => "SHORT",
                _ => "FLAT",
            }),
            Field::ContextPhase => {
                self.symbol?;
                Some(self.context().map_or("NONE", |context| context.phase(&self.state.orders).as_str()))
            }
            Field::FillSide => Some(self.execution()?.side.as_str()),
            Field::ConclusionReason => self.conclusion()?.exit_reason.map(|reason| reason.as_str()),
            _ => None,
        }
    }

    fn flag(&self, field: Field) -> Option<bool> {
        match field {
            Field::PositionIsFlat => Some(self.position()?.quantity.is_zero()),
            Field::PositionIsLong => Some(self.position()?.quantity.is_positive()),
            Field::PositionIsShort => Some(self.position()?.quantity.is_negative()),
            Field::ContextIsOpen => {
                self.symbol?;
                Some(self.context().is_some())
            }
            Field::SessionIsOpen => Some(self.session()?.is_open(self.state.now)),
            _ => None,
        }
    }

    fn feature(&self, name: &str) -> Option<f64> {
        self.signal()?.features.iter().find(|(feature, _)| **feature == *name).map(|(_, value)| *value)
    }

    fn reading(&self, name: &str) -> Option<f64> {
        let find = |symbol| self.state.readings.get(&ReadingKey(name, symbol)).copied();
        find(self.symbol).or_else(|| find(None))
    }

    fn indicator(&self, slot: IndicatorSlot) -> Option<f64> {
        self.state.indicators.value(slot, self.symbol?)
    }

    fn indicator_before(&self, slot: IndicatorSlot) -> Option<f64> {
        self.state.indicators.before(slot, self.symbol?)
    }

    fn field_before(&self, field: Field) -> Option<f64> {
        let bar = self.market()?.bar_before?;
        Some(match field {
            Field::BarOpen => bar.open.to_f64(),
            Field::BarHigh => bar.high.to_f64(),
            Field::BarLow => bar.low.to_f64(),
            Field::BarClose => bar.close.to_f64(),
            Field::BarVolume => bar.volume.to_f64(),
            _ => return None,
        })
    }

    fn answer(&self, _rule: RuleId, name: &str) -> Option<bool> {
        self.answers.iter().find(|(asked, _)| **asked == *name).map(|(_, answer)| *answer)
    }
}

impl State {
    /// Value of what others than `symbol` hold, if every live entry filled: absolute and signed.
    pub(crate) fn exposure_elsewhere(&self, symbol: SymbolId) -> (Money, Money) {
        self.symbols().filter(|other| *other != symbol).fold(
            (Money::ZERO, Money::ZERO),
            |(gross, net), other| {
                let held = self.position_if_filled(other);
                if held.is_zero() {
                    return (gross, net);
                }
                let multiplier = self.config.instruments[other.index()].multiplier;
                let Some(price) = self.slot(other).market.mark() else { return (gross, net) };
                let value = price.value(held, multiplier);
                (gross + value.abs(), net + value)
            },
        )
    }

    /// The symbol's position if every live order that adds to it filled.
    pub(crate) fn position_if_filled(&self, symbol: SymbolId) -> Quantity {
        let position = self.ledger.position(symbol).quantity;
        let Some(context) = &self.slot(symbol).context else { return position };
        let pending: Quantity = context
            .brackets
            .iter()
            .filter_map(|bracket| bracket.entry.and_then(|id| self.orders.find(id)))
            .map(|entry| entry.leaves_qty())
            .sum();
        position + context.side.entry().signed(pending)
    }
}
