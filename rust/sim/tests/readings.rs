//! Each switch for what TWS leaves open: what its variants change, and that nothing else does.

mod common;

use common::*;
use orderloom_core::event::Side::{Buy, Sell};
use orderloom_core::id::OrderId;
use orderloom_sim::{
    AutoCancelParent, BustNews, CancelNews, ChangeNews, ChildWhyHeld, HeldStatus, LocateStatus,
    OcaReductionSize, OcaRevision, OrderNews, OrderRequest, QuantityBelowFilled, TimeInForce, TriggerWhyHeld,
    UnfilledNews, VenueConfig,
};

fn with(change: impl FnOnce(&mut VenueConfig)) -> Desk {
    let mut config = VenueConfig::default();
    change(&mut config);
    let mut desk = Desk::with(config);
    desk.quote("99.99", "100.01", 500);
    desk
}

#[test]
fn an_untransmitted_order_is_shown_as_held_or_inactive() {
    for (status, shown) in [(HeldStatus::PreSubmitted, "PreSubmitted"), (HeldStatus::Inactive, "Inactive")] {
        let mut desk = with(|config| config.held_status = status);
        let told = desk.place(&OrderRequest { transmit: false, ..limit(1, Buy, 10, "99") });
        assert_eq!(words(&told)[1], format!("status 1 {shown} 0/10"));
    }
}

#[test]
fn a_waiting_child_says_why_or_not() {
    for (why, shown) in [(ChildWhyHeld::Child, " held child"), (ChildWhyHeld::Empty, "")] {
        let mut desk = with(|config| config.child_why_held = why);
        let told: Vec<_> = bracket(10, "99").iter().flat_map(|request| words(&desk.place(request))).collect();
        assert!(told.contains(&format!("status 2 PreSubmitted 0/10{shown}")), "{told:?}");
    }
}

#[test]
fn a_change_to_less_than_is_filled_is_rejected_or_ends_the_order() {
    for (reading, codes_told, live) in [
        (QuantityBelowFilled::Rejected, vec![201], vec!["1 Submitted 30/100".to_owned()]),
        (QuantityBelowFilled::EndsOrder, vec![], vec![]),
    ] {
        let mut desk = with(|config| config.quantity_below_filled = reading);
        desk.place(&limit(1, Buy, 100, "99"));
        desk.quote("98.9", "99", 30);
        let told = desk.place(&limit(1, Buy, 20, "99"));
        assert_eq!(codes(&told), codes_told);
        assert_eq!(desk.live(), live);
        assert_eq!(desk.position(), units(30));
    }
}

#[test]
fn a_change_of_the_oca_group_is_refused_or_ignored() {
    for (reading, refused, limit_now) in
        [(OcaRevision::Refused, vec![10326], "99"), (OcaRevision::Ignored, vec![], "98")]
    {
        let mut desk = with(|config| config.oca_revision = reading);
        let grouped = |name: &str, at| OrderRequest { oca_group: name.into(), ..limit(1, Buy, 10, at) };
        desk.place(&grouped("one", "99"));
        assert_eq!(codes(&desk.place(&grouped("other", "98"))), refused);
        let order = desk.venue.live_orders().next().unwrap();
        assert_eq!((&*order.oca_group, order.limit_price), ("one", Some(price(limit_now))));
    }
}

#[test]
fn a_reducing_group_takes_off_a_share_or_the_same_units() {
    for (reading, left) in [(OcaReductionSize::ShareOfRemaining, 100), (OcaReductionSize::SameUnits, 150)] {
        let mut desk = with(|config| config.oca_reduction_size = reading);
        let grouped = |request| OrderRequest { oca_group: "exit".into(), oca_type: 2, ..request };
        desk.place(&grouped(limit(1, Buy, 100, "99")));
        desk.place(&grouped(limit(2, Buy, 200, "98")));
        desk.quote("98.9", "99", 50);
        assert_eq!(desk.live()[1], format!("2 Submitted 0/{left}"));
    }
}

