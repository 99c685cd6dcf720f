//! What the engine is told once, before the first event.

use serde::{Deserialize, Serialize};

use crate::decimal::{Money, Quantity};
use crate::instrument::Instrument;
use crate::rule::RuleSpec;
use crate::time::Span;

/// Everything that shapes an engine; the same configuration and events give the same commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Names this run in every `orderRef`; unique over restarts, at most 24 characters.
    pub run: Box<str>,
    /// What may be traded; `SymbolId` counts from here.
    pub instruments: Vec<Instrument>,
    /// Age limits of predictions.
    #[serde(default)]
    pub signals: SignalConfig,
    /// The last gate before an order.
    #[serde(default)]
    pub limits: Limits,
    /// Close everything this long before the session's close; absent: positions stay overnight.
    #[serde(default)]
    pub end_of_day: Option<Span>,
    /// Patience and tolerances towards the broker.
    #[serde(default)]
    pub execution: Execution,
    /// In order of definition.
    #[serde(default)]
    pub rules: Vec<RuleSpec>,
}

/// Age limits of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalConfig {
    /// Older predictions are expired.
    pub max_age: Span,
    /// Predictions further ahead than this are refused.
    pub max_future: Span,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self { max_age: Span::from_secs(120), max_future: Span::from_secs(5) }
    }
}

/// Limits on risk-increasing orders, each judged as if all live orders filled. Absent means no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Value of one order.
    pub max_order_value: Option<Money>,
    /// Shares of one order.
    pub max_order_shares: Option<Quantity>,
    /// Value of one symbol's position.
    pub max_position_value: Option<Money>,
    /// Shares of one symbol's position.
    pub max_position_shares: Option<Quantity>,
    /// Trades under way at once.
    pub max_open_contexts: Option<u32>,
    /// Sum of absolute position values.
    pub max_gross_exposure: Option<Money>,
    /// Absolute sum of signed position values.
    pub max_net_exposure: Option<Money>,
    /// Entries per minute over the whole account.
    pub max_orders_per_minute: Option<u32>,
    /// Entries per minute of one rule.
    pub max_orders_per_minute_rule: Option<u32>,
    /// Entries per minute of one symbol.
    pub max_orders_per_minute_symbol: Option<u32>,
    /// Distance of an entry's limit from the quote, in percent.
    pub price_collar_percent: Option<f64>,
    /// Loss of the exchange day (realised, unrealised, commissions) that stops entries.
    pub max_daily_loss: Option<Money>,
    /// Loss from the run's highest equity that stops entries.
    pub max_drawdown: Option<Money>,
    /// Symbols that may not be sold short.
    pub no_short: Vec<Box<str>>,
    /// Whether an entry may cost more than the account's buying power.
    pub check_buying_power: bool,
}

/// Patience and tolerances towards the broker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Execution {
    /// A quote older than this is no price.
    pub quote_max_age: Span,
    /// How long an unanswered order, change or cancel is waited for before it is asked again.
    pub answer_timeout: Span,
    /// How often it is asked again before an alarm.
    pub asks_max: u8,
    /// How long filled shares may have no live stop before the policy acts.
    pub uncovered_max: Span,
    /// How long a marketable exit is given before it is priced again.
    pub reprice_after: Span,
    /// How far through the quote a closing limit is priced, in percent.
    pub close_collar_percent: f64,
    /// How long the broker is given to reduce an OCA sibling by itself.
    pub oca_patience: Span,
    /// Answers of custom Python conditions later than this are unknown.
    pub ask_deadline: Span,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            quote_max_age: Span::from_secs(60),
            answer_timeout: Span::from_secs(5),
            asks_max: 3,
            uncovered_max: Span::from_secs(2),
            reprice_after: Span::from_secs(3),
            close_collar_percent: 0.5,
            oca_patience: Span::from_secs(1),
            ask_deadline: Span::from_millis(500),
        }
    }
}
