//! A stop ends that nobody cancelled: the gauge shows what is uncovered and for how long, new exits are
//! placed, and where that takes too long the shares are closed, once, with an alarm.

use orderloom_core::command::{ExitReason, IncidentCode, Role};
use orderloom_core::event::SignalSide;
use orderloom_core::time::Span;
use orderloom_sim::{ClientId, OrderKey, to_core};
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, shares, standard_rules};

/// A hundred shares whose stop is cancelled at the exchange.
fn desk(signal: SignalSide, latency: Value) -> Desk {
    let mut desk = Desk::with(standard_rules(), json!({}), json!({"commission": "none", "latency": latency}));
    desk.market(AAPL, "150.00").signal(AAPL, signal).pass(20_000);
    let stop = desk.world.venue.live_orders().find(|order| order.stop_price.is_some()).unwrap();
    let key = OrderKey { client_id: ClientId(stop.client_id.0), order_id: stop.order_id };
    let (at, mut news) = (desk.world.now(), Vec::new());
    desk.world.venue.cancel(at, key, &mut news);
    for event in news {
        desk.world.event(at, to_core(event));
    }
    desk
}

#[test]
fn new_exits_are_placed_at_once() {
    for (signal, held, live) in [
        (SignalSide::Buy, 100, ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"]),
        (SignalSide::Short, -100, ["BUY 100 LMT 137.99", "BUY 100 STP 154.49"]),
    ] {
        let mut desk = desk(signal, json!({}));
        desk.wait(1);
        let mut found = desk.live();
        found.sort();
        assert_eq!((desk.position(AAPL), found), (shares(held), live.map(str::to_owned).to_vec()));
        assert_eq!(desk.world.engine.uncovered(AAPL), None);
        assert!(desk.world.engine.context(AAPL).unwrap().uncovered_max < Span::from_secs(2));
        assert!(desk.incidents().is_empty(), "{:?}", desk.incidents());
    }
}

#[test]
fn on_a_slow_line_the_shares_are_closed_once_with_an_alarm() {
    for signal in [SignalSide::Buy, SignalSide::Short] {
        // Three seconds to the exchange: new exits cannot be there in time.
        let mut desk = desk(signal, json!({"order_ns": 3_000_000_000_i64}));
        // Of the four seconds its stop was there for three.
        desk.pass(3_990).quote_only(AAPL, "150.00", 500);
        let gauge = desk.world.engine.uncovered(AAPL);
        assert_eq!(gauge, Some((shares(100), Span::from_secs(1))));
        desk.pass(990);
        assert!(desk.incidents().is_empty(), "not yet");
        desk.pass(20);
        assert_eq!(desk.incidents(), [IncidentCode::Uncovered]);
        desk.market(AAPL, "150.00").pass(30_000).check();
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        assert_eq!(desk.incidents(), [IncidentCode::Uncovered], "once");
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::Recovery), shares(100)));
        assert!(trade.uncovered_max >= Span::from_secs(5), "{}", trade.uncovered_max);
        assert_eq!(desk.placed(Role::Close), 0, "by its own exits");
    }
}
