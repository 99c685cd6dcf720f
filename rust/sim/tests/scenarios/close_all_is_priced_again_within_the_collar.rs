//! A close that does not fill is priced again from the new quote, half a per cent through it, and stays
//! inside its bracket: the stop follows its fills, and no market order is sent.

use orderloom_core::command::{Command, ExitReason, Role};
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, price, shares};

/// The limits that the target was given, in order.
fn asked(desk: &Desk) -> Vec<String> {
    let limit = |command: &Command| match command {
        Command::Modify(order) if order.role == Role::Target => {
            order.ticket.order_type.limit_price().map(|limit| limit.to_string())
        }
        _ => None,
    };
    desk.world.observer.commands.iter().filter_map(limit).collect()
}

#[test]
fn a_long_follows_the_bid_down() {
    let mut desk = Desk::new();
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    desk.quote_only(AAPL, "149.99", 30).signal(AAPL, SignalSide::Sell);
    // Thirty are bid for at 149.98; the limit is 0.5 % below that.
    assert_eq!((desk.position(AAPL), asked(&desk)), (shares(70), vec!["149.23".to_owned()]));
    assert_eq!(desk.live(), ["SELL 70 LMT 149.23", "SELL 70 STP 145.5"]);

    desk.quote_only(AAPL, "147.00", 500);
    assert_eq!(desk.position(AAPL), shares(70), "the bid of 146.99 is not what was asked");
    desk.wait(4);
    assert_eq!(asked(&desk), ["149.23", "146.25"]);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(desk.placed(Role::Close), 0);
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::CloseAll));
    // 30 at 149.98 and 70 at 146.99.
    assert_eq!(trade.exit_price, Some(price("147.887")));
}

#[test]
fn a_short_follows_the_ask_up() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    desk.quote_only(AAPL, "150.01", 30).signal(AAPL, SignalSide::Sell);
    assert_eq!((desk.position(AAPL), asked(&desk)), (shares(-70), vec!["150.78".to_owned()]));
    assert_eq!(desk.live(), ["BUY 70 LMT 150.78", "BUY 70 STP 154.5"]);

    desk.quote_only(AAPL, "153.00", 500);
    assert_eq!(desk.position(AAPL), shares(-70), "the ask of 153.01 is not what was asked");
    desk.wait(4);
    assert_eq!(asked(&desk), ["150.78", "153.78"]);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(desk.placed(Role::Close), 0);
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    // 30 at 150.02 and 70 at 153.01.
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::CloseAll), Some(price("152.113"))));
}