#[test]
fn a_cancel_and_a_change_are_told_at_once_or_in_two_steps() {
    let mut desk = with(|config| {
        config.cancel_news = CancelNews::PendingFirst;
        config.change_news = ChangeNews::PreSubmittedFirst;
    });
    desk.place(&limit(1, Buy, 10, "99"));
    assert_eq!(
        words(&desk.place(&limit(1, Buy, 10, "98"))),
        [
            "open 1 PreSubmitted 10",
            "status 1 PreSubmitted 0/10",
            "open 1 Submitted 10",
            "status 1 Submitted 0/10",
        ]
    );
    assert_eq!(
        words(&desk.cancel(1)),
        ["status 1 PendingCancel 0/10", "status 1 Cancelled 0/10", "error 1 202"]
    );
}

#[test]
fn a_short_sale_without_shares_is_shown_as_held_or_inactive_and_lives() {
    for (reading, shown) in
        [(LocateStatus::PreSubmitted, "PreSubmitted"), (LocateStatus::Inactive, "Inactive")]
    {
        let mut desk = with(|config| config.locate_status = reading);
        desk.run_locate(true);
        let told = desk.place(&market(1, Sell, 10));
        assert_eq!(words(&told)[1], format!("status 1 {shown} 0/10 held locate"));
        assert_eq!(fills(&desk.run_locate(false)).len(), 1);
    }
}

#[test]
fn a_child_takes_its_parent_along_where_that_works() {
    for (reading, live) in [(AutoCancelParent::Honoured, 0), (AutoCancelParent::Ineffective, 1)] {
        let mut desk = with(|config| config.auto_cancel_parent = reading);
        desk.place(&OrderRequest { transmit: false, ..limit(1, Buy, 10, "99") });
        let child =
            OrderRequest { parent_id: OrderId(1), auto_cancel_parent: true, ..stop(2, Sell, 10, "95") };
        desk.place(&child);
        desk.cancel(2);
        assert_eq!(desk.live().len(), live);
    }
}

#[test]
fn a_new_order_is_told_once_or_in_two_steps() {
    let told = |reading| {
        let mut desk = with(|config| config.order_news = reading);
        words(&desk.place(&limit(1, Buy, 10, "99")))
    };
    let submitted = ["open 1 Submitted 10", "status 1 Submitted 0/10"];
    assert_eq!(told(OrderNews::Once), submitted);
    let both = [["open 1 PreSubmitted 10", "status 1 PreSubmitted 0/10"], submitted].concat();
    assert_eq!(told(OrderNews::PreSubmittedFirst), both);
}

#[test]
fn an_order_that_waits_for_its_trigger_says_why_or_not() {
    for (reading, why) in [(TriggerWhyHeld::Trigger, "trigger"), (TriggerWhyHeld::Empty, "")] {
        let mut desk = with(|config| config.trigger_why_held = reading);
        desk.place(&stop(1, Sell, 10, "95"));
        assert_eq!(&*desk.venue.live_orders().next().unwrap().why_held, why);
    }
}

#[test]
fn what_did_not_fill_at_once_ends_as_any_cancel_or_as_recorded() {
    let told = |reading, tif| {
        let mut desk = with(|config| config.unfilled_news = reading);
        let order = OrderRequest { tif, ..limit(1, Buy, 10, "99") };
        let told = words(&desk.place(&order)).split_off(2);
        assert_eq!(desk.live(), [""; 0]);
        told
    };
    for tif in [TimeInForce::Ioc, TimeInForce::Fok] {
        let cancelled = ["status 1 Cancelled 0/10", "error 1 202"];
        assert_eq!(told(UnfilledNews::Cancelled, tif), cancelled);
    }
    let in_two_steps = ["status 1 PendingCancel 0/10", "status 1 Cancelled 0/10"];
    assert_eq!(told(UnfilledNews::AsRecorded, TimeInForce::Ioc), in_two_steps);
    assert_eq!(told(UnfilledNews::AsRecorded, TimeInForce::Fok), ["status 1 Inactive 0/10"]);
}

#[test]
fn a_bust_is_told_as_a_correction_or_by_the_position_alone() {
    for (reading, executions) in
        [(BustNews::NoShares, vec!["fill 1 BUY 0 @ 100.01"]), (BustNews::PositionOnly, vec![])]
    {
        let mut desk = with(|config| config.bust_news = reading);
        desk.place(&market(1, Buy, 10));
        let before = desk.venue.executions().len();
        let told = words(&desk.run_bust());
        assert_eq!(told[..told.len() - 1], executions);
        assert_eq!((before, desk.venue.executions().len(), desk.position()), (1, 0, units(0)));
    }
}
