//! Compiled rules against a plain reading of the same trees: same answers, same rules, same order.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test rule_judge` draws more cases than the default.

use std::collections::BTreeMap;

use orderloom_core::id::{RuleId, SymbolId};
use orderloom_core::indicator::{IndicatorSlot, IndicatorTable};
use orderloom_core::instrument::Instrument;
use orderloom_core::rule::{
    Action, Comparison, Condition, Field, IndicatorSpec, Operand, RuleSet, RuleSpec, Trigger, Truth,
    ValueType, View, compile, explain,
};
use orderloom_core::time::Span;
use proptest::prelude::*;

/// Values of one event; what is not in it is unknown.
#[derive(Debug, Clone, Default)]
struct Table {
    numbers: BTreeMap<Field, f64>,
    befores: BTreeMap<Field, f64>,
    words: BTreeMap<Field, &'static str>,
    flags: BTreeMap<Field, bool>,
    features: BTreeMap<String, f64>,
    readings: BTreeMap<String, f64>,
    indicators: BTreeMap<IndicatorSlot, (f64, Option<f64>)>,
    answers: BTreeMap<String, bool>,
}

impl View for Table {
    fn number(&self, field: Field) -> Option<f64> {
        self.numbers.get(&field).copied()
    }
    fn text(&self, field: Field) -> Option<&str> {
        self.words.get(&field).copied()
    }
    fn flag(&self, field: Field) -> Option<bool> {
        self.flags.get(&field).copied()
    }
    fn feature(&self, name: &str) -> Option<f64> {
        self.features.get(name).copied()
    }
    fn reading(&self, name: &str) -> Option<f64> {
        self.readings.get(name).copied()
    }
    fn indicator(&self, slot: IndicatorSlot) -> Option<f64> {
        self.indicators.get(&slot).map(|(now, _)| *now)
    }
    fn indicator_before(&self, slot: IndicatorSlot) -> Option<f64> {
        self.indicators.get(&slot).and_then(|(_, before)| *before)
    }
    fn field_before(&self, field: Field) -> Option<f64> {
        self.befores.get(&field).copied()
    }
    fn answer(&self, _rule: RuleId, name: &str) -> Option<bool> {
        self.answers.get(name).copied()
    }
}

/// The plain reading: `Option<bool>` for truth, the declared tree, no short cuts.
struct Plain<'a> {
    table: &'a Table,
    indicators: &'a mut IndicatorTable,
}

/// `left % right`, exact and with the sign of `right`, as in Python. By way of a rounded quotient it is
/// not exact: 1 % (0.5 / 3) is 5.6e-17, and not 0.
fn as_python_does(left: f64, right: f64) -> f64 {
    let rest = left % right;
    if rest != 0.0 && rest.is_sign_negative() != right.is_sign_negative() { rest + right } else { rest }
}

