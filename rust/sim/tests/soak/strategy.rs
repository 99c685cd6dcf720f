//! Random strategies: what rules may say about entries, additions, stops, closes and limits.

use orderloom_core::command::TimeInForce;
use orderloom_core::config::{EngineConfig, Execution, Limits, SignalConfig};
use orderloom_core::decimal::{Money, Quantity};
use orderloom_core::event::Side;
use orderloom_core::instrument::Instrument;
use orderloom_core::rule::{
    Action, Comparison, Condition, EnterSpec, ExitLevel, Field, IndicatorSpec, Operand, Opposite, Reprice,
    RuleSpec, ScaleInSpec, Size, Trigger,
};
use orderloom_core::time::Span;

use crate::market::cents;
use crate::random::Random;

/// Bars before the first entry that an ATR needs.
pub(crate) const WARM_UP: u32 = 5;

fn compare(field: Field, is: Comparison, right: Operand) -> Condition {
    Condition::Compare { left: Operand::Field(field), is, right }
}

fn at_least(field: Field, number: f64) -> Condition {
    compare(field, Comparison::GreaterOrEqual, Operand::Number(number))
}

fn below(field: Field, number: f64) -> Condition {
    compare(field, Comparison::Less, Operand::Number(number))
}

fn rule(name: &str, on: Trigger, when: Condition, actions: Vec<Action>) -> RuleSpec {
    RuleSpec {
        name: name.into(),
        on: vec![on],
        symbols: Vec::new(),
        when,
        priority: 0,
        cooldown: Span::ZERO,
        daily_cap: None,
        window: None,
        enabled: true,
        actions,
    }
}

fn on_signal(name: &str, side: &str, action: Action) -> RuleSpec {
    let when = compare(Field::SignalSide, Comparison::Equal, Operand::Text(side.into()));
    rule(name, Trigger::PredictionSignal, when, vec![action])
}

/// Hundredths of a percent as percent.
fn percent(random: &mut Random, low: i64, high: i64) -> f64 {
    random.between(low, high) as f64 / 100.0
}

fn atr() -> Operand {
    Operand::Indicator(IndicatorSpec {
        name: "atr".into(),
        parameters: vec![f64::from(WARM_UP - 1)],
        over: None,
    })
}

fn stop(random: &mut Random) -> Vec<ExitLevel> {
    let close = ExitLevel::Percent(percent(random, 30, 250));
    match random.between(0, 5) {
        0 => vec![ExitLevel::Distance { multiple: percent(random, 100, 300), of: atr() }, close],
        1 => vec![ExitLevel::Amount(cents(random.between(5, 150)))],
        2 => vec![ExitLevel::TrailPercent(percent(random, 30, 200))],
        3 => vec![ExitLevel::TrailAmount(cents(random.between(5, 150)))],
        _ => vec![close],
    }
}

fn target(random: &mut Random) -> Vec<ExitLevel> {
    match random.between(0, 5) {
        0 | 1 => Vec::new(),
        2 => vec![ExitLevel::Distance { multiple: percent(random, 100, 400), of: atr() }],
        3 => vec![ExitLevel::Amount(cents(random.between(5, 200)))],
        _ => vec![ExitLevel::Percent(percent(random, 30, 300))],
    }
}

fn size(random: &mut Random) -> Size {
    match random.between(0, 4) {
        0 => Size::Notional(Money::from_units(random.between(2_000, 20_000))),
        1 => Size::RiskMoney(Money::from_units(random.between(20, 120))),
        2 => Size::RiskBp(random.between(1, 2)),
        _ => Size::Shares(Quantity::from_units(random.between(1, 200))),
    }
}

fn enter(random: &mut Random, side: Side, may_expire: bool) -> EnterSpec {
    let rests = random.percent(25);
    let near = if side == Side::Buy { Field::MarketBid } else { Field::MarketAsk };
    let away = Box::new(Operand::Number(random.between(0, 30) as f64 / 100.0));
    let near = Box::new(Operand::Field(near));
    let limit = if side == Side::Buy { Operand::Subtract(near, away) } else { Operand::Add(near, away) };
    let unprotected = random.percent(4);
    let stop = if unprotected { Vec::new() } else { stop(random) };
    let size = if unprotected { Size::Shares(Quantity::from_units(50)) } else { size(random) };
    EnterSpec {
        side,
        size,
        stop,
        target: target(random),
        limit_offset: if rests { None } else { random.sometimes(40, |random| cents(random.between(0, 10))) },
        limit: rests.then_some(limit),
        expires_after: random.sometimes(30, |random| Span::from_secs(random.between(2, 30))),
        exit_tif: if may_expire && random.percent(20) { TimeInForce::Day } else { TimeInForce::Gtc },
        opposite: random.pick(&[Opposite::Ignore, Opposite::Close, Opposite::Reverse, Opposite::Reverse]),
        reprice: random.pick(&[Reprice::Average, Reprice::Average, Reprice::Fill, Reprice::Keep]),
        outside_rth: false,
        unprotected,
    }
}

