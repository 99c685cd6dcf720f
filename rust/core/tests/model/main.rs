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

/// Everything that is not known of TWS, one deviation at a time.
const READINGS: [(&str, Reading); 15] = [
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
];

/// What left together arrives together.
const BURSTS: Scenario = Scenario { in_bursts: true, ..Scenario::PLAIN };

/// Explores each scenario to its end, prints the table and fails on the first violation.
fn close(scenarios: impl IntoIterator<Item = (String, Scenario)>) {
    println!("{:<78} {:>9} {:>11} {:>5}", "configuration", "states", "transitions", "depth");
    let mut states = 0;
    for (name, scenario) in scenarios {
        let finding: Finding = explore(scenario);
        println!("{name:<78} {finding}");
        assert!(finding.violation.is_none(), "{name}: {finding}");
        assert!(finding.is_closed, "{name}: the search met its bound");
        states += finding.states;
    }
    println!("{states} states in all");
}

/// Every reading of TWS, for one scenario.
fn under_every_reading(scenario: Scenario, what: &str) -> Vec<(String, Scenario)> {
    let side = if scenario.is_long { "long" } else { "short" };
    READINGS
        .iter()
        .map(|(name, reading)| {
            (format!("{side}, {what}, {name}"), Scenario { reading: *reading, ..scenario })
        })
        .collect()
}

const fn on(is_long: bool, scenario: Scenario) -> Scenario {
    Scenario { is_long, ..scenario }
}

#[test]
fn a_close_at_any_moment_under_every_reading() {
    let scenario = Scenario { intents: &[Intent::Close], ..BURSTS };
    close([true, false].into_iter().flat_map(|side| under_every_reading(on(side, scenario), "close")));
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
    close([true, false].into_iter().flat_map(|side| under_every_reading(on(side, scenario), "one fault")));
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

/// What takes longer than a test may: `make explore`.
#[test]
#[ignore = "minutes of states: `make explore`"]
fn everything_at_once_and_two_faults() {
    let all = Scenario { intents: &[Intent::Add, Intent::Close], ..BURSTS };
    let fault = Scenario { intents: &[Intent::Close], faults: 1, ..BURSTS };
    let sides = [true, false];
    let add = Scenario { intents: &[Intent::Add], ..BURSTS };
    let slow = Scenario { intents: &[Intent::Close], slow: 1, ..BURSTS };
    let adding = sides.into_iter().flat_map(|side| under_every_reading(on(side, add), "scale-in"));
    let slowly = sides.into_iter().flat_map(|side| under_every_reading(on(side, slow), "close, slow"));
    let together = sides.into_iter().flat_map(|side| under_every_reading(on(side, all), "scale-in, close"));
    let faulty = sides.into_iter().flat_map(|side| under_every_reading(on(side, fault), "close, one fault"));
    let twice = Scenario { faults: 2, entry: 1, ..BURSTS };
    let twice = sides.into_iter().flat_map(|side| under_every_reading(on(side, twice), "two faults"));
    // Two tranches whose reductions lag have more states than fit: there the entry is of one.
    let fitting = |(name, scenario): (String, Scenario)| {
        let is_large =
            scenario.reading.oca == OcaReduction::Lagging && scenario.intents.contains(&Intent::Add);
        (name, Scenario { entry: if is_large { 1 } else { scenario.entry }, ..scenario })
    };
    close(faulty.chain(twice).chain(slowly).chain(adding).chain(together).map(fitting));
}
