//! The orderloom engine: one event in, all commands out.
//!
//! [`Engine::on_event`](engine::Engine::on_event) is a pure function with memory: it reads no clock,
//! socket, file, random number or Python object. Time arrives inside events, and everything that
//! touches the world is a [`Command`](command::Command) that the shell carries out before the next
//! event. The same configuration and events give the same commands, byte for byte, so live trading,
//! the simulated TWS, back-tests, crash recovery and explanations are one engine fed from different
//! places.
//!
//! Reading order: [`event`] and [`command`] are the contract; [`order`] keeps facts and computes where
//! an order stands; [`bracket`] and [`context`] are a trade; [`plan`] compares the exits that should
//! exist with those that do; [`position`] folds executions; [`rule`] says when to act, [`limits`] when
//! not to; [`engine`] puts them in order.

pub mod bracket;
pub mod bus;
pub mod command;
pub mod config;
pub mod context;
pub mod decimal;
pub mod engine;
pub mod error;
pub mod event;
pub mod id;
pub mod indicator;
pub mod instrument;
pub mod limits;
pub mod market;
pub mod order;
pub mod pages;
pub mod plan;
pub mod position;
pub mod rule;
pub mod time;
