//! One session: everything about it that is decided by its seed.

use orderloom_core::config::EngineConfig;
use orderloom_core::event::SignalSide;
use orderloom_core::id::SymbolId;
use orderloom_core::rule::Action;
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{
    CancelNews, ChangeNews, ChildWhyHeld, ChildrenAfterPartialCancel, ChildrenStart, CommissionPlan,
    FillConfig, HeldStatus, LocateStatus, OcaMemberCancel, OcaReduction, OcaReductionSize, OcaRevision,
    QuantityBelowFilled, RejectStatus, VenueConfig,
};

use crate::defect::Defect;
use crate::mishap::Mishap;
use crate::random::Random;
use crate::strategy::strategy;

/// A session to run: its seed, and what is left of it. A whole one leaves nothing out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    /// Moments of a day before its end; all when absent.
    pub(crate) ticks: Option<usize>,
    /// Places of the signals that come; all when absent.
    pub(crate) signals: Option<Vec<usize>>,
    /// Places of the mishaps that happen; all when absent.
    pub(crate) mishaps: Option<Vec<usize>>,
    /// A mistake made on purpose.
    pub(crate) defect: Option<Defect>,
}

impl Case {
    pub(crate) const fn whole(seed: u64) -> Self {
        Self { seed, ticks: None, signals: None, mishaps: None, defect: None }
    }
}

/// A prediction that comes at a tick.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) day: usize,
    pub(crate) tick: usize,
    pub(crate) symbol: SymbolId,
    pub(crate) side: SignalSide,
    pub(crate) key: usize,
    pub(crate) age: Span,
}

/// One day's moments; those of its end are calm.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) open: Timestamp,
    pub(crate) ticks: Vec<Timestamp>,
    /// From this tick on nothing goes wrong any more.
    pub(crate) calm: usize,
    pub(crate) close: Timestamp,
}

/// Everything that is known before a session.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) case: Case,
    pub(crate) engine: EngineConfig,
    pub(crate) venue: VenueConfig,
    pub(crate) symbols: u32,
    pub(crate) days: Vec<Day>,
    pub(crate) predictions: Vec<Prediction>,
    pub(crate) mishaps: Vec<(usize, usize, Mishap)>,
    /// Shortest and longest way of a message, in microseconds.
    pub(crate) latency: (i64, i64),
    /// Whether TWS may let exits execute beyond the position although nobody erred.
    pub(crate) can_overfill: bool,
}

/// 2026-03-10 13:30:00 UTC, when New York opens.
const FIRST_OPEN: Timestamp = Timestamp(1_773_149_400_000_000_000);
const DAY: Span = Span::from_secs(86_400);

fn day(random: &mut Random, number: usize, ticks: usize, end: Span) -> Day {
    let open = FIRST_OPEN + Span(DAY.0 * number as i64);
    let mut at = open + Span::from_millis(random.between(0, 2_000));
    let mut moments = Vec::with_capacity(ticks + 40);
    for _ in 0..ticks {
        let wait = match random.between(0, 9) {
            0..=2 => random.between(1, 60),
            3..=8 => random.between(300, 4_000),
            _ => random.between(5_000, 20_000),
        };
        at = at + Span::from_millis(wait);
        moments.push(at);
    }
    let close = at + end;
    while at < close {
        at = at + Span::from_millis(random.between(5_000, 9_000));
        moments.push(at.min(close + Span::from_millis(-1)));
    }
    Day { open, ticks: moments, calm: ticks, close }
}

fn readings(seed: u64) -> VenueConfig {
    let random = &mut Random::new(seed, 2);
    fn one<T: Copy + Default>(random: &mut Random, of: &[T]) -> T {
        if random.percent(30) { random.pick(of) } else { T::default() }
    }
    let children = &[ChildrenStart::OnFirstFillFullSize, ChildrenStart::OnPartialScaled];
    let children_start = one(random, children);
    // Children that grow with fills do not grow beyond them when their parent ends.
    let orphans = match children_start {
        ChildrenStart::OnPartialScaled => &[ChildrenAfterPartialCancel::Cancelled][..],
        _ => &[ChildrenAfterPartialCancel::KeepFull, ChildrenAfterPartialCancel::Cancelled],
    };
    VenueConfig {
        seed,
        account: "".into(),
        starts_open: false,
        commission: random.pick(&[CommissionPlan::Fixed, CommissionPlan::Tiered, CommissionPlan::None]),
        fill: FillConfig {
            max_fraction_of_volume: random.sometimes(20, |_| 0.25.try_into().expect("a share")),
            slippage_ticks: random.pick(&[0, 0, 1, 3]),
            limit_needs_through: random.percent(20),
        },
        children_start,
        children_after_partial_cancel: one(random, orphans),
        oca_reduction: one(random, &[OcaReduction::Lagging]),
        oca_lag_ns: random.sometimes(50, |random| Span::from_millis(random.between(1, 3_000))),
        oca_member_cancel: one(random, &[OcaMemberCancel::WholeGroup]),
        reject_status: one(random, &[RejectStatus::Cancelled, RejectStatus::Nothing]),
        held_status: one(random, &[HeldStatus::Inactive]),
        child_why_held: one(random, &[ChildWhyHeld::Empty]),
        quantity_below_filled: one(random, &[QuantityBelowFilled::EndsOrder]),
        oca_revision: one(random, &[OcaRevision::Ignored]),
        oca_reduction_size: one(random, &[OcaReductionSize::SameUnits]),
        cancel_news: one(random, &[CancelNews::PendingFirst]),
        change_news: one(random, &[ChangeNews::PreSubmittedFirst]),
        locate_status: one(random, &[LocateStatus::Inactive]),
        ..VenueConfig::default()
    }
}

