//! A long trade: the stop rests before the entry fills, the exits are priced from the fill, the target
//! ends it.

use orderloom_core::command::{Command, ExitReason, PositionSide, Role};
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, price, shares};

#[test]
fn the_target_ends_the_trade_and_takes_the_stop_with_it() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);

    assert_eq!(desk.position(AAPL), shares(100));
    // Filled at the ask of 150.01: 3 % below is 145.5097, 8 % above is 162.0108.
    assert_eq!(desk.live(), ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);

    desk.market(AAPL, "162.05").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::Target));
    assert_eq!(trade.side, PositionSide::Long);
    assert_eq!(trade.entry_price, Some(price("150.01")));
    assert_eq!(trade.exit_price, Some(price("162.04")));
    assert_eq!(trade.pnl.to_string(), "1203");
    assert_eq!(trade.tranches, 1);
    assert!(desk.incidents().is_empty());
}

#[test]
fn the_bracket_leaves_as_one_family_that_is_transmitted_by_its_last_leg() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);

    let placed: Vec<_> = desk
        .world
        .observer
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Place(order) => Some((order.role, order.ticket.parent.is_some(), order.ticket.transmit)),
            _ => None,
        })
        .collect();
    assert_eq!(placed, [(Role::Entry, false, false), (Role::Target, true, false), (Role::Stop, true, true)]);
}
