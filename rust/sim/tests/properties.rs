//! What holds whatever is ordered and whatever the market does.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::Side;
use orderloom_core::id::OrderId;
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{
    ChildrenAfterPartialCancel, ChildrenStart, Execution, Fraction, OcaMemberCancel, OcaReduction, OrderKind,
    OrderRequest, RejectStatus, TimeInForce, Venue, VenueConfig, VenueEvent,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Input {
    Place(Box<OrderRequest>),
    Cancel(i64),
    GlobalCancel,
    Quote { bid: i64, spread: i64, sizes: (i64, i64) },
    NoQuote,
    Trade { cents: i64, size: i64 },
    Sweep { cents: i64, size: i64 },
    Session(bool),
    Advance(i64),
}

fn cents(value: i64) -> Price {
    Price::from_counts(value * 1_000_000)
}

fn request() -> impl Strategy<Value = OrderRequest> {
    let kinds = vec![
        OrderKind::Market,
        OrderKind::Limit,
        OrderKind::Stop,
        OrderKind::StopLimit,
        OrderKind::Trail,
        OrderKind::TrailLimit,
        OrderKind::MarketIfTouched,
        OrderKind::LimitIfTouched,
    ];
    let tifs = vec![TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtd];
    let terms = (prop::sample::select(kinds), prop::sample::select(tifs), 9_960..10_040_i64, 1..100_i64);
    let family = (
        prop::sample::select(vec![0, 0, 0, 1, 2, 3_i64]),
        prop::bool::weighted(0.8),
        prop::sample::select(vec!["", "", "a", "b"]),
        0..4_u8,
    );
    (1..40_i64, any::<bool>(), 1..300_i64, terms, family, any::<bool>(), 0..9_u8).prop_map(
        |(
            id,
            is_buy,
            quantity,
            (kind, tif, level, distance),
            (parent, transmit, group, oca_type),
            outside,
            method,
        )| {
            let is_trailing = matches!(kind, OrderKind::Trail | OrderKind::TrailLimit);
            OrderRequest {
                limit_price: Some(cents(level)),
                stop_price: Some(cents(if is_trailing { distance } else { level + 50 - distance / 2 })),
                limit_offset: Some(cents(distance)),
                tif,
                good_till: Some(Timestamp(distance)),
                // An order may name a parent with a smaller id.
                parent_id: OrderId(if parent < id { parent } else { 0 }),
                transmit,
                oca_group: group.into(),
                oca_type,
                outside_rth: outside,
                trigger_method: if method == 5 || method == 6 { 0 } else { method },
                ..order(id, if is_buy { Side::Buy } else { Side::Sell }, quantity, kind)
            }
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    let sizes = prop::sample::select(vec![0_i64, 1, 7, 50, 400]);
    prop_oneof![
        12 => request().prop_map(|request| Input::Place(Box::new(request))),
        2 => (1..40_i64).prop_map(Input::Cancel),
        4 => (9_960..10_040_i64, 1..20_i64, (sizes.clone(), sizes.clone()))
            .prop_map(|(bid, spread, sizes)| Input::Quote { bid, spread, sizes }),
        2 => Just(Input::NoQuote),
        4 => (9_960..10_040_i64, sizes.clone()).prop_map(|(cents, size)| Input::Trade { cents, size }),
        4 => (9_960..10_040_i64, sizes).prop_map(|(cents, size)| Input::Sweep { cents, size }),
        1 => Just(Input::GlobalCancel),
        1 => prop::bool::weighted(0.7).prop_map(Input::Session),
        1 => (1..200_i64).prop_map(Input::Advance),
    ]
}

fn config() -> impl Strategy<Value = VenueConfig> {
    let starts =
        vec![ChildrenStart::OnFullFill, ChildrenStart::OnFirstFillFullSize, ChildrenStart::OnPartialScaled];
    let leftovers = vec![
        ChildrenAfterPartialCancel::KeepFull,
        ChildrenAfterPartialCancel::ScaleToFilled,
        ChildrenAfterPartialCancel::Cancelled,
    ];
    let rejects = vec![RejectStatus::Inactive, RejectStatus::Cancelled, RejectStatus::Nothing];
    let lags = vec![None, Some(Span(1)), Some(Span(40))];
    (
        any::<u64>(),
        prop::sample::select(starts),
        prop::sample::select(leftovers),
        prop::sample::select(rejects),
        (any::<bool>(), prop::sample::select(lags), any::<bool>()),
        prop::sample::select(vec![None, Some(0.5)]),
    )
        .prop_map(
            |(seed, children_start, children_after_partial_cancel, reject_status, oca, fraction)| {
                let mut config = VenueConfig {
                    seed,
                    children_start,
                    children_after_partial_cancel,
                    reject_status,
                    oca_reduction: if oca.0 { OcaReduction::Lagging } else { OcaReduction::Atomic },
                    oca_lag_ns: oca.1,
                    oca_member_cancel: if oca.2 {
                        OcaMemberCancel::WholeGroup
                    } else {
                        OcaMemberCancel::Alone
                    },
                    ..VenueConfig::default()
                };
                config.fill.max_fraction_of_volume = fraction.map(|part| Fraction::try_from(part).unwrap());
                config
            },
        )
}

type Quote = (Option<Price>, Option<Price>);

/// Drives a venue and returns each input's events with the quote that they happened under.
fn drive(config: &VenueConfig, inputs: &[Input]) -> (Venue, Vec<(Quote, Vec<VenueEvent>)>) {
    let mut venue = Desk::with(config.clone()).venue;
    let mut quote: Quote = (None, None);
    let mut told = Vec::new();
    let mut now = 0;
    for input in inputs {
        now += 1;
        let at = Timestamp(now);
        let mut out = Vec::new();
        match input {
            Input::Place(request) => venue.place(at, (**request).clone(), &mut out),
            Input::Cancel(order_id) => venue.cancel(at, key(*order_id), &mut out),
            Input::GlobalCancel => venue.global_cancel(at, &mut out),
            Input::Quote { bid, spread, sizes } => {
                quote = (Some(cents(*bid)), Some(cents(bid + spread)));
                let side = |price: Option<Price>, size| price.map(|price| (price, units(size)));
                venue.quote(at, AAPL, side(quote.0, sizes.0), side(quote.1, sizes.1), &mut out);
            }
            Input::NoQuote => {
                quote = (None, None);
                venue.quote(at, AAPL, None, None, &mut out);
            }
            Input::Trade { cents: price, size } => {
                venue.trade(at, AAPL, cents(*price), units(*size), &mut out);
            }
            Input::Sweep { cents: price, size } => {
                venue.sweep(at, AAPL, cents(*price), units(*size), &mut out);
            }
            Input::Session(is_open) => venue.session(at, AAPL, *is_open, &mut out),
            Input::Advance(by) => {
                now += by;
                venue.advance(Timestamp(now), &mut out);
            }
        }
        told.push((quote, out));
    }
    (venue, told)
}

fn executions(events: &[VenueEvent]) -> impl Iterator<Item = &Execution> {
    fills(events).into_iter()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn books_agree_with_executions(config in config(), inputs in prop::collection::vec(input(), 1..120)) {
        let (venue, told) = drive(&config, &inputs);
        let (mut position, mut cash) = (Quantity::ZERO, config.cash);
        for (_, events) in &told {
            for event in events {
                match event {
                    VenueEvent::Execution(fill) => {
                        position += fill.side.signed(fill.quantity);
                        let value = fill.price.value(fill.quantity, 1);
                        cash += if fill.side == Side::Buy { -value } else { value };
                    }
                    VenueEvent::Commission(commission) => cash -= commission.amount,
                    VenueEvent::Position(report) => prop_assert_eq!(report.quantity, position),
                    VenueEvent::OpenOrder(_) | VenueEvent::Status(_) | VenueEvent::Error(_) => {}
                }
            }
        }
        let holding = venue.holdings()[AAPL.index()];
        prop_assert_eq!(holding.quantity, position);
        prop_assert_eq!(venue.cash(), cash);
        prop_assert_eq!(venue.cash() + holding.cost, config.cash + holding.realized);
        prop_assert!(!position.is_zero() || holding.cost.is_zero());
    }

    #[test]
    fn no_execution_goes_through_the_quote_or_the_limit(
        config in config(), inputs in prop::collection::vec(input(), 1..120)
    ) {
        let (_, told) = drive(&config, &inputs);
        let mut limits = BTreeMap::new();
        for (quote, events) in &told {
            for event in events {
                match event {
                    VenueEvent::OpenOrder(order) if order.order_type == OrderKind::Limit => {
                        limits.insert(order.perm_id, order.limit_price.unwrap());
                    }
                    VenueEvent::Execution(fill) => {
                        let limit = limits.get(&fill.perm_id).copied();
                        match (fill.side, quote) {
                            (Side::Buy, (_, Some(ask))) => prop_assert!(fill.price >= *ask),
                            (Side::Sell, (Some(bid), _)) => prop_assert!(fill.price <= *bid),
                            (Side::Buy | Side::Sell, _) => {}
                        }
                        match fill.side {
                            Side::Buy => prop_assert!(limit.is_none_or(|limit| fill.price <= limit)),
                            Side::Sell => prop_assert!(limit.is_none_or(|limit| fill.price >= limit)),
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn an_order_fills_no_more_than_its_quantity_and_nothing_after_its_end(
        config in config(), inputs in prop::collection::vec(input(), 1..120)
    ) {
        let (venue, told) = drive(&config, &inputs);
        let (mut filled, mut ended, mut exec_ids) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        for event in told.iter().flat_map(|(_, events)| events) {
            match event {
                VenueEvent::Execution(fill) => {
                    prop_assert!(exec_ids.insert(fill.exec_id.clone()));
                    prop_assert!(!ended.contains(&fill.perm_id));
                    prop_assert!(fill.quantity.is_positive());
                    let sum: &mut Quantity = filled.entry(fill.perm_id).or_default();
                    *sum += fill.quantity;
                    prop_assert_eq!(fill.cum_quantity, *sum);
                }
                VenueEvent::OpenOrder(order) => {
                    prop_assert_eq!(order.filled + order.remaining, order.quantity);
                    prop_assert_eq!(order.filled, filled.get(&order.perm_id).copied().unwrap_or_default());
                    prop_assert!(0 < order.perm_id.0 && order.perm_id.0 < 1 << 31);
                }
                VenueEvent::Status(status) => {
                    prop_assert_eq!(status.filled, filled.get(&status.perm_id).copied().unwrap_or_default());
                    let word = format!("{:?}", status.status);
                    if ["Cancelled", "Filled", "Inactive"].contains(&&*word) {
                        prop_assert!(ended.insert(status.perm_id), "ended twice");
                    } else {
                        prop_assert!(!ended.contains(&status.perm_id));
                    }
                }
                VenueEvent::Commission(_) | VenueEvent::Position(_) | VenueEvent::Error(_) => {}
            }
        }
        prop_assert!(venue.live_orders().all(|order| !ended.contains(&order.perm_id)));
        prop_assert!(venue.completed_orders().all(|completed| ended.contains(&completed.order.perm_id)));
    }

    #[test]
    fn an_order_costs_what_the_schedule_says_however_it_was_filled(
        config in config(), inputs in prop::collection::vec(input(), 1..120)
    ) {
        let (venue, _) = drive(&config, &inputs);
        let mut orders: BTreeMap<_, (Quantity, Money, Money)> = BTreeMap::new();
        for report in venue.executions() {
            let (shares, value, paid) = orders.entry(report.execution.perm_id).or_default();
            *shares += report.execution.quantity;
            *value += report.execution.price.value(report.execution.quantity, 1);
            *paid += report.commission;
            prop_assert!(!report.commission.is_negative());
        }
        for (shares, value, paid) in orders.into_values() {
            let by_share = Money::from_counts(i128::from(shares.counts()) / 200);
            let at_most = Money::from_counts(value.counts() / 100);
            prop_assert_eq!(paid, by_share.max(Money::from_units(1)).min(at_most));
        }
    }

    #[test]
    fn the_same_seed_and_commands_give_the_same_events(
        config in config(), inputs in prop::collection::vec(input(), 1..120)
    ) {
        let (first, second) = (drive(&config, &inputs).1, drive(&config, &inputs).1);
        prop_assert_eq!(first, second);
    }
}

#[test]
fn another_seed_gives_other_identities_and_the_same_trades() {
    let run = |seed| {
        let mut desk = Desk::with(VenueConfig { seed, ..VenueConfig::default() });
        desk.quote("99.99", "100", 500);
        desk.place(&market(1, Side::Buy, 100));
        let told = desk.events;
        let fill = executions(&told).next().unwrap();
        (fill.perm_id, fill.exec_id.clone(), words(&told))
    };
    let (one, other) = (run(1), run(2));
    assert_ne!((one.0, &one.1), (other.0, &other.1));
    assert_eq!(one.2, other.2);
}
