//! What was asked of the broker and not answered is asked again, and told.

use super::tranche::{Member, Tranche};
use super::{Planner, Step};
use crate::command::{IncidentCode, Role};
use crate::decimal::Quantity;
use crate::order::{Asked, Order};

impl Planner<'_, '_> {
    /// Pursues what was asked of the broker and not answered.
    pub(super) fn chase(&mut self, tranche: &Tranche<'_>, member: Member<'_>) {
        let (order, open) = (member.order, tranche.open);
        let has_questions = order.placing.is_some()
            || order.changing.is_some()
            || order.cancelling.is_some()
            || order.doubt.is_some();
        if !(order.is_absent || has_questions) || member.is_done() {
            return;
        }
        let id = order.ticket.order_id;
        let is_exit = order.role != Role::Entry;
        // An exit that is sent again is sent for what is open now; a close beside exits that live, for
        // what they leave, and they for what it leaves.
        let reduces = order.ticket.side == self.context.side.exit();
        let kept = match order.role {
            Role::Close if reduces => tranche.kept_by_exits(),
            Role::Stop | Role::Target => self.kept_by_close(tranche),
            _ => Quantity::ZERO,
        };
        let closes = if reduces { open - kept } else { -open };
        let is_wanted = is_exit && closes.is_positive();
        // All that it stood for is traded away by a close beside it.
        let is_replaced = !is_wanted && kept.is_positive();
        let quantity =
            if is_wanted && tranche.entry_is_done() { order.cum_qty + closes } else { order.ticket.quantity };
        if order.is_absent && !order.is_resent && is_wanted && order.cancelling.is_none() {
            // The broker does not list it: an exit is sent again under the same id, which cannot
            // double it; whether it came is asked before the next time. (An entry is cancelled
            // instead: its moment may be over.)
            self.plan.steps.push(Step::Resend { order: id, quantity });
            return;
        }
        let in_doubt = order.placing.or(order.doubt);
        // A refusal of the placement: a snapshot says at once whether it lives all the same.
        let is_refused = order.refused.is_some() && order.placing.is_some_and(|asked| asked.times == 1);
        if let Some(asked) = in_doubt
            && (is_refused || self.may_ask(asked, order))
        {
            self.plan.steps.push(Step::Reconcile { order: id });
        }
        if let Some(asked) = order.changing
            && !is_replaced
            && self.may_ask(asked, order)
        {
            self.plan.steps.push(Step::Resend { order: id, quantity });
        }
        if let Some(asked) = order.cancelling
            && self.may_ask(asked, order)
        {
            self.plan.steps.push(Step::Cancel { order: id });
            // It may have ended, and the word of it be lost: a snapshot says so.
            self.plan.steps.push(Step::Reconcile { order: id });
        }
    }

    /// Shares that a live close of a part of the tranche stands for, or one that is about to be placed.
    fn kept_by_close(&self, tranche: &Tranche<'_>) -> Quantity {
        let open = tranche.open;
        let close = tranche.live(Role::Close);
        let close = close.filter(|close| close.order.ticket.side == self.context.side.exit());
        let is_shed = close.is_none() && self.context.closing.is_none();
        if is_shed {
            return tranche.bracket.excess(self.context.side, self.at.orders).min(open);
        }
        close.map(Member::leaves_qty).filter(|leaves| *leaves < open).unwrap_or(Quantity::ZERO)
    }

    /// Whether a question is due to be asked again; after the last time the operator is told once.
    pub(super) fn may_ask(&mut self, asked: Asked, order: &Order) -> bool {
        let due = asked.due(self.at.execution.answer_timeout);
        if self.at.now < due {
            self.look_again(due);
            return false;
        }
        if asked.times == self.at.execution.asks_max {
            self.alarm(
                IncidentCode::OrderUnknown,
                Some(order.ticket.order_id),
                format!("order {}: asked the broker {} times, no answer", order.ticket.order_id, asked.times),
            );
        }
        true
    }
}
