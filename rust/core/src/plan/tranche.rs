//! A bracket as one plan sees it: its orders found once, and where each of them stands computed once.

use smallvec::SmallVec;

use crate::bracket::Bracket;
use crate::command::{PositionSide, Role};
use crate::decimal::Quantity;
use crate::order::{Order, Orders, Phase};

/// An order, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) order: &'a Order,
    pub(super) phase: Phase,
}

impl<'a> Member<'a> {
    fn new(order: &'a Order) -> Self {
        Self { order, phase: order.phase() }
    }

    pub(super) const fn is_done(self) -> bool {
        self.phase.is_done()
    }

    pub(super) fn is_resting(self) -> bool {
        self.order.rests_in(self.phase)
    }

    pub(super) fn leaves_qty(self) -> Quantity {
        self.order.leaves_in(self.phase)
    }

    pub(super) fn is_doubtful(self) -> bool {
        self.order.is_doubtful_in(self.phase)
    }

    fn has_started(self) -> bool {
        self.order.has_started_in(self.phase)
    }
}

/// A bracket with its orders.
#[derive(Debug)]
pub(super) struct Tranche<'a> {
    pub(super) bracket: &'a Bracket,
    pub(super) members: SmallVec<[Member<'a>; 4]>,
    /// Its entry, while that lives.
    pub(super) entry: Option<Member<'a>>,
    /// Shares it holds in the trade's direction; negative when more was closed than opened.
    pub(super) open: Quantity,
    /// Shares that its entry filled beyond what was ordered.
    pub(super) overfilled: Quantity,
}

impl<'a> Tranche<'a> {
    pub(super) fn new(bracket: &'a Bracket, side: PositionSide, orders: &'a Orders) -> Self {
        let (mut members, mut entry, mut open) = (SmallVec::new(), None, bracket.foreign);
        let mut overfilled = Quantity::ZERO;
        let entry_side = side.entry();
        for (role, id) in &bracket.orders {
            let Some(order) = orders.find(*id) else { continue };
            let member = Member::new(order);
            members.push(member);
            if order.ticket.side == entry_side {
                open += order.cum_qty;
            } else {
                open -= order.cum_qty;
            }
            if *role == Role::Entry {
                overfilled = bracket.overfilled_by(order);
                entry = Some(member).filter(|entry| !entry.is_done());
            }
        }
        Self { bracket, members, entry, open, overfilled }
    }

    /// The newest order of a role.
    pub(super) fn leg(&self, role: Role) -> Option<Member<'a>> {
        self.members.iter().rev().find(|member| member.order.role == role).copied()
    }

    /// The newest order of a role, while it lives.
    pub(super) fn live(&self, role: Role) -> Option<Member<'a>> {
        self.leg(role).filter(|member| !member.is_done())
    }

    pub(super) const fn entry_is_done(&self) -> bool {
        self.entry.is_none()
    }

    /// Whether none of its orders can do anything any more.
    pub(super) fn is_quiet(&self) -> bool {
        self.members.iter().all(|member| member.is_done())
    }

    /// Shares without a live stop.
    pub(super) fn uncovered(&self) -> Quantity {
        if !self.open.is_positive() {
            return Quantity::ZERO;
        }
        // Whether children start with their parent's first fill or its last is not documented, and TWS
        // need not send anything when they do. A parent that has ended is proof, and so is a sibling
        // that shows it; without proof shares count as uncovered.
        let has_started = self.entry_is_done()
            || self.members.iter().any(|member| member.order.role != Role::Entry && member.has_started());
        let covered: Quantity = self
            .members
            .iter()
            .filter(|member| member.order.role == Role::Stop && member.is_resting())
            .filter(|member| has_started || member.order.ticket.parent.is_none())
            .map(|member| member.leaves_qty())
            .sum();
        (self.open - covered).max(Quantity::ZERO)
    }

    /// Shares that live exits stand for; of their group only one can trade.
    pub(super) fn kept_by_exits(&self) -> Quantity {
        let exits = self.members.iter().filter(|it| matches!(it.order.role, Role::Stop | Role::Target));
        exits.map(|exit| exit.leaves_qty()).max().unwrap_or(Quantity::ZERO)
    }
}
