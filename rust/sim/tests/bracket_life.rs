//! Brackets: how a family is held, started, reduced and ended.

mod common;

use common::*;
use orderloom_core::event::Side::Sell;
use orderloom_core::id::OrderId;
use orderloom_core::time::Span;
use orderloom_sim::{ChildrenAfterPartialCancel, ChildrenStart, OcaReduction, OrderRequest, VenueConfig};

fn with_bracket(config: VenueConfig, quantity: i64) -> Desk {
    let mut desk = Desk::with(config);
    desk.trade("101", 0);
    for request in bracket(quantity, "100") {
        desk.place(&request);
    }
    desk
}

#[test]
fn nothing_of_a_family_works_before_its_last_member_is_transmitted() {
    let mut desk = Desk::open();
    desk.quote("99", "99.5", 500); // The entry could fill at once.
    let [entry, stop, target] = bracket(100, "100");
    assert_eq!(words(&desk.place(&entry)), ["open 1 PreSubmitted 100", "status 1 PreSubmitted 0/100"]);
    desk.place(&stop);
    assert_eq!(fills(&desk.events).len(), 0);
    assert_eq!(
        words(&desk.place(&target)),
        [
            "open 2 PreSubmitted 100",
            "status 2 PreSubmitted 0/100 held child",
            "open 3 PreSubmitted 100",
            "status 3 PreSubmitted 0/100 held child",
            "fill 1 BUY 100 @ 99.5",
            "open 1 Filled 100",
            "status 1 Filled 100/0",
            "open 1 Filled 100 cost 1",
            "commission 1",
            "position 100 @ 99.51",
            "open 2 PreSubmitted 100",
            "status 2 PreSubmitted 0/100",
            "open 3 Submitted 100",
            "status 3 Submitted 0/100",
        ]
    );
}

#[test]
fn the_target_fills_and_the_stop_is_cancelled_with_it() {
    let mut desk = with_bracket(VenueConfig::default(), 100);
    desk.trade("100", 0);
    assert_eq!(
        words(&desk.trade("110", 0)),
        [
            "fill 3 SELL 100 @ 110",
            "open 3 Filled 100",
            "status 3 Filled 100/0",
            "open 3 Filled 100 cost 1",
            "commission 1",
            "position 0 @ 0",
            "status 2 Cancelled 0/100",
            "error 2 202",
        ]
    );
    assert!(fills(&desk.trade("90", 0)).is_empty());
    assert_eq!(desk.venue.holdings()[0].realized.to_string(), "998");
}

#[test]
fn siblings_share_a_group_that_the_venue_named() {
    let desk = with_bracket(VenueConfig::default(), 100);
    let orders: Vec<_> = desk.venue.live_orders().collect();
    assert_eq!(*orders[1].oca_group, orders[0].perm_id.to_string());
    assert_eq!(orders[1].oca_group, orders[2].oca_group);
    assert_eq!((orders[1].oca_type, &*orders[0].oca_group), (3, ""));
}

#[test]
fn a_partly_filled_target_reduces_the_stop_by_as_much() {
    let mut desk = with_bracket(VenueConfig::default(), 100);
    desk.trade("100", 0);
    assert_eq!(words(&desk.trade("110", 30))[4..], ["open 2 PreSubmitted 70", "status 2 PreSubmitted 0/70"]);
    desk.trade("94", 0);
    assert_eq!(desk.position(), units(0));
    assert_eq!(desk.live(), [""; 0]);
}

#[test]
fn with_a_lagging_reduction_both_exits_can_fill() {
    for (lag, expected) in [(None, -100), (Some(Span(1)), 0), (Some(Span(2)), -100)] {
        let config =
            VenueConfig { oca_reduction: OcaReduction::Lagging, oca_lag_ns: lag, ..VenueConfig::default() };
        let mut desk = with_bracket(config, 100);
        desk.trade("100", 0);
        desk.trade("110", 0);
        assert_eq!(desk.live(), ["2 PreSubmitted 0/100"]);
        desk.trade("94", 0);
        assert_eq!(desk.position(), units(expected), "lag {lag:?}");
        assert_eq!(desk.live(), [""; 0]);
    }
}

