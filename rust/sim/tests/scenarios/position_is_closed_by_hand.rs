//! Somebody closes the position by hand in TWS: its exits are cancelled and the trade is over.

use orderloom_core::command::{ExitReason, IncidentCode, PositionSide};
use orderloom_core::event::{Side, SignalSide};
use orderloom_sim::to_core;

use crate::support::{AAPL, Desk, price, shares};

/// Trades in TWS itself; the engine hears of it as of everything else at the exchange.
fn by_hand(desk: &mut Desk, side: Side, quantity: i64) {
    let (at, mut news) = (desk.world.now(), Vec::new());
    desk.world.venue.manual_trade(at, AAPL, side, shares(quantity), None, &mut news).unwrap();
    for event in news {
        desk.world.event(at, to_core(event));
    }
    desk.wait(5);
}

#[test]
fn no_exit_is_left_that_could_open_the_other_side() {
    let sides = [
        (SignalSide::Buy, Side::Sell, PositionSide::Long),
        (SignalSide::Short, Side::Buy, PositionSide::Short),
    ];
    for (signal, hand, side) in sides {
        let mut desk = Desk::new();
        desk.market(AAPL, "150.00").signal(AAPL, signal);
        assert_eq!(desk.live().len(), 2);
        by_hand(&mut desk, hand, 100);

        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{side:?}");
        assert_eq!(desk.incidents(), [IncidentCode::ForeignTrade], "{side:?}");
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Manual), side));
        assert_eq!(trade.quantity, shares(100));
        // Opened and closed a cent off the middle.
        let hand_price = price(if side == PositionSide::Long { "149.99" } else { "150.01" });
        assert_eq!((trade.pnl.to_string().as_str(), trade.exit_price), ("-2", Some(hand_price)), "{side:?}");
        assert_eq!(desk.world.engine.position(AAPL).realized.to_string(), "-2");
        assert!(desk.world.engine.context(AAPL).is_none());

        // Where the stop and the target were.
        desk.market(AAPL, "140.00").market(AAPL, "170.00").market(AAPL, "130.00").wait(2);
        assert_eq!(desk.position(AAPL), shares(0), "{side:?}");
        assert_eq!(desk.world.venue.executions().len(), 2, "{side:?}");
    }
}

#[test]
fn what_is_left_of_a_trade_that_was_closed_in_part_stays_protected() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    by_hand(&mut desk, Side::Sell, 40);
    assert_eq!(desk.position(AAPL), shares(60));
    assert_eq!(desk.live(), ["SELL 60 LMT 162.01", "SELL 60 STP 145.51"]);

    desk.market(AAPL, "145.40").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    // 40 at 149.99 by hand, 60 at the stop.
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("147.23"))));
    assert_eq!(trade.pnl.to_string(), "-278");
    assert_eq!(desk.world.engine.position(AAPL).realized.to_string(), "-278");
}
