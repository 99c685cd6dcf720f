//! Linked orders, explored: the real engine against a broker that may do anything TWS may do.
//!
//! Every interleaving of messages, commands, fills, deadlines and wishes is visited, states are
//! hashed, and the duties of `duty` are checked after every step. A violation prints its shortest way
//! as a test to keep.
//!
//! Reading order: `world` (what can happen), `broker` (who answers), `duty` (what must hold),
//! `explore` (the search), `defect` and `seeded` (proof that the duties can fail), `regressions`.

// A test owns its threads and tables; the bans are for what runs inside the engine.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod broker;
mod defect;
mod duty;
mod explore;
mod regressions;
mod seeded;
mod world;

use broker::{AfterPartial, Changes, Children, Crossing, Latecomer, OcaReduction, Reading, Refusal, Words};
use explore::{Finding, explore};
use world::{Intent, Scenario};

const PLAIN: Reading = Reading::PLAIN;

const LOCATED: Reading = Reading { locates: true, ..PLAIN };
const LISTED: Reading = Reading { hears_others: false, ..PLAIN };

/// Everything that is not known of TWS, one deviation at a time.
const READINGS: [(&str, Reading); 17] = [
    ("plain", PLAIN),
    ("a waiting child says so", Reading { says_child: true, ..PLAIN }),
    ("children start full at the first fill", Reading { children: Children::FullAtFirstFill, ..PLAIN }),
    ("children grow with fills", Reading { children: Children::GrowWithFills, ..PLAIN }),
    ("children keep their size", Reading { after_partial: AfterPartial::Keep, ..PLAIN }),
    ("children end with their parent", Reading { after_partial: AfterPartial::Cancel, ..PLAIN }),
    ("reductions lag", Reading { oca: OcaReduction::Lagging, ..PLAIN }),
    ("changes restore what was reduced", Reading { crossing: Crossing::Restores, ..PLAIN }),
    ("changes are refused", Reading { changes: Changes::Refused, ..PLAIN }),
    ("status before execution", Reading { words: Words::StatusThenExecution, ..PLAIN }),
    ("executions without status", Reading { words: Words::ExecutionAlone, ..PLAIN }),
    ("a cancel spreads in its group", Reading { cancel_spreads: true, ..PLAIN }),
    ("latecomers of a group work", Reading { latecomer: Latecomer::Works, ..PLAIN }),
    ("refused orders are Inactive", Reading { refusal: Refusal::Inactive, ..PLAIN }),
    ("refused orders are not mentioned", Reading { refusal: Refusal::Silent, ..PLAIN }),
    ("short sales are located first", LOCATED),
    ("trades of others are listed only", LISTED),
];

/// What left together arrives together.
const BURSTS: Scenario = Scenario { in_bursts: true, ..Scenario::PLAIN };

/// Explores each scenario to its end, prints the table and fails on the first violation.
fn close(scenarios: impl IntoIterator<Item = (String, Scenario)>) {
    println!("{:<70} {:>9} {:>11} {:>5} {:>8}", "configuration", "states", "transitions", "depth", "seconds");
    let mut states = 0;
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, scenario) in scenarios.into_iter().filter(|(name, _)| name.contains(&only)) {
        let finding: Finding = explore(scenario);
        println!("{name:<70} {finding}");
        assert!(finding.violation.is_none(), "{name}: {finding}");
        assert!(finding.is_closed, "{name}: the search met its bound");
        states += finding.states;
    }
    // Words that name nothing of one test may name what another explores: `make explore` counts all.
    assert!(states > 0 || !only.is_empty(), "nothing was explored");
    println!("{states} states in all");
}

/// Every reading of TWS that matters to it, for one scenario.
fn under_every_reading(scenario: Scenario, what: &str) -> Vec<(String, Scenario)> {
    let side = if scenario.is_long { "long" } else { "short" };
    let matters = |reading: &Reading| {
        (*reading != LOCATED || !scenario.is_long) && (*reading != LISTED || scenario.others > 0)
    };
    READINGS
        .iter()
        .filter(|(_, reading)| matters(reading))
        .map(|(name, reading)| {
            (format!("{side}, {what}, {name}"), Scenario { reading: *reading, ..scenario })
        })
        .collect()
}

fn both_sides(scenario: Scenario, what: &str) -> Vec<(String, Scenario)> {
    [true, false].into_iter().flat_map(|side| under_every_reading(on(side, scenario), what)).collect()
}

const fn on(is_long: bool, scenario: Scenario) -> Scenario {
    Scenario { is_long, ..scenario }
}

#[test]
fn a_close_at_any_moment_under_every_reading() {
    let scenario = Scenario { intents: &[Intent::Close], ..BURSTS };
    close(both_sides(scenario, "close"));
}

#[test]
fn a_scale_in_at_any_moment_under_every_reading() {
    let scenario = Scenario { intents: &[Intent::Add], ..BURSTS };
    let long = under_every_reading(scenario, "scale-in");
    // A lagging reduction of two tranches takes minutes: `make explore`.
    let quick = long.into_iter().filter(|(_, scenario)| scenario.reading.oca == OcaReduction::AtOnce);
    close(quick.chain([("short, scale-in, plain".into(), on(false, scenario))]));
}

#[test]
fn a_reversal_at_any_moment_under_every_reading() {
    let scenario = Scenario { intents: &[Intent::Reverse], ..BURSTS };
    let long = under_every_reading(scenario, "reversal");
    close(long.into_iter().chain([("short, reversal, plain".into(), on(false, scenario))]));
}

#[test]
fn one_fault_under_every_reading() {
    let scenario = Scenario { faults: 1, ..BURSTS };
    close(both_sides(scenario, "one fault"));
}

