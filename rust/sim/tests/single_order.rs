//! One order by itself: how it rests, fills, and what it tells.

mod common;

use common::*;
use orderloom_core::event::Side::{Buy, Sell};
use orderloom_sim::{Fraction, OrderKind, OrderRequest, TimeInForce, VenueConfig};

#[test]
fn a_market_order_tells_its_fill_in_the_recorded_sequence() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    assert_eq!(
        words(&desk.place(&market(1, Buy, 100))),
        [
            "open 1 PreSubmitted 100",
            "status 1 PreSubmitted 0/100",
            "fill 1 BUY 100 @ 100",
            "open 1 Filled 100",
            "status 1 Filled 100/0",
            "open 1 Filled 100 cost 1",
            "commission 1",
            "position 100 @ 100.01",
        ]
    );
}

#[test]
fn a_limit_order_rests_and_then_fills_at_the_quote() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    assert_eq!(
        words(&desk.place(&limit(1, Buy, 100, "99.5"))),
        ["open 1 Submitted 100", "status 1 Submitted 0/100"]
    );
    assert_eq!(words(&desk.quote("99.6", "99.7", 500)), [""; 0]);
    let told = desk.quote("99.3", "99.4", 500);
    assert_eq!(fills(&told)[0].price, price("99.4"));
}

#[test]
fn displayed_size_is_taken_once_and_the_minimum_commission_once_per_order() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 30);
    desk.place(&market(1, Buy, 100));
    desk.trade("100", 1000); // A print displays nothing in a quoted market.
    assert_eq!(desk.position(), units(30));
    desk.quote("99.99", "100", 30);
    assert_eq!(
        words(&desk.quote("99.99", "100", 400)),
        [
            "fill 1 BUY 40 @ 100",
            "open 1 Filled 100",
            "status 1 Filled 100/0",
            "open 1 Filled 100 cost 1",
            "commission 0",
            "position 100 @ 100.01",
        ]
    );
    let commissions: Vec<_> =
        desk.venue.executions().iter().map(|report| report.commission.to_string()).collect();
    // 1.00 covers 200 shares, so the first fill pays it and the next ones nothing.
    assert_eq!(commissions, ["1", "0", "0"]);
}

#[test]
fn without_quotes_a_limit_order_fills_when_a_print_reaches_it() {
    let mut desk = Desk::open();
    desk.trade("100", 50);
    desk.place(&limit(1, Buy, 80, "99.5"));
    assert_eq!(fills(&desk.trade("99.51", 50)).len(), 0);
    let told = desk.trade("99.4", 50);
    assert_eq!((fills(&told)[0].price, fills(&told)[0].quantity), (price("99.4"), units(50)));
    assert_eq!(desk.live(), ["1 Submitted 50/80"]);
}

#[test]
fn a_fraction_of_the_printed_volume_can_be_all_that_fills() {
    let mut config = VenueConfig::default();
    config.fill.max_fraction_of_volume = Some(Fraction::try_from(0.1).unwrap());
    let mut desk = Desk::with(config);
    desk.place(&market(1, Buy, 100));
    assert_eq!(fills(&desk.trade("100", 255))[0].quantity, units(25));
}

#[test]
fn a_stop_fills_at_the_price_of_the_gap_that_triggered_it() {
    let mut desk = Desk::open();
    desk.trade("100", 100);
    assert_eq!(
        words(&desk.place(&stop(1, Sell, 50, "95"))),
        ["open 1 PreSubmitted 50", "status 1 PreSubmitted 0/50"]
    );
    assert_eq!(fills(&desk.trade("95.01", 100)).len(), 0);
    let told = desk.trade("91", 100);
    assert_eq!(fills(&told)[0].price, price("91"));
}

#[test]
fn a_stop_fills_at_its_own_price_when_the_market_moves_through_it_continuously() {
    let mut desk = Desk::open();
    desk.trade("100", 100);
    desk.place(&stop(1, Sell, 50, "95"));
    let told = desk.sweep("91", 100);
    assert_eq!(fills(&told)[0].price, price("95"));
    // The sweep went on: what comes now stands where it ended.
    desk.place(&stop(2, Sell, 50, "92"));
    assert_eq!(fills(&desk.trade("91.5", 100))[0].price, price("91.5"));
}

