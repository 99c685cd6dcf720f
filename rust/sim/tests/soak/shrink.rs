//! A failing session made small: fewer mishaps, fewer signals, a shorter day, the same violation.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::script::{Case, Script};
use crate::tally::Tally;
use crate::world::World;

/// Runs a session; a panic is a violation, too.
pub(crate) fn run(case: &Case) -> Result<Tally, String> {
    let mut world = World::new(Script::new(case), false);
    match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(Ok(())) => Ok(world.tally),
        Ok(Err(what)) => Err(what),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
        }
    }
}

/// The words and numbers of a session up to its end or its violation.
pub(crate) fn trace(case: &Case) -> String {
    let mut world = World::new(Script::new(case), true);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let mut text = world.trace.take().unwrap_or_default();
    if let Ok(Err(what)) = outcome {
        _ = writeln!(text, "VIOLATION {what}");
    }
    text
}

/// The invariant that a violation names.
fn name(violation: &str) -> &str {
    violation.split(':').next().unwrap_or(violation)
}

/// The smallest session found that breaks the same invariant.
pub(crate) fn shrink(case: &Case) -> (Case, String) {
    let mut what = run(case).expect_err("only a failing session is made smaller");
    let mut best = case.clone();
    let script = Script::new(case);
    best.mishaps.get_or_insert_with(|| (0..script.mishaps.len()).collect());
    best.signals.get_or_insert_with(|| (0..script.predictions.len()).collect());
    let mut attempt = |best: &mut Case, smaller: Case| {
        let Err(found) = run(&smaller) else { return false };
        let is_same = name(&found) == name(&what);
        if is_same {
            (*best, what) = (smaller, found);
        }
        is_same
    };
    for ticks in [5, 10, 20, 30, 40, 50, 60, 70, 80] {
        let smaller = Case { ticks: Some(ticks), ..best.clone() };
        if attempt(&mut best, smaller) {
            break;
        }
    }
    loop {
        let before = best.clone();
        for place in best.mishaps.clone().unwrap_or_default() {
            let mut smaller = best.clone();
            smaller.mishaps.get_or_insert_default().retain(|other| *other != place);
            attempt(&mut best, smaller);
        }
        for place in best.signals.clone().unwrap_or_default() {
            let mut smaller = best.clone();
            smaller.signals.get_or_insert_default().retain(|other| *other != place);
            attempt(&mut best, smaller);
        }
        for fewer in (1..=10).rev() {
            let ticks = best.ticks.unwrap_or(100).saturating_sub(fewer);
            let smaller = Case { ticks: Some(ticks), ..best.clone() };
            attempt(&mut best, smaller);
        }
        if best == before {
            return (best, what);
        }
    }
}

/// A session as a line of `regressions`.
pub(crate) fn as_code(case: &Case) -> String {
    let list = |places: &Option<Vec<usize>>| format!("{:?}", places.clone().unwrap_or_default());
    match case.ticks {
        None if case.mishaps.is_none() => format!("whole({})", case.seed),
        ticks => format!(
            "part({}, {}, &{}, &{})",
            case.seed,
            ticks.unwrap_or(100),
            list(&case.signals),
            list(&case.mishaps)
        ),
    }
}
