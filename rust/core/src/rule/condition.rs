//! Conditions as declared: one tree for the configuration text, its structured form and Python.

use serde::{Deserialize, Serialize};

use crate::indicator::frame::Frame;

/// A three-valued condition: yes, no or unknown. Unknown never fires, nor does its negation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Always the same answer.
    Constant(bool),
    /// Every part holds.
    All(Vec<Condition>),
    /// At least one part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// Two values compared.
    Compare {
        /// Left of the sign.
        left: Operand,
        /// The sign.
        is: Comparison,
        /// Right of the sign.
        right: Operand,
    },
    /// A yes-or-no value: `position.is_flat`, `session.is_open`.
    Holds(Operand),
    /// The left value rose or fell through the right one since the last bar.
    Crosses {
        /// What moves.
        left: Operand,
        /// `true` upwards, `false` downwards.
        up: bool,
        /// What it moves through.
        right: Operand,
    },
    /// Whether a value is known at all; itself never unknown.
    Known(Operand),
    /// A condition in Python, by its registered name; asked after the native parts held.
    Ask(Box<str>),
}

/// The sign of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Less than.
    #[serde(rename = "<")]
    Less,
    /// Less than or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Greater than or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// Greater than.
    #[serde(rename = ">")]
    Greater,
}

/// A value to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operand {
    /// A fixed number.
    Number(f64),
    /// A fixed word, such as `BUY`.
    Text(Box<str>),
    /// A documented name.
    Field(Field),
    /// One of the signal's model inputs.
    Feature(Box<str>),
    /// A value pushed in by a script.
    Reading(Box<str>),
    /// An indicator of the event's symbol.
    Indicator(IndicatorSpec),
    /// Sum.
    Add(Box<Operand>, Box<Operand>),
    /// Difference.
    Subtract(Box<Operand>, Box<Operand>),
    /// Product.
    Multiply(Box<Operand>, Box<Operand>),
    /// Quotient; unknown when the divisor is zero.
    Divide(Box<Operand>, Box<Operand>),
    /// What is left of a division, with the sign of the divisor; unknown when that is zero.
    Remainder(Box<Operand>, Box<Operand>),
    /// Opposite sign.
    Negate(Box<Operand>),
}

/// Which indicator, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndicatorSpec {
    /// `atr`, and the others by their documented names.
    pub name: Box<str>,
    /// Parameters in their documented order.
    pub parameters: Vec<f64>,
    /// The bars that it is computed from; none for the strategy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Frame>,
}

macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident = $text:literal: $type:ident),* $(,)?) => {
        /// The documented names that conditions read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Field {
            $($(#[$meta])* #[serde(rename = $text)] $name,)*
        }

        impl Field {
            /// Every field.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in expressions.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What it holds.
            #[must_use]
            pub const fn value_type(self) -> ValueType {
                match self { $(Self::$name => ValueType::$type),* }
            }
        }
    };
}

impl Field {
    /// The words that it can hold; none unless its type is `Text`.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::SignalSide => &["BUY", "SELL", "SHORT", "NEUTRAL"],
            Self::PositionSide => &["LONG", "SHORT", "FLAT"],
            Self::ContextPhase => &["NONE", "ENTERING", "OPEN", "CLOSING"],
            Self::FillSide => &["BUY", "SELL"],
            Self::ConclusionReason => {
                &["TARGET", "STOP", "TRAIL", "CLOSE_ALL", "REVERSAL", "END_OF_DAY", "MANUAL", "RECOVERY"]
            }
            _ => &[],
        }
    }
}

/// The type of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A float.
    Number,
    /// A word.
    Text,
    /// Yes or no.
    Bool,
}