#[test]
fn a_trade_with_a_stop_alone() {
    let stop = Scenario { has_target: false, ..BURSTS };
    close([
        ("stop alone, scale-in, close".into(), Scenario { intents: &[Intent::Add, Intent::Close], ..stop }),
        ("stop alone, close, one fault".into(), Scenario { intents: &[Intent::Close], faults: 1, ..stop }),
        ("stop alone, reversal".into(), Scenario { intents: &[Intent::Reverse], slow: 1, ..stop }),
    ]);
}

#[test]
fn message_by_message_with_repeats_and_late_answers() {
    let single = Scenario { slow: 1, repeats: 1, ..Scenario::PLAIN };
    close([
        ("long, message by message".into(), single),
        (
            "short, message by message, close".into(),
            on(false, Scenario { repeats: 0, intents: &[Intent::Close], ..single }),
        ),
        (
            "long, halt and close, in bursts".into(),
            Scenario { intents: &[Intent::Halt, Intent::Close], ..BURSTS },
        ),
    ]);
}

#[test]
fn somebody_else_trades_a_share_out_of_the_position() {
    let others = Scenario { others: 1, ..BURSTS };
    let closing = Scenario { intents: &[Intent::Close], ..others };
    let more = [
        ("long, others, close, plain".into(), closing),
        ("short, others, close, listed only".into(), on(false, Scenario { reading: LISTED, ..closing })),
    ];
    close(both_sides(others, "others").into_iter().chain(more));
}

#[test]
fn a_change_becomes_an_order_of_its_own() {
    let forks = Scenario { forks: true, faults: 1, entry: 1, ..BURSTS };
    let closing = Scenario { intents: &[Intent::Close], ..forks };
    let both = Scenario { entry: 2, ..forks };
    close(
        both_sides(closing, "entry of one, fork, close")
            .into_iter()
            .chain([("long, fork".into(), both), ("short, fork".into(), on(false, both))]),
    );
}

#[test]
fn the_exchange_is_about_to_close() {
    let late = Scenario { intents: &[Intent::EndOfDay], entry: 1, ..BURSTS };
    let reversing = Scenario { intents: &[Intent::EndOfDay, Intent::Reverse], ..BURSTS };
    close(both_sides(late, "entry of one, end of day").into_iter().chain([
        ("long, end of day, reversal".into(), reversing),
        ("short, end of day, reversal".into(), on(false, reversing)),
    ]));
}

// What takes longer than a test may: `make explore`.

const fn with(intents: &'static [Intent]) -> Scenario {
    Scenario { intents, ..BURSTS }
}

/// Several scenarios, both sides, every reading.
fn close_all(scenarios: &[(&str, Scenario)]) {
    close(scenarios.iter().flat_map(|(what, scenario)| both_sides(*scenario, what)));
}

/// Two tranches of several shares whose reductions lag: `make explore-large`.
fn close_all_but_lagging(scenarios: &[(&str, Scenario)]) {
    let at_once = |(_, scenario): &(String, Scenario)| scenario.reading.oca == OcaReduction::AtOnce;
    close(scenarios.iter().flat_map(|(what, scenario)| both_sides(*scenario, what)).filter(at_once));
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn one_fault_whatever_is_wanted() {
    let one = Scenario { faults: 1, entry: 1, ..BURSTS };
    close_all(&[
        ("entry of one, scale-in, one fault", Scenario { intents: &[Intent::Add], ..one }),
        ("entry of one, reversal, one fault", Scenario { intents: &[Intent::Reverse], ..one }),
    ]);
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn somebody_else_trades_beside_a_fault() {
    close_all(&[("entry of one, others, one fault", Scenario { others: 1, faults: 1, entry: 1, ..BURSTS })]);
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn one_fault_around_a_close() {
    close_all(&[("close, one fault", Scenario { faults: 1, ..with(&[Intent::Close]) })]);
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn two_faults() {
    close_all(&[
        ("entry of one, close, two faults", Scenario { faults: 2, entry: 1, ..with(&[Intent::Close]) }),
        ("entry of one, fork, two faults", Scenario { forks: true, faults: 2, entry: 1, ..BURSTS }),
    ]);
    close([("long, two faults".into(), Scenario { faults: 2, ..BURSTS })]);
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn a_scale_in_and_what_follows_it() {
    close_all(&[
        ("entry of one, scale-in, close", Scenario { entry: 1, ..with(&[Intent::Add, Intent::Close]) }),
        ("entry of one, scale-in, reversal", Scenario { entry: 1, ..with(&[Intent::Add, Intent::Reverse]) }),
    ]);
    close_all_but_lagging(&[
        ("scale-in", with(&[Intent::Add])),
        ("scale-in, close", with(&[Intent::Add, Intent::Close])),
    ]);
}

#[test]
#[ignore = "minutes of states: `make explore`"]
fn slow_answers_others_and_the_end_of_the_day() {
    close_all(&[
        ("close, slow", Scenario { slow: 1, ..with(&[Intent::Close]) }),
        ("two trades of others, close", Scenario { others: 2, ..with(&[Intent::Close]) }),
        ("end of day", with(&[Intent::EndOfDay])),
    ]);
}

#[test]
#[ignore = "an hour of states: `make explore-large`"]
fn large_reductions_lag_in_two_whole_tranches() {
    let lagging =
        Scenario { reading: Reading { oca: OcaReduction::Lagging, ..PLAIN }, ..with(&[Intent::Add]) };
    close([
        ("long, scale-in, reductions lag".into(), lagging),
        ("short, scale-in, reductions lag".into(), on(false, lagging)),
    ]);
}
