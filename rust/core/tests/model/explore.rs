//! Breadth first through every state that can be reached, so that what is found comes by the shortest
//! way.

use std::fmt;
use std::hash::Hasher;
use std::time::{Duration, Instant};

use crate::broker::Reading;
use crate::world::{Check, Scenario, Step, World};

/// More states than any configuration has; a search that meets it did not close.
const STATES_MAX: usize = 60_000_000;
/// Worlds of one depth that are kept, at about 15 kB each. Of those beyond only the way is known, which
/// is gone again when their turn comes.
const KEPT_MAX: usize = 30_000;
/// More steps than any orderly end takes.
const END_MAX: usize = 400;

/// What was found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) scenario: Scenario,
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    pub(crate) depth: usize,
    pub(crate) is_closed: bool,
    pub(crate) took: Duration,
    pub(crate) violation: Option<Violation>,
}

/// A broken duty, and the shortest way to it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) steps: Vec<Step>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, states, transitions, depth, is_closed, took, violation } = self;
        let seconds = took.as_secs_f64();
        let closed = if *is_closed { "closed" } else { "open" };
        let found = if violation.is_some() { 1 } else { 0 };
        write!(f, "{states:>9} {transitions:>11} {depth:>5} {seconds:>8.1}  {closed}, {found} violations")?;
        let Some(violation) = violation else { return Ok(()) };
        write!(f, "\n\n{}\n\n{}", violation.what, as_test(*scenario, violation))
    }
}

/// The violation as a test to keep.
fn as_test(scenario: Scenario, violation: &Violation) -> String {
    let steps: Vec<String> =
        violation.steps.iter().map(|step| format!("            {},", code(*step))).collect();
    let mut text = String::from("#[test]\nfn name_the_situation() {\n");
    text += &format!("    // {}\n    let scenario = {};\n", violation.what, scenario_code(scenario));
    text += &format!(
        "    replay(\n        scenario,\n        &[\n{}\n        ],\n    );\n}}\n\n",
        steps.join("\n")
    );
    let mut world = World::new(scenario);
    for step in &violation.steps {
        let outcome = world.step(*step);
        text += &format!("{step:?}: {}\n", world.picture());
        if outcome.is_err() {
            return text;
        }
    }
    // Nothing was wrong yet: what follows by itself is.
    for _ in 0..40 {
        let Some(step) = world.fair_step() else { break };
        let outcome = world.step(step);
        text += &format!("then {step:?}: {}\n", world.picture());
        if outcome.is_err() {
            break;
        }
    }
    text
}

/// What differs from the plain scenario, as an expression.
fn scenario_code(scenario: Scenario) -> String {
    let Scenario { is_long, entry, add, has_target, faults, others, forks, repeats, slow, in_bursts, .. } =
        scenario;
    let Reading { children, after_partial, oca, crossing, changes, words, .. } = scenario.reading;
    let Reading { says_child, cancel_spreads, refusal, latecomer, locates, hears_others, .. } =
        scenario.reading;
    let intents: Vec<String> = scenario.intents.iter().map(|intent| format!("Intent::{intent:?}")).collect();
    let intents = intents.join(", ");
    format!(
        "Scenario {{ is_long: {is_long}, entry: {entry}, add: {add}, has_target: {has_target}, intents: &[{intents}], \
         faults: {faults}, others: {others}, forks: {forks}, repeats: {repeats}, slow: {slow}, in_bursts: {in_bursts}, defect: None, reading: \
         Reading {{ children: Children::{children:?}, after_partial: AfterPartial::{after_partial:?}, oca: \
         OcaReduction::{oca:?}, crossing: Crossing::{crossing:?}, changes: Changes::{changes:?}, words: \
         Words::{words:?}, says_child: {says_child}, cancel_spreads: {cancel_spreads}, refusal: \
         Refusal::{refusal:?}, latecomer: Latecomer::{latecomer:?}, locates: {locates}, hears_others: {hears_others} }} }}"
    )
}

/// Goes a known way again: every step must hold, and what follows must end well.
pub(crate) fn replay(scenario: Scenario, steps: &[Step]) {
    let mut world = World::new(scenario);
    for step in steps {
        if let Err(what) = world.step(*step) {
            panic!("{step:?}: {what}, {}", world.picture());
        }
    }
    if let Err(what) = settle(&world, &mut States::default()) {
        panic!("{what}, {}", world.picture());
    }
}

fn code(step: Step) -> String {
    match step {
        Step::Want(intent) => format!("Step::Want(Intent::{intent:?})"),
        other => format!("Step::{other:?}"),
    }
}

/// Visits every state of a scenario once, checks every step, and from every state that is quiet
/// whether it ends well when everybody does what they owe.
pub(crate) fn explore(scenario: Scenario) -> Finding {
    let began = Instant::now();
    let mut finding = search(scenario);
    finding.took = began.elapsed();
    finding
}

fn search(scenario: Scenario) -> Finding {
    let mut search = Search {
        seen: States::default(),
        ends_well: States::default(),
        choices: Vec::new(),
        next: Layer::default(),
        states: 1,
        transitions: 0,
    };
    let root = World::new(scenario);
    search.seen.insert(fingerprint(&root), 0, Step::Hear);
    let mut walk = Walk { path: vec![(0, root.clone())] };
    search.next.kept.push((root, 0));
    let (mut depth, mut violation) = (0, None);
    let mut told = Instant::now();
    while violation.is_none() && !search.next.is_empty() && search.states <= STATES_MAX {
        depth += 1;
        violation = search.visit_layer(&mut walk).err();
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            println!("  {} states, {} to be visited at depth {depth}", search.states, search.next.len());
        }
    }
    Finding {
        scenario,
        states: search.states,
        transitions: search.transitions,
        depth: depth - 1,
        is_closed: search.next.is_empty(),
        took: Duration::ZERO,
        violation,
    }
}

