//! A venue with two stocks, short words for its commands, and short words for its events.

#![allow(dead_code, reason = "every test file uses its own part of this")]

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::Side;
use orderloom_core::id::{OrderId, OrderRef, SymbolId};
use orderloom_core::time::Timestamp;
use orderloom_sim::{
    ClientId, ConId, Execution, Listing, OrderKey, OrderKind, OrderRequest, SecType, Venue, VenueConfig,
    VenueEvent,
};

pub(crate) const AAPL: SymbolId = SymbolId(0);
pub(crate) const MSFT: SymbolId = SymbolId(1);

pub(crate) struct Desk {
    pub(crate) venue: Venue,
    pub(crate) now: i64,
    pub(crate) events: Vec<VenueEvent>,
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn units(quantity: i64) -> Quantity {
    Quantity::from_units(quantity)
}

pub(crate) fn key(order_id: i64) -> OrderKey {
    OrderKey { client_id: ClientId(7), order_id: OrderId(order_id) }
}

pub(crate) fn con_id(symbol: SymbolId) -> ConId {
    ConId(1000 + i64::from(symbol.0))
}

impl Desk {
    pub(crate) fn open() -> Self {
        Self::with(VenueConfig::default())
    }

    pub(crate) fn with(config: VenueConfig) -> Self {
        let mut venue = Venue::new(config);
        for (symbol, name) in [(AAPL, "AAPL"), (MSFT, "MSFT")] {
            let listing = Listing {
                con_id: con_id(symbol),
                symbol: name.into(),
                sec_type: SecType::Stock,
                currency: "USD".into(),
                tick: price("0.01"),
                multiplier: 1,
            };
            assert_eq!(venue.add_instrument(listing), Ok(symbol));
        }
        Self { venue, now: 0, events: Vec::new() }
    }

    /// Runs one command and returns what it told.
    fn run(&mut self, act: impl FnOnce(&mut Venue, Timestamp, &mut Vec<VenueEvent>)) -> Vec<VenueEvent> {
        self.now += 1;
        let mut out = Vec::new();
        act(&mut self.venue, Timestamp(self.now), &mut out);
        self.events.extend(out.iter().cloned());
        out
    }

    pub(crate) fn place(&mut self, request: &OrderRequest) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.place(at, request.clone(), out))
    }

    pub(crate) fn cancel(&mut self, order_id: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.cancel(at, key(order_id), out))
    }

    pub(crate) fn quote(&mut self, bid: &str, ask: &str, size: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| {
            venue.quote(at, AAPL, Some((price(bid), units(size))), Some((price(ask), units(size))), out);
        })
    }

    pub(crate) fn trade(&mut self, at_price: &str, size: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.trade(at, AAPL, price(at_price), units(size), out))
    }

    pub(crate) fn sweep(&mut self, to: &str, size: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.sweep(at, AAPL, price(to), units(size), out))
    }

    pub(crate) fn session(&mut self, is_open: bool) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.session(at, AAPL, is_open, out))
    }

    pub(crate) fn run_halt(&mut self, is_halted: bool) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.halt(at, AAPL, is_halted, out))
    }

    pub(crate) fn run_locate(&mut self, is_hard: bool) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.locate(at, AAPL, is_hard, out))
    }

    pub(crate) fn run_fork(&mut self, request: &OrderRequest) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.fork(at, request.clone(), out))
    }

    pub(crate) fn run_manual_trade(&mut self, side: Side, quantity: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.manual_trade(at, AAPL, side, units(quantity), None, out).unwrap())
    }

    pub(crate) fn run_manual_order(&mut self, request: &OrderRequest) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.manual_order(at, request.clone(), out).unwrap())
    }

    pub(crate) fn run_split(&mut self, new: u32, old: u32) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.split(at, AAPL, new, old, out).unwrap())
    }

    pub(crate) fn run_overfill(&mut self, more: i64) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.overfill(at, units(more), out).unwrap())
    }

    pub(crate) fn run_bust(&mut self) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.bust_latest(at, out).unwrap())
    }

    pub(crate) fn run_dividend(&mut self, amount: &str) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.dividend(at, AAPL, price(amount), out).unwrap())
    }

    pub(crate) fn run_band(&mut self, band: Option<(&str, &str)>) -> Vec<VenueEvent> {
        let band = band.map(|(low, high)| (price(low), price(high)));
        self.run(|venue, at, out| venue.band(at, AAPL, band, out))
    }

    /// Lets time pass to a moment.
    pub(crate) fn at(&mut self, moment: i64) -> Vec<VenueEvent> {
        self.now = moment - 1;
        self.run(|venue, at, out| venue.advance(at, out))
    }

    pub(crate) fn run_correct(&mut self, to: &str) -> Vec<VenueEvent> {
        self.run(|venue, at, out| venue.correct_latest(at, price(to), out).unwrap())
    }

    pub(crate) fn advance_to(&mut self, at: i64) -> Vec<VenueEvent> {
        self.now = at - 1;
        self.run(|venue, at, out| venue.advance(at, out))
    }

    pub(crate) fn position(&self) -> Quantity {
        self.venue.holdings()[AAPL.index()].quantity
    }

    /// The live orders as `id status filled/total`.
    pub(crate) fn live(&self) -> Vec<String> {
        self.venue
            .live_orders()
            .map(|order| format!("{} {:?} {}/{}", order.order_id, order.status, order.filled, order.quantity))
            .collect()
    }
}

