//! Engine and venue together: one situation a file, events in, the venue's ledger as the oracle.

mod close_all_prices_the_target_through_the_quote;
mod end_of_day_closes_what_is_open;
mod entry_fills_in_part_and_its_rest_is_cancelled;
mod limits_refuse_before_anything_is_sent;
mod long_is_closed_by_its_stop;
mod long_is_closed_by_its_target;
mod opposite_signal_reverses;
mod scale_in_adds_a_tranche;
mod short_is_closed_by_its_target;
mod signals_are_acted_on_once;
mod support;
mod target_fills_in_part;
