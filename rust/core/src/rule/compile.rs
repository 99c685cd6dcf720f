//! From rules as declared to rules that run: names resolved, types checked, parameters in range.

use std::sync::Arc;

use super::act::CompiledAction;
use super::operand::{Arithmetic, CompiledOperand, CompiledValue, CompiledWord, Sign};
use super::set::{CompiledRule, RuleSet};
use super::tree::{CompiledCondition, Node};
use super::{Action, Comparison, Condition, Field, Operand, RuleSpec, ValueType};
use crate::error::ConfigError;
use crate::id::{RuleId, SymbolId};
use crate::indicator::IndicatorTable;
use crate::instrument::Instrument;
use crate::time::Span;

const DAY_SECONDS: i64 = 86_400;

/// Trees deeper than this are refused, so that no declaration can exhaust the stack.
const DEPTH_MAX: usize = 64;

/// Compiles `specs` in their order of definition and declares their indicators in `indicators`.
///
/// # Errors
/// The first declaration that cannot run, with its rule, its field's path, and what was expected.
pub fn compile(
    specs: &[RuleSpec],
    instruments: &[Instrument],
    indicators: &mut IndicatorTable,
) -> Result<RuleSet, ConfigError> {
    let mut rules = Vec::with_capacity(specs.len());
    let mut names = std::collections::BTreeSet::new();
    for (id, spec) in (0..).zip(specs) {
        if !names.insert(&*spec.name) {
            return Err(ConfigError::new("name", "be unique", &spec.name).in_rule(&spec.name));
        }
        let mut compiler = Compiler { rule: RuleId(id), instruments, indicators };
        rules.push(compiler.rule(spec).map_err(|error| error.in_rule(&spec.name))?);
    }
    Ok(RuleSet::new(rules, instruments.len()))
}

/// Compiles what a custom action answered to `rule`. It was not there when indicators were declared, so it
/// may only use those that a rule uses. It may name other custom actions, but none that `is_asked` on this
/// event, itself included: questions would have no end.
pub(crate) fn compile_answer(
    rule: RuleId,
    actions: &[Action],
    instruments: &[Instrument],
    indicators: &IndicatorTable,
    is_asked: impl Fn(&str) -> bool,
) -> Result<Box<[CompiledAction]>, ConfigError> {
    check_answer(actions, &is_asked)?;
    let mut declared = indicators.clone();
    let compiled =
        Compiler { rule, instruments, indicators: &mut declared }.actions(actions, "actions", 0)?;
    if let Some(slot) = declared.slots().nth(indicators.slots().count()) {
        let expected = "use indicators of the strategy's rules only: another has seen no bars";
        return Err(ConfigError::new("actions", expected, Operand::Indicator(declared.spec(slot).clone())));
    }
    Ok(compiled)
}

fn check_answer(actions: &[Action], is_asked: &impl Fn(&str) -> bool) -> Result<(), ConfigError> {
    actions.iter().try_for_each(|action| match action {
        Action::Custom { name } if is_asked(name) => {
            Err(ConfigError::new("custom", "name no custom action that was asked on this event", name))
        }
        Action::Sequence(actions) => check_answer(actions, is_asked),
        Action::When { then, otherwise, .. } => {
            check_answer(then, is_asked).and_then(|()| check_answer(otherwise, is_asked))
        }
        _ => Ok(()),
    })
}

/// Compiles one rule; its actions are in `compile_action.rs`.
pub(super) struct Compiler<'a> {
    rule: RuleId,
    instruments: &'a [Instrument],
    indicators: &'a mut IndicatorTable,
}

