//! The indicators by name: their parameters, their lines, and how they are built.
//!
//! A new indicator is a file of its own and one entry here.

use serde::{Deserialize, Serialize};

use super::adx::Adx;
use super::atr::{Atr, Smoothing};
use super::bollinger::Bollinger;
use super::cci::Cci;
use super::chandelier::Chandelier;
use super::donchian::Donchian;
use super::ema::Ema;
use super::extreme::{Highest, Lowest};
use super::keltner::Keltner;
use super::macd::Macd;
use super::obv::Obv;
use super::roc::Roc;
use super::rsi::Rsi;
use super::sma::Sma;
use super::stdev::Stdev;
use super::stochastic::Stochastic;
use super::supertrend::Supertrend;
use super::vwap::Vwap;
use super::{Candle, Column, Columns, Lines, Period, Streaming, or_nan};
use crate::error::ConfigError;

/// A documented parameter.
#[derive(Debug, Clone, Copy)]
struct Parameter {
    name: &'static str,
    /// Taken when the parameter is left out; a parameter without one must be given.
    default: Option<f64>,
    range: Range,
}

#[derive(Debug, Clone, Copy)]
enum Range {
    /// A whole number of bars, from this one to `Period::MAX`.
    Bars(f64),
    /// A finite number above zero.
    Positive,
}

const fn bars(name: &'static str, default: Option<f64>) -> Parameter {
    Parameter { name, default, range: Range::Bars(1.0) }
}

const fn at_least_two_bars(name: &'static str, default: f64) -> Parameter {
    Parameter { name, default: Some(default), range: Range::Bars(2.0) }
}

const fn multiple(name: &'static str, default: f64) -> Parameter {
    Parameter { name, default: Some(default), range: Range::Positive }
}

/// The parameters of one indicator after they were checked.
struct Checked<'a>(&'a [f64]);

impl Checked<'_> {
    fn period(&self, index: usize) -> Period {
        Period::new(self.0[index] as usize).expect("checked against `Range::Bars`")
    }

    fn number(&self, index: usize) -> f64 {
        self.0[index]
    }
}

macro_rules! indicators {
    ($($family:ident($type:ty) [$($name:literal),+] ($($parameter:expr),*) = $build:expr;)+) => {
        /// Which computation stands behind a name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        enum Family {
            $($family),+
        }

        /// Its running state.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        enum State {
            $($family($type)),+
        }

        /// Every name that conditions can use.
        pub const NAMES: &[&str] = &[$($($name),+),+];

        impl Family {
            const ALL: &[Self] = &[$(Self::$family),+];

            /// The names of its lines, in the order of `Lines`.
            const fn lines(self) -> &'static [&'static str] {
                match self { $(Self::$family => &[$($name),+]),+ }
            }

            const fn parameters(self) -> &'static [Parameter] {
                match self { $(Self::$family => const { &[$($parameter),*] }),+ }
            }

            fn build(self, checked: &Checked<'_>) -> State {
                match self {
                    $(Self::$family => {
                        let build: fn(&Checked<'_>) -> $type = $build;
                        State::$family(build(checked))
                    })+
                }
            }
        }

        impl State {
            const fn columns(&self) -> &'static [Column] {
                match self { $(Self::$family(_) => <$type as Streaming>::COLUMNS),+ }
            }

            fn on_candle(&mut self, candle: &Candle) -> Lines {
                match self { $(Self::$family(state) => state.on_candle(candle)),+ }
            }

            fn warmup(&self) -> usize {
                match self { $(Self::$family(state) => state.warmup()),+ }
            }

            fn begin_session(&mut self) {
                match self { $(Self::$family(state) => state.begin_session()),+ }
            }

            fn batch_into(&mut self, line: usize, columns: Columns<'_>, out: &mut [f64]) {
                match self { $(Self::$family(state) => run(state, line, columns, out)),+ }
            }
        }
    };
}