pub(crate) fn order(order_id: i64, side: Side, quantity: i64, kind: OrderKind) -> OrderRequest {
    OrderRequest::new(key(order_id), con_id(AAPL), side, units(quantity), kind, OrderRef("".into()))
}

pub(crate) fn market(order_id: i64, side: Side, quantity: i64) -> OrderRequest {
    order(order_id, side, quantity, OrderKind::Market)
}

pub(crate) fn limit(order_id: i64, side: Side, quantity: i64, at: &str) -> OrderRequest {
    OrderRequest { limit_price: Some(price(at)), ..order(order_id, side, quantity, OrderKind::Limit) }
}

pub(crate) fn stop(order_id: i64, side: Side, quantity: i64, at: &str) -> OrderRequest {
    OrderRequest { stop_price: Some(price(at)), ..order(order_id, side, quantity, OrderKind::Stop) }
}

/// A limit buy 1 with its stop 2 at 95 and its target 3 at 110, sent as one attached group.
pub(crate) fn bracket(quantity: i64, entry: &str) -> [OrderRequest; 3] {
    let child = |request: OrderRequest, transmit| OrderRequest { parent_id: OrderId(1), transmit, ..request };
    [
        OrderRequest { transmit: false, ..limit(1, Side::Buy, quantity, entry) },
        child(stop(2, Side::Sell, quantity, "95"), false),
        child(limit(3, Side::Sell, quantity, "110"), true),
    ]
}

/// Every event in a line of its own.
pub(crate) fn words(events: &[VenueEvent]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            VenueEvent::OpenOrder(order) => {
                let commission = order.commission.map(|amount| format!(" cost {amount}")).unwrap_or_default();
                format!("open {} {:?} {}{commission}", order.order_id, order.status, order.quantity)
            }
            VenueEvent::Status(status) => {
                // That a stop waits for its trigger is told in nearly every line: said where it matters.
                let why = match &*status.why_held {
                    "" | "trigger" => String::new(),
                    why => format!(" held {why}"),
                };
                format!(
                    "status {} {:?} {}/{}{why}",
                    status.order_id, status.status, status.filled, status.remaining
                )
            }
            VenueEvent::Execution(fill) => {
                format!("fill {} {} {} @ {}", fill.order_id, fill.side.as_str(), fill.quantity, fill.price)
            }
            VenueEvent::Commission(commission) => format!("commission {}", commission.amount),
            VenueEvent::Error(error) => format!("error {} {}", error.order_id, error.code),
            VenueEvent::Position(position) => {
                format!("position {} @ {}", position.quantity, position.avg_cost)
            }
        })
        .collect()
}

pub(crate) fn fills(events: &[VenueEvent]) -> Vec<&Execution> {
    events
        .iter()
        .filter_map(|event| match event {
            VenueEvent::Execution(fill) => Some(&**fill),
            _ => None,
        })
        .collect()
}

/// The fills among the events, in words.
pub(crate) fn traded(events: &[VenueEvent]) -> Vec<String> {
    words(events).into_iter().filter(|line| line.starts_with("fill")).collect()
}

/// The error codes among the events.
pub(crate) fn codes(events: &[VenueEvent]) -> Vec<i32> {
    events
        .iter()
        .filter_map(|event| match event {
            VenueEvent::Error(error) => Some(error.code),
            _ => None,
        })
        .collect()
}
