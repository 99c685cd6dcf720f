//! Whole days, soaked: random strategies, markets, readings of TWS and mishaps, with the venue's own
//! ledger as the oracle.
//!
//! A session is decided by its seed to the last byte. One that breaks a duty is made small and printed
//! as a line for `regressions`. `make soak SESSIONS=n` runs as many as one likes; `SEED=n` tells one
//! session from its first event to its last.
//!
//! Reading order: `script` (what a seed decides), `strategy`, `market` and `mishap` (what it draws
//! from), `world` with `line` and `trouble` (engine, venue and what lies between them), `duty` with
//! `said` and `books` (what must hold), `shrink`.

mod books;
mod defect;
mod duty;
mod line;
mod market;
mod mishap;
mod random;
mod regressions;
mod rewrite;
mod said;
mod script;
mod shrink;
mod strategy;
mod tally;
mod trouble;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use defect::Defect;
use script::Case;
use shrink::{as_code, run, shrink, trace};
use tally::Tally;

/// Fresh sessions of every `make test`.
const IN_CI: u64 = 30_000;
/// Their first seed.
const BASE: u64 = 4_000_000_000;
/// Violations that are made small before a run gives up.
const ENOUGH: usize = 6;

/// Runs sessions from `first` on over all processors and returns what they were made of, with the
/// seeds that broke a duty.
fn soak(first: u64, sessions: u64) -> (Tally, Vec<(u64, String)>) {
    let next = AtomicU64::new(0);
    let all = Mutex::new((Tally::default(), Vec::new()));
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let work = || {
        let mut own = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= sessions {
                break;
            }
            match run(&Case::whole(first + number)) {
                Ok(tally) => own.join(&tally),
                Err(what) => {
                    println!("seed {}: {what}", first + number);
                    let mut all = all.lock().expect("no thread died");
                    all.1.push((first + number, what));
                    if all.1.len() >= ENOUGH {
                        next.store(sessions, Ordering::Relaxed);
                    }
                }
            }
        }
        all.lock().expect("no thread died").0.join(&own);
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut told = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(50));
            if told.elapsed() > Duration::from_secs(20) {
                told = Instant::now();
                let (done, spent) = (next.load(Ordering::Relaxed).min(sessions), began.elapsed().as_secs());
                let found = all.lock().expect("no thread died").1.len();
                println!("{done} of {sessions} sessions, {spent} s, {found} violations");
            }
        }
    });
    let (tally, mut found) = all.into_inner().expect("no thread died");
    found.sort_unstable();
    (tally, found)
}

fn soak_and_tell(first: u64, sessions: u64) -> Tally {
    let began = Instant::now();
    let (tally, found) = soak(first, sessions);
    let last = first + sessions - 1;
    println!("{tally}");
    println!(
        "sessions {first} to {last}: {:.1} s, {} violations",
        began.elapsed().as_secs_f64(),
        found.len()
    );
    std::panic::set_hook(Box::new(|_| {}));
    for (seed, what) in &found {
        println!("\nseed {seed}: {what}");
        let (small, what) = shrink(&Case::whole(*seed));
        println!("made small: {}  // {what}", as_code(&small));
    }
    _ = std::panic::take_hook();
    assert!(found.is_empty(), "{} sessions broke a duty", found.len());
    tally
}

#[test]
fn fresh_sessions_break_nothing_and_are_not_empty() {
    let tally = soak_and_tell(BASE, IN_CI);
    for reason in ["TARGET", "STOP", "TRAIL", "CLOSE_ALL", "REVERSAL", "END_OF_DAY", "MANUAL", "RECOVERY"] {
        assert!(tally.of("trades ended by", reason) > IN_CI / 1_000, "few trades ended by {reason}");
    }
    for what in ["line cut", "process died", "exit ended by broker", "command lost", "change forked"] {
        assert!(tally.of("mishaps", what) > IN_CI / 200, "few mishaps: {what}");
    }
    for what in ["long trades", "short trades", "tranches added", "trades of several tranches"] {
        assert!(tally.of("", what) > IN_CI / 10, "few {what}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 1..=40 {
        let case = Case::whole(seed);
        let first = trace(&case);
        assert!(first.len() > 10_000, "seed {seed} tells little");
        assert_eq!(world::digest(&first), world::digest(&trace(&case)), "seed {seed}");
    }
}

#[test]
fn mistakes_are_noticed_and_made_small() {
    for (defect, invariants) in [
        (Defect::DeafToHalt, &["I19"][..]),
        (Defect::CountTwice, &["I12", "I13", "I18"]),
        (Defect::NeverRecover, &["I3", "I4", "I24", "liveness"]),
        (Defect::OneTooMany, &["I1", "I2", "I13"]),
    ] {
        let case = |seed| Case { defect: Some(defect), ..Case::whole(seed) };
        let seed = (1..2_000).find(|seed| run(&case(*seed)).is_err());
        let seed = seed.unwrap_or_else(|| panic!("{defect:?} was not noticed"));
        let (small, what) = shrink(&case(seed));
        println!("{defect:?}: {what}: {}", as_code(&small));
        let is_named = invariants.iter().any(|invariant| what.starts_with(&format!("{invariant}:")));
        assert!(is_named, "{defect:?} broke {what}, expected {invariants:?}");
        assert!(small.ticks.is_some_and(|ticks| ticks < 100), "{small:?} is not small");
    }
}

#[test]
#[ignore = "as long as one likes: `make soak SESSIONS=n`"]
fn as_many_as_one_likes() {
    let word = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| word(name).and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        let places = |name: &str| {
            word(name).map(|text| text.split(',').filter_map(|place| place.parse().ok()).collect())
        };
        let (signals, mishaps) = (places("SIGNALS"), places("MISHAPS"));
        let ticks = number("TICKS").map(|ticks| ticks as usize);
        println!("{}", trace(&Case { ticks, signals, mishaps, ..Case::whole(seed) }));
        return;
    }
    let sessions = number("SESSIONS").unwrap_or(100_000);
    soak_and_tell(number("FIRST").unwrap_or(1), sessions);
}