indicators! {
    Atr(Atr) ["atr"] (bars("period", Some(14.0))) = |p| Atr::new(p.period(0), Smoothing::Wilder);
    AtrSimple(Atr) ["atr_sma"] (bars("period", Some(14.0))) = |p| Atr::new(p.period(0), Smoothing::Simple);
    Sma(Sma) ["sma"] (bars("period", None)) = |p| Sma::new(p.period(0));
    Ema(Ema) ["ema"] (bars("period", None)) = |p| Ema::new(p.period(0));
    Rma(Ema) ["rma"] (bars("period", None)) = |p| Ema::wilder(p.period(0));
    Rsi(Rsi) ["rsi"] (bars("period", Some(14.0))) = |p| Rsi::new(p.period(0));
    Stdev(Stdev) ["stdev"] (bars("period", None)) = |p| Stdev::new(p.period(0));
    Bollinger(Bollinger) ["bollinger_mid", "bollinger_upper", "bollinger_lower"]
        (bars("period", Some(20.0)), multiple("deviations", 2.0))
        = |p| Bollinger::new(p.period(0), p.number(1));
    Macd(Macd) ["macd", "macd_signal", "macd_histogram"]
        (bars("fast", Some(12.0)), bars("slow", Some(26.0)), bars("signal", Some(9.0)))
        = |p| Macd::new(p.period(0), p.period(1), p.period(2));
    Keltner(Keltner) ["keltner_mid", "keltner_upper", "keltner_lower"]
        (bars("period", Some(20.0)), multiple("multiple", 2.0), bars("atr_period", Some(10.0)))
        = |p| Keltner::new(p.period(0), p.number(1), p.period(2));
    Donchian(Donchian) ["donchian_mid", "donchian_upper", "donchian_lower"] (bars("period", Some(20.0)))
        = |p| Donchian::new(p.period(0));
    Highest(Highest) ["highest"] (bars("period", None)) = |p| Highest::new(p.period(0));
    Lowest(Lowest) ["lowest"] (bars("period", None)) = |p| Lowest::new(p.period(0));
    Supertrend(Supertrend) ["supertrend", "supertrend_direction"]
        (bars("period", Some(10.0)), multiple("multiple", 3.0))
        = |p| Supertrend::new(p.period(0), p.number(1));
    Chandelier(Chandelier) ["chandelier_long", "chandelier_short"]
        (bars("period", Some(22.0)), multiple("multiple", 3.0))
        = |p| Chandelier::new(p.period(0), p.number(1));
    Adx(Adx) ["adx", "plus_di", "minus_di"] (at_least_two_bars("period", 14.0)) = |p| Adx::new(p.period(0));
    Stochastic(Stochastic) ["stochastic_k", "stochastic_d"]
        (bars("period", Some(14.0)), bars("smooth", Some(3.0)), bars("signal", Some(3.0)))
        = |p| Stochastic::new(p.period(0), p.period(1), p.period(2));
    Cci(Cci) ["cci"] (at_least_two_bars("period", 20.0)) = |p| Cci::new(p.period(0));
    Roc(Roc) ["roc"] (bars("period", None)) = |p| Roc::new(p.period(0));
    Obv(Obv) ["obv"] () = |_| Obv::new();
    Vwap(Vwap) ["vwap"] () = |_| Vwap::new();
}

/// An indicator with checked parameters, fed bar by bar, and which of its lines a name means.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Indicator {
    family: Family,
    /// All of them, defaults filled in.
    parameters: Box<[f64]>,
    state: State,
}

impl Indicator {
    /// The indicator behind `name`, and the place of the named line in its `Lines`.
    ///
    /// # Errors
    /// An unknown name; too many, missing, or out-of-range parameters.
    pub fn new(name: &str, parameters: &[f64]) -> Result<(Self, usize), ConfigError> {
        let (family, line) = Family::ALL
            .iter()
            .find_map(|family| Some((*family, family.lines().iter().position(|line| *line == name)?)))
            .ok_or_else(|| ConfigError::new("", format!("be one of {}", NAMES.join(", ")), name))?;
        let documented = family.parameters();
        if parameters.len() > documented.len() {
            let expected = format!("have at most {} parameters", documented.len());
            return Err(ConfigError::new(name, expected, parameters.len()));
        }
        let complete = documented
            .iter()
            .enumerate()
            .map(|(index, parameter)| parameter.check(parameters.get(index).copied()))
            .collect::<Result<Box<[f64]>, _>>()
            .map_err(|error| error.under(name))?;
        let state = family.build(&Checked(&complete));
        Ok((Self { family, parameters: complete, state }, line))
    }

    /// Whether both compute the same lines from the same parameters.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.family == other.family && self.parameters == other.parameters
    }

    /// All parameters, defaults filled in.
    #[must_use]
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, candle: &Candle) -> Lines {
        self.state.on_candle(candle)
    }

    /// What it reads of a bar.
    #[must_use]
    pub const fn columns(&self) -> &'static [Column] {
        self.state.columns()
    }

    /// Feeds whole columns and writes one line's values to `out`; NaN where there is none.
    ///
    /// # Panics
    /// When a column of `columns()` is absent or shorter than `out`; callers check user input.
    pub fn batch_into(&mut self, line: usize, columns: Columns<'_>, out: &mut [f64]) {
        self.state.batch_into(line, columns, out);
    }

    /// A new exchange session begins before the next bar.
    pub fn begin_session(&mut self) {
        self.state.begin_session();
    }

    /// Bars needed until every line has its first value.
    #[must_use]
    pub fn warmup(&self) -> usize {
        self.state.warmup()
    }
}

fn run<S: Streaming>(state: &mut S, line: usize, columns: Columns<'_>, out: &mut [f64]) {
    for column in S::COLUMNS {
        assert!(columns[*column as usize].is_some(), "the column `{}`", column.as_str());
    }
    // Columns that the indicator does not read are never looked at.
    let at = |column: Column, index: usize| columns[column as usize].map_or(f64::NAN, |values| values[index]);
    for (index, out) in out.iter_mut().enumerate() {
        let candle = Candle {
            open: at(Column::Open, index),
            high: at(Column::High, index),
            low: at(Column::Low, index),
            close: at(Column::Close, index),
            volume: at(Column::Volume, index),
        };
        *out = or_nan(state.on_candle(&candle)[line]);
    }
}

impl Parameter {
    fn check(&self, given: Option<f64>) -> Result<f64, ConfigError> {
        let Some(value) = given.or(self.default) else {
            return Err(ConfigError::new(self.name, "be given", "nothing"));
        };
        match self.range {
            Range::Bars(least) => {
                let is_whole = value.fract() == 0.0 && value >= least && value <= Period::MAX as f64;
                is_whole.then_some(value).ok_or_else(|| {
                    let expected = format!("be a whole number of bars from {least} to {}", Period::MAX);
                    ConfigError::new(self.name, expected, value)
                })
            }
            Range::Positive => (value.is_finite() && value > 0.0)
                .then_some(value)
                .ok_or_else(|| ConfigError::new(self.name, "be greater than 0", value)),
        }
    }
}
