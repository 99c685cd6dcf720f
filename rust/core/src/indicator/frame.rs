//! Longer bars, built from the strategy's own bars or from prints.
//!
//! Knows where such a bar begins and ends, and how it grows. A bar never spans the close of a session,
//! and where nothing traded there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Candle;
use crate::error::ConfigError;
use crate::time::{Session, Span, Timestamp};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Trading time of a day at least: as much of a longer bar has to be seen to fill it.
const TRADING_DAY: i64 = 23_400 * SECOND;

/// What a longer bar is built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Complete bars, whose span has to divide that of the longer ones.
    Bars,
    /// Prints of regular trading.
    Trades,
}

impl Source {
    /// Its name in expressions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Trades => "trades",
        }
    }
}

/// Bars of another length than the strategy's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// How long one is: whole seconds that divide a day.
    pub span: Span,
    /// What it is built of.
    pub of: Source,
}

impl Frame {
    /// The frame, if bars of its span come to whole days.
    ///
    /// # Errors
    /// A span that is not made of whole seconds, or does not divide a day.
    pub fn checked(self) -> Result<Self, ConfigError> {
        let span = self.span.0;
        if span >= SECOND && span % SECOND == 0 && DAY % span == 0 {
            Ok(self)
        } else {
            Err(ConfigError::new("span", "be whole seconds that divide a day", self.span))
        }
    }

    /// Whether it can be built where the strategy's own bars last `base`.
    #[must_use]
    pub const fn fits(&self, base: Span) -> bool {
        match self.of {
            Source::Bars => base.0 > 0 && self.span.0 % base.0 == 0,
            Source::Trades => true,
        }
    }

    /// How many bars of `base` hold `bars` of this frame's; none of them do if it is built of prints.
    #[must_use]
    pub fn warmup(&self, bars: usize, base: Span) -> usize {
        match self.of {
            // The first of them may have begun before the first smaller bar.
            Source::Bars => (bars + 1) * (self.span.0.min(TRADING_DAY) / base.0.max(1)).max(1) as usize,
            Source::Trades => 0,
        }
    }

    /// The bar that holds `at`. Bars lie as clocks at the exchange show it: those of an hour begin on the
    /// hour, and the first of a session that opens at half past is half as long. One of a day is the session.
    #[must_use]
    pub fn bounds(&self, at: Timestamp, session: Option<&Session>) -> Bounds {
        let span = self.span.0;
        let day = Day::of(at, session);
        let clock = at.0 - (at.0 + day.utc_offset).rem_euclid(span);
        let (mut start, mut end) = if span == DAY { (day.start, day.end) } else { (clock, clock + span) };
        (start, end) = (start.max(day.start), end.min(day.end));
        if let Some(session) = session.filter(|session| Day::of(session.open, Some(session)) == day) {
            for edge in [session.open.0, session.close.0] {
                if at.0 < edge {
                    end = end.min(edge);
                } else {
                    start = start.max(edge);
                }
            }
        }
        Bounds { start: Timestamp(start), end: Timestamp(end) }
    }
}

/// Such as `over(…, "5m")` has it: `"5m"`, and what it is built of where that is not bars.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.span.0 / SECOND;
        f.write_str("\"")?;
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            if rest >= seconds {
                write!(f, "{}{unit}", rest / seconds)?;
            }
            rest %= seconds;
        }
        f.write_str("\"")?;
        match self.of {
            Source::Bars => Ok(()),
            Source::Trades => f.write_str(", of=\"trades\""),
        }
    }
}

/// From its first moment to the one after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// First moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// The day around a session: it begins and ends in the middle of the time in which the exchange is closed.
///
/// Of other days it is assumed that they trade at the same hours of UTC. The middle leaves room for an hour
/// of daylight saving, so that no day is taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    start: i64,
    end: i64,
    utc_offset: i64,
}