#[test]
fn a_triggered_stop_sells_at_the_bid_of_a_quoted_market() {
    let mut desk = Desk::open();
    desk.quote("94.8", "95.2", 500);
    desk.place(&stop(1, Sell, 50, "95"));
    assert_eq!(fills(&desk.trade("95", 10))[0].price, price("94.8"));
}

#[test]
fn a_stop_limit_order_rests_at_its_limit_after_a_gap() {
    let mut desk = Desk::open();
    desk.trade("100", 100);
    let request = OrderRequest {
        limit_price: Some(price("94.5")),
        stop_price: Some(price("95")),
        ..order(1, Sell, 50, OrderKind::StopLimit)
    };
    desk.place(&request);
    assert_eq!(words(&desk.trade("91", 100)), ["open 1 Submitted 50", "status 1 Submitted 0/50"]);
    assert_eq!(fills(&desk.trade("94.5", 100))[0].price, price("94.5"));
}

#[test]
fn a_trailing_stop_follows_the_high_and_never_goes_back() {
    let mut desk = Desk::open();
    desk.trade("100", 100);
    let request = OrderRequest { stop_price: Some(price("2")), ..order(1, Sell, 50, OrderKind::Trail) };
    desk.place(&request);
    desk.trade("105", 100);
    desk.trade("103.5", 100);
    let stop = desk.venue.live_orders().next().unwrap().trail_stop_price;
    assert_eq!(stop, Some(price("103")));
    assert_eq!(fills(&desk.trade("102.9", 100))[0].price, price("102.9"));
}

#[test]
fn a_trailing_percentage_is_taken_of_the_market_and_rounded_to_the_tick() {
    let mut desk = Desk::open();
    desk.trade("33.33", 100);
    let request = OrderRequest { trail_percent: Some(price("1")), ..order(1, Buy, 50, OrderKind::Trail) };
    desk.place(&request);
    // 33.33 × 1.01 = 33.6633.
    let stop = desk.venue.live_orders().next().unwrap().trail_stop_price;
    assert_eq!(stop, Some(price("33.66")));
}

#[test]
fn what_an_immediate_order_cannot_fill_at_once_is_cancelled() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 30);
    let ioc = OrderRequest { tif: TimeInForce::Ioc, ..limit(1, Buy, 100, "100") };
    assert_eq!(
        words(&desk.place(&ioc))[2..],
        [
            "fill 1 BUY 30 @ 100",
            "status 1 Submitted 30/70",
            "commission 1",
            "position 30 @ 100.03333333",
            "status 1 Cancelled 30/70",
            "error 1 202",
        ]
    );
    let fok = OrderRequest { tif: TimeInForce::Fok, ..limit(2, Buy, 100, "101") };
    desk.quote("100", "101", 99);
    assert_eq!(fills(&desk.place(&fok)).len(), 0);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn outside_the_session_a_market_order_waits_with_a_warning_until_the_open() {
    let mut desk = Desk::open();
    desk.session(false);
    desk.quote("99.99", "100", 500);
    assert_eq!(
        words(&desk.place(&market(1, Buy, 100))),
        ["error 1 399", "open 1 PreSubmitted 100", "status 1 PreSubmitted 0/100"]
    );
    assert_eq!(fills(&desk.quote("99.9", "99.95", 500)).len(), 0);
    assert_eq!(fills(&desk.session(true))[0].price, price("99.95"));
}

#[test]
fn a_stop_sleeps_outside_the_session_unless_it_was_told_to_work() {
    let mut desk = Desk::open();
    desk.trade("100", 100);
    desk.session(false);
    let gtc = |request| OrderRequest { tif: TimeInForce::Gtc, ..request };
    desk.place(&gtc(stop(1, Sell, 50, "95")));
    desk.place(&gtc(OrderRequest { outside_rth: true, ..stop(2, Sell, 50, "95") }));
    let told = desk.trade("94", 1000);
    assert_eq!(fills(&told).len(), 1);
    assert_eq!(desk.live(), ["1 PreSubmitted 0/50"]);
}

#[test]
fn the_close_ends_day_orders_and_leaves_the_others() {
    let mut desk = Desk::open();
    desk.place(&limit(1, Buy, 100, "90"));
    desk.place(&OrderRequest { tif: TimeInForce::Gtc, ..limit(2, Buy, 100, "90") });
    desk.place(&OrderRequest { outside_rth: true, ..limit(3, Buy, 100, "90") });
    assert_eq!(
        words(&desk.session(false)),
        ["status 1 Cancelled 0/100", "open 2 PreSubmitted 100", "status 2 PreSubmitted 0/100"]
    );
    assert_eq!(desk.live(), ["2 PreSubmitted 0/100", "3 Submitted 0/100"]);
    desk.session(true);
    assert_eq!(desk.live(), ["2 Submitted 0/100"]);
}

