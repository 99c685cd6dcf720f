//! The broker fills an entry beyond its size: the excess is sold once, the rest stays protected whatever
//! keeps that order waiting, and what goes wrong later in the same trade is told as well.

use orderloom_core::command::{IncidentCode, PositionSide};
use orderloom_core::event::{Side, SignalSide};
use orderloom_core::time::Timestamp;
use orderloom_sim::{ClientId, OrderKey, Venue, VenueEvent, to_core};

use crate::support::{AAPL, Desk, shares};

/// Something happens at the exchange, and the engine hears of it.
fn happens(desk: &mut Desk, what: impl FnOnce(&mut Venue, Timestamp, &mut Vec<VenueEvent>)) {
    let (at, mut news) = (desk.world.now(), Vec::new());
    what(&mut desk.world.venue, at, &mut news);
    for event in news {
        desk.world.event(at, to_core(event));
    }
}

fn overfills(desk: &Desk) -> usize {
    desk.incidents().iter().filter(|code| **code == IncidentCode::Overfill).count()
}

#[test]
fn the_excess_is_sold_and_a_flip_later_in_the_trade_is_told_as_well() {
    let mut desk = Desk::with_lagging_groups();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    happens(&mut desk, |venue, at, news| venue.overfill(at, shares(1), news).unwrap());
    desk.wait(5);
    assert_eq!((desk.position(AAPL), overfills(&desk)), (shares(100), 1));

    // The target fills, and before the stop is reduced the price falls through it.
    desk.market_of(AAPL, "162.05", 500).market_of(AAPL, "145.00", 500).wait(10);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(overfills(&desk), 2, "each of the two once");
}

#[test]
fn what_was_ordered_gets_a_new_stop_while_the_excess_waits_for_the_market() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    happens(&mut desk, |venue, at, news| venue.halt(at, AAPL, true, news));
    happens(&mut desk, |venue, at, news| venue.overfill(at, shares(1), news).unwrap());
    desk.wait(1);
    assert!(desk.live().contains(&"SELL 1 MKT -".to_owned()), "{:?}", desk.live());

    let stop = desk.world.venue.live_orders().find(|order| order.stop_price.is_some()).unwrap();
    let key = OrderKey { client_id: ClientId(stop.client_id.0), order_id: stop.order_id };
    happens(&mut desk, |venue, at, news| venue.cancel(at, key, news));
    desk.wait(2);
    let mut live = desk.live();
    live.sort();
    assert_eq!(live, ["SELL 1 MKT -", "SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);

    happens(&mut desk, |venue, at, news| venue.halt(at, AAPL, false, news));
    desk.market(AAPL, "150.00").wait(2);
    assert_eq!((desk.position(AAPL), desk.sum("SELL", "STP")), (shares(100), 100));
    desk.market(AAPL, "145.40").wait(2);
    assert_eq!((desk.position(AAPL), desk.live(), overfills(&desk)), (shares(0), vec![], 1));
}

#[test]
fn a_surplus_counts_from_its_own_price_although_others_hold_the_other_side() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    happens(&mut desk, |venue, at, news| {
        venue.manual_trade(at, AAPL, Side::Buy, shares(10), None, news).unwrap();
    });
    desk.market(AAPL, "163.00").wait(5);
    assert_eq!(desk.position(AAPL), shares(10), "the trade is over, what was bought by hand is held");
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    let exit_price = trade.exit_price;

    happens(&mut desk, |venue, at, news| venue.overfill(at, shares(10), news).unwrap());
    desk.market(AAPL, "163.00").wait(10);
    let [_, surplus] = desk.conclusions()[..] else { panic!("two conclusions") };
    assert_eq!((surplus.side, surplus.quantity), (PositionSide::Short, shares(10)));
    assert_eq!(surplus.entry_price, exit_price, "it was sold with the target");
    assert_eq!(desk.position(AAPL), shares(10));
}
