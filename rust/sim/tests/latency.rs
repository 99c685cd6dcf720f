//! Orders and news of them take their time, in order, the same for the same seed.

mod common;

use common::*;
use orderloom_core::event::Side::Buy;
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{Latency, VenueConfig};

fn slow(seed: u64, order: i64, report: i64, jitter: i64) -> Desk {
    let latency = Latency { order_ns: Span(order), report_ns: Span(report), jitter_ns: Span(jitter) };
    let mut desk = Desk::with(VenueConfig { seed, latency, ..VenueConfig::default() });
    desk.quote("99.99", "100.01", 500);
    desk
}

#[test]
fn an_order_meets_the_market_of_its_arrival() {
    let mut desk = slow(1, 100, 0, 0);
    assert_eq!(desk.place(&market(1, Buy, 10)), []);
    assert_eq!((desk.now, desk.live().len()), (2, 0));
    desk.at(50);
    assert_eq!(desk.quote("100.99", "101.01", 500), []);
    let told = desk.at(102);
    assert_eq!(traded(&told), ["fill 1 BUY 10 @ 101.01"]);
    let fill = &desk.venue.executions()[0].execution;
    assert_eq!(fill.at, Timestamp(102));
}

#[test]
fn an_order_that_arrived_before_a_quote_is_not_filled_by_it() {
    let mut desk = slow(1, 100, 0, 0);
    desk.place(&market(1, Buy, 10));
    desk.now = 500;
    let told = desk.quote("100.99", "101.01", 500);
    assert_eq!(traded(&told), ["fill 1 BUY 10 @ 100.01"]);
    assert_eq!(desk.venue.executions()[0].execution.at, Timestamp(102));
}

#[test]
fn a_cancel_may_come_too_late() {
    let mut desk = slow(1, 100, 0, 0);
    desk.place(&limit(1, Buy, 10, "99"));
    desk.at(200);
    desk.cancel(1);
    let told = desk.quote("98.9", "99", 500);
    assert_eq!(traded(&told), ["fill 1 BUY 10 @ 99"]);
    assert_eq!(words(&desk.at(400)), ["error 1 10148"]);
}

#[test]
fn news_come_later_than_what_they_tell() {
    let mut desk = slow(1, 0, 100, 0);
    assert_eq!(desk.place(&market(1, Buy, 10)), []);
    assert_eq!((desk.position(), desk.venue.executions().len()), (units(10), 1));
    assert_eq!(desk.at(101), []);
    let told = desk.at(102);
    assert_eq!(
        words(&told)[..3],
        ["open 1 PreSubmitted 10", "status 1 PreSubmitted 0/10", "fill 1 BUY 10 @ 100.01"]
    );
    assert_eq!(desk.at(1000), []);
}

#[test]
fn jitter_follows_the_seed_and_keeps_the_order() {
    let journey = |seed| {
        let mut desk = slow(seed, 100, 50, 1000);
        for id in 1..=20 {
            desk.place(&limit(id, Buy, 1, "99"));
        }
        let mut told = Vec::new();
        while desk.now < 3000 {
            let now = desk.now + 10;
            told.extend(words(&desk.at(now)).into_iter().map(|line| (now, line)));
        }
        told
    };
    let told = journey(1);
    assert_eq!(told, journey(1));
    assert_ne!(told, journey(2));
    let opened: Vec<_> = told.iter().filter(|(_, line)| line.starts_with("open")).collect();
    let in_order: Vec<_> = (1..=20).map(|id| format!("open {id} Submitted 1")).collect();
    assert_eq!(opened.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>(), in_order);
}
