//! The orderloom engine: one event in, all commands out.
pub mod command;
pub mod config;
pub mod decimal;
pub mod event;
pub mod id;
pub mod instrument;
pub mod order;
pub mod rule;
pub mod time;