impl Day {
    /// The day that holds `at`: one of UTC where no session is known.
    fn of(at: Timestamp, session: Option<&Session>) -> Self {
        let (origin, utc_offset) = session.map_or((0, 0), |session| {
            let closed = (DAY - (session.close - session.open).0).max(0);
            (session.open.0 - closed / 2, session.utc_offset.0)
        });
        let start = at.0 - (at.0 - origin).rem_euclid(DAY);
        Self { start, end: start + DAY, utc_offset }
    }
}

/// The first moment of the session's day.
#[must_use]
pub fn day_start(session: &Session) -> Timestamp {
    Timestamp(Day::of(session.open, Some(session)).start)
}

/// A longer bar that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// From when to when.
    pub bounds: Bounds,
    /// Its prices and its volume.
    pub candle: Candle,
}

/// Builds one symbol's longer bars, one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resampler {
    frame: Frame,
    growing: Option<Built>,
}

impl Resampler {
    /// With nothing seen.
    #[must_use]
    pub const fn new(frame: Frame) -> Self {
        Self { frame, growing: None }
    }

    /// Takes a complete smaller bar; `on_built` hears of every longer one that is complete with it.
    ///
    /// A longer bar is complete with the smaller one that reaches its end. Where that one is missing, it
    /// is with the next. A smaller bar whose span does not divide the frame's is passed over, and so is
    /// one older than what was taken before.
    pub fn bar(
        &mut self,
        start: Timestamp,
        span: Span,
        candle: &Candle,
        session: Option<&Session>,
        on_built: impl FnMut(Built),
    ) {
        if self.frame.fits(span) {
            self.take(start, start + span, candle, session, on_built);
        }
    }

    /// Takes a print; one outside of the known session belongs to no bar. As `bar` else, except that
    /// a bar of prints is complete with the first print after it, or when `pass` is told so.
    pub fn trade(
        &mut self,
        at: Timestamp,
        price: f64,
        size: f64,
        session: Option<&Session>,
        mut on_built: impl FnMut(Built),
    ) {
        self.pass(at, &mut on_built);
        if session.is_none_or(|session| session.is_open(at)) {
            let candle = Candle { open: price, high: price, low: price, close: price, volume: size };
            self.take(at, at, &candle, session, on_built);
        }
    }

    /// Lets time pass: what ends at `at` or before is complete.
    pub fn pass(&mut self, at: Timestamp, mut on_built: impl FnMut(Built)) {
        if let Some(built) = self.growing.take_if(|growing| growing.bounds.end <= at) {
            on_built(built);
        }
    }

    /// The bar that is not complete yet, for good.
    #[must_use]
    pub const fn rest(self) -> Option<Built> {
        self.growing
    }

    fn take(
        &mut self,
        start: Timestamp,
        end: Timestamp,
        candle: &Candle,
        session: Option<&Session>,
        mut on_built: impl FnMut(Built),
    ) {
        match &mut self.growing {
            Some(growing) if start < growing.bounds.start => return,
            Some(growing) if start < growing.bounds.end => {
                let sum = &mut growing.candle;
                sum.high = sum.high.max(candle.high);
                sum.low = sum.low.min(candle.low);
                sum.close = candle.close;
                sum.volume += candle.volume;
            }
            growing => {
                let bounds = self.frame.bounds(start, session);
                if let Some(built) = growing.replace(Built { bounds, candle: *candle }) {
                    on_built(built);
                }
            }
        }
        self.pass(end, on_built);
    }
}

/// The sessions of an exchange in their order, asked about times that rise.
#[derive(Debug, Clone)]
pub struct Sessions<'a> {
    all: &'a [Session],
    current: usize,
}

impl<'a> Sessions<'a> {
    /// From the first of them on.
    #[must_use]
    pub const fn new(all: &'a [Session]) -> Self {
        Self { all, current: 0 }
    }

    /// The session whose day holds `at`, or the one before it; the first, before any.
    pub fn at(&mut self, at: Timestamp) -> Option<&'a Session> {
        while self.all.get(self.current + 1).is_some_and(|next| day_start(next) <= at) {
            self.current += 1;
        }
        self.all.get(self.current)
    }
}
