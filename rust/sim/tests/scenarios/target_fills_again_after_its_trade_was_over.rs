//! A target executes beyond its quantity after the trade was over: the surplus is a trade of its own that
//! is closed at once, and tells as its profit what the position earned by it.

use orderloom_core::command::{ExitReason, IncidentCode, PositionSide};
use orderloom_core::event::SignalSide;
use orderloom_sim::to_core;

use crate::support::{AAPL, Desk, price, shares};

#[test]
fn the_surplus_is_closed_and_its_profit_counts_from_its_own_price() {
    let sides = [
        (SignalSide::Buy, PositionSide::Short, "163.00", "165.00"),
        (SignalSide::Short, PositionSide::Long, "130.00", "128.00"),
    ];
    for (signal, surplus_side, target, later) in sides {
        let mut desk = Desk::new();
        desk.market(AAPL, "150.00").signal(AAPL, signal);
        desk.market(AAPL, target).market(AAPL, later).wait(5);
        assert_eq!((desk.position(AAPL), desk.conclusions().len()), (shares(0), 1), "{signal:?}");
        let before = desk.world.engine.position(AAPL).realized;

        let (at, mut news) = (desk.world.now(), Vec::new());
        desk.world.venue.overfill(at, shares(10), &mut news).unwrap();
        for event in news {
            desk.world.event(at, to_core(event));
        }
        desk.market(AAPL, later).wait(10);

        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{signal:?}");
        assert_eq!(desk.incidents(), [IncidentCode::Overfill], "{signal:?}");
        let [trade, surplus] = desk.conclusions()[..] else { panic!("two conclusions") };
        assert_eq!((surplus.side, surplus.exit_reason), (surplus_side, Some(ExitReason::Recovery)));
        assert_eq!((surplus.quantity, surplus.entry_price), (shares(10), trade.exit_price), "{signal:?}");
        assert!(surplus.exit_price.unwrap() - price(later) < price("0.10"), "{signal:?}");
        let earned = desk.world.engine.position(AAPL).realized - before;
        assert_eq!(surplus.pnl, earned, "{signal:?}");
        assert!(surplus.pnl.is_negative(), "the market went on, {signal:?}");
    }
}