fn predictions(seed: u64, symbols: u32, days: usize) -> Vec<Prediction> {
    let random = &mut Random::new(seed, 3);
    let sides = [SignalSide::Buy, SignalSide::Buy, SignalSide::Short, SignalSide::Short, SignalSide::Sell];
    let mut all = Vec::new();
    for day in 0..days {
        for _ in 0..random.between(3, 14) {
            let side = if random.percent(8) { SignalSide::Neutral } else { random.pick(&sides) };
            let repeats = random.percent(8) && !all.is_empty();
            let key = if repeats { random.between(0, all.len() as i64 - 1) as usize } else { all.len() };
            let age = match random.between(0, 19) {
                0 => Span::from_secs(200),
                1 => Span::from_secs(-10),
                _ => Span::from_millis(random.between(0, 3_000)),
            };
            let (symbol, tick) = (random.between(0, i64::from(symbols) - 1), random.between(1, 90));
            let tick = tick as usize;
            all.push(Prediction { day, tick, symbol: SymbolId(symbol as u32), side, key, age });
        }
    }
    all
}

fn mishaps(seed: u64, symbols: u32, days: usize) -> Vec<(usize, usize, Mishap)> {
    let random = &mut Random::new(seed, 4);
    let mut all = Vec::new();
    for day in 0..days {
        let count = match random.between(0, 99) {
            0..=34 => 0,
            35..=64 => 1,
            65..=84 => 2,
            _ => random.between(3, 8),
        };
        for _ in 0..count {
            let (tick, mishap) = (random.between(1, 90) as usize, Mishap::draw(random, symbols));
            all.push((day, tick, mishap));
        }
    }
    all
}

fn overfills(seed: u64, days: usize) -> Option<(usize, usize, Mishap)> {
    let random = &mut Random::new(seed, 6);
    let day = random.between(0, days as i64 - 1) as usize;
    let (tick, more) = (random.between(1, 90) as usize, random.pick(&[1, 1, 7, 60]));
    random.percent(12).then_some((day, tick, Mishap::Overfill { more }))
}

impl Script {
    pub(crate) fn new(case: &Case) -> Self {
        let seed = case.seed;
        let random = &mut Random::new(seed, 0);
        let symbols = random.pick(&[1, 2, 2, 3]);
        let engine = strategy(seed, symbols);
        let venue = readings(seed);
        let end = engine.end_of_day.map_or(Span::from_secs(90), |before| Span(before.0 + 1_000_000_000));
        let count = random.pick(&[1, 1, 1, 2]);
        let days: Vec<Day> = (0..count)
            .map(|number| {
                let ticks = random.between(40, 100) as usize;
                day(random, number, case.ticks.map_or(ticks, |most| ticks.min(most)), end)
            })
            .collect();
        let latency = random.pick(&[(200, 2_000), (200, 2_000), (5_000, 60_000), (100_000, 900_000)]);
        let can_overfill = venue.children_start == ChildrenStart::OnFirstFillFullSize
            || venue.children_after_partial_cancel == ChildrenAfterPartialCancel::KeepFull
            || venue.oca_reduction == OcaReduction::Lagging;
        let mut predictions = predictions(seed, symbols, count);
        let mut mishaps = mishaps(seed, symbols, count);
        // They come last, so that the places of the others stay what regressions name.
        mishaps.extend(overfills(seed, count).filter(|_| case.defect.is_none()));
        keep(&mut predictions, case.signals.as_deref());
        keep(&mut mishaps, case.mishaps.as_deref());
        Self { case: case.clone(), engine, venue, symbols, days, predictions, mishaps, latency, can_overfill }
    }
}

impl Script {
    /// Whether a rule says in so many words that it wants no stop.
    pub(crate) fn may_be_unprotected(&self) -> bool {
        let says_so = |action: &Action| matches!(action, Action::Enter(spec) if spec.unprotected);
        self.engine.rules.iter().any(|rule| rule.actions.iter().any(says_so))
    }
}

/// Keeps what stands at these places.
fn keep<T>(all: &mut Vec<T>, places: Option<&[usize]>) {
    let Some(places) = places else { return };
    let mut place = 0..;
    all.retain(|_| place.next().is_some_and(|place| places.contains(&place)));
}