#[test]
fn an_order_that_its_group_is_about_to_end_cannot_be_cancelled() {
    let config = VenueConfig {
        oca_reduction: OcaReduction::Lagging,
        oca_lag_ns: Some(Span(1000)),
        ..VenueConfig::default()
    };
    let mut desk = with_bracket(config, 100);
    desk.trade("100", 0);
    desk.trade("110", 0);
    assert_eq!(codes(&desk.cancel(2)), [161]);
    assert_eq!(codes(&desk.advance_to(2000)), [202]);
}

#[test]
fn a_parent_cancelled_unfilled_takes_its_children_along() {
    let mut desk = with_bracket(VenueConfig::default(), 100);
    assert_eq!(
        words(&desk.cancel(1)),
        [
            "status 1 Cancelled 0/100",
            "error 1 202",
            "status 2 Cancelled 0/100",
            "error 2 202",
            "status 3 Cancelled 0/100",
            "error 3 202",
        ]
    );
}

#[test]
fn a_cancelled_child_leaves_parent_and_sibling_alone() {
    let mut desk = with_bracket(VenueConfig::default(), 100);
    desk.cancel(3);
    assert_eq!(desk.live(), ["1 Submitted 0/100", "2 PreSubmitted 0/100"]);
}

#[test]
fn children_of_a_partly_filled_parent_start_as_each_reading_says() {
    let readings = [
        (ChildrenStart::OnFullFill, "child", ["2 PreSubmitted 0/100", "3 PreSubmitted 0/100"]),
        (ChildrenStart::OnFirstFillFullSize, "trigger", ["2 PreSubmitted 0/100", "3 Submitted 0/100"]),
        (ChildrenStart::OnPartialScaled, "trigger", ["2 PreSubmitted 0/30", "3 Submitted 0/30"]),
    ];
    for (children_start, why_held, children) in readings {
        let mut desk = with_bracket(VenueConfig { children_start, ..VenueConfig::default() }, 100);
        desk.trade("100", 30);
        assert_eq!(desk.live()[1..], children, "{children_start:?}");
        assert_eq!(&*desk.venue.live_orders().nth(1).unwrap().why_held, why_held);
    }
}

#[test]
fn children_that_grow_with_their_parent_cover_it_after_an_exit_in_between() {
    let config = VenueConfig { children_start: ChildrenStart::OnPartialScaled, ..VenueConfig::default() };
    let mut desk = with_bracket(config, 100);
    desk.trade("100", 30);
    desk.trade("110", 0);
    assert_eq!(desk.position(), units(0));
    desk.trade("100", 0);
    assert_eq!(desk.position(), units(70));
    assert_eq!(desk.live(), ["2 PreSubmitted 0/70", "3 Submitted 30/100"]);
    desk.trade("94", 0);
    assert_eq!((desk.position(), desk.live()), (units(0), vec![]));
}

#[test]
fn children_of_a_parent_cancelled_after_a_partial_fill_fare_as_each_reading_says() {
    let readings: [(_, &[&str]); 3] = [
        (ChildrenAfterPartialCancel::KeepFull, &["2 PreSubmitted 0/100", "3 Submitted 0/100"]),
        (ChildrenAfterPartialCancel::ScaleToFilled, &["2 PreSubmitted 0/30", "3 Submitted 0/30"]),
        (ChildrenAfterPartialCancel::Cancelled, &[]),
    ];
    for children_start in
        [ChildrenStart::OnFullFill, ChildrenStart::OnFirstFillFullSize, ChildrenStart::OnPartialScaled]
    {
        for (children_after_partial_cancel, left) in readings {
            let config =
                VenueConfig { children_start, children_after_partial_cancel, ..VenueConfig::default() };
            let mut desk = with_bracket(config, 100);
            desk.trade("100", 30);
            desk.cancel(1);
            assert_eq!(desk.live(), left, "{children_start:?} {children_after_partial_cancel:?}");
        }
    }
}

#[test]
fn an_entry_that_fills_on_the_way_down_leaves_its_stop_the_rest_of_the_way() {
    let mut desk = with_bracket(VenueConfig::default(), 100);
    let told = desk.sweep("94", 0);
    let prices: Vec<_> = fills(&told).iter().map(|fill| fill.price.to_string()).collect();
    assert_eq!(prices, ["100", "95"]);
}

#[test]
fn a_child_of_no_living_parent_is_refused() {
    let mut desk = Desk::open();
    let orphan = OrderRequest { parent_id: OrderId(99), ..stop(2, Sell, 100, "95") };
    assert_eq!(codes(&desk.place(&orphan)), [135]);
    assert_eq!(desk.live(), [""; 0]);
}