impl Plain<'_> {
    fn judge(&mut self, condition: &Condition) -> Option<bool> {
        match condition {
            Condition::Constant(value) => Some(*value),
            Condition::All(parts) => {
                let answers: Vec<_> = parts.iter().map(|part| self.judge(part)).collect();
                if answers.contains(&Some(false)) {
                    return Some(false);
                }
                (!answers.contains(&None)).then_some(true)
            }
            Condition::Any(parts) => {
                let answers: Vec<_> = parts.iter().map(|part| self.judge(part)).collect();
                if answers.contains(&Some(true)) {
                    return Some(true);
                }
                (!answers.contains(&None)).then_some(false)
            }
            Condition::Not(part) => self.judge(part).map(|answer| !answer),
            Condition::Compare { left, is, right } => match (self.word(left), self.word(right)) {
                (Some(left), Some(right)) => Some((left? == right?) == (*is == Comparison::Equal)),
                _ => {
                    let order = self.number(left, false)?.partial_cmp(&self.number(right, false)?)?;
                    Some(match is {
                        Comparison::Less => order.is_lt(),
                        Comparison::LessOrEqual => order.is_le(),
                        Comparison::Equal => order.is_eq(),
                        Comparison::NotEqual => order.is_ne(),
                        Comparison::GreaterOrEqual => order.is_ge(),
                        Comparison::Greater => order.is_gt(),
                    })
                }
            },
            Condition::Holds(Operand::Field(field)) => self.table.flags.get(field).copied(),
            Condition::Crosses { left, up, right } => {
                let before = self.number(left, true)? - self.number(right, true)?;
                let now = self.number(left, false)? - self.number(right, false)?;
                Some(if *up { before <= 0.0 && now > 0.0 } else { before >= 0.0 && now < 0.0 })
            }
            Condition::Known(operand) => Some(match self.word(operand) {
                Some(word) => word.is_some(),
                None => match operand {
                    Operand::Field(field) if field.value_type() == ValueType::Bool => {
                        self.table.flags.contains_key(field)
                    }
                    other => self.number(other, false).is_some(),
                },
            }),
            Condition::Ask(name) => self.table.answers.get(&**name).copied(),
            Condition::Holds(other) => panic!("no yes-or-no value: {other}"),
        }
    }

    /// `None` when the operand is no word; `Some(None)` when the word is unknown.
    fn word(&self, operand: &Operand) -> Option<Option<String>> {
        match operand {
            Operand::Text(word) => Some(Some(word.to_string())),
            Operand::Field(field) if field.value_type() == ValueType::Text => {
                Some(self.table.words.get(field).map(ToString::to_string))
            }
            _ => None,
        }
    }

    fn number(&mut self, operand: &Operand, before: bool) -> Option<f64> {
        let both =
            |plain: &mut Self, left, right| Some((plain.number(left, before)?, plain.number(right, before)?));
        match operand {
            Operand::Number(number) => Some(*number),
            Operand::Field(field) if before => self.table.befores.get(field).copied(),
            Operand::Field(field) => self.table.numbers.get(field).copied(),
            Operand::Feature(name) => self.table.features.get(&**name).copied(),
            Operand::Reading(name) => self.table.readings.get(&**name).copied(),
            Operand::Indicator(spec) => {
                let slot = self.indicators.slot(spec).unwrap();
                let (now, earlier) = self.table.indicators.get(&slot).copied()?;
                if before { earlier } else { Some(now) }
            }
            Operand::Add(left, right) => both(self, left, right).map(|(left, right)| left + right),
            Operand::Subtract(left, right) => both(self, left, right).map(|(left, right)| left - right),
            Operand::Multiply(left, right) => both(self, left, right).map(|(left, right)| left * right),
            Operand::Divide(left, right) => {
                both(self, left, right).and_then(|(left, right)| (right != 0.0).then(|| left / right))
            }
            Operand::Remainder(left, right) => both(self, left, right)
                .and_then(|(left, right)| (right != 0.0).then(|| as_python_does(left, right))),
            Operand::Negate(part) => self.number(part, before).map(|value| -value),
            Operand::Text(word) => panic!("no number: {word}"),
        }
    }
}

const INDICATORS: [&str; 2] = ["atr", "rsi"];
const NAMES: [&str; 2] = ["x", "y"];

/// Few distinct numbers, so that equal ones meet; with both zeros.
fn number() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0])
}

fn fields(kind: ValueType) -> Vec<Field> {
    Field::ALL.iter().copied().filter(|field| field.value_type() == kind).collect()
}

fn bar_field() -> impl Strategy<Value = Field> {
    prop::sample::select(vec![
        Field::BarOpen,
        Field::BarHigh,
        Field::BarLow,
        Field::BarClose,
        Field::BarVolume,
    ])
}

fn indicator() -> impl Strategy<Value = Operand> {
    prop::sample::select(INDICATORS.to_vec()).prop_map(|name| {
        Operand::Indicator(IndicatorSpec { name: name.into(), parameters: vec![], over: None })
    })
}

fn arithmetic(leaf: BoxedStrategy<Operand>) -> impl Strategy<Value = Operand> {
    leaf.prop_recursive(2, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(left, right)| (Box::new(left), Box::new(right)));
        prop_oneof![
            pair.clone().prop_map(|(left, right)| Operand::Add(left, right)),
            pair.clone().prop_map(|(left, right)| Operand::Subtract(left, right)),
            pair.clone().prop_map(|(left, right)| Operand::Multiply(left, right)),
            pair.clone().prop_map(|(left, right)| Operand::Divide(left, right)),
            pair.prop_map(|(left, right)| Operand::Remainder(left, right)),
            inner.prop_map(|part| Operand::Negate(Box::new(part))),
        ]
    })
}

fn numeric() -> impl Strategy<Value = Operand> {
    let leaf = prop_oneof![
        3 => number().prop_map(Operand::Number),
        3 => prop::sample::select(fields(ValueType::Number)).prop_map(Operand::Field),
        1 => prop::sample::select(NAMES.to_vec()).prop_map(|name| Operand::Feature(name.into())),
        1 => prop::sample::select(NAMES.to_vec()).prop_map(|name| Operand::Reading(name.into())),
        2 => indicator(),
    ];
    prop_oneof![3 => leaf.clone(), 1 => arithmetic(leaf.boxed())]
}

