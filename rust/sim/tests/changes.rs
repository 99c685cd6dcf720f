//! Changes and cancels: what is allowed, and that a refusal leaves the order as it was.

mod common;

use common::*;
use orderloom_core::event::Side::{Buy, Sell};
use orderloom_core::id::OrderId;
use orderloom_sim::{AccountType, OrderKind, OrderRequest, RejectStatus, VenueConfig, VenueEvent};

#[test]
fn price_and_quantity_change_and_the_order_fills_at_its_new_terms() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&limit(1, Buy, 100, "99"));
    assert_eq!(
        words(&desk.place(&limit(1, Buy, 60, "99.5"))),
        ["open 1 Submitted 60", "status 1 Submitted 0/60"]
    );
    assert_eq!(fills(&desk.place(&limit(1, Buy, 60, "100")))[0].quantity, units(60));
}

#[test]
fn a_refused_change_leaves_the_live_order_as_it_was() {
    let mut desk = Desk::open();
    desk.trade("100", 0);
    desk.place(&OrderRequest { oca_group: "exits".into(), ..limit(1, Buy, 100, "99") });
    desk.trade("99", 40);
    let good = OrderRequest { oca_group: "exits".into(), ..limit(1, Buy, 100, "98") };
    let refusals = [
        (OrderRequest { limit_price: Some(price("98.001")), ..good.clone() }, 110),
        (OrderRequest { order_type: OrderKind::Market, ..good.clone() }, 105),
        (OrderRequest { action: Sell, ..good.clone() }, 105),
        (OrderRequest { oca_group: "other".into(), ..good.clone() }, 10326),
        (OrderRequest { oca_group: "".into(), ..good.clone() }, 10326),
        (OrderRequest { oca_type: 1, ..good.clone() }, 10326),
        (OrderRequest { quantity: units(39), ..good.clone() }, 201),
        (OrderRequest { parent_id: OrderId(5), ..good.clone() }, 135),
    ];
    let before: Vec<_> = desk.venue.live_orders().collect();
    for (request, code) in refusals {
        let told = desk.place(&request);
        assert_eq!(codes(&told), [code]);
        assert_eq!(told.len(), 1);
        assert_eq!(desk.venue.live_orders().collect::<Vec<_>>(), before);
    }
    desk.place(&good);
    assert_ne!(desk.venue.live_orders().collect::<Vec<_>>(), before);
}

