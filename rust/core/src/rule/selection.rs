//! Which rules an event can make fire: an index over trigger, symbol, one word test and one test of a
//! number per rule.
//!
//! A rule's top-level `all` must hold as a whole, so one part of it that is not yes settles the rule.
//! The index uses parts whose value cannot change within an event; it may only leave out rules that
//! `evaluate` would not call yes.

use super::operand::{CompiledOperand, CompiledWord};
use super::tree::Node;
use super::{Comparison, CompiledRule, Field, Trigger, View};
use crate::id::{RuleId, SymbolId};

/// A rule's place in the order of judging. Told apart from a rule's id by this name only, so that one
/// reused vector can hold places while they are gathered and sorted as plain numbers, and ids after.
type Rank = RuleId;

/// The rules of a set, by what selects them.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// By trigger: rules without symbols.
    any: Vec<Bucket>,
    /// By trigger, then by symbol: rules that name it.
    named: Vec<Vec<Bucket>>,
    /// The rules in the order of judging.
    order: Vec<RuleId>,
    /// By trigger: whether there is a rule at all.
    is_heard: [bool; Trigger::ALL.len()],
}

impl Selection {
    pub(super) fn new(rules: &[CompiledRule], symbols: usize) -> Self {
        let mut order: Vec<&CompiledRule> = rules.iter().collect();
        // Stable: equal priorities stay in the order of definition.
        order.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        let triggers = Trigger::ALL.len();
        let mut any = vec![Bucket::default(); triggers];
        let mut named = vec![vec![Bucket::default(); symbols]; triggers];
        for (rank, rule) in (0..).map(RuleId).zip(&order) {
            for trigger in &rule.on {
                if rule.symbols.is_empty() {
                    any[*trigger as usize].insert(rank, rule);
                }
                for symbol in &rule.symbols {
                    named[*trigger as usize][symbol.index()].insert(rank, rule);
                }
            }
        }
        any.iter_mut().chain(named.iter_mut().flatten()).for_each(Bucket::sort);
        let is_heard = std::array::from_fn(|trigger| {
            let mut buckets = any[trigger..=trigger].iter().chain(&named[trigger]);
            buckets.any(|bucket| !bucket.is_empty())
        });
        Self { any, named, order: order.into_iter().map(|rule| rule.id).collect(), is_heard }
    }

    pub(super) fn listens_to(&self, trigger: Trigger) -> bool {
        self.is_heard[trigger as usize]
    }

    pub(super) fn candidates(
        &self,
        trigger: Trigger,
        symbol: Option<SymbolId>,
        view: &impl View,
        out: &mut Vec<RuleId>,
    ) {
        out.clear();
        self.any[trigger as usize].collect(view, out);
        if let Some(symbol) = symbol {
            self.named[trigger as usize][symbol.index()].collect(view, out);
        }
        if out.len() > 1 {
            out.sort_unstable();
        }
        for rule in out {
            *rule = self.order[rule.0 as usize];
        }
    }
}

/// The rules of one trigger and symbol.
#[derive(Debug, Clone, Default)]
struct Bucket {
    /// Those without a word test.
    plain: Groups,
    /// The others, by the field tested.
    by_word: Vec<ByWord>,
}

/// Rules that want a field to be a certain word.
#[derive(Debug, Clone)]
struct ByWord {
    field: Field,
    arms: Vec<(Box<str>, Groups)>,
}

/// Rules that share their word test.
#[derive(Debug, Clone, Default)]
struct Groups {
    /// No test of a number: always candidates.
    always: Vec<Rank>,
    /// Those that want an operand to be a certain number.
    by_value: Vec<ByValue>,
    /// The others, by the operand and the direction tested.
    by_threshold: Vec<ByThreshold>,
}

/// Rules that want an operand to be equal to a number.
#[derive(Debug, Clone)]
struct ByValue {
    operand: CompiledOperand,
    /// Ascending.
    arms: Vec<(f64, Vec<Rank>)>,
}

/// Rules that want an operand to be beyond a threshold.
#[derive(Debug, Clone)]
struct ByThreshold {
    operand: CompiledOperand,
    /// `below` tests become `above` tests of the opposite numbers.
    is_below: bool,
    /// Ascending; an inclusive threshold stands before a strict one at the same number.
    thresholds: Vec<Threshold>,
    /// The rules of `thresholds`, in the same order.
    rules: Vec<Rank>,
}

#[derive(Debug, Clone, Copy)]
struct Threshold {
    at: f64,
    is_strict: bool,
}

impl Threshold {
    fn is_reached(self, value: f64) -> bool {
        if self.is_strict { value > self.at } else { value >= self.at }
    }
}

impl Bucket {
    fn is_empty(&self) -> bool {
        let Groups { always, by_value, by_threshold } = &self.plain;
        always.is_empty() && by_value.is_empty() && by_threshold.is_empty() && self.by_word.is_empty()
    }

