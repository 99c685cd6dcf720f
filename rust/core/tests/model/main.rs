//! Linked orders, explored: the real engine against a broker that may do anything TWS may do.
//!
//! Every interleaving of messages, commands, fills, deadlines and wishes is visited, states are
//! hashed, and the duties of `duty` are checked after every step. A violation prints its shortest way
//! as a test to keep.
//!
//! Reading order: `world` (what can happen), `broker` (who answers), `duty` (what must hold),
//! `explore` (the search), `defect` (proof that the duties can fail).

// A test owns its threads and tables; the bans are for what runs inside the engine.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod broker;
mod defect;
mod duty;
mod explore;
mod world;

use broker::Reading;
use explore::explore;
use world::{Intent, Scenario};

#[test]
fn probe() {
    use broker::*;
    let only = std::env::var("ONLY").unwrap_or_default();
    let plain = Reading::PLAIN;
    let readings = [
        ("plain", plain),
        ("child", Reading { says_child: true, ..plain }),
        ("first-full", Reading { children: Children::FullAtFirstFill, ..plain }),
        ("grow", Reading { children: Children::GrowWithFills, ..plain }),
        ("keep", Reading { after_partial: AfterPartial::Keep, ..plain }),
        ("cancel", Reading { after_partial: AfterPartial::Cancel, ..plain }),
        ("lag", Reading { oca: OcaReduction::Lagging, ..plain }),
        ("restores", Reading { crossing: Crossing::Restores, ..plain }),
        ("refused", Reading { changes: Changes::Refused, ..plain }),
        ("status-first", Reading { words: Words::StatusThenExecution, ..plain }),
        ("exec-alone", Reading { words: Words::ExecutionAlone, ..plain }),
        ("spreads", Reading { cancel_spreads: true, ..plain }),
        ("late-works", Reading { latecomer: Latecomer::Works, ..plain }),
        ("inactive", Reading { refusal: Refusal::Inactive, ..plain }),
        ("silent", Reading { refusal: Refusal::Silent, ..plain }),
    ];
    for (name, reading) in readings {
        for faults in [0, 1] {
            for is_long in [true] {
                for (what, intents) in [("-", &[][..]), ("close", &[Intent::Close]), ("add", &[Intent::Add])]
                {
                    if faults == 1 && what != "-" || faults == 0 && what == "add" && only.is_empty() {
                        continue;
                    }
                    let name = &*Box::leak(format!("{name} f{faults} {what} {is_long}").into_boxed_str());
                    if !name.contains(&only) {
                        continue;
                    }
                    let begun = std::time::Instant::now();
                    let finding = explore(Scenario {
                        name,
                        reading,
                        faults,
                        is_long,
                        intents,
                        in_bursts: true,
                        ..Scenario::PLAIN
                    });
                    let text = finding.to_string();
                    if only.is_empty() {
                        let mut lines = text.lines();
                        let first = lines.next().unwrap_or_default();
                        let what = finding
                            .violation
                            .map(|violation| format!("{} ({} steps)", violation.what, violation.steps.len()));
                        println!("{first}  {:?} {}", begun.elapsed(), what.unwrap_or_default());
                    } else {
                        println!("{text}   {:?}", begun.elapsed());
                    }
                }
            }
        }
    }
}

