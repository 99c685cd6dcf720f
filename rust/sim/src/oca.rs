//! One-cancels-all groups: what a fill of one member does to the others.
//!
//! Type 1 cancels them; types 2 and 3 reduce them by the share of the member's remaining quantity that
//! was filled. Types 1 and 2 act in the same instant, because "with block" keeps only one member at
//! the exchange; type 3 follows `VenueConfig::oca_reduction`.

use std::borrow::Cow;

use indexmap::IndexMap;
use orderloom_core::decimal::{ONE, Quantity, divide_rounded};
use orderloom_core::id::PermId;
use orderloom_core::time::Timestamp;
use rustc_hash::FxBuildHasher;

use crate::config::OcaReduction;
use crate::news::Listener;
use crate::order::{Ending, OrderIndex};
use crate::reading::OcaReductionSize;
use crate::venue::Venue;

/// A group's place in the venue's list of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupIndex(u32);

/// All groups. Their order is that of first mention.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// Those that a client named.
    by_name: IndexMap<Box<str>, GroupIndex, FxBuildHasher>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct Group {
    name: Name,
    /// In order of arrival, ended ones included.
    members: Vec<OrderIndex>,
}

/// A group's name, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A client.
    Given(Box<str>),
    /// The venue: children of one parent are named by its permanent id.
    OfParent(PermId),
}

impl Name {
    /// As messages tell it.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Given(name) => Cow::Borrowed(name),
            Self::OfParent(parent) => Cow::Owned(parent.to_string()),
        }
    }
}

impl Groups {
    pub(crate) fn name(&self, group: GroupIndex) -> &Name {
        &self.groups[group.0 as usize].name
    }

    /// Adds a member to the group that a client names; it may name one of the venue's.
    pub(crate) fn join(&mut self, name: &str, member: OrderIndex) -> GroupIndex {
        let known = self.by_name.get(name).copied().or_else(|| {
            let parent = Name::OfParent(PermId(name.parse().ok()?));
            (0..).map(GroupIndex).zip(&self.groups).find(|(_, group)| group.name == parent).map(|(at, _)| at)
        });
        let group = known.unwrap_or_else(|| {
            let group = self.found(Name::Given(name.into()));
            self.by_name.insert(name.into(), group);
            group
        });
        self.add(group, member);
        group
    }

    /// A new group without members.
    pub(crate) fn found(&mut self, name: Name) -> GroupIndex {
        self.groups.push(Group { name, members: Vec::new() });
        GroupIndex(self.groups.len() as u32 - 1)
    }

    pub(crate) fn add(&mut self, group: GroupIndex, member: OrderIndex) {
        self.groups[group.0 as usize].members.push(member);
    }

    /// The member at a place in the order of arrival.
    fn member(&self, group: GroupIndex, place: usize) -> Option<OrderIndex> {
        self.groups[group.0 as usize].members.get(place).copied()
    }
}

/// A reduction on its way from one exchange to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateReduction {
    member: OrderIndex,
    by: Quantity,
    /// When it arrives; `None`: at the end of the next command.
    pub(crate) due: Option<Timestamp>,
    /// The command that caused it.
    turn: u64,
}

impl Venue {
    /// Carries a fill of `quantity` out of `remaining_before` to the other members of the group.
    pub(crate) fn reduce_group(
        &mut self,
        filled: OrderIndex,
        quantity: Quantity,
        remaining_before: Quantity,
        out: &mut dyn Listener,
    ) {
        let order = &self.orders[filled.index()];
        let Some(group) = order.group else { return };
        let kind = order.request.oca_type;
        let mut places = 0..;
        while let Some(other) = places.next().and_then(|place| self.groups.member(group, place)) {
            let member = &self.orders[other.index()];
            if other == filled || !member.is_live() {
                continue;
            }
            if kind == 1 {
                self.end(other, Ending::Cancelled, out);
                continue;
            }
            let by = match self.config.oca_reduction_size {
                OcaReductionSize::ShareOfRemaining => {
                    proportional(member.remaining(), quantity, remaining_before)
                }
                OcaReductionSize::SameUnits => quantity.min(member.remaining()),
            };
            if kind != 2 && self.config.oca_reduction == OcaReduction::Lagging {
                let due = self.config.oca_lag_ns.map(|lag| self.now + lag);
                self.next_due = self.next_due.min(due.unwrap_or(Timestamp::MAX));
                self.late_reductions.push(LateReduction { member: other, by, due, turn: self.turn });
            } else {
                self.reduce(other, by, out);
            }
        }
    }

    fn reduce(&mut self, member: OrderIndex, by: Quantity, out: &mut dyn Listener) {
        let is_growing = self.is_growing(member);
        let order = &mut self.orders[member.index()];
        if !order.is_live() || by.is_zero() {
            return;
        }
        if by >= order.remaining() && !is_growing {
            self.end(member, Ending::Cancelled, out);
        } else {
            order.reduced += by.min(order.remaining());
            self.tell(member, out);
        }
    }

    /// Whether a reduction that ends the order is on its way.
    pub(crate) fn is_ending_late(&self, member: OrderIndex) -> bool {
        let by = self.late_reductions.iter().filter(|late| late.member == member).map(|late| late.by);
        by.sum::<Quantity>() >= self.orders[member.index()].remaining()
    }

    pub(crate) fn reduce_when_due(&mut self, out: &mut dyn Listener) {
        let now = self.now;
        self.reduce_late(|late| late.due.is_some_and(|due| due <= now), out);
    }

    pub(crate) fn reduce_after_turn(&mut self, out: &mut dyn Listener) {
        let turn = self.turn;
        self.reduce_late(|late| late.due.is_none() && late.turn < turn, out);
    }

    fn reduce_late(&mut self, is_due: impl Fn(&LateReduction) -> bool, out: &mut dyn Listener) {
        if self.late_reductions.is_empty() {
            return;
        }
        let (due, rest) = self.late_reductions.iter().copied().partition(is_due);
        self.late_reductions = rest;
        for late in Vec::<LateReduction>::into_iter(due) {
            self.reduce(late.member, late.by, out);
        }
    }

    /// Cancels the other members after one was cancelled by hand.
    pub(crate) fn cancel_group(&mut self, cancelled: OrderIndex, out: &mut dyn Listener) {
        let Some(group) = self.orders[cancelled.index()].group else { return };
        let mut places = 0..;
        while let Some(other) = places.next().and_then(|place| self.groups.member(group, place)) {
            if other != cancelled && self.orders[other.index()].is_live() {
                self.end(other, Ending::Cancelled, out);
            }
        }
    }
}

/// `remaining` × `part` / `whole`, to the nearest whole unit, all of it when all or more is filled.
fn proportional(remaining: Quantity, part: Quantity, whole: Quantity) -> Quantity {
    if part >= whole {
        return remaining;
    }
    let product = i128::from(remaining.counts()) * i128::from(part.counts());
    let units = divide_rounded(product, i128::from(whole.counts()) * i128::from(ONE));
    // Smaller than `remaining`, which fits.
    Quantity::from_units(units as i64).min(remaining)
}
