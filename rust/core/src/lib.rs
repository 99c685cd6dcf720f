//! The orderloom engine: one event in, all commands out.
pub mod command;
pub mod config;
pub mod decimal;
pub mod error;
pub mod event;
pub mod id;
pub mod indicator;
pub mod instrument;
pub mod order;
pub mod rule;
pub mod time;