/// Rules that add to a trade, move its exits, or end it.
fn management(random: &mut Random) -> Vec<RuleSpec> {
    let mut rules = Vec::new();
    if random.percent(60) {
        let spec = ScaleInSpec {
            size: if random.percent(70) {
                Size::Shares(Quantity::from_units(random.between(1, 80)))
            } else {
                Size::RiskMoney(Money::from_units(30))
            },
            side: random.sometimes(10, |random| random.pick(&[Side::Buy, Side::Sell])),
            limit_offset: random.sometimes(40, |random| cents(random.between(0, 10))),
        };
        let when = Condition::All(vec![
            at_least(Field::PositionUnrealizedPercent, percent(random, 10, 120)),
            below(Field::ContextTranches, random.between(2, 4) as f64),
        ]);
        let add =
            rule("add", random.pick(&[Trigger::Trade, Trigger::Quote]), when, vec![Action::ScaleIn(spec)]);
        rules.push(RuleSpec { cooldown: Span::from_secs(random.between(1, 20)), ..add });
    }
    if random.percent(40) {
        let when = below(Field::ContextTranches, random.between(2, 3) as f64);
        let double = Action::DoubleDown {
            fraction_bp: random.between(2_000, 8_000),
            size_bp: random.pick(&[5_000, 10_000, 15_000]),
        };
        rules.push(rule("double", Trigger::Fill, when, vec![double]));
    }
    if random.percent(30) {
        let step = Action::AdjustStop(vec![ExitLevel::Percent(percent(random, 20, 100))]);
        let when = at_least(Field::PositionUnrealizedPercent, percent(random, 20, 100));
        rules.push(rule("step", random.pick(&[Trigger::Bar, Trigger::Trade]), when, vec![step]));
    }
    if random.percent(20) {
        let when = Condition::All(vec![
            Condition::Holds(Operand::Field(Field::PositionIsLong)),
            at_least(Field::PositionUnrealizedPercent, percent(random, 20, 100)),
        ]);
        let gain = Operand::Subtract(
            Box::new(Operand::Field(Field::MarketPrice)),
            Box::new(Operand::Field(Field::PositionAveragePrice)),
        );
        let level = ExitLevel::Distance { multiple: 1.0, of: gain };
        rules.push(rule("break-even", Trigger::Trade, when, vec![Action::AdjustStop(vec![level])]));
    }
    if random.percent(20) {
        let nearer = Action::AdjustTarget(vec![ExitLevel::Percent(percent(random, 20, 100))]);
        rules.push(rule("nearer", Trigger::Bar, at_least(Field::PositionAge, 60.0), vec![nearer]));
    }
    if random.percent(30) {
        let when = at_least(Field::PositionAge, random.between(20, 240) as f64);
        let action = if random.percent(80) { Action::CloseAll {} } else { Action::CloseEverything {} };
        rules.push(rule("time is up", Trigger::Quote, when, vec![action]));
    }
    rules
}

fn limits(random: &mut Random, names: &[Instrument]) -> Limits {
    Limits {
        max_position_shares: random.sometimes(40, |random| Quantity::from_units(random.between(100, 400))),
        max_order_shares: random.sometimes(20, |random| Quantity::from_units(random.between(50, 300))),
        max_open_contexts: random.sometimes(20, |random| random.between(1, 2) as u32),
        max_gross_exposure: random.sometimes(20, |random| Money::from_units(random.between(10_000, 60_000))),
        max_orders_per_minute: random.sometimes(20, |random| random.between(2, 8) as u32),
        max_daily_loss: random.sometimes(20, |random| Money::from_units(random.between(50, 2_000))),
        price_collar_percent: random.sometimes(20, |random| percent(random, 10, 200)),
        no_short: if random.percent(10) { vec![names[0].symbol.clone()] } else { Vec::new() },
        check_buying_power: random.percent(20),
        ..Limits::default()
    }
}

/// Everything that the engine is told before the first event.
pub(crate) fn strategy(seed: u64, symbols: u32) -> EngineConfig {
    let random = &mut Random::new(seed, 1);
    let instruments: Vec<Instrument> = (0..symbols)
        .map(|symbol| Instrument {
            symbol: format!("S{symbol}").into(),
            tick: cents(1),
            multiplier: 1,
            currency: "USD".into(),
        })
        .collect();
    let end_of_day = random.sometimes(80, |random| Span::from_secs(random.between(180, 260)));
    let mut long = enter(random, Side::Buy, end_of_day.is_some());
    let short = enter(random, Side::Sell, end_of_day.is_some());
    if random.percent(50) {
        long.opposite = short.opposite;
    }
    let mut rules = vec![
        on_signal("long", "BUY", Action::Enter(long)),
        on_signal("short", "SHORT", Action::Enter(short)),
        on_signal("close", "SELL", Action::CloseAll {}),
    ];
    if random.percent(50) {
        let action = random.pick(&[0, 1]);
        let action =
            if action == 0 { Action::Cancel {} } else { Action::Log { text: "nothing to do".into() } };
        rules.push(on_signal("neutral", "NEUTRAL", action));
    }
    rules.extend(management(random));
    if random.percent(20) {
        let side = random.pick(&[Side::Buy, Side::Sell]);
        let again = enter(random, side, end_of_day.is_some());
        let when = below(Field::ContextCount, random.between(2, 5) as f64);
        rules.push(rule("again", Trigger::ContextConcluded, when, vec![Action::Enter(again)]));
    }
    EngineConfig {
        run: "soak".into(),
        limits: limits(random, &instruments),
        instruments,
        signals: SignalConfig::default(),
        end_of_day,
        execution: Execution::default(),
        rules,
    }
}