impl Compiler<'_> {
    fn rule(&mut self, spec: &RuleSpec) -> Result<CompiledRule, ConfigError> {
        if spec.name.trim().is_empty() {
            return Err(ConfigError::new("name", "not be empty", &spec.name));
        }
        if spec.on.is_empty() {
            return Err(ConfigError::new("on", "name at least one event", "[]"));
        }
        for (index, trigger) in spec.on.iter().enumerate() {
            if spec.on[..index].contains(trigger) {
                return Err(ConfigError::new("on", "name each event once", format!("{trigger:?}")));
            }
        }
        if spec.cooldown < Span::ZERO {
            return Err(ConfigError::new("cooldown", "not be negative", spec.cooldown));
        }
        if spec.daily_cap == Some(0) {
            return Err(ConfigError::new("daily_cap", "be at least 1", 0));
        }
        if let Some(window) = spec.window {
            let in_day = |second| (0..=DAY_SECONDS).contains(&second);
            if !in_day(window.from_second)
                || !in_day(window.to_second)
                || window.from_second == window.to_second
            {
                let found = format!("{}..{}", window.from_second, window.to_second);
                return Err(ConfigError::new("window", "span two different seconds of 0..=86400", found));
            }
        }
        let symbols = self.symbols(&spec.symbols)?;
        let condition = self.condition(&spec.when).map_err(|error| error.under("when"))?;
        if spec.actions.is_empty() {
            return Err(ConfigError::new("actions", "name at least one action", "[]"));
        }
        let actions = self.actions(&spec.actions, "actions", 0)?;
        Ok(CompiledRule {
            id: self.rule,
            name: spec.name.clone(),
            on: spec.on.clone().into_boxed_slice(),
            symbols,
            priority: spec.priority,
            cooldown: spec.cooldown,
            daily_cap: spec.daily_cap,
            window: spec.window,
            enabled: spec.enabled,
            rest: Arc::new(Node::Constant(true)),
            condition: Box::new(condition),
            asks_for_actions: actions.iter().any(CompiledAction::is_asked),
            actions,
        })
    }

    fn symbols(&self, names: &[Box<str>]) -> Result<Box<[SymbolId]>, ConfigError> {
        let mut symbols = Vec::with_capacity(names.len());
        for name in names {
            let place = self.instruments.iter().position(|instrument| instrument.symbol == *name);
            let place = place
                .ok_or_else(|| ConfigError::new("symbols", "name symbols of `instruments` only", name))?;
            let symbol = SymbolId(u32::try_from(place).expect("fewer instruments than memory has room for"));
            if symbols.contains(&symbol) {
                return Err(ConfigError::new("symbols", "name each symbol once", name));
            }
            symbols.push(symbol);
        }
        Ok(symbols.into_boxed_slice())
    }

    pub(super) fn condition(&mut self, declared: &Condition) -> Result<CompiledCondition, ConfigError> {
        let node = self.node(declared, 0)?;
        let mut asks = Vec::new();
        collect_asks(&node, &mut asks);
        Ok(CompiledCondition {
            rule: self.rule,
            node,
            declared: declared.clone(),
            asks: asks.into_boxed_slice(),
        })
    }

    fn node(&mut self, declared: &Condition, depth: usize) -> Result<Node, ConfigError> {
        check_depth(depth)?;
        match declared {
            Condition::Constant(value) => Ok(Node::Constant(*value)),
            Condition::All(parts) => Ok(Node::All(self.nodes(parts, "all", depth)?)),
            Condition::Any(parts) => Ok(Node::Any(self.nodes(parts, "any", depth)?)),
            Condition::Not(part) => {
                let part = self.node(part, depth + 1).map_err(|error| error.under("not"))?;
                Ok(Node::Not(Box::new(part)))
            }
            Condition::Compare { left, is, right } => {
                self.comparison(left, *is, right).map_err(|error| error.under("compare"))
            }
            Condition::Holds(operand) => match operand {
                Operand::Field(field) if field.value_type() == ValueType::Bool => Ok(Node::Holds(*field)),
                other => Err(ConfigError::new("holds", "be a yes-or-no field", other)),
            },
            Condition::Crosses { left, up, right } => {
                let mut side = |operand: &Operand, path: &str| {
                    let compiled = self.number(operand, 0)?;
                    check_has_before(operand).map(|()| compiled).map_err(|error| error.under(path))
                };
                let left = side(left, "left").map_err(|error| error.under("crosses"))?;
                let right = side(right, "right").map_err(|error| error.under("crosses"))?;
                Ok(Node::Crosses { left, up: *up, right })
            }
            Condition::Known(operand) => {
                Ok(Node::Known(self.value(operand, 0).map_err(|error| error.under("known"))?))
            }
            Condition::Ask(name) => {
                check_text("ask", name)?;
                Ok(Node::Ask(name.clone()))
            }
        }
    }

    fn nodes(&mut self, parts: &[Condition], path: &str, depth: usize) -> Result<Box<[Node]>, ConfigError> {
        (0..)
            .zip(parts)
            .map(|(index, part): (usize, _)| {
                self.node(part, depth + 1).map_err(|error| error.under(&format!("{path}[{index}]")))
            })
            .collect()
    }

    fn comparison(&mut self, left: &Operand, is: Comparison, right: &Operand) -> Result<Node, ConfigError> {
        let compiled_left = self.value(left, 0).map_err(|error| error.under("left"))?;
        let compiled_right = self.value(right, 0).map_err(|error| error.under("right"))?;
        match (compiled_left, compiled_right) {
            (CompiledValue::Number(left), CompiledValue::Number(right)) => {
                Ok(Node::Compare { left, is, right })
            }
            (CompiledValue::Word(left_word), CompiledValue::Word(right_word)) => {
                let is_equal = match is {
                    Comparison::Equal => true,
                    Comparison::NotEqual => false,
                    Comparison::Less
                    | Comparison::LessOrEqual
                    | Comparison::GreaterOrEqual
                    | Comparison::Greater => {
                        return Err(ConfigError::new("is", "be == or != between words", is.as_str()));
                    }
                };
                check_word(&left_word, &right_word).map_err(|error| error.under("right"))?;
                check_word(&right_word, &left_word).map_err(|error| error.under("left"))?;
                Ok(Node::Words { left: left_word, is_equal, right: right_word })
            }
            (CompiledValue::Flag(_), _) => {
                Err(ConfigError::new("left", "be a number or a word; use a yes-or-no field alone", left))
            }
            (_, CompiledValue::Flag(_)) => {
                Err(ConfigError::new("right", "be a number or a word; use a yes-or-no field alone", right))
            }
            (CompiledValue::Number(_), CompiledValue::Word(_)) => {
                Err(ConfigError::new("right", format!("be a number like `{left}`"), right))
            }
            (CompiledValue::Word(_), CompiledValue::Number(_)) => {
                Err(ConfigError::new("right", format!("be a word like `{left}`"), right))
            }
        }
    }

    fn value(&mut self, declared: &Operand, depth: usize) -> Result<CompiledValue, ConfigError> {
        check_depth(depth)?;
        let number = match declared {
            Operand::Number(number) if number.is_finite() => CompiledOperand::Number(*number),
            Operand::Number(number) => return Err(ConfigError::new("number", "be a finite number", number)),
            Operand::Text(word) => return Ok(CompiledValue::Word(CompiledWord::Fixed(word.clone()))),
            Operand::Field(field) => match field.value_type() {
                ValueType::Number => CompiledOperand::Field(*field),
                ValueType::Text => return Ok(CompiledValue::Word(CompiledWord::Field(*field))),
                ValueType::Bool => return Ok(CompiledValue::Flag(*field)),
            },
            Operand::Feature(name) => {
                check_text("feature", name)?;
                CompiledOperand::Feature(name.clone())
            }
            Operand::Reading(name) => {
                check_text("reading", name)?;
                CompiledOperand::Reading(name.clone())
            }
            Operand::Indicator(spec) => CompiledOperand::Indicator(
                self.indicators.slot(spec).map_err(|error| error.under("indicator"))?,
            ),
            Operand::Add(left, right) => self.arithmetic(left, Sign::Add, right, depth)?,
            Operand::Subtract(left, right) => self.arithmetic(left, Sign::Subtract, right, depth)?,
            Operand::Multiply(left, right) => self.arithmetic(left, Sign::Multiply, right, depth)?,
            Operand::Divide(left, right) => self.arithmetic(left, Sign::Divide, right, depth)?,
            Operand::Remainder(left, right) => self.arithmetic(left, Sign::Remainder, right, depth)?,
            Operand::Negate(part) => CompiledOperand::Negate(Box::new(self.number(part, depth + 1)?)),
        };
        Ok(CompiledValue::Number(number))
    }

    fn arithmetic(
        &mut self,
        left: &Operand,
        sign: Sign,
        right: &Operand,
        depth: usize,
    ) -> Result<CompiledOperand, ConfigError> {
        let left = self.number(left, depth + 1)?;
        let right = self.number(right, depth + 1)?;
        Ok(CompiledOperand::Arithmetic(Box::new(Arithmetic { left, sign, right })))
    }

    pub(super) fn number(
        &mut self,
        declared: &Operand,
        depth: usize,
    ) -> Result<CompiledOperand, ConfigError> {
        match self.value(declared, depth)? {
            CompiledValue::Number(number) => Ok(number),
            CompiledValue::Word(_) | CompiledValue::Flag(_) => {
                Err(ConfigError::new("", "be a number", declared))
            }
        }
    }
}

