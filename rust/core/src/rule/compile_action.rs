//! Actions as declared to actions that can be carried out: sizes, levels and prices in range.

use std::sync::Arc;

use super::act::{CompiledAction, CompiledEnter, CompiledLevel, CompiledOrder};
use super::compile::{Compiler, check_depth, check_text};
use super::operand::CompiledOperand;
use super::{Action, EnterSpec, ExitLevel, Operand, OrderSpec, Size};
use crate::decimal::{Money, Price, Quantity};
use crate::error::ConfigError;
use crate::event::Side;
use crate::time::Span;

impl Compiler<'_> {
    pub(super) fn actions(
        &mut self,
        declared: &[Action],
        path: &str,
        depth: usize,
    ) -> Result<Box<[CompiledAction]>, ConfigError> {
        check_depth(depth)?;
        (0..)
            .zip(declared)
            .map(|(index, action): (usize, _)| {
                self.action(action, depth).map_err(|error| error.under(&format!("{path}[{index}]")))
            })
            .collect()
    }

    fn action(&mut self, declared: &Action, depth: usize) -> Result<CompiledAction, ConfigError> {
        match declared {
            Action::Enter(spec) => {
                let enter = self.enter(spec).map_err(|error| error.under("enter"))?;
                Ok(CompiledAction::Enter(Arc::new(enter)))
            }
            Action::ScaleIn(spec) => {
                check_size(spec.size).map_err(|error| error.under("scale_in"))?;
                Ok(CompiledAction::ScaleIn(spec.clone()))
            }
            Action::DoubleDown { fraction_bp, size_bp } => {
                if !(1..10_000).contains(fraction_bp) {
                    let expected = "lie between the average price and the stop: 1..10000";
                    return Err(ConfigError::new("double_down.fraction_bp", expected, fraction_bp));
                }
                check_above_zero("double_down.size_bp", *size_bp > 0, size_bp)?;
                Ok(CompiledAction::DoubleDown { fraction_bp: *fraction_bp, size_bp: *size_bp })
            }
            Action::CloseAll {} => Ok(CompiledAction::CloseAll),
            Action::CloseEverything {} => Ok(CompiledAction::CloseEverything),
            Action::AdjustStop(levels) => {
                check_not_empty("adjust_stop", levels)?;
                Ok(CompiledAction::AdjustStop(self.levels(levels, "adjust_stop", Exit::Stop(None))?))
            }
            Action::AdjustTarget(levels) => {
                check_not_empty("adjust_target", levels)?;
                Ok(CompiledAction::AdjustTarget(self.levels(levels, "adjust_target", Exit::Target(None))?))
            }
            Action::Order(spec) => {
                Ok(CompiledAction::Order(self.order(spec).map_err(|error| error.under("order"))?))
            }
            Action::OcoGroup { orders, kind } => {
                if orders.len() < 2 {
                    return Err(ConfigError::new(
                        "oco_group.orders",
                        "name at least two orders",
                        orders.len(),
                    ));
                }
                let orders = (0..)
                    .zip(orders)
                    .map(|(index, spec): (usize, _)| {
                        self.oco_member(spec)
                            .map_err(|error| error.under(&format!("oco_group.orders[{index}]")))
                    })
                    .collect::<Result<_, _>>()?;
                Ok(CompiledAction::OcoGroup { orders, kind: *kind })
            }
            Action::Cancel {} => Ok(CompiledAction::Cancel),
            Action::Log { text } => Ok(CompiledAction::Log { text: (&**text).into() }),
            Action::Notify { text } => Ok(CompiledAction::Notify { text: (&**text).into() }),
            Action::Sequence(actions) => {
                check_not_empty("sequence", actions)?;
                Ok(CompiledAction::Sequence(self.actions(actions, "sequence", depth + 1)?))
            }
            Action::When { condition, then, otherwise } => {
                check_not_empty("when.then", then)?;
                let condition = self.condition(condition).map_err(|error| error.under("when.condition"))?;
                if let Some(name) = condition.asks().first() {
                    let expected = "ask no Python: custom conditions belong into the rule's own `when`";
                    return Err(ConfigError::new("when.condition", expected, name));
                }
                let then = self.actions(then, "when.then", depth + 1)?;
                let otherwise = self.actions(otherwise, "when.otherwise", depth + 1)?;
                Ok(CompiledAction::When { condition, then, otherwise })
            }
            Action::Custom { name } => {
                check_text("custom.name", name)?;
                Ok(CompiledAction::Custom { name: name.clone() })
            }
        }
    }

    fn enter(&mut self, spec: &EnterSpec) -> Result<CompiledEnter, ConfigError> {
        check_size(spec.size)?;
        if spec.stop.is_empty() && !spec.unprotected {
            return Err(ConfigError::new("stop", "be given, or `unprotected` set to true", "[]"));
        }
        if spec.stop.is_empty() && matches!(spec.size, Size::RiskBp(_) | Size::RiskMoney(_)) {
            return Err(ConfigError::new("stop", "be given: the size is a risk over its distance", "[]"));
        }
        if let (Some(offset), Some(limit)) = (spec.limit_offset, &spec.limit) {
            let found = format!("limit_offset {offset} and limit {limit}");
            return Err(ConfigError::new("limit", "not be given together with `limit_offset`", found));
        }
        if let Some(span) = spec.expires_after {
            check_above_zero("expires_after", span > Span::ZERO, span)?;
        }
        Ok(CompiledEnter {
            side: spec.side,
            size: spec.size,
            stop: self.levels(&spec.stop, "stop", Exit::Stop(Some(spec.side)))?,
            target: self.levels(&spec.target, "target", Exit::Target(Some(spec.side)))?,
            limit_offset: spec.limit_offset,
            limit: self.price("limit", spec.limit.as_ref())?,
            expires_after: spec.expires_after,
            exit_tif: spec.exit_tif,
            opposite: spec.opposite,
            reprice: spec.reprice,
            outside_rth: spec.outside_rth,
            unprotected: spec.unprotected,
        })
    }

    fn levels(
        &mut self,
        levels: &[ExitLevel],
        path: &str,
        exit: Exit,
    ) -> Result<Box<[CompiledLevel]>, ConfigError> {
        (0..)
            .zip(levels)
            .map(|(index, level): (usize, _)| {
                self.level(level, exit).map_err(|error| error.under(&format!("{path}[{index}]")))
            })
            .collect()
    }

    fn level(&mut self, level: &ExitLevel, exit: Exit) -> Result<CompiledLevel, ConfigError> {
        let compiled = match level {
            ExitLevel::Percent(percent) => {
                check_above_zero("percent", *percent > 0.0, percent)?;
                if exit.is_below_entry() && *percent >= 100.0 {
                    let expected = "be less than 100: a price below zero is never reached";
                    return Err(ConfigError::new("percent", expected, percent));
                }
                CompiledLevel::Percent(*percent)
            }
            ExitLevel::Distance { multiple, of } => {
                check_above_zero("distance.multiple", *multiple > 0.0, multiple)?;
                let of = self.number(of, 0).map_err(|error| error.under("distance.of"))?;
                CompiledLevel::Distance { multiple: *multiple, of }
            }
            ExitLevel::Amount(amount) => {
                check_above_zero("amount", *amount > Price::ZERO, amount)?;
                CompiledLevel::Amount(*amount)
            }
            ExitLevel::Price(price) => {
                check_above_zero("price", *price > Price::ZERO, price)?;
                CompiledLevel::Price(*price)
            }
            ExitLevel::TrailPercent(percent) => {
                check_above_zero("trail_percent", *percent > 0.0, percent)?;
                if *percent >= 100.0 {
                    return Err(ConfigError::new("trail_percent", "be less than 100", percent));
                }
                CompiledLevel::TrailPercent(*percent)
            }
            ExitLevel::TrailAmount(amount) => {
                check_above_zero("trail_amount", *amount > Price::ZERO, amount)?;
                CompiledLevel::TrailAmount(*amount)
            }
        };
        if matches!(exit, Exit::Target(_)) && compiled.is_trailing() {
            return Err(ConfigError::new("", "not trail: only a stop can", format!("{level:?}")));
        }
        if let CompiledLevel::Percent(value) | CompiledLevel::Distance { multiple: value, .. } = compiled
            && value.is_infinite()
        {
            return Err(ConfigError::new("", "be a finite number", value));
        }
        Ok(compiled)
    }

    fn order(&mut self, spec: &OrderSpec) -> Result<CompiledOrder, ConfigError> {
        check_size(spec.size)?;
        if matches!(spec.size, Size::RiskBp(_) | Size::RiskMoney(_)) {
            let expected = "be shares or notional: a single order has no stop distance";
            return Err(ConfigError::new("size", expected, format!("{:?}", spec.size)));
        }
        Ok(CompiledOrder {
            side: spec.side,
            size: spec.size,
            limit: self.price("limit", spec.limit.as_ref())?,
            stop: self.price("stop", spec.stop.as_ref())?,
            tif: spec.tif,
        })
    }

    fn oco_member(&mut self, spec: &OrderSpec) -> Result<CompiledOrder, ConfigError> {
        if spec.limit.is_none() && spec.stop.is_none() {
            return Err(ConfigError::new(
                "limit",
                "be given, or `stop`: a market order waits for none",
                "nothing",
            ));
        }
        self.order(spec)
    }

    fn price(
        &mut self,
        path: &str,
        declared: Option<&Operand>,
    ) -> Result<Option<CompiledOperand>, ConfigError> {
        let Some(operand) = declared else { return Ok(None) };
        if let Operand::Number(number) = operand {
            check_above_zero(path, *number > 0.0, number)?;
        }
        self.number(operand, 0).map(Some).map_err(|error| error.under(path))
    }
}

