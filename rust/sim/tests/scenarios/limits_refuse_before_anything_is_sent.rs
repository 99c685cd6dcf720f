//! Limits: a refused entry sends nothing and says both numbers.

use orderloom_core::command::{Notice, Reason};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, TSLA, shares, standard_rules};

fn refusal(limits: Value) -> (Reason, String) {
    let mut desk = Desk::with(standard_rules(), json!({"limits": limits}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert!(desk.world.observer.commands.is_empty(), "something was sent");
    let blocked = desk.world.observer.notices.iter().find_map(|notice| match notice {
        Notice::RuleBlocked { reason, detail, .. } => Some((*reason, detail.to_string())),
        _ => None,
    });
    blocked.expect("the rule was blocked")
}

#[test]
fn each_limit_refuses_with_its_own_code_and_both_numbers() {
    let expected = [
        (json!({"max_order_value": "15000"}), Reason::MaxOrderValue, "order value 15001, allowed 15000"),
        (json!({"max_order_shares": "99"}), Reason::MaxOrderShares, "order shares 100, allowed 99"),
        (
            json!({"max_position_value": "15000"}),
            Reason::MaxPositionValue,
            "position value 15001, allowed 15000",
        ),
        (json!({"max_position_shares": "99"}), Reason::MaxPositionShares, "position shares 100, allowed 99"),
        (json!({"max_open_contexts": 0}), Reason::MaxOpenContexts, "open trades 1, allowed 0"),
        (json!({"max_gross_exposure": "1"}), Reason::MaxGrossExposure, "gross exposure 15001, allowed 1"),
        (json!({"max_net_exposure": "1"}), Reason::MaxNetExposure, "net exposure 15001, allowed 1"),
        (json!({"max_orders_per_minute": 0}), Reason::MaxOrdersPerMinute, "orders per minute 1, allowed 0"),
    ];
    for (limits, reason, detail) in expected {
        assert_eq!(refusal(limits), (reason, detail.to_owned()));
    }
}

#[test]
fn the_number_of_open_trades_is_limited_and_exits_still_pass() {
    let more = json!({"limits": {"max_open_contexts": 1}});
    let mut desk = Desk::with(standard_rules(), more, json!({"commission": "none"}));
    desk.market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    assert_eq!(desk.blocked(), [Reason::MaxOpenContexts]);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(100), shares(0)));

    desk.signal(AAPL, SignalSide::Sell).wait(2).signal(TSLA, SignalSide::Short);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(0), shares(-100)));
}

#[test]
fn without_a_price_nothing_is_sent() {
    let mut desk = Desk::new();
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::NoPrice]);
    desk.market(AAPL, "150.00").wait(120).signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::NoPrice, Reason::NoPrice]);
    assert!(desk.world.observer.commands.is_empty());
}