/// What a search has come to.
struct Search {
    seen: States,
    ends_well: States,
    choices: Vec<Step>,
    /// What is to be visited next.
    next: Layer,
    states: usize,
    transitions: usize,
}

/// Unvisited states that are equally far from the first.
#[derive(Default)]
struct Layer {
    kept: Vec<(World, u32)>,
    /// Those beyond, by their places.
    rest: Vec<u32>,
}

impl Layer {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.kept.len() + self.rest.len()
    }
}

impl Search {
    fn visit_layer(&mut self, walk: &mut Walk) -> Result<(), Violation> {
        let Layer { kept, rest } = std::mem::take(&mut self.next);
        for (world, place) in kept {
            self.visit(world, place)?;
        }
        for place in rest {
            self.visit(walk.to(place, &self.seen).clone(), place)?;
        }
        Ok(())
    }

    fn visit(&mut self, world: World, place: u32) -> Result<(), Violation> {
        if world.is_quiet() {
            settle(&world, &mut self.ends_well)
                .map_err(|what| Violation { what, steps: self.seen.way_to(place) })?;
        }
        world.choices(&mut self.choices);
        // The last of them needs no copy.
        let mut left = Some(world);
        for (number, step) in self.choices.iter().enumerate() {
            self.transitions += 1;
            let world = if number + 1 == self.choices.len() { left.take() } else { left.clone() };
            let mut after = world.expect("it is taken by the last choice");
            if let Err(what) = after.step(*step) {
                let mut steps = self.seen.way_to(place);
                steps.push(*step);
                return Err(Violation { what, steps });
            }
            let Some(place) = self.seen.insert(fingerprint(&after), place, *step) else { continue };
            self.states += 1;
            if self.next.kept.len() < KEPT_MAX {
                self.next.kept.push((after, place));
            } else {
                self.next.rest.push(place);
            }
        }
        Ok(())
    }
}

/// The way to one state, with the worlds along it. States are visited in the order in which they were
/// found, so that the way to the next has most of its steps in common.
struct Walk {
    path: Vec<(u32, World)>,
}

impl Walk {
    fn to(&mut self, place: u32, seen: &States) -> &World {
        let mut missing = Vec::new();
        let mut common = place;
        // A state is found later than the one before it: places rise along a path.
        let at = loop {
            match self.path.binary_search_by_key(&common, |(place, _)| *place) {
                Ok(at) => break at,
                Err(_) => {
                    let (_, before, step) = seen.found[common as usize];
                    missing.push((common, step));
                    common = before;
                }
            }
        };
        self.path.truncate(at + 1);
        for (place, step) in missing.into_iter().rev() {
            let mut world = self.path[self.path.len() - 1].1.clone();
            world.step(step).expect("the way was gone before");
            self.path.push((place, world));
        }
        &self.path[self.path.len() - 1].1
    }
}

/// Follows the orderly course of events to its end, which must be a good one. What it passes ends
/// well too and is not followed again.
fn settle(world: &World, ends_well: &mut States) -> Check {
    let mut world = world.clone();
    let mut passed = Vec::new();
    for _ in 0..END_MAX {
        let print = fingerprint(&world);
        if ends_well.contains(print) {
            passed.iter().for_each(|print| _ = ends_well.insert(*print, 0, Step::Hear));
            return Ok(());
        }
        passed.push(print);
        let Some(step) = world.fair_step() else {
            world.check_end()?;
            passed.iter().for_each(|print| _ = ends_well.insert(*print, 0, Step::Hear));
            return Ok(());
        };
        world.step(step)?;
    }
    Err(format!("liveness: nothing is settled after {END_MAX} orderly steps, {}", world.picture()))
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = Mixer(0x9e37_79b9_7f4a_7c15);
    world.fingerprint(&mut hasher);
    hasher.finish().max(1)
}

/// Folded multiplication: every input bit reaches every output bit.
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0xd6e8_feb8_6659_fd93_u128;
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ self.0.rotate_left(29);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        let mut last = Self(self.0);
        last.mix(0x2545_f491_4f6c_dd1d);
        last.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

/// Fingerprints of the states that were met, each with the state before it and the step between.
#[derive(Default)]
struct States {
    /// Open addressing: places in `found`, plus one; zero is free.
    slots: Vec<u32>,
    found: Vec<(u64, u32, Step)>,
}

impl States {
    fn slot(&self, print: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = print as usize & mask;
        while self.slots[slot] != 0 && self.found[self.slots[slot] as usize - 1].0 != print {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn contains(&self, print: u64) -> bool {
        !self.slots.is_empty() && self.slots[self.slot(print)] != 0
    }

    /// The place of a state that was not met before.
    fn insert(&mut self, print: u64, before: u32, step: Step) -> Option<u32> {
        if self.found.len() * 2 >= self.slots.len() {
            self.slots = vec![0; (self.slots.len() * 2).max(1 << 12)];
            for place in 0..self.found.len() {
                let slot = self.slot(self.found[place].0);
                self.slots[slot] = place as u32 + 1;
            }
        }
        let slot = self.slot(print);
        if self.slots[slot] != 0 {
            return None;
        }
        let place = self.found.len() as u32;
        self.found.push((print, before, step));
        self.slots[slot] = place + 1;
        Some(place)
    }

    fn way_to(&self, mut place: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        while place != 0 {
            let (_, before, step) = self.found[place as usize];
            steps.push(step);
            place = before;
        }
        steps.reverse();
        steps
    }
}
