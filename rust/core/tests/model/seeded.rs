//! Proof that the duties can fail: every mistake is found, and told by the invariant that it breaks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::broker::{AfterPartial, Changes, OcaReduction, Reading, Words};
use crate::defect::Defect;
use crate::explore::explore;
use crate::world::{Intent, Scenario};
use crate::{BURSTS, PLAIN};

const CLOSING: Scenario = Scenario { intents: &[Intent::Close], ..BURSTS };
const ADDING: Scenario = Scenario { intents: &[Intent::Add], ..BURSTS };
const REVERSING: Scenario = Scenario { intents: &[Intent::Reverse], ..BURSTS };
const ENDING: Scenario = read(BURSTS, Reading { after_partial: AfterPartial::Cancel, ..PLAIN });
const KEEPING: Scenario = read(BURSTS, Reading { after_partial: AfterPartial::Keep, ..PLAIN });
const LAGGING: Scenario = read(BURSTS, Reading { oca: OcaReduction::Lagging, ..PLAIN });
const STATUS_FIRST: Scenario = read(BURSTS, Reading { words: Words::StatusThenExecution, ..PLAIN });
const REFUSING: Scenario = read(CLOSING, Reading { changes: Changes::Refused, ..PLAIN });

const fn read(scenario: Scenario, reading: Reading) -> Scenario {
    Scenario { reading, ..scenario }
}

/// Each mistake, where it is looked for, and the invariant by which it is found first.
const MISTAKES: [(Defect, Scenario, &str); 24] = [
    (Defect::ReverseAtOnce, REVERSING, "I1"),
    (Defect::CancelAndSell, CLOSING, "I2"),
    (Defect::ResizeInsteadOfBracket, ADDING, "I2"),
    (Defect::ResendUnderFreshId, Scenario { faults: 1, ..ADDING }, "I2"),
    (Defect::ExitsByOrderedQuantity, ENDING, "I2"),
    (Defect::ChangeTakenForDone, Scenario { has_target: false, ..KEEPING }, "I3"),
    (Defect::DropStop, BURSTS, "I4"),
    (Defect::NeverRecover, ENDING, "I4"),
    (Defect::TwoNames, ADDING, "I5"),
    (Defect::ExitOnEntrySide, BURSTS, "I6"),
    (Defect::SignalIdIgnored, Scenario { intents: &[Intent::Repeat], ..BURSTS }, "I8"),
    (Defect::ReuseId, ADDING, "I9"),
    (Defect::RefusalHeardAsCancel, REFUSING, "I10"),
    (Defect::FillCountedTwice, BURSTS, "I11"),
    (Defect::UnsignedShortFills, Scenario { is_long: false, ..BURSTS }, "I11"),
    (Defect::LateFillUnheard, STATUS_FIRST, "I12"),
    (Defect::RepairTwice, LAGGING, "I13"),
    (Defect::NoticeHeardAsCancel, BURSTS, "I18"),
    (Defect::ConcludeOnFirstExit, BURSTS, "I18"),
    (Defect::SilenceHeardAsCancel, Scenario { slow: 1, ..BURSTS }, "I18"),
    (Defect::DeafToHalt, Scenario { intents: &[Intent::Halt, Intent::Add], ..BURSTS }, "I19"),
    (Defect::NoLimits, Scenario { add: 2, ..ADDING }, "I20"),
    (Defect::StopOnGainSide, BURSTS, "I25"),
    (Defect::ResumeByItself, Scenario { intents: &[Intent::Reverse], ..LAGGING }, "I30"),
];

/// What the duties of the explorer stand for. I7, nothing is sent before it is durable, has its mistake
/// where bytes and a disk are: `tests/crash`.
const INVARIANTS: [&str; 17] = [
    "I1", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I10", "I11", "I12", "I13", "I18", "I19", "I20", "I25",
    "I30",
];

#[test]
fn every_mistake_is_found_by_its_invariant() {
    println!("{:<24} {:<5} {:>8} {:>6} {:>9}", "mistake", "found", "states", "steps", "seconds");
    let mut missed = Vec::new();
    for (defect, scenario, invariant) in MISTAKES {
        let began = Instant::now();
        let finding = explore(Scenario { defect: Some(defect), ..scenario });
        let (passed, name) = (began.elapsed(), format!("{defect:?}"));
        let (what, steps) =
            finding.violation.map_or(("nothing".into(), 0), |found| (found.what, found.steps.len()));
        let is_found = what.starts_with(&format!("{invariant}:"));
        let (states, seconds) = (finding.states, passed.as_secs_f64());
        println!("{name:<24} {invariant:<5} {states:>8} {steps:>6} {seconds:>9.3}  {what}");
        if !is_found || passed > Duration::from_secs(60) {
            missed.push(format!("{name} by {invariant}, but {what} in {passed:?}"));
        }
    }
    assert!(missed.is_empty(), "expected {}", missed.join("; "));
}

#[test]
fn every_invariant_can_be_broken() {
    let broken: BTreeSet<&str> = MISTAKES.iter().map(|(.., invariant)| *invariant).collect();
    let unproven: Vec<&&str> = INVARIANTS.iter().filter(|invariant| !broken.contains(**invariant)).collect();
    assert!(unproven.is_empty(), "no mistake proves {unproven:?}");
}
