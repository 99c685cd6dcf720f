//! `Event`: what adapters hand to the engine. Floats of the wire become fixed-point here.

use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::{
    AccountTag, AccountValue, Answer, Bar, Commission, Connection, EventKind, Execution, Hold, HoldReason,
    NextOrderId, Operator, OrderCompleted, OrderError, OrderOpened, OrderStatus, OrderStatusReport,
    PositionReport, Quote, Reading, SessionKnown, Side, Signal, SignalRejected, SignalSide, SnapshotMark,
    Trade,
};
use orderloom_core::id::{AskId, ExecId, OrderId, OrderRef, PermId, SymbolId};
use orderloom_core::time::{Date, Session, Span, Timestamp};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

/// Something that happened, before the runner gave it a number and a time.
///
/// Example:
///     >>> from orderloom import Event
///     >>> Event.trade(0, 150.25, 100.0).kind
///     'trade'
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
}

fn price(field: &str, value: f64) -> PyResult<Price> {
    Price::from_f64(value).ok_or_else(|| {
        PyValueError::new_err(format!("`{field}` must be a finite price below 92 billion, was `{value}`"))
    })
}

fn optional_price(field: &str, value: Option<f64>) -> PyResult<Option<Price>> {
    value.map(|value| price(field, value)).transpose()
}

fn quantity(field: &str, value: f64) -> PyResult<Quantity> {
    Quantity::from_f64(value).ok_or_else(|| {
        PyValueError::new_err(format!("`{field}` must be a finite quantity below 92 billion, was `{value}`"))
    })
}

fn money(field: &str, value: f64) -> PyResult<Money> {
    Money::from_f64(value)
        .ok_or_else(|| PyValueError::new_err(format!("`{field}` must be a finite amount, was `{value}`")))
}

/// A word of a closed vocabulary, by the same names that the journal uses.
fn word<T: DeserializeOwned>(field: &str, value: &str) -> PyResult<T> {
    serde_json::from_value(serde_json::Value::from(value))
        .map_err(|_| PyValueError::new_err(format!("`{field}`: unknown word `{value}`")))
}

