//! Engine and venue together: one situation a file, events in, the venue's ledger as the oracle.

mod both_exits_fill;
mod close_all_prices_the_target_through_the_quote;
mod double_down_rests_on_the_losing_side;
mod end_of_day_closes_what_is_open;
mod entry_fills_in_part_and_its_rest_is_cancelled;
mod entry_is_rejected;
mod exits_are_repriced_by_policy;
mod levels_fall_back_in_order;
mod limits_refuse_before_anything_is_sent;
mod long_is_closed_by_its_stop;
mod long_is_closed_by_its_target;
mod operator_halts_and_flattens;
mod opposite_signal_reverses;
mod reversal_waits_and_may_expire;
mod rules_are_judged_in_order;
mod scale_in_adds_a_tranche;
mod short_is_closed_by_its_target;
mod short_scales_in_and_is_stopped;
mod signals_are_acted_on_once;
mod sizes_are_different_fields;
mod stop_is_moved_to_break_even;
mod support;
mod target_fills_in_part;
mod trailing_stop_follows_the_market;
