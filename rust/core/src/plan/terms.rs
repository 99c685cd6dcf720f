//! What an exit should be: its quantity, its prices, its type.

use super::tranche::{Member, Tranche};
use super::{Planner, Step};
use crate::command::{IncidentCode, OrderType};
use crate::context::Exit;
use crate::decimal::{Price, Quantity, Rounding};
use crate::event::Side;
use crate::instrument::Instrument;
use crate::order::{Order, Terms};
use crate::rule::Level;

/// Prices that an exit should have; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Planned {
    pub(super) stop: Option<Price>,
    pub(super) limit: Option<Price>,
}

impl Planner<'_, '_> {
    /// A price at which an order of `side` trades now: the far side of the quote, moved through by
    /// the collar, on the tick grid.
    pub(super) fn marketable(&self, side: Side) -> Option<Price> {
        let far = self.at.market.far_side(side, self.at.now, self.at.execution.quote_max_age)?;
        let collar = far.to_f64() * self.at.execution.close_collar_percent / 100.0;
        let (sign, rounding) = match side {
            Side::Buy => (1.0, Rounding::Up),
            Side::Sell => (-1.0, Rounding::Down),
        };
        let price = Price::from_f64(sign * collar + far.to_f64())?;
        Some(self.at.instrument.round(price, rounding)).filter(|price| price.is_positive())
    }

    /// Brings a live exit to the open quantity and to the planned prices. `false`: its whole group is
    /// cancelled, to be placed again at the right size.
    pub(super) fn align(
        &mut self,
        tranche: &Tranche<'_>,
        member: Member<'_>,
        open: Quantity,
        planned: Planned,
    ) -> bool {
        let exit = member.order;
        if exit.cancelling.is_some()
            || exit.changing.is_some()
            || exit.placing.is_some()
            || member.is_doubtful()
        {
            return true;
        }
        let now = exit.working.unwrap_or_else(|| Terms::of(&exit.ticket));
        // Another price would be asked for with the old quantity, and undo what the broker is doing.
        let Some(quantity) = self.aligned_quantity(tranche, member, open) else { return true };
        let wanted = Terms {
            quantity,
            limit_price: planned.limit.or(now.limit_price),
            stop_price: planned.stop.or(now.stop_price),
        };
        if wanted == now {
            return true;
        }
        if let Some(refusal) = exit.refusal.as_ref().filter(|refusal| refusal.terms == wanted) {
            let (max, retry_at) = (self.at.execution.asks_max, refusal.at + self.at.execution.answer_timeout);
            if wanted.quantity != now.quantity {
                self.alarm(
                    IncidentCode::ChangeUnconfirmed,
                    Some(exit.ticket.order_id),
                    format!(
                        "order {}: the broker refused {} shares with code {}, it is placed again",
                        exit.ticket.order_id, wanted.quantity, refusal.code
                    ),
                );
                self.cancel_all(tranche, None);
                return false;
            }
            if refusal.times > max {
                return true;
            }
            if refusal.times == max {
                self.alarm(
                    IncidentCode::ChangeUnconfirmed,
                    Some(exit.ticket.order_id),
                    format!(
                        "order {}: the broker refused a change {max} times, last with code {}",
                        exit.ticket.order_id, refusal.code
                    ),
                );
                return true;
            }
            if self.at.now < retry_at {
                self.look_again(retry_at);
                return true;
            }
        }
        self.plan.steps.push(Step::Change { order: exit.ticket.order_id, terms: wanted });
        true
    }

    /// The total that leaves exactly the open shares. `None`: the broker is about to do it itself, for a
    /// fill of one member of a family or group resizes the others; asking for the same at that moment
    /// could take the shares off twice.
    pub(super) fn aligned_quantity(
        &mut self,
        tranche: &Tranche<'_>,
        exit: Member<'_>,
        open: Quantity,
    ) -> Option<Quantity> {
        let leaves = exit.leaves_qty();
        if leaves == open {
            return Some(exit.order.total());
        }
        let last = tranche
            .members
            .iter()
            .map(|member| member.order)
            .filter(|order| leaves < open || order.ticket.side == self.context.side.exit())
            .filter_map(|order| order.filled_at)
            .max();
        if let Some(until) = last.map(|at| at + self.at.execution.oca_patience).filter(|at| self.at.now < *at)
        {
            self.look_again(until);
            return None;
        }
        Some(exit.order.cum_qty + open)
    }

    /// Where the policy puts a stop now. A trailing one goes its own way.
    pub(super) fn planned_stop(&self, stop: &Order, base: Option<Price>) -> Planned {
        let is_fixed = !stop.ticket.order_type.is_trailing();
        let level = self.context.policy.stop.filter(|_| is_fixed);
        Planned { stop: self.planned_price(Exit::Stop, level, base), limit: None }
    }

    /// Where the policy puts a target now.
    pub(super) fn planned_target(&self, base: Option<Price>) -> Planned {
        Planned { limit: self.planned_price(Exit::Target, self.context.policy.target, base), stop: None }
    }

    pub(super) fn planned_price(
        &self,
        exit: Exit,
        level: Option<Level>,
        base: Option<Price>,
    ) -> Option<Price> {
        match level? {
            Level::Price(price) => Some(price),
            level => level.price(exit, self.context.side, base?, self.at.instrument),
        }
    }
}

/// The order type of an exit whose level gives `price`.
#[must_use]
pub fn exit_type(exit: Exit, level: Level, price: Price, instrument: &Instrument) -> OrderType {
    match (exit, level) {
        (Exit::Target, _) => OrderType::Limit { limit_price: price },
        (Exit::Stop, Level::TrailPercent(percent)) => {
            OrderType::TrailPercent { basis_points: (percent * 100.0).round() as i64, stop_price: price }
        }
        (Exit::Stop, Level::TrailAmount(amount)) => OrderType::TrailAmount {
            trail_amount: instrument.round(amount, Rounding::Nearest).max(instrument.tick),
            stop_price: price,
        },
        (Exit::Stop, Level::Percent(_) | Level::Distance(_) | Level::Price(_)) => {
            OrderType::Stop { stop_price: price }
        }
    }
}
