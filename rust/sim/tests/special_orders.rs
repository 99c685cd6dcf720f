//! Order types and times in force that wait for something other than a price of the day.

mod common;

use common::*;
use orderloom_core::event::Side::{Buy, Sell};
use orderloom_core::time::Timestamp;
use orderloom_sim::{OrderKind, OrderRequest, TimeInForce, VenueConfig};

#[test]
fn a_market_on_close_order_fills_at_the_last_price_of_the_session() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 500);
    desk.place(&order(1, Buy, 100, OrderKind::MarketOnClose));
    desk.trade("101", 10);
    assert_eq!(desk.live(), ["1 PreSubmitted 0/100"]);
    let told = desk.session(false);
    assert_eq!((fills(&told)[0].price, fills(&told)[0].quantity), (price("101"), units(100)));
}

#[test]
fn a_limit_on_close_order_that_the_close_does_not_meet_expires() {
    let mut desk = Desk::open();
    desk.trade("101", 10);
    for (id, limit_price) in [(1, "100.99"), (2, "101")] {
        let request = order(id, Buy, 100, OrderKind::LimitOnClose);
        desk.place(&OrderRequest { limit_price: Some(price(limit_price)), ..request });
    }
    let told = desk.session(false);
    assert_eq!(fills(&told).iter().map(|fill| fill.order_id.0).collect::<Vec<_>>(), [2]);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn an_opening_order_waits_for_the_next_open_and_takes_it_or_leaves_it() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 500);
    let opening =
        |id, limit_price| OrderRequest { tif: TimeInForce::Opening, ..limit(id, Buy, 10, limit_price) };
    desk.place(&opening(1, "100.02"));
    desk.place(&opening(2, "99"));
    assert_eq!(desk.position(), units(0));
    desk.session(false);
    assert_eq!(desk.live().len(), 2);
    let told = desk.session(true);
    assert_eq!(fills(&told).iter().map(|fill| fill.order_id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn what_a_market_to_limit_order_does_not_fill_rests_at_the_price_of_its_first_fill() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 30);
    desk.place(&order(1, Buy, 100, OrderKind::MarketToLimit));
    assert_eq!(desk.live(), ["1 Submitted 30/100"]);
    desk.quote("100", "100.01", 500);
    assert_eq!(desk.position(), units(30));
    desk.quote("99.99", "100", 500);
    assert_eq!(desk.position(), units(100));
}

#[test]
fn a_relative_order_follows_its_side_of_the_quote_and_trades_passively() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.03", 500);
    let relative = order(1, Buy, 100, OrderKind::Relative);
    desk.place(&OrderRequest {
        stop_price: Some(price("0.01")),
        limit_price: Some(price("100.02")),
        ..relative
    });
    desk.trade("100.02", 50);
    assert_eq!(desk.position(), units(0));
    let told = desk.trade("100", 50);
    assert_eq!((fills(&told)[0].price, fills(&told)[0].quantity), (price("100"), units(50)));
    desk.quote("100.02", "100.05", 500);
    let told = desk.trade("100.01", 20); // its cap holds it at 100.02
    assert_eq!((fills(&told)[0].price, fills(&told)[0].quantity), (price("100.02"), units(20)));
}

#[test]
fn fill_or_kill_and_good_till_date_end_by_themselves() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 30);
    let told = desk.place(&OrderRequest { tif: TimeInForce::Fok, ..limit(1, Buy, 100, "100") });
    assert_eq!(fills(&told).len(), 0);
    assert_eq!(desk.live(), [""; 0]);
    let until = orderloom_core::time::Timestamp(1_000);
    desk.place(&OrderRequest { tif: TimeInForce::Gtd, good_till: Some(until), ..limit(2, Buy, 1, "90") });
    desk.advance_to(999);
    assert_eq!(desk.live().len(), 1);
    desk.advance_to(1_000);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn a_trailing_limit_fixes_its_limit_where_the_stop_stood() {
    let mut desk = Desk::open();
    desk.trade("100", 50);
    let trailing = order(1, Sell, 10, OrderKind::TrailLimit);
    desk.place(&OrderRequest {
        stop_price: Some(price("1")),
        limit_offset: Some(price("0.2")),
        trail_stop_price: Some(price("99")),
        ..trailing
    });
    desk.trade("102", 50);
    let told = desk.trade("100.7", 50); // through the limit at 100.8
    assert_eq!(fills(&told).len(), 0);
    assert_eq!(fills(&desk.trade("100.9", 50))[0].price, price("100.9"));
}

#[test]
fn nothing_triggers_or_fills_in_a_halt() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&stop(1, Sell, 10, "98"));
    desk.run_halt(true);
    desk.place(&market(2, Buy, 10));
    desk.trade("90", 100);
    assert_eq!(desk.position(), units(0));
    assert_eq!(desk.live().len(), 2);
    let told = desk.run_halt(false);
    assert_eq!(fills(&told).len(), 2);
}

#[test]
fn a_short_sale_waits_while_its_shares_are_located_and_sales_of_what_is_held_do_not() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&market(1, Buy, 10));
    desk.run_locate(true);
    assert_eq!(fills(&desk.place(&market(2, Sell, 10))).len(), 1);
    let told = desk.place(&market(3, Sell, 10));
    assert_eq!(codes(&told), [404]);
    assert_eq!(words(&told)[1], "status 3 PreSubmitted 0/10 held locate");
    desk.quote("99.98", "100", 500);
    assert_eq!(desk.position(), units(0));
    assert_eq!(fills(&desk.run_locate(false)).len(), 1);
    assert_eq!(desk.position(), units(-10));
}

