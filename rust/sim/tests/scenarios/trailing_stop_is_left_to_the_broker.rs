//! A stop that trails at the broker is moved by nobody else: TWS changes no order's type, and only the
//! broker knows where it stands.

use orderloom_core::command::{Command, ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

#[test]
fn a_rule_that_would_move_it_is_refused_and_it_trails_on() {
    let sides = [
        (SignalSide::Buy, "BUY", "BUY", ["160.00", "157.00", "156.70"], 100),
        (SignalSide::Short, "SHORT", "SELL", ["140.00", "142.50", "142.90"], -100),
    ];
    for (signal, word, side, [best, back, end], held) in sides {
        let enter = json!({"side": side, "size": {"shares": "100"}, "stop": [{"trail_percent": 2.0}]});
        let mut rules = standard_rules();
        rules.truncate(2);
        rules[usize::from(word == "SHORT")] = entry_rule("enter", word, &enter);
        rules.push(json!({
            "name": "break-even",
            "on": ["PredictionSignal"],
            "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "NEUTRAL"}}},
            "actions": [{"adjust_stop": [{"percent": 0.5}]}],
        }));
        let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
        desk.market(AAPL, "150.00").signal(AAPL, signal).market(AAPL, best).signal(AAPL, SignalSide::Neutral);
        assert_eq!(desk.blocked(), [Reason::NoStop]);
        assert!(!desk.world.observer.commands.iter().any(|command| matches!(command, Command::Modify(_))));

        desk.market(AAPL, back);
        assert_eq!(desk.position(AAPL), shares(held), "two per cent from the best price, not half of one");
        desk.market(AAPL, end).wait(2);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::Trail));
    }
}