#[test]
fn an_order_good_till_a_moment_ends_then() {
    let mut desk = Desk::open();
    let request = OrderRequest {
        tif: TimeInForce::Gtd,
        good_till: Some(orderloom_core::time::Timestamp(1000)),
        ..limit(1, Buy, 100, "90")
    };
    desk.place(&request);
    assert_eq!(words(&desk.advance_to(999)), [""; 0]);
    assert_eq!(words(&desk.advance_to(1000)), ["status 1 Cancelled 0/100"]);
}

#[test]
fn last_in_the_queue_a_limit_fills_only_when_the_market_goes_beyond_it() {
    let mut config = VenueConfig::default();
    config.fill.limit_needs_through = true;
    let mut desk = Desk::with(config);
    desk.trade("100", 0);
    desk.place(&limit(1, Buy, 10, "99.5"));
    for touch in [desk.trade("99.5", 0), desk.sweep("99.8", 0), desk.sweep("99.5", 0)] {
        assert_eq!(fills(&touch).len(), 0);
    }
    assert_eq!(fills(&desk.sweep("99.49", 0))[0].price, price("99.5"));
}

#[test]
fn a_triggered_trailing_limit_rests_at_its_offset_from_the_stop() {
    let mut desk = Desk::open();
    desk.trade("100", 0);
    let request = OrderRequest {
        stop_price: Some(price("2")),
        limit_offset: Some(price("0.5")),
        ..order(1, Sell, 10, OrderKind::TrailLimit)
    };
    desk.place(&request);
    desk.trade("101", 0);
    assert_eq!(fills(&desk.trade("98", 0)).len(), 0); // On at 99, limit 98.5.
    desk.place(&OrderRequest { quantity: units(8), ..request }); // Stays on.
    assert_eq!(fills(&desk.trade("98.49", 0)).len(), 0);
    assert_eq!(fills(&desk.trade("98.5", 0))[0].quantity, units(8));
}

#[test]
fn each_trigger_method_looks_at_its_own_price() {
    // A sell stop at 95: the ask must come down, once or twice; or the middle; or the last price.
    type Step = fn(&mut Desk);
    let ask_down: Step = |desk| drop(desk.quote("94.9", "95", 100));
    let middle_down: Step = |desk| drop(desk.quote("94.8", "95.2", 100));
    let printed: Step = |desk| drop(desk.trade("95", 100));
    let cases: [(u8, Step, u32); 9] = [
        (1, ask_down, 2),
        (2, printed, 1),
        (3, printed, 2),
        (4, ask_down, 1),
        (7, ask_down, 1),
        (7, printed, 1),
        (8, middle_down, 1),
        (4, middle_down, 0),
        (2, ask_down, 0),
    ];
    for (trigger_method, step, needed) in cases {
        let mut desk = Desk::open();
        desk.trade("100", 100);
        desk.quote("99.9", "100.1", 100);
        desk.place(&OrderRequest { trigger_method, ..stop(1, Sell, 10, "95") });
        let steps = (1..=3).find(|_| {
            step(&mut desk);
            !desk.position().is_zero()
        });
        assert_eq!(steps.unwrap_or(0), needed, "method {trigger_method}");
    }
}

#[test]
fn a_configuration_out_of_range_is_refused_with_the_number() {
    let parse = |text: &str| serde_json::from_str::<VenueConfig>(text).map_err(|error| error.to_string());
    assert_eq!(parse("{}"), Ok(VenueConfig::default()));
    for fraction in ["0", "1.5", "-0.1"] {
        let error = parse(&format!(r#"{{"fill":{{"max_fraction_of_volume":{fraction}}}}}"#)).unwrap_err();
        assert!(
            error.starts_with(&format!("expected a fraction above 0 and at most 1, found `{fraction}`")),
            "{error}"
        );
    }
    assert!(parse(r#"{"buying_power_multiple":0}"#).is_err());
    assert!(parse(r#"{"comission":"none"}"#).is_err());
}