/// Which exit a level is for, and the side of the entry where one is known.
#[derive(Debug, Clone, Copy)]
enum Exit {
    Stop(Option<Side>),
    Target(Option<Side>),
}

impl Exit {
    const fn is_below_entry(self) -> bool {
        matches!(self, Self::Stop(Some(Side::Buy)) | Self::Target(Some(Side::Sell)))
    }
}

fn check_size(size: Size) -> Result<(), ConfigError> {
    match size {
        Size::Shares(shares) => check_above_zero("size.shares", shares > Quantity::ZERO, shares),
        Size::Notional(money) => check_above_zero("size.notional", money > Money::ZERO, money),
        Size::RiskBp(risk) => check_above_zero("size.risk_bp", risk > 0, risk),
        Size::RiskMoney(money) => check_above_zero("size.risk_money", money > Money::ZERO, money),
    }
}

fn check_above_zero(path: &str, is_above: bool, found: impl std::fmt::Display) -> Result<(), ConfigError> {
    is_above.then_some(()).ok_or_else(|| ConfigError::new(path, "be greater than 0", found))
}

fn check_not_empty<T>(path: &str, items: &[T]) -> Result<(), ConfigError> {
    if items.is_empty() { Err(ConfigError::new(path, "not be empty", "[]")) } else { Ok(()) }
}