#[test]
fn a_forked_change_leaves_two_live_orders_under_one_id() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&limit(1, Buy, 10, "99"));
    desk.run_fork(&limit(1, Buy, 10, "98"));
    let perm_ids: Vec<_> = desk.venue.live_orders().map(|order| order.perm_id).collect();
    assert_eq!(perm_ids.len(), 2);
    assert_ne!(perm_ids[0], perm_ids[1]);
    desk.cancel(1);
    assert_eq!(desk.live(), ["1 Submitted 0/10"]);
    assert_eq!(fills(&desk.quote("98.9", "99", 500)).len(), 1);
}

#[test]
fn trades_and_orders_by_hand_belong_to_no_client_until_they_are_bound() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    let told = desk.run_manual_trade(Buy, 10);
    assert_eq!((fills(&told)[0].client_id.0, fills(&told)[0].order_id.0), (0, 0));
    assert_eq!(desk.position(), units(10));
    desk.run_manual_order(&limit(1, Sell, 10, "110"));
    let bound = desk.venue.bind();
    assert_eq!(bound.len(), 1);
    assert_eq!(bound[0].1.0, -1);
    assert_eq!(desk.venue.bind(), []);
    assert_eq!(desk.live(), ["-1 Submitted 0/10"]);
}

#[test]
fn a_split_keeps_the_value_and_cancels_what_was_good_till_cancelled() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&market(1, Buy, 10));
    desk.place(&OrderRequest { tif: TimeInForce::Gtc, ..stop(2, Sell, 10, "95") });
    desk.place(&limit(3, Sell, 10, "110"));
    let cost = desk.venue.holdings()[AAPL.index()].cost;
    let told = desk.run_split(4, 1);
    assert_eq!(codes(&told), [202]);
    assert_eq!(desk.position(), units(40));
    assert_eq!(desk.venue.holdings()[AAPL.index()].cost, cost);
    assert_eq!(desk.live(), ["3 Submitted 0/10"]);
}

#[test]
fn a_corrected_execution_replaces_the_first_and_the_books_agree() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&market(1, Buy, 10));
    let cash = desk.venue.cash();
    let told = desk.run_correct("100.5");
    assert!(fills(&told)[0].exec_id.0.ends_with(".02"));
    assert_eq!(desk.venue.executions().len(), 1);
    assert_eq!(desk.position(), units(10));
    assert_eq!((cash - desk.venue.cash()).to_string(), "5");
    let config = VenueConfig::default();
    let holding = desk.venue.holdings()[AAPL.index()];
    assert_eq!(desk.venue.cash() + holding.cost, config.cash + holding.realized);
}

#[test]
fn an_overfilled_order_holds_more_than_it_asked_for() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 6);
    desk.place(&limit(1, Buy, 10, "100.01"));
    assert_eq!(desk.live(), ["1 Submitted 6/10"]);
    let told = desk.run_overfill(2);
    assert_eq!(words(&told)[0], "fill 1 BUY 6 @ 100.01");
    assert!(words(&told).contains(&"status 1 Filled 12/0".to_owned()), "{told:?}");
    assert_eq!((desk.live(), desk.position()), (vec![], units(12)));
    desk.run_overfill(1);
    assert_eq!(desk.position(), units(13));
}

#[test]
fn a_bust_gives_shares_and_money_back() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 500);
    let cash = desk.venue.cash();
    desk.place(&market(1, Buy, 10));
    desk.place(&market(2, Sell, 4));
    desk.run_bust();
    assert_eq!(desk.position(), units(10));
    desk.run_bust();
    assert_eq!((desk.position(), desk.venue.cash()), (units(0), cash));
    assert!(desk.venue.bust_latest(Timestamp(desk.now), &mut Vec::new()).is_err());
}

#[test]
fn a_dividend_is_paid_to_who_is_long_and_by_who_is_short() {
    for (side, gained) in [(Buy, "2.5"), (Sell, "-2.5")] {
        let mut desk = Desk::open();
        desk.quote("99.99", "100.01", 500);
        desk.place(&market(1, side, 10));
        let (cash, cost) = (desk.venue.cash(), desk.venue.holdings()[0].cost);
        assert_eq!(desk.run_dividend("0.25"), []);
        assert_eq!((desk.venue.cash() - cash).to_string(), gained);
        assert_eq!(desk.venue.holdings()[0].cost, cost);
    }
    let mut desk = Desk::open();
    assert!(desk.venue.dividend(Timestamp(1), AAPL, price("0"), &mut Vec::new()).is_err());
}

#[test]
fn nothing_fills_outside_a_price_band() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 500);
    desk.run_band(Some(("95", "105")));
    desk.place(&stop(1, Sell, 10, "96"));
    desk.quote("94", "94.02", 500);
    desk.trade("94", 500);
    assert_eq!(desk.live(), ["1 Submitted 0/10"]);
    desk.quote("95", "95.02", 500);
    assert_eq!(traded(&desk.events), ["fill 1 SELL 10 @ 95"]);
    desk.place(&market(2, Buy, 10));
    desk.quote("106", "106.02", 500);
    desk.place(&market(3, Buy, 10));
    assert_eq!(desk.live(), ["3 Submitted 0/10"]);
    desk.run_band(None);
    assert_eq!(desk.live(), [""; 0]);
}