fn from_bars() -> impl Strategy<Value = Operand> {
    let leaf =
        prop_oneof![number().prop_map(Operand::Number), bar_field().prop_map(Operand::Field), indicator(),];
    prop_oneof![3 => leaf.clone(), 1 => arithmetic(leaf.boxed())]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater])
}

fn word_test() -> impl Strategy<Value = Condition> {
    (
        prop::sample::select(fields(ValueType::Text)),
        any::<prop::sample::Index>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(field, word, is_equal, is_turned)| {
            let (field, word) = (Operand::Field(field), Operand::Text((*word.get(field.words())).into()));
            let (left, right) = if is_turned { (word, field) } else { (field, word) };
            let is = if is_equal { Comparison::Equal } else { Comparison::NotEqual };
            Condition::Compare { left, is, right }
        })
}

fn leaf() -> impl Strategy<Value = Condition> {
    prop_oneof![
        1 => any::<bool>().prop_map(Condition::Constant),
        6 => (numeric(), comparison(), numeric())
            .prop_map(|(left, is, right)| Condition::Compare { left, is, right }),
        3 => word_test(),
        2 => prop::sample::select(fields(ValueType::Bool))
            .prop_map(|field| Condition::Holds(Operand::Field(field))),
        2 => (from_bars(), any::<bool>(), from_bars())
            .prop_map(|(left, up, right)| Condition::Crosses { left, up, right }),
        1 => prop_oneof![
            numeric(), prop::sample::select(Field::ALL.to_vec()).prop_map(Operand::Field)
        ].prop_map(Condition::Known),
        1 => prop::sample::select(NAMES.to_vec()).prop_map(|name| Condition::Ask(name.into())),
    ]
}

fn tree() -> impl Strategy<Value = Condition> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            1 => inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

/// About a fifth of all values is unknown.
fn table() -> impl Strategy<Value = Table> {
    fn some<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
        prop::option::weighted(0.8, value)
    }
    fn known<K: Ord + Clone, T>(keys: &[K], values: Vec<Option<T>>) -> BTreeMap<K, T> {
        keys.iter().cloned().zip(values).filter_map(|(key, value)| Some((key, value?))).collect()
    }
    let all = Field::ALL.len();
    (
        prop::collection::vec(some(number()), all),
        prop::collection::vec(some(number()), all),
        prop::collection::vec(some(any::<prop::sample::Index>()), all),
        prop::collection::vec(some(any::<bool>()), all),
        prop::collection::vec(some(number()), 4),
        prop::collection::vec(some((number(), some(number()))), INDICATORS.len()),
        prop::collection::vec(some(any::<bool>()), NAMES.len()),
    )
        .prop_map(|(numbers, befores, words, flags, pushed, indicators, answers)| {
            let names = NAMES.map(String::from);
            let words = known(Field::ALL, words).into_iter().filter(|(field, _)| !field.words().is_empty());
            let mut slots = IndicatorTable::new(1);
            let slots = INDICATORS.map(|name| {
                slots.slot(&IndicatorSpec { name: name.into(), parameters: vec![], over: None }).unwrap()
            });
            Table {
                numbers: known(Field::ALL, numbers),
                befores: known(Field::ALL, befores),
                words: words.map(|(field, index)| (field, *index.get(field.words()))).collect(),
                flags: known(Field::ALL, flags),
                features: known(&names, pushed[..2].to_vec()),
                readings: known(&names, pushed[2..].to_vec()),
                indicators: known(&slots, indicators),
                answers: known(&names, answers),
            }
        })
}

fn instruments() -> Vec<Instrument> {
    ["AAPL", "SLV", "SPY"]
        .map(|symbol| Instrument {
            symbol: symbol.into(),
            tick: "0.01".parse().unwrap(),
            multiplier: 1,
            currency: "USD".into(),
        })
        .to_vec()
}

fn rule(name: usize, on: &[Trigger], symbols: &[Box<str>], priority: i32, when: Condition) -> RuleSpec {
    RuleSpec {
        name: format!("rule {name}").into(),
        on: on.to_vec(),
        symbols: symbols.to_vec(),
        when,
        priority,
        cooldown: Span::ZERO,
        daily_cap: None,
        window: None,
        enabled: true,
        actions: vec![Action::CloseAll {}],
    }
}