    fn insert(&mut self, rank: Rank, rule: &CompiledRule) {
        let parts = required_parts(&rule.condition.node);
        let groups = match parts.iter().find_map(|part| word_test(part)) {
            None => &mut self.plain,
            Some((field, word)) => {
                let place = self.by_word.iter().position(|by| by.field == field).unwrap_or_else(|| {
                    self.by_word.push(ByWord { field, arms: Vec::new() });
                    self.by_word.len() - 1
                });
                let arms = &mut self.by_word[place].arms;
                let place = arms.iter().position(|(arm, _)| **arm == *word).unwrap_or_else(|| {
                    arms.push((word.into(), Groups::default()));
                    arms.len() - 1
                });
                &mut arms[place].1
            }
        };
        let by_number = number_place(&parts).map(|place| parts[place]);
        if let Some((operand, number)) = by_number.and_then(value_test) {
            let tests = &mut groups.by_value;
            let place = tests.iter().position(|by| by.operand == *operand).unwrap_or_else(|| {
                tests.push(ByValue { operand: operand.clone(), arms: Vec::new() });
                tests.len() - 1
            });
            tests[place].insert(number, rank);
            return;
        }
        match by_number.and_then(threshold_test) {
            None => groups.always.push(rank),
            Some((operand, is_below, threshold)) => {
                let tests = &mut groups.by_threshold;
                let is_same = |by: &ByThreshold| by.operand == *operand && by.is_below == is_below;
                let place = tests.iter().position(is_same).unwrap_or_else(|| {
                    let operand = operand.clone();
                    tests.push(ByThreshold { operand, is_below, thresholds: Vec::new(), rules: Vec::new() });
                    tests.len() - 1
                });
                tests[place].thresholds.push(threshold);
                tests[place].rules.push(rank);
            }
        }
    }

    fn sort(&mut self) {
        let arms = self.by_word.iter_mut().flat_map(|by| &mut by.arms).map(|(_, groups)| groups);
        for groups in arms.chain([&mut self.plain]) {
            groups.by_threshold.iter_mut().for_each(ByThreshold::sort);
        }
    }

    fn collect(&self, view: &impl View, out: &mut Vec<Rank>) {
        self.plain.collect(view, out);
        for by in &self.by_word {
            if let Some(word) = view.text(by.field)
                && let Some((_, groups)) = by.arms.iter().find(|(arm, _)| **arm == *word)
            {
                groups.collect(view, out);
            }
        }
    }
}

impl Groups {
    fn collect(&self, view: &impl View, out: &mut Vec<Rank>) {
        if !self.always.is_empty() {
            out.extend_from_slice(&self.always);
        }
        for by in &self.by_value {
            if let Some(value) = by.operand.value(view)
                && let Ok(place) = by.place(value)
            {
                out.extend_from_slice(&by.arms[place].1);
            }
        }
        for by in &self.by_threshold {
            if let Some(value) = by.operand.value(view) {
                out.extend_from_slice(by.reached(if by.is_below { -value } else { value }));
            }
        }
    }
}

impl ByValue {
    fn place(&self, value: f64) -> Result<usize, usize> {
        // Adding 0.0 turns -0.0 into 0.0, so that this order agrees with `==`.
        self.arms.binary_search_by(|(at, _)| at.total_cmp(&(value + 0.0)))
    }

    fn insert(&mut self, number: f64, rank: Rank) {
        match self.place(number) {
            Ok(place) => self.arms[place].1.push(rank),
            Err(place) => self.arms.insert(place, (number + 0.0, vec![rank])),
        }
    }
}

impl ByThreshold {
    /// The rules whose threshold `value` reaches, which is turned as the thresholds are.
    fn reached(&self, value: f64) -> &[Rank] {
        // Mostly none, which needs no search.
        if !self.thresholds.first().is_some_and(|threshold| threshold.is_reached(value)) {
            return &[];
        }
        let reached = self.thresholds.partition_point(|threshold| threshold.is_reached(value));
        &self.rules[..reached]
    }

    fn sort(&mut self) {
        let mut both: Vec<(Threshold, Rank)> =
            self.thresholds.iter().copied().zip(self.rules.iter().copied()).collect();
        both.sort_by(|(left, _), (right, _)| {
            left.at.total_cmp(&right.at).then(left.is_strict.cmp(&right.is_strict))
        });
        (self.thresholds, self.rules) = both.into_iter().unzip();
    }
}

/// What a candidate still has to be judged by: the parts that `Bucket::insert` does not select it by.
pub(super) fn rest(condition: &Node) -> Node {
    let parts = required_parts(condition);
    let word = parts.iter().position(|part| word_test(part).is_some());
    let number = number_place(&parts);
    let left = parts.iter().enumerate().filter(|(place, _)| ![word, number].contains(&Some(*place)));
    match &left.map(|(_, part)| *part).collect::<Vec<_>>()[..] {
        [one] => (*one).clone(),
        several => Node::All(several.iter().map(|part| (*part).clone()).collect()),
    }
}

