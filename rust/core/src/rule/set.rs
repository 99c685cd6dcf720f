//! Compiled rules together, and which of them an event concerns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::act::CompiledAction;
use super::selection::{Selection, rest};
use super::tree::{CompiledCondition, Node};
use super::{Trigger, Truth, View, Window};
use crate::id::{RuleId, SymbolId};
use crate::time::Span;

/// A rule that can run.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// Its place in the order of definition.
    pub id: RuleId,
    /// Unique name.
    pub name: Box<str>,
    /// What it is judged on.
    pub on: Box<[Trigger]>,
    /// Symbols it is for; empty means every symbol.
    pub symbols: Box<[SymbolId]>,
    /// Higher first; then order of definition.
    pub priority: i32,
    /// Pause per symbol after an action was emitted.
    pub cooldown: Span,
    /// Most firings per exchange day, over all symbols.
    pub daily_cap: Option<u32>,
    /// Time of day in which it may fire.
    pub window: Option<Window>,
    /// Whether it is on at the start.
    pub enabled: bool,
    /// When it fires.
    pub condition: Box<CompiledCondition>,
    /// What is left of the condition for a candidate, whose other parts the index has found to be yes.
    pub(super) rest: Arc<Node>,
    /// What it does, in order; at least one.
    pub actions: Box<[CompiledAction]>,
    /// Whether any of the actions is asked of Python.
    pub asks_for_actions: bool,
}

impl CompiledRule {
    /// What is known of the condition now, when `RuleSet::candidates` has listed the rule in this view.
    #[inline]
    pub fn evaluate_candidate(&self, view: &impl View) -> Truth {
        self.rest.evaluate(self.id, view)
    }
}

/// Every rule of a configuration, indexed by what can make it fire.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<CompiledRule>,
    selection: Selection,
}

impl RuleSet {
    pub(super) fn new(mut rules: Vec<CompiledRule>, symbols: usize) -> Self {
        let selection = Selection::new(&rules, symbols);
        // What many rules have in common stays in the cache when it is one.
        let mut shared: BTreeMap<String, Arc<Node>> = BTreeMap::new();
        for rule in &mut rules {
            let rest = rest(&rule.condition.node);
            let known = shared.entry(format!("{rest:?}")).or_insert_with(|| Arc::new(rest));
            rule.rest = Arc::clone(known);
        }
        Self { rules, selection }
    }

    /// In order of definition; a `RuleId` counts from here.
    #[must_use]
    pub fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// The rule of this set with that id.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> &CompiledRule {
        &self.rules[id.0 as usize]
    }

    /// The rule with that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&CompiledRule> {
        self.rules.iter().find(|rule| &*rule.name == name)
    }

    /// Puts into `out`, in judging order (priority descending, then definition), every rule on
    /// `trigger` for `symbol` whose condition can be yes in this view; what `out` held is dropped.
    ///
    /// Rules that are left out would not have been yes, whatever custom conditions answer; rules that
    /// are listed still have to be judged. Without a symbol, only rules without symbols are listed.
    /// Switches, cooldowns, caps and windows are not looked at. Does not allocate once `out` has grown.
    pub fn candidates(
        &self,
        trigger: Trigger,
        symbol: Option<SymbolId>,
        view: &impl View,
        out: &mut Vec<RuleId>,
    ) {
        self.selection.candidates(trigger, symbol, view, out);
    }

    /// Puts into `out`, in judging order, every rule on `trigger` for `symbol`, whether it can fire or
    /// not; what `out` held is dropped. For explanations: `candidates` is what judging needs.
    pub fn listeners(&self, trigger: Trigger, symbol: Option<SymbolId>, out: &mut Vec<RuleId>) {
        out.clear();
        let is_for = |rule: &CompiledRule| {
            rule.symbols.is_empty() || symbol.is_some_and(|symbol| rule.symbols.contains(&symbol))
        };
        let rules = self.rules.iter().filter(|rule| rule.on.contains(&trigger) && is_for(rule));
        out.extend(rules.map(|rule| rule.id));
        out.sort_by_key(|id| std::cmp::Reverse(self.rule(*id).priority));
    }

    /// Whether any rule is judged on `trigger`, for whatever symbol.
    #[must_use]
    pub fn listens_to(&self, trigger: Trigger) -> bool {
        self.selection.listens_to(trigger)
    }
}