fn collect_asks(node: &Node, asks: &mut Vec<Box<str>>) {
    match node {
        Node::Ask(name) if !asks.contains(name) => asks.push(name.clone()),
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| collect_asks(part, asks)),
        Node::Not(part) => collect_asks(part, asks),
        Node::Ask(_)
        | Node::Constant(_)
        | Node::Compare { .. }
        | Node::Words { .. }
        | Node::Holds(_)
        | Node::Crosses { .. }
        | Node::Known(_) => {}
    }
}

pub(super) fn check_depth(depth: usize) -> Result<(), ConfigError> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    Err(ConfigError::new("", format!("be nested less than {DEPTH_MAX} deep"), depth))
}

pub(super) fn check_text(path: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() { Err(ConfigError::new(path, "not be empty", text)) } else { Ok(()) }
}

/// A fixed word compared with a field must be one that the field can hold.
fn check_word(field: &CompiledWord, word: &CompiledWord) -> Result<(), ConfigError> {
    if let (CompiledWord::Field(field), CompiledWord::Fixed(word)) = (field, word)
        && !field.words().contains(&&**word)
    {
        let expected = format!("be one of {}", field.words().join(", "));
        return Err(ConfigError::new("text", expected, word));
    }
    Ok(())
}

/// `Crosses` needs to know a value one bar ago.
fn check_has_before(operand: &Operand) -> Result<(), ConfigError> {
    match operand {
        Operand::Number(_) | Operand::Indicator(_) => Ok(()),
        Operand::Field(
            Field::BarOpen | Field::BarHigh | Field::BarLow | Field::BarClose | Field::BarVolume,
        ) => Ok(()),
        Operand::Add(left, right)
        | Operand::Subtract(left, right)
        | Operand::Multiply(left, right)
        | Operand::Divide(left, right)
        | Operand::Remainder(left, right) => check_has_before(left).and_then(|()| check_has_before(right)),
        Operand::Negate(part) => check_has_before(part),
        Operand::Text(_) | Operand::Field(_) | Operand::Feature(_) | Operand::Reading(_) => {
            let expected = "be computed from bars: a `bar` field, an indicator or a number";
            Err(ConfigError::new("", expected, operand))
        }
    }
}
