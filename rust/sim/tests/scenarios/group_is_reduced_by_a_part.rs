//! Single orders in a group whose kind is `reduce`: a part of one takes as much off the other, and what
//! is filled in the end is what was wanted once.

use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, shares};

#[test]
fn a_part_of_one_reduces_the_other_and_the_rest_ends_both() {
    for kind in ["reduce", "reduce_with_block"] {
        for (side, prices, parts, sign) in [
            ("BUY", [149.0, 148.0], ["148.99", "148.99"], 1),
            ("SELL", [151.0, 152.0], ["151.01", "151.01"], -1),
        ] {
            let order =
                |price: f64| json!({"side": side, "size": {"shares": "10"}, "limit": {"number": price}});
            let rule = json!({
                "name": "group", "on": ["PredictionSignal"],
                "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "BUY"}}},
                "actions": [{"oco_group": {"orders": prices.map(order), "kind": kind}}],
            });
            let mut desk = Desk::with(vec![rule], json!({}), json!({"commission": "none"}));
            desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
            let [first, second] = prices;
            assert_eq!(desk.live(), [format!("{side} 10 LMT {first}"), format!("{side} 10 LMT {second}")]);

            desk.quote_only(AAPL, parts[0], 4);
            assert_eq!(desk.position(AAPL), shares(sign * 4), "{kind}");
            assert_eq!(desk.live(), [format!("{side} 6 LMT {first}"), format!("{side} 6 LMT {second}")]);

            desk.quote_only(AAPL, parts[1], 500).wait(2);
            assert_eq!((desk.position(AAPL), desk.live()), (shares(sign * 10), vec![]), "{kind}");
        }
    }
}