fields! {
    /// BUY, SELL, SHORT or NEUTRAL.
    SignalSide = "signal.side": Text,
    /// 0..=1.
    SignalConfidence = "signal.confidence": Number,
    /// The source's number for the side.
    SignalNumeric = "signal.numeric": Number,
    /// The price that the model saw.
    SignalPrice = "signal.price": Number,
    /// Seconds since the prediction was made.
    SignalAge = "signal.age": Number,
    /// No position.
    PositionIsFlat = "position.is_flat": Bool,
    /// Positive position.
    PositionIsLong = "position.is_long": Bool,
    /// Negative position.
    PositionIsShort = "position.is_short": Bool,
    /// LONG, SHORT or FLAT.
    PositionSide = "position.side": Text,
    /// Signed shares or contracts.
    PositionQuantity = "position.quantity": Number,
    /// Average price of what is held; unknown when flat.
    PositionAveragePrice = "position.average_price": Number,
    /// Unrealised profit in money; unknown when flat or without a price.
    PositionUnrealized = "position.unrealized": Number,
    /// Unrealised profit in percent of the average price.
    PositionUnrealizedPercent = "position.unrealized_percent": Number,
    /// Seconds since the position was opened; unknown when flat.
    PositionAge = "position.age": Number,
    /// A trade is under way.
    ContextIsOpen = "context.is_open": Bool,
    /// NONE, ENTERING, OPEN or CLOSING.
    ContextPhase = "context.phase": Text,
    /// How many tranches were sent; 0 without a context.
    ContextTranches = "context.tranches": Number,
    /// Seconds since the symbol's last trade was concluded; unknown before the first.
    ContextSinceConclusion = "context.since_conclusion": Number,
    /// How many trades of the symbol the run has opened.
    ContextCount = "context.count": Number,
    /// Last price of the tape, else the middle of the quote.
    MarketPrice = "market.price": Number,
    /// Best bid.
    MarketBid = "market.bid": Number,
    /// Best ask.
    MarketAsk = "market.ask": Number,
    /// Ask minus bid in percent of their middle.
    MarketSpreadPercent = "market.spread_percent": Number,
    /// Shares traded in this session.
    MarketVolume = "market.volume": Number,
    /// Price against the session's first price, in percent.
    MarketChangePercent = "market.change_percent": Number,
    /// Standard deviation of the last 20 bars' simple returns, in percent.
    MarketVolatility = "market.volatility": Number,
    /// First price of the last complete bar.
    BarOpen = "bar.open": Number,
    /// Highest price of the last complete bar.
    BarHigh = "bar.high": Number,
    /// Lowest price of the last complete bar.
    BarLow = "bar.low": Number,
    /// Last price of the last complete bar.
    BarClose = "bar.close": Number,
    /// Volume of the last complete bar.
    BarVolume = "bar.volume": Number,
    /// How many complete bars of the run came before the last one; past bars do not count.
    BarIndex = "bar.index": Number,
    /// Exchange-local time of day as HHMM, e.g. 1430.
    TimeHhmm = "time.hhmm": Number,
    /// 0 Monday … 6 Sunday, of the exchange's date.
    TimeWeekday = "time.weekday": Number,
    /// Regular trading goes on.
    SessionIsOpen = "session.is_open": Bool,
    /// Minutes since the open; negative before it.
    SessionMinutesAfterOpen = "session.minutes_after_open": Number,
    /// Minutes until the close; negative after it.
    SessionMinutesBeforeClose = "session.minutes_before_close": Number,
    /// Net liquidation value.
    AccountEquity = "account.equity": Number,
    /// Realised and unrealised profit of the exchange day, before commissions.
    AccountDailyPnl = "account.daily_pnl": Number,
    /// Sum of the absolute position values.
    AccountGrossExposure = "account.gross_exposure": Number,
    /// Sum of the signed position values.
    AccountNetExposure = "account.net_exposure": Number,
    /// How many trades are under way.
    AccountOpenContexts = "account.open_contexts": Number,
    /// Quantity of the fill that triggered the rule.
    FillQuantity = "fill.quantity": Number,
    /// Price of the fill that triggered the rule.
    FillPrice = "fill.price": Number,
    /// BUY or SELL of the fill that triggered the rule.
    FillSide = "fill.side": Text,
    /// Exit reason of the trade that was concluded.
    ConclusionReason = "conclusion.reason": Text,
    /// Profit of the trade that was concluded.
    ConclusionPnl = "conclusion.pnl": Number,
}
