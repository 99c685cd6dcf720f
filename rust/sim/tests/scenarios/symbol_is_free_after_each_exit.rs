//! However a trade ends, nothing of it is left: the next one may take the other side, and keeps it.

use orderloom_core::command::{Command, ExitReason, Notice, PositionSide, Role};
use orderloom_core::event::{Side, SignalSide};
use orderloom_sim::to_core;

use crate::support::{AAPL, Desk, shares};

#[derive(Debug, Clone, Copy)]
enum End {
    Stop,
    Target,
    Manual,
    CloseAll,
}

fn end(desk: &mut Desk, by: End, is_long: bool) {
    match by {
        End::Stop => _ = desk.market(AAPL, if is_long { "145.00" } else { "155.00" }),
        End::Target => _ = desk.market(AAPL, if is_long { "163.00" } else { "137.00" }),
        End::CloseAll => _ = desk.signal(AAPL, SignalSide::Sell),
        End::Manual => {
            let (at, mut news) = (desk.world.now(), Vec::new());
            let side = if is_long { Side::Sell } else { Side::Buy };
            desk.world.venue.manual_trade(at, AAPL, side, shares(100), None, &mut news).unwrap();
            for event in news {
                desk.world.event(at, to_core(event));
            }
            // What others do takes a person to look at.
            desk.world.event(
                at,
                orderloom_core::event::EventKind::Operator(orderloom_core::event::Operator::Resume),
            );
        }
    }
    desk.wait(5);
}

#[test]
fn the_other_side_may_follow_and_never_mixes_with_it() {
    let reasons = [
        (End::Stop, ExitReason::Stop),
        (End::Target, ExitReason::Target),
        (End::Manual, ExitReason::Manual),
        (End::CloseAll, ExitReason::CloseAll),
    ];
    for (by, reason) in reasons {
        for is_long in [true, false] {
            let (first, second) = if is_long {
                (SignalSide::Buy, SignalSide::Short)
            } else {
                (SignalSide::Short, SignalSide::Buy)
            };
            let mut desk = Desk::new();
            desk.market(AAPL, "150.00").signal(AAPL, first);
            end(&mut desk, by, is_long);
            assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{by:?}");
            assert!(desk.world.engine.context(AAPL).is_none(), "{by:?}");

            desk.market(AAPL, "150.00").signal(AAPL, second).wait(1);
            assert_eq!(desk.position(AAPL), shares(if is_long { -100 } else { 100 }), "{by:?}");
            let exit = if is_long { "BUY" } else { "SELL" };
            assert_eq!((desk.sum(exit, "STP"), desk.sum(exit, "LMT"), desk.live().len()), (100, 100, 2));

            end(&mut desk, by, !is_long);
            assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{by:?}");
            let sides = if is_long {
                [PositionSide::Long, PositionSide::Short]
            } else {
                [PositionSide::Short, PositionSide::Long]
            };
            let ended: Vec<_> =
                desk.conclusions().iter().map(|trade| (trade.side, trade.exit_reason)).collect();
            assert_eq!(ended, sides.map(|side| (side, Some(reason))), "{by:?}");
            assert_sides(&desk, by);
        }
    }
}

/// Every order of a trade is on the side that its trade and its role have.
fn assert_sides(desk: &Desk, by: End) {
    let opened: Vec<_> = desk
        .world
        .observer
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::ContextOpened { context, side, .. } => Some((*context, *side)),
            _ => None,
        })
        .collect();
    assert_eq!(opened.len(), 2, "{by:?}");
    for command in &desk.world.observer.commands {
        let (Command::Place(order) | Command::Modify(order)) = command else { continue };
        let (_, side) = opened.iter().find(|(id, _)| Some(*id) == order.context).unwrap();
        let opens = order.role == Role::Entry;
        let expected = if (*side == PositionSide::Long) == opens { Side::Buy } else { Side::Sell };
        assert_eq!(order.ticket.side, expected, "{by:?}: {order:?}");
    }
}
