//! A resting tranche fills while a close cancels it: it is closed with the trade, and the position never
//! turns.

use orderloom_core::command::ExitReason;
use orderloom_core::event::{Side, SignalSide};
use serde_json::json;

use crate::support::{AAPL, Desk, shares, standard_rules};

#[test]
fn the_late_shares_are_closed_too_and_nothing_turns() {
    let sides = [
        (SignalSide::Buy, "149.99", "147.70", "147.60", 1_i64),
        (SignalSide::Short, "150.01", "152.30", "152.40", -1),
    ];
    for (signal, begin, reached, later, sign) in sides {
        let mut rules = standard_rules();
        rules.push(json!({
            "name": "double",
            "on": ["Fill"],
            "when": {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
            "actions": [{"double_down": {"fraction_bp": 5000, "size_bp": 10000}}],
        }));
        let latency = json!({"order_ns": 300_000_000, "report_ns": 300_000_000});
        let mut desk = Desk::with(rules, json!({}), json!({"commission": "none", "latency": latency}));
        desk.market(AAPL, begin).signal(AAPL, signal).pass(2_000);
        assert_eq!(desk.live().len(), 5, "two exits, and a tranche of three: {:?}", desk.live());

        desk.signal(AAPL, SignalSide::Sell);
        desk.pass(150).move_to(AAPL, reached, 1_000);
        assert_eq!(desk.position(AAPL), shares(sign * 200), "before its cancel arrives");
        desk.pass(2_000).move_to(AAPL, later, 1_000);
        desk.pass(15_000).check();

        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::CloseAll), shares(200)));
        assert_eq!(trade.tranches, 2);
        let mut held = 0_i64;
        for report in desk.world.venue.executions() {
            let traded: i64 = report.execution.quantity.to_string().parse().unwrap();
            held += if report.execution.side == Side::Buy { traded } else { -traded };
            assert!(held * sign >= 0, "it turned");
        }
        assert_eq!(held, 0);
    }
}