/// Which of the parts selects by a number: the first that wants a certain one, else the first that wants
/// one beyond a threshold.
fn number_place(parts: &[&Node]) -> Option<usize> {
    let by_value = parts.iter().position(|part| value_test(part).is_some());
    by_value.or_else(|| parts.iter().position(|part| threshold_test(part).is_some()))
}

/// The parts that must all be yes for the whole to be yes.
fn required_parts(node: &Node) -> Vec<&Node> {
    match node {
        Node::All(parts) => parts.iter().flat_map(required_parts).collect(),
        other => vec![other],
    }
}

/// `field == "WORD"`, either way round, of a field that keeps its value within an event.
fn word_test(node: &Node) -> Option<(Field, &str)> {
    let Node::Words { left, is_equal: true, right } = node else { return None };
    match (left, right) {
        (CompiledWord::Field(field), CompiledWord::Fixed(word))
        | (CompiledWord::Fixed(word), CompiledWord::Field(field))
            if field.is_steady() =>
        {
            Some((*field, word))
        }
        _ => None,
    }
}

/// An operand that keeps its value within an event, and the number that it has to be equal to.
fn value_test(node: &Node) -> Option<(&CompiledOperand, f64)> {
    let Node::Compare { left, is: Comparison::Equal, right } = node else { return None };
    match (left, right) {
        (operand, CompiledOperand::Number(number)) | (CompiledOperand::Number(number), operand) => {
            operand.is_steady().then_some((operand, *number))
        }
        _ => None,
    }
}

/// An operand that keeps its value within an event, compared by order with a number: the operand,
/// whether it has to be below, and the threshold with its sign turned in that case.
fn threshold_test(node: &Node) -> Option<(&CompiledOperand, bool, Threshold)> {
    let Node::Compare { left, is, right } = node else { return None };
    let (operand, number, number_is_left) = match (left, right) {
        (operand, CompiledOperand::Number(number)) => (operand, *number, false),
        (CompiledOperand::Number(number), operand) => (operand, *number, true),
        _ => return None,
    };
    if matches!(operand, CompiledOperand::Number(_)) || !operand.is_steady() {
        return None;
    }
    let (is_below, is_strict) = match (is, number_is_left) {
        (Comparison::Greater, false) | (Comparison::Less, true) => (false, true),
        (Comparison::GreaterOrEqual, false) | (Comparison::LessOrEqual, true) => (false, false),
        (Comparison::Less, false) | (Comparison::Greater, true) => (true, true),
        (Comparison::LessOrEqual, false) | (Comparison::GreaterOrEqual, true) => (true, false),
        (Comparison::Equal | Comparison::NotEqual, _) => return None,
    };
    // Adding 0.0 turns -0.0 into 0.0, so that the sort's order agrees with `>` and `>=`.
    let at = if is_below { -number } else { number } + 0.0;
    Some((operand, is_below, Threshold { at, is_strict }))
}

impl CompiledOperand {
    /// Whether its value stays the same while the rules of one event act.
    fn is_steady(&self) -> bool {
        match self {
            Self::Field(field) => field.is_steady(),
            Self::Number(_) | Self::Feature(_) | Self::Reading(_) | Self::Indicator(_) => true,
            Self::Arithmetic(parts) => parts.left.is_steady() && parts.right.is_steady(),
            Self::Negate(part) => part.is_steady(),
        }
    }
}

impl Field {
    /// Whether its value stays the same while the rules of one event act.
    const fn is_steady(self) -> bool {
        match self {
            Self::SignalSide
            | Self::SignalConfidence
            | Self::SignalNumeric
            | Self::SignalPrice
            | Self::SignalAge
            | Self::MarketPrice
            | Self::MarketBid
            | Self::MarketAsk
            | Self::MarketSpreadPercent
            | Self::MarketVolume
            | Self::MarketChangePercent
            | Self::MarketVolatility
            | Self::BarOpen
            | Self::BarHigh
            | Self::BarLow
            | Self::BarClose
            | Self::BarVolume
            | Self::BarIndex
            | Self::TimeHhmm
            | Self::TimeWeekday
            | Self::SessionIsOpen
            | Self::SessionMinutesAfterOpen
            | Self::SessionMinutesBeforeClose
            | Self::FillQuantity
            | Self::FillPrice
            | Self::FillSide
            | Self::ConclusionReason
            | Self::ConclusionPnl => true,
            Self::PositionIsFlat
            | Self::PositionIsLong
            | Self::PositionIsShort
            | Self::PositionSide
            | Self::PositionQuantity
            | Self::PositionAveragePrice
            | Self::PositionUnrealized
            | Self::PositionUnrealizedPercent
            | Self::PositionAge
            | Self::ContextIsOpen
            | Self::ContextPhase
            | Self::ContextTranches
            | Self::ContextSinceConclusion
            | Self::ContextCount
            | Self::AccountEquity
            | Self::AccountDailyPnl
            | Self::AccountGrossExposure
            | Self::AccountNetExposure
            | Self::AccountOpenContexts => false,
        }
    }
}
