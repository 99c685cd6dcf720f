//! Why the mode changes, as it is told.

use orderloom_core::command::{Mode, Notice};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{
    Connection, Event, EventKind, Execution, Hold, HoldReason, NextOrderId, OrderStatus, OrderStatusReport,
    SessionKnown, Side, SnapshotMark, Trade,
};
use orderloom_core::id::{ExecId, OrderId, OrderRef, PermId, SymbolId};
use orderloom_core::time::{Date, Session, Span, Timestamp};

const SHARES: Quantity = Quantity::from_units(100);

fn engine() -> Engine {
    let config: EngineConfig = serde_json::from_str(
        r#"{
            "run": "mode",
            "instruments": [{"symbol": "HERE", "tick": "0.01"}],
            "rules": [{
                "name": "enter",
                "on": ["Trade"],
                "when": {"compare": {"left": {"field": "market.price"}, "is": ">", "right": {"number": 1.0}}},
                "actions": [{"enter": {
                    "side": "BUY",
                    "size": {"shares": "100"},
                    "stop": [{"percent": 3.0}],
                    "target": [{"percent": 8.0}]
                }}]
            }]
        }"#,
    )
    .unwrap();
    Engine::new(config).unwrap()
}

/// What is told of the mode, a second after another for each event.
fn modes(engine: &mut Engine, now: &mut Timestamp, kinds: &[EventKind]) -> Vec<(Mode, String)> {
    let mut told = Vec::new();
    for kind in kinds {
        *now = *now + Span::from_secs(1);
        for notice in engine.on_event(&Event { seq: 1, at: *now, kind: kind.clone() }).notices {
            if let Notice::ModeChanged { mode, reason } = notice {
                told.push((*mode, reason.to_string()));
            }
        }
    }
    told
}

fn hold(is_on: bool) -> EventKind {
    EventKind::Hold(Hold { reason: HoldReason::BrokerRestart, is_on, detail: "".into() })
}

fn status(id: i64) -> EventKind {
    EventKind::OrderStatus(OrderStatusReport {
        order_id: OrderId(id),
        perm_id: PermId(id),
        status: OrderStatus::PreSubmitted,
        filled: Quantity::ZERO,
        remaining: SHARES,
        why_held: "".into(),
    })
}

#[test]
fn the_mode_tells_what_it_waits_for_and_what_came() {
    let (mut engine, mut now) = (engine(), Timestamp(0));
    let began = EventKind::Snapshot(SnapshotMark::Began);
    let ended = EventKind::Snapshot(SnapshotMark::Ended);
    let price = Price::from_units(100);
    let session = Session {
        date: Date(2026_03_10),
        utc_offset: Span::ZERO,
        open: now,
        close: now + Span::from_secs(3_600),
    };
    let start = [
        EventKind::Session(SessionKnown { symbol: SymbolId(0), session }),
        EventKind::Connection(Connection::Up),
        EventKind::NextOrderId(NextOrderId { order_id: OrderId(1) }),
        began.clone(),
        ended.clone(),
        EventKind::Trade(Trade { symbol: SymbolId(0), price, size: SHARES }),
    ];
    let snapshot = (Mode::Active, "the broker's snapshot has ended".into());
    assert_eq!(modes(&mut engine, &mut now, &start), [snapshot]);

    let over = [hold(true), hold(false)];
    let unconfirmed =
        (Mode::ReduceOnly, "what stands after the broker's restart is not confirmed yet".into());
    assert_eq!(modes(&mut engine, &mut now, &over), [unconfirmed]);

    let filled = EventKind::Execution(Execution {
        exec_id: ExecId("1".into()),
        order_id: OrderId(1),
        perm_id: PermId(1),
        order_ref: OrderRef::new("mode", 1, "entry"),
        symbol: SymbolId(0),
        side: Side::Buy,
        quantity: SHARES,
        price,
        executed_at: now,
    });
    assert_eq!(modes(&mut engine, &mut now, &[filled, began, ended]), []);
    let protected = (Mode::Active, "a live stop stands for every share".into());
    assert_eq!(modes(&mut engine, &mut now, &[status(2), status(3)]), [protected]);
}