/// The slots of `INDICATORS` are 0 and 1 in every table of this file.
fn indicator_table() -> IndicatorTable {
    let mut table = IndicatorTable::new(3);
    for name in INDICATORS {
        table.slot(&IndicatorSpec { name: name.into(), parameters: vec![], over: None }).unwrap();
    }
    table
}

fn compiled(specs: &[RuleSpec]) -> RuleSet {
    compile(specs, &instruments(), &mut indicator_table()).unwrap_or_else(|error| panic!("{error}"))
}

fn single(when: Condition) -> RuleSet {
    compiled(&[rule(0, &[Trigger::Bar], &[], 0, when)])
}

/// Trees that the index can use: tests joined by `all`, thresholds and words among them.
fn selectable() -> impl Strategy<Value = Condition> {
    let threshold = (
        prop_oneof![
            prop::sample::select(vec![Field::SignalConfidence, Field::BarClose, Field::PositionQuantity])
                .prop_map(Operand::Field),
            indicator(),
            Just(Operand::Reading("x".into())),
        ],
        comparison(),
        number().prop_map(Operand::Number),
        any::<bool>(),
    )
        .prop_map(|(operand, is, number, is_turned)| {
            let (left, right) = if is_turned { (number, operand) } else { (operand, number) };
            Condition::Compare { left, is, right }
        });
    let part = prop_oneof![3 => threshold, 2 => word_test(), 1 => tree()];
    prop_oneof![
        1 => part.clone(),
        4 => prop::collection::vec(part, 1..4).prop_map(Condition::All),
    ]
}

fn rule_list() -> impl Strategy<Value = Vec<RuleSpec>> {
    let names: Vec<Box<str>> = instruments().into_iter().map(|instrument| instrument.symbol).collect();
    let triggers = vec![Trigger::PredictionSignal, Trigger::Bar];
    let one = (
        prop::sample::subsequence(triggers, 1..=2),
        prop::sample::subsequence(names, 0..=3),
        -1_i32..=1,
        selectable(),
    );
    prop::collection::vec(one, 1..12).prop_map(|drawn| {
        let numbered = drawn.into_iter().enumerate();
        numbered
            .map(|(name, (on, symbols, priority, when))| rule(name, &on, &symbols, priority, when))
            .collect()
    })
}

proptest! {
    #[test]
    fn a_compiled_tree_answers_as_its_plain_reading(when in tree(), table in table()) {
        let rules = single(when.clone());
        let expected = Plain { table: &table, indicators: &mut indicator_table() }.judge(&when);
        let condition = &rules.rules()[0].condition;
        prop_assert_eq!(condition.evaluate(&table), Truth::from(expected), "{}", when);
        let explanation = explain(condition, &table);
        prop_assert_eq!(explanation.truth, Truth::from(expected));
        prop_assert_eq!(explanation.blocker().is_none(), expected == Some(true));
        prop_assert_eq!(explanation.text, when.to_string());
    }

    /// A question is worth asking exactly when some answers would make the condition yes, taking every
    /// occurrence of a question for itself; and answering until nothing is asked settles the matter.
    #[test]
    fn a_question_is_asked_only_while_it_can_decide(when in tree(), table in table()) {
        let rules = single(when);
        let condition = &rules.rules()[0].condition;
        let unanswered: Vec<_> =
            condition.asks().iter().filter(|name| !table.answers.contains_key(&***name)).collect();
        let can_fire = (0..1_u32 << unanswered.len()).any(|choice| {
            let mut answered = table.clone();
            for (bit, name) in unanswered.iter().enumerate() {
                answered.answers.insert(name.to_string(), choice >> bit & 1 == 1);
            }
            condition.evaluate(&answered) == Truth::Yes
        });
        let asked = condition.needs_ask(&table);
        if can_fire && condition.evaluate(&table) != Truth::Yes {
            prop_assert!(asked.is_some());
        }
        if let Some(name) = asked {
            prop_assert!(!table.answers.contains_key(name));
            prop_assert_eq!(condition.evaluate(&table), Truth::Unknown);
        }
        let mut answered = table.clone();
        let mut rounds = 0;
        while let Some(name) = condition.needs_ask(&answered).map(str::to_owned) {
            answered.answers.insert(name, true);
            rounds += 1;
            prop_assert!(rounds <= unanswered.len());
        }
    }

    #[test]
    fn selection_leaves_out_no_rule_that_would_fire_and_keeps_the_order(
        specs in rule_list(), table in table(), trigger in prop::sample::select(vec![Trigger::PredictionSignal, Trigger::Bar]),
        symbol in prop::option::of(0_u32..3),
    ) {
        let rules = compiled(&specs);
        let symbol = symbol.map(SymbolId);
        let mut order: Vec<_> = rules.rules().iter().filter(|rule| {
            rule.on.contains(&trigger)
                && (rule.symbols.is_empty() || symbol.is_some_and(|symbol| rule.symbols.contains(&symbol)))
        }).collect();
        order.sort_by_key(|rule| (-rule.priority, rule.id));
        let mut candidates = vec![RuleId(99)];
        rules.candidates(trigger, symbol, &table, &mut candidates);

        let concerned: Vec<_> = order.iter().map(|rule| rule.id).collect();
        let mut rest = concerned.iter();
        prop_assert!(candidates.iter().all(|id| rest.any(|other| other == id)), "out of order or twice");
        let fires = |id: &RuleId| {
            let condition = &rules.rule(*id).condition;
            condition.evaluate(&table) == Truth::Yes || condition.needs_ask(&table).is_some()
        };
        for id in &candidates {
            let rule = rules.rule(*id);
            prop_assert_eq!(rule.evaluate_candidate(&table), rule.condition.evaluate(&table), "the rest");
        }
        let fired: Vec<_> = concerned.into_iter().filter(fires).collect();
        let fired_of_candidates: Vec<_> = candidates.into_iter().filter(fires).collect();
        prop_assert_eq!(fired, fired_of_candidates);
    }
}

