//! An operator's word: halt stops entries and nothing else; flatten closes; resume re-arms.

use orderloom_core::command::{ExitReason, Mode, Reason};
use orderloom_core::event::{EventKind, Operator, SignalSide};

use crate::support::{AAPL, Desk, TSLA, shares};

fn say(desk: &mut Desk, word: Operator) {
    let at = desk.world.now();
    desk.world.event(at, EventKind::Operator(word));
}

#[test]
fn after_a_halt_no_entry_leaves_and_the_exits_still_work() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").market(TSLA, "200.00").signal(AAPL, SignalSide::Buy);
    say(&mut desk, Operator::Halt { reason: "enough".into() });
    assert_eq!(desk.world.engine.mode(), Mode::Halted);

    desk.signal(TSLA, SignalSide::Short);
    assert_eq!(desk.blocked(), [Reason::Halted]);
    desk.market(AAPL, "145.00").wait(2);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(0), shares(0)));

    say(&mut desk, Operator::Resume);
    desk.market(TSLA, "200.00").signal(TSLA, SignalSide::Short);
    assert_eq!(desk.position(TSLA), shares(-100));
}

#[test]
fn flatten_closes_every_symbol_whatever_its_side() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    say(&mut desk, Operator::Flatten { symbol: None });
    desk.wait(3);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(0), shares(0)));
    assert_eq!(desk.live(), Vec::<String>::new());
    let reasons: Vec<_> = desk.conclusions().iter().map(|trade| trade.exit_reason).collect();
    assert_eq!(reasons, [Some(ExitReason::CloseAll); 2]);
}
