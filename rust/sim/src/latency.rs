//! What is on its way: orders and cancels to the exchange, news of them back.
//!
//! Without latency nothing is ever on its way, and commands are carried out where they are given.

use std::collections::VecDeque;

use orderloom_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::news::{Kept, Listener};
use crate::random::SplitMix64;
use crate::request::{OrderKey, OrderRequest};
use crate::venue::Venue;

/// How long orders travel, and how long news of them do. What set out first arrives first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// From a client's order, change or cancel to the exchange.
    pub order_ns: Span,
    /// From the exchange to whoever is told.
    pub report_ns: Span,
    /// What each way takes longer at most; how much of it follows the seed.
    pub jitter_ns: Span,
}

impl Latency {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a client sent.
#[derive(Debug, Clone)]
pub(crate) enum Journey {
    Place(Box<OrderRequest>),
    Cancel(OrderKey),
    CancelAll,
}

/// Both directions, each in the order of departure.
#[derive(Debug, Clone)]
pub(crate) struct Travels {
    latency: Latency,
    random: SplitMix64,
    there: VecDeque<(Timestamp, Journey)>,
    back: VecDeque<(Timestamp, Kept)>,
    /// Where in the caller's list the news of the command at hand begin.
    news_from: usize,
}

impl Travels {
    pub(crate) fn new(latency: Latency, seed: u64) -> Self {
        // Apart from the ids, which a latency should not change.
        let random = SplitMix64::new(seed.rotate_left(32));
        Self { latency, random, there: VecDeque::new(), back: VecDeque::new(), news_from: 0 }
    }

    pub(crate) const fn listen_from(&mut self, news_from: usize) {
        self.news_from = news_from;
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let there = self.there.front().map(|(due, _)| *due);
        let back = self.back.front().map(|(due, _)| *due);
        there.into_iter().chain(back).min()
    }

    /// Tells what has arrived by now.
    pub(crate) fn release(&mut self, now: Timestamp, out: &mut dyn Listener) {
        while self.back.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, news)) = self.back.pop_front() else { break };
            out.take_again(news);
        }
    }

    /// Whether there is no way to go: what is sent is carried out at once.
    pub(crate) fn are_instant(&self) -> bool {
        self.latency.is_none()
    }

    fn takes(&mut self, way: Span) -> Span {
        let jitter = u64::try_from(self.latency.jitter_ns.0).unwrap_or(0);
        Span(way.0 + self.random.below(jitter + 1) as i64)
    }
}

impl Venue {
    /// Sends a client's command on its way, or carries it out where there is no way to go.
    pub(crate) fn send(&mut self, journey: Journey, out: &mut dyn Listener) {
        if self.travels.are_instant() {
            return self.carry_out(journey, out);
        }
        let way = self.travels.latency.order_ns;
        let last = self.travels.there.back().map_or(Timestamp::MIN, |(due, _)| *due);
        let due = (self.now + self.travels.takes(way)).max(last);
        self.travels.there.push_back((due, journey));
        self.next_due = self.next_due.min(due);
        self.arrive(out);
    }

    /// Carries out what has reached the exchange by now, each at its own moment.
    pub(crate) fn arrive(&mut self, out: &mut dyn Listener) {
        let now = self.now;
        while self.travels.there.front().is_some_and(|(due, _)| *due <= now) {
            let Some((due, journey)) = self.travels.there.pop_front() else { break };
            self.now = due;
            self.carry_out(journey, out);
            self.match_dirty(out);
            self.keep_back(out);
        }
        self.now = now;
    }

    /// Takes the news of this moment out of the caller's list until they have travelled.
    pub(crate) fn keep_back(&mut self, out: &mut dyn Listener) {
        if self.travels.are_instant() || out.heard() <= self.travels.news_from {
            return;
        }
        let way = self.travels.latency.report_ns;
        let last = self.travels.back.back().map_or(Timestamp::MIN, |(due, _)| *due);
        let due = (self.now + self.travels.takes(way)).max(last);
        let news = out.give_back(self.travels.news_from);
        self.travels.back.extend(news.into_iter().map(|news| (due, news)));
        self.next_due = self.next_due.min(due);
    }

    fn carry_out(&mut self, journey: Journey, out: &mut dyn Listener) {
        match journey {
            Journey::Place(request) => self.take(*request, out),
            Journey::Cancel(key) => self.cancel_by_client(key, out),
            Journey::CancelAll => self.cancel_all(out),
        }
    }
}