#[test]
fn a_value_that_is_unknown_fires_neither_a_test_nor_its_opposite() {
    let hot = Condition::Compare {
        left: Operand::Reading("heat".into()),
        is: Comparison::Greater,
        right: Operand::Number(1.0),
    };
    let opposite = Condition::Not(Box::new(hot.clone()));
    for when in [hot, opposite] {
        let rules = single(when);
        assert_eq!(rules.rules()[0].condition.evaluate(&Table::default()), Truth::Unknown);
        let explanation = explain(&rules.rules()[0].condition, &Table::default());
        assert_eq!(explanation.blocker().unwrap().missing, ["reading(\"heat\")"]);
    }
}

#[test]
fn a_rule_below_its_threshold_says_by_how_much() {
    let when = Condition::All(vec![
        Condition::Compare {
            left: Operand::Field(Field::SignalSide),
            is: Comparison::Equal,
            right: Operand::Text("BUY".into()),
        },
        Condition::Not(Box::new(Condition::Compare {
            left: Operand::Field(Field::SignalConfidence),
            is: Comparison::Less,
            right: Operand::Number(0.75),
        })),
    ]);
    let rules = single(when);
    let mut table = Table::default();
    table.words.insert(Field::SignalSide, "BUY");
    table.numbers.insert(Field::SignalConfidence, 0.5);
    let explanation = explain(&rules.rules()[0].condition, &table);
    assert_eq!(explanation.truth, Truth::No);
    assert_eq!(explanation.text, "signal.side == \"BUY\" and (not signal.confidence < 0.75)");
    let blocker = explanation.blocker().unwrap();
    assert_eq!((&*blocker.text, blocker.distance), ("signal.confidence < 0.75", Some(0.25)));
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["parts"][0]["values"][0], serde_json::json!({"text": "signal.side", "value": "BUY"}));
}

#[test]
fn questions_come_after_the_native_parts_and_one_at_a_time() {
    let when = Condition::All(vec![
        Condition::Ask("calm".into()),
        Condition::Holds(Operand::Field(Field::SessionIsOpen)),
        Condition::Not(Box::new(Condition::Ask("tired".into()))),
    ]);
    let rules = single(when);
    let condition = &rules.rules()[0].condition;
    assert_eq!(condition.asks().iter().map(|name| &**name).collect::<Vec<_>>(), ["calm", "tired"]);
    let mut table = Table::default();
    assert_eq!(condition.needs_ask(&table), None, "a native part is unknown");
    table.flags.insert(Field::SessionIsOpen, false);
    assert_eq!(condition.needs_ask(&table), None, "a native part says no");
    table.flags.insert(Field::SessionIsOpen, true);
    assert_eq!(condition.needs_ask(&table), Some("calm"));
    table.answers.insert("calm".into(), true);
    assert_eq!(condition.needs_ask(&table), Some("tired"));
    table.answers.insert("tired".into(), false);
    assert_eq!((condition.needs_ask(&table), condition.evaluate(&table)), (None, Truth::Yes));
}
