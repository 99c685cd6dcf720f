//! Days in which the engine is written down and taken up again, at any moment, as if nothing had been.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use orderloom_core::engine::Engine;
use orderloom_core::event::Event;
use serde_json::Value;

use crate::random::Random;
use crate::script::{Case, Script};
use crate::shrink::trace;
use crate::world::{Check, World};

/// What every event computes anew, and compiling the rules.
const RENEWED: [&str; 4] =
    ["/state/due", "/state/indicators/slots", "/state/now", "/state/slots/context/uncovered"];

/// Takes the engine's snapshots now and then, and puts what they say in its place.
pub(crate) struct Rewrites {
    when: Random,
    pub(crate) taken: u32,
    /// Values without which a snapshot was taken up, and how often that was seen.
    forgotten: Option<BTreeMap<String, u32>>,
}

impl Rewrites {
    fn new(seed: u64) -> Self {
        Self { when: Random::new(seed, 7), taken: 0, forgotten: None }
    }

    /// Perhaps takes up a snapshot of the engine before `event`. After it both must be the same to the
    /// last field, whether it is written or not.
    pub(crate) fn before(&mut self, engine: &mut Engine, event: &Event) -> Check {
        if !self.when.percent(5) {
            return Ok(());
        }
        self.taken += 1;
        let text = serde_json::to_string(engine).map_err(|error| format!("snapshot: {error}"))?;
        let restored: Engine = serde_json::from_str(&text).map_err(|error| format!("snapshot: {error}"))?;
        if serde_json::to_string(&restored).ok().as_deref() != Some(&*text) {
            return Err("snapshot: it reads otherwise than it was written".into());
        }
        let after = everything_after(engine, event);
        if everything_after(&restored, event) != after {
            return Err("snapshot: the engine that it gives is another".into());
        }
        if let Some(forgotten) = self.forgotten.as_mut().filter(|_| self.taken % 4 == 1) {
            let whole: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            for (name, without) in without_each(&whole) {
                *forgotten.entry(name).or_default() += u32::from(is_noticed(without, event, &after));
            }
        }
        *engine = restored;
        Ok(())
    }
}

/// Whether no engine comes of a snapshot, or one that turns out to be another.
fn is_noticed(snapshot: Value, event: &Event, after: &str) -> bool {
    let Ok(engine) = serde_json::from_value::<Engine>(snapshot) else { return true };
    // Without what belongs together an engine may not even get as far as that.
    catch_unwind(AssertUnwindSafe(|| everything_after(&engine, event))).map_or(true, |found| found != after)
}

/// Every field of the engine after one more event, in words.
fn everything_after(engine: &Engine, event: &Event) -> String {
    let mut engine = engine.clone();
    engine.on_event(event);
    let text = format!("{engine:?}");
    // The last field is a place to work on: what it holds between events means nothing.
    text.rsplit_once(", candidates: ").map_or(text.clone(), |(state, _)| state.to_owned())
}

/// The snapshot without one value at a time, wherever there is something to forget.
fn without_each(whole: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    collect(&whole["state"], "/state", &mut places);
    let forget = |place: String| {
        let nothing = nothing(whole.pointer(&place)?)?;
        let mut without = whole.clone();
        *without.pointer_mut(&place)? = nothing;
        let name = place.split('/').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>();
        Some((name.join("/"), without))
    };
    places.into_iter().filter_map(forget).collect()
}

fn collect(value: &Value, place: &str, places: &mut Vec<String>) {
    match value {
        // Given once and for all: it is read again, not remembered.
        _ if place.ends_with("/config") => {}
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, &format!("{place}/{name}"), places));
        }
        Value::Array(items) => {
            places.push(place.to_owned());
            if let Some(last) = items.last() {
                collect(last, &format!("{place}/{}", items.len() - 1), places);
            }
        }
        _ => places.push(place.to_owned()),
    }
}

/// What stands where nothing is remembered; `None` when that is what stands there.
fn nothing(value: &Value) -> Option<Value> {
    let nothing = match value {
        Value::Bool(_) => Value::from(false),
        Value::Number(number) if number.as_f64() == Some(0.0) => return None,
        Value::Number(_) => Value::from(0),
        Value::String(text) if text.parse::<f64>().is_ok() => Value::from("0"),
        Value::String(_) => Value::Null,
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Null | Value::Object(_) => return None,
    };
    (nothing != *value).then_some(nothing)
}

#[test]
fn a_day_goes_on_from_snapshots_as_if_nothing_had_been() {
    let mut taken = 0;
    for seed in 1..=80 {
        let case = Case::whole(seed);
        let mut world = World::new(Script::new(&case), true);
        world.rewrites = Some(Rewrites::new(seed));
        if let Err(what) = world.run() {
            panic!("seed {seed}: {what}");
        }
        assert!(world.trace.as_ref() == Some(&trace(&case)), "seed {seed}: another day");
        taken += world.rewrites.map_or(0, |rewrites| rewrites.taken);
    }
    assert!(taken > 1_500, "only {taken} snapshots were taken");
}

#[test]
fn whatever_a_snapshot_forgets_is_noticed() {
    let mut forgotten = BTreeMap::<String, u32>::new();
    for seed in 1..=6 {
        let mut world = World::new(Script::new(&Case::whole(seed)), false);
        world.rewrites = Some(Rewrites { forgotten: Some(forgotten), ..Rewrites::new(seed) });
        world.run().expect("a sound day");
        forgotten = world.rewrites.and_then(|rewrites| rewrites.forgotten).expect("as given");
    }
    for name in ["slots/context/brackets", "orders/orders/status", "ledger/fills", "acted_at", "due"] {
        assert!(forgotten.keys().any(|key| key.contains(name)), "{name} never had a value");
    }
    assert!(forgotten.len() > 100, "there was little to forget: {forgotten:?}");
    let unseen: Vec<_> = forgotten.iter().filter(|(_, seen)| **seen == 0).map(|(name, _)| &**name).collect();
    assert_eq!(unseen, RENEWED, "forgotten, and nobody noticed");
}