#[test]
fn a_bracket_child_keeps_its_group_whether_or_not_the_change_names_it() {
    let mut desk = Desk::open();
    desk.trade("101", 0);
    let [entry, stop, target] = bracket(100, "100");
    for request in [&entry, &stop, &target] {
        desk.place(request);
    }
    desk.trade("100", 0);
    let group = desk.venue.live_orders().next().unwrap().oca_group;
    // The parent has ended, so a change must not name it any more.
    let lower = OrderRequest { stop_price: Some(price("94")), ..stop };
    assert_eq!(codes(&desk.place(&lower)), [135]);
    for oca_group in ["".into(), group] {
        let request = OrderRequest { parent_id: OrderId(0), oca_group, ..lower.clone() };
        assert_eq!(codes(&desk.place(&request)), [0; 0]);
    }
    desk.trade("110", 0);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn a_target_that_becomes_marketable_by_a_change_closes_the_position_inside_its_group() {
    let mut desk = Desk::open();
    desk.quote("99.9", "100", 500);
    for request in bracket(100, "100") {
        desk.place(&request);
    }
    let close = limit(3, Sell, 100, "99.5");
    let told = desk.place(&close);
    assert_eq!(fills(&told)[0].price, price("99.9"));
    assert_eq!((desk.position(), desk.live()), (units(0), vec![]));
}

#[test]
fn quantity_changed_to_what_is_filled_completes_the_order() {
    let mut desk = Desk::open();
    desk.place(&limit(1, Buy, 100, "99"));
    desk.trade("99", 40);
    assert_eq!(words(&desk.place(&limit(1, Buy, 40, "99"))), ["open 1 Filled 40", "status 1 Filled 40/0"]);
}

#[test]
fn an_ended_order_is_neither_changed_nor_cancelled() {
    let mut desk = Desk::open();
    desk.quote("99.99", "100", 500);
    desk.place(&market(1, Buy, 100));
    desk.place(&limit(2, Buy, 100, "99"));
    desk.cancel(2);
    assert_eq!(codes(&desk.place(&market(1, Buy, 50))), [104]);
    assert_eq!(codes(&desk.place(&limit(2, Buy, 100, "99"))), [103]);
    let text = |told: &[VenueEvent]| match told {
        [VenueEvent::Error(error)] => format!("{} {}", error.code, error.text),
        _ => panic!("one error expected, found {told:?}"),
    };
    assert!(text(&desk.cancel(1)).starts_with("10148") && text(&desk.cancel(1)).contains("state: Filled"));
    assert!(text(&desk.cancel(2)).contains("state: Cancelled"));
    assert_eq!(codes(&desk.cancel(3)), [10147]);
}

#[test]
fn a_refused_new_order_burns_its_id() {
    let mut desk = Desk::open();
    assert_eq!(codes(&desk.place(&limit(1, Buy, 100, "99.001"))), [110]);
    assert_eq!(codes(&desk.place(&limit(1, Buy, 100, "99"))), [103]);
    let unknown = OrderRequest { order_type: OrderKind::Other("PEG BEST".into()), ..market(2, Buy, 1) };
    assert_eq!(codes(&desk.place(&unknown)), [387]);
    assert_eq!(codes(&desk.place(&market(3, Buy, 0))), [434]);
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn a_reject_for_margin_is_followed_by_the_status_of_the_configured_reading() {
    let readings: [(_, &[&str]); 3] = [
        (RejectStatus::Inactive, &["open 1 Inactive 50000", "status 1 Inactive 0/50000"]),
        (RejectStatus::Cancelled, &["open 1 Cancelled 50000", "status 1 Cancelled 0/50000"]),
        (RejectStatus::Nothing, &[]),
    ];
    for (reject_status, told) in readings {
        let mut desk = Desk::with(VenueConfig { reject_status, ..VenueConfig::default() });
        // Four times a million of equity carries 40,000 shares at 100.
        let words = words(&desk.place(&limit(1, Buy, 50_000, "100")));
        assert_eq!(
            (&*words[0], &words[1..]),
            ("error 1 201", &told.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()[..])
        );
        assert_eq!(codes(&desk.place(&limit(2, Buy, 39_000, "100"))), [0; 0]);
    }
}

#[test]
fn a_cash_account_sells_what_it_holds_or_will_hold_and_nothing_more() {
    let mut desk = Desk::with(VenueConfig { account_type: AccountType::Cash, ..VenueConfig::default() });
    for request in bracket(100, "100") {
        assert_eq!(codes(&desk.place(&request)), [0; 0]);
    }
    assert_eq!(codes(&desk.place(&market(9, Sell, 1))), [201]);
}

#[test]
fn a_cancel_of_one_client_does_not_reach_the_order_of_another() {
    let mut desk = Desk::open();
    let other = orderloom_sim::ClientId(8);
    desk.place(&limit(1, Buy, 100, "99"));
    desk.place(&OrderRequest { client_id: other, ..limit(1, Buy, 70, "99") });
    desk.cancel(1);
    assert_eq!(desk.live(), ["1 Submitted 0/70"]);
}

#[test]
fn a_child_scaled_to_a_partial_entry_can_be_made_smaller() {
    let mut desk = Desk::open();
    desk.trade("101", 0);
    for request in bracket(100, "100") {
        desk.place(&request);
    }
    desk.trade("100", 30);
    desk.cancel(1);
    assert_eq!(desk.live(), ["2 PreSubmitted 0/30", "3 Submitted 0/30"]);
    let with_quantity = |quantity| OrderRequest { quantity: units(quantity), ..stop(2, Sell, 0, "96") };
    desk.place(&with_quantity(30));
    desk.place(&with_quantity(20));
    assert_eq!(desk.live(), ["2 PreSubmitted 0/20", "3 Submitted 0/30"]);
}