#[pymethods]
impl Event {
    #[staticmethod]
    pub(crate) fn quote(
        symbol: u32,
        bid: Option<f64>,
        ask: Option<f64>,
        bid_size: f64,
        ask_size: f64,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Quote(Quote {
                symbol: SymbolId(symbol),
                bid: optional_price("bid", bid)?,
                ask: optional_price("ask", ask)?,
                bid_size: quantity("bid_size", bid_size)?,
                ask_size: quantity("ask_size", ask_size)?,
            }),
        })
    }

    #[staticmethod]
    pub(crate) fn trade(symbol: u32, price: f64, size: f64) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Trade(Trade {
                symbol: SymbolId(symbol),
                price: self::price("price", price)?,
                size: quantity("size", size)?,
            }),
        })
    }

    #[staticmethod]
    #[pyo3(signature = (symbol, start, span, open, high, low, close, volume, is_history=false))]
    #[expect(clippy::too_many_arguments, reason = "the fields of a bar")]
    fn bar(
        symbol: u32,
        start: i64,
        span: i64,
        open: f64,
        high: f64,
        low: f64,
        close: f64,
        volume: f64,
        is_history: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Bar(Bar {
                symbol: SymbolId(symbol),
                start: Timestamp(start),
                span: Span(span),
                open: price("open", open)?,
                high: price("high", high)?,
                low: price("low", low)?,
                close: price("close", close)?,
                volume: quantity("volume", volume)?,
                is_history,
            }),
        })
    }

    #[staticmethod]
    fn session(symbol: u32, date: u32, utc_offset: i64, open: i64, close: i64) -> PyResult<Self> {
        if open >= close {
            return Err(PyValueError::new_err(format!(
                "`close` must be after `open`, was `{close}` with open `{open}`"
            )));
        }
        Ok(Self {
            kind: EventKind::Session(SessionKnown {
                symbol: SymbolId(symbol),
                session: Session {
                    date: Date(date),
                    utc_offset: Span(utc_offset),
                    open: Timestamp(open),
                    close: Timestamp(close),
                },
            }),
        })
    }

    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the fields of a prediction")]
    fn signal(
        key: &str,
        ticker: &str,
        symbol: Option<u32>,
        side: &str,
        confidence: Option<f64>,
        numeric: Option<i64>,
        probabilities: Vec<f64>,
        predicted_at: i64,
        price: Option<f64>,
        features: Vec<(String, f64)>,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Signal(Box::new(Signal {
                key: key.into(),
                ticker: ticker.into(),
                symbol: symbol.map(SymbolId),
                side: word::<SignalSide>("side", side)?,
                confidence,
                numeric,
                probabilities: probabilities.into(),
                predicted_at: Timestamp(predicted_at),
                price: optional_price("price", price)?,
                features: features.into_iter().map(|(name, value)| (name.into_boxed_str(), value)).collect(),
            })),
        })
    }

    #[staticmethod]
    fn signal_rejected(source: &str, reason: &str, detail: &str) -> Self {
        Self {
            kind: EventKind::SignalRejected(SignalRejected {
                source: source.into(),
                reason: reason.into(),
                detail: detail.into(),
            }),
        }
    }

    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the fields of openOrder that count")]
    fn order_opened(
        order_id: i64,
        perm_id: i64,
        order_ref: &str,
        symbol: Option<u32>,
        side: &str,
        quantity: f64,
        limit_price: Option<f64>,
        stop_price: Option<f64>,
        status: &str,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::OrderOpened(OrderOpened {
                order_id: OrderId(order_id),
                perm_id: PermId(perm_id),
                order_ref: OrderRef(order_ref.into()),
                symbol: symbol.map(SymbolId),
                side: word::<Side>("side", side)?,
                quantity: self::quantity("quantity", quantity)?,
                limit_price: optional_price("limit_price", limit_price)?,
                stop_price: optional_price("stop_price", stop_price)?,
                status: word::<OrderStatus>("status", status)?,
            }),
        })
    }

    #[staticmethod]
    #[pyo3(signature = (order_id, perm_id, status, filled, remaining, why_held=""))]
    fn order_status(
        order_id: i64,
        perm_id: i64,
        status: &str,
        filled: f64,
        remaining: f64,
        why_held: &str,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::OrderStatus(OrderStatusReport {
                order_id: OrderId(order_id),
                perm_id: PermId(perm_id),
                status: word("status", status)?,
                filled: quantity("filled", filled)?,
                remaining: quantity("remaining", remaining)?,
                why_held: why_held.to_owned().into(),
            }),
        })
    }

    #[staticmethod]
    fn order_completed(perm_id: i64, order_ref: &str, status: &str, filled: f64) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::OrderCompleted(Box::new(OrderCompleted {
                perm_id: PermId(perm_id),
                order_ref: OrderRef(order_ref.into()),
                status: word("status", status)?,
                filled: quantity("filled", filled)?,
            })),
        })
    }

    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the fields of execDetails that count")]
    fn execution(
        exec_id: &str,
        order_id: i64,
        perm_id: i64,
        order_ref: &str,
        symbol: u32,
        side: &str,
        quantity: f64,
        price: f64,
        executed_at: i64,
    ) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Execution(Execution {
                exec_id: ExecId(exec_id.into()),
                order_id: OrderId(order_id),
                perm_id: PermId(perm_id),
                order_ref: OrderRef(order_ref.into()),
                symbol: SymbolId(symbol),
                side: word("side", side)?,
                quantity: self::quantity("quantity", quantity)?,
                price: self::price("price", price)?,
                executed_at: Timestamp(executed_at),
            }),
        })
    }

    #[staticmethod]
    fn commission(exec_id: &str, amount: f64, currency: &str) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::Commission(Commission {
                exec_id: ExecId(exec_id.into()),
                amount: money("amount", amount)?,
                currency: currency.into(),
            }),
        })
    }

    #[staticmethod]
    fn order_error(order_id: i64, code: i32, text: &str) -> Self {
        Self {
            kind: EventKind::OrderError(OrderError {
                order_id: OrderId(order_id),
                code,
                text: text.to_owned().into(),
            }),
        }
    }

    #[staticmethod]
    fn position_report(symbol: u32, quantity: f64, average_cost: Option<f64>) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::PositionReport(PositionReport {
                symbol: SymbolId(symbol),
                quantity: self::quantity("quantity", quantity)?,
                average_cost: optional_price("average_cost", average_cost)?,
            }),
        })
    }

    #[staticmethod]
    fn account_value(tag: &str, value: f64) -> PyResult<Self> {
        Ok(Self {
            kind: EventKind::AccountValue(AccountValue {
                tag: word::<AccountTag>("tag", tag)?,
                value: money("value", value)?,
            }),
        })
    }

    #[staticmethod]
    fn snapshot(mark: &str) -> PyResult<Self> {
        let mark = match mark {
            "began" => SnapshotMark::Began,
            "ended" => SnapshotMark::Ended,
            other => return Err(PyValueError::new_err(format!("`mark`: unknown word `{other}`"))),
        };
        Ok(Self { kind: EventKind::Snapshot(mark) })
    }

    #[staticmethod]
    fn next_order_id(order_id: i64) -> Self {
        Self { kind: EventKind::NextOrderId(NextOrderId { order_id: OrderId(order_id) }) }
    }

    #[staticmethod]
    fn connection(state: &str) -> PyResult<Self> {
        let state = match state {
            "up" => Connection::Up,
            "down" => Connection::Down,
            "data_stale" => Connection::DataStale,
            other => return Err(PyValueError::new_err(format!("`state`: unknown word `{other}`"))),
        };
        Ok(Self { kind: EventKind::Connection(state) })
    }

    /// A new process goes on under an engine configuration, given as JSON.
    #[staticmethod]
    fn restarted(config: &str) -> PyResult<Self> {
        let config = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("engine configuration: {error}")))?;
        Ok(Self { kind: EventKind::Restarted(config) })
    }

    /// Other rules and settings are taken up under way: an engine configuration, given as JSON.
    #[staticmethod]
    fn reloaded(config: &str) -> PyResult<Self> {
        let config = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("engine configuration: {error}")))?;
        Ok(Self { kind: EventKind::Reloaded(config) })
    }

    /// Entries are held back, or no longer, for `reason`.
    #[staticmethod]
    #[pyo3(signature = (reason, is_on, detail=""))]
    fn hold(reason: &str, is_on: bool, detail: &str) -> PyResult<Self> {
        let reason = match reason {
            "clock_offset" => HoldReason::ClockOffset,
            "broker_restart" => HoldReason::BrokerRestart,
            other => return Err(PyValueError::new_err(format!("`reason`: unknown word `{other}`"))),
        };
        Ok(Self { kind: EventKind::Hold(Hold { reason, is_on, detail: detail.into() }) })
    }

    #[staticmethod]
    fn clock() -> Self {
        Self { kind: EventKind::Clock }
    }

    #[staticmethod]
    #[pyo3(signature = (word, *, reason="", symbol=None, rule="", enabled=true))]
    fn operator(word: &str, reason: &str, symbol: Option<u32>, rule: &str, enabled: bool) -> PyResult<Self> {
        let operator = match word {
            "halt" => Operator::Halt { reason: reason.into() },
            "resume" => Operator::Resume,
            "reduce_only" => Operator::ReduceOnly { reason: reason.into() },
            "flatten" => Operator::Flatten { symbol: symbol.map(SymbolId) },
            "enable_rule" => Operator::EnableRule { rule: rule.into(), enabled },
            other => return Err(PyValueError::new_err(format!("`word`: unknown word `{other}`"))),
        };
        Ok(Self { kind: EventKind::Operator(operator) })
    }

    #[staticmethod]
    #[pyo3(signature = (name, symbol, value))]
    fn reading(name: &str, symbol: Option<u32>, value: Option<f64>) -> PyResult<Self> {
        // A NaN compares with nothing: it withdraws the reading.
        let value = value.filter(|value| !value.is_nan());
        if let Some(value) = value.filter(|value| value.is_infinite()) {
            return Err(PyValueError::new_err(format!("`value` must be finite, was {value}")));
        }
        let reading = Reading { name: name.into(), symbol: symbol.map(SymbolId), value };
        Ok(Self { kind: EventKind::Reading(reading) })
    }

    #[staticmethod]
    #[pyo3(signature = (ask, value, actions=None, failure=""))]
    fn answer(ask: u64, value: Option<bool>, actions: Option<&str>, failure: &str) -> PyResult<Self> {
        let actions = actions.map(serde_json::from_str).transpose();
        let actions = actions
            .map_err(|error| PyValueError::new_err(format!("`actions`: not a list of actions: {error}")))?;
        let answer = Answer { ask: AskId(ask), value, actions, failure: failure.into() };
        Ok(Self { kind: EventKind::Answer(answer) })
    }

    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        serde_json::from_str(text)
            .map(|kind| Self { kind })
            .map_err(|error| PyValueError::new_err(format!("not an event: {error}")))
    }

    #[getter]
    fn kind(&self) -> &'static str {
        event_kind(&self.kind)
    }

    #[getter]
    fn symbol(&self) -> Option<u32> {
        self.kind.symbol().map(|symbol| symbol.0)
    }

    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.kind).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Event({})", self.json()?))
    }
}

pub(crate) const fn event_kind(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Quote(_) => "quote",
        EventKind::Trade(_) => "trade",
        EventKind::Bar(_) => "bar",
        EventKind::Session(_) => "session",
        EventKind::Signal(_) => "signal",
        EventKind::SignalRejected(_) => "signal_rejected",
        EventKind::OrderOpened(_) => "order_opened",
        EventKind::OrderStatus(_) => "order_status",
        EventKind::OrderCompleted(_) => "order_completed",
        EventKind::Execution(_) => "execution",
        EventKind::Commission(_) => "commission",
        EventKind::OrderError(_) => "order_error",
        EventKind::PositionReport(_) => "position_report",
        EventKind::AccountValue(_) => "account_value",
        EventKind::Snapshot(_) => "snapshot",
        EventKind::NextOrderId(_) => "next_order_id",
        EventKind::Connection(_) => "connection",
        EventKind::Clock => "clock",
        EventKind::Hold(_) => "hold",
        EventKind::Operator(_) => "operator",
        EventKind::Reading(_) => "reading",
        EventKind::Answer(_) => "answer",
        EventKind::Restarted(_) => "restarted",
        EventKind::Reloaded(_) => "reloaded",
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Event>()
}
