//! Ways that the search found to go wrong, kept: each must hold and end well.

use crate::BURSTS;
// All of it, so that what a violation prints can be pasted as it is.
use crate::broker::*;
use crate::explore::replay;
use crate::world::*;

const ENTER: Step = Step::Want(Intent::Enter);

#[test]
fn entry_fills_in_part_and_nothing_shows_that_its_stop_has_started() {
    replay(BURSTS, &[ENTER, Step::Carry, Step::Hear, Step::Fill(1, 1), Step::Hear]);
}

#[test]
fn entry_is_lost_and_its_children_find_no_parent() {
    let scenario = Scenario { faults: 1, ..BURSTS };
    let steps = [ENTER, Step::LoseCommand, Step::Carry, Step::Hear, Step::Carry, Step::Hear];
    replay(scenario, &steps);
    let reading = Reading { refusal: Refusal::Inactive, ..Reading::PLAIN };
    replay(Scenario { reading, ..scenario }, &steps[..4]);
}

#[test]
fn the_word_of_a_cancel_is_lost() {
    let reading = Reading { refusal: Refusal::Silent, ..Reading::PLAIN };
    replay(
        Scenario { reading, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Clock,
            Step::Carry,
            Step::LoseMessage,
            Step::Hear,
        ],
    );
}

#[test]
fn a_cancel_made_by_a_plan_is_lost_and_nothing_else_happens() {
    let reading = Reading { children: Children::FullAtFirstFill, ..Reading::PLAIN };
    replay(
        Scenario { reading, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Fill(2, 2),
            Step::Hear,
            Step::Carry,
            Step::LoseMessage,
        ],
    );
}

#[test]
fn both_exits_fill_and_the_repair_is_lost() {
    let reading = Reading { oca: OcaReduction::Lagging, ..Reading::PLAIN };
    replay(
        Scenario { reading, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 2),
            Step::Hear,
            Step::Fill(2, 2),
            Step::Hear,
            Step::Fill(3, 2),
            Step::Hear,
            Step::LoseCommand,
        ],
    );
}

#[test]
fn a_close_meets_children_that_grow_and_a_stop_that_fills() {
    let reading = Reading { children: Children::GrowWithFills, ..Reading::PLAIN };
    replay(
        Scenario { reading, intents: &[Intent::Close], ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Fill(1, 1),
            Step::Fill(3, 1),
            Step::Want(Intent::Close),
            Step::Hear,
            Step::Carry,
            Step::Carry,
        ],
    );
}

#[test]
fn a_grown_child_comes_to_life_again_while_its_stop_is_gone() {
    let reading = Reading { children: Children::GrowWithFills, ..Reading::PLAIN };
    replay(
        Scenario { reading, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Fill(2, 1),
            Step::Hear,
            Step::Kill(3),
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Carry,
        ],
    );
}

#[test]
fn a_change_is_asked_again_after_its_group_was_reduced() {
    replay(
        Scenario { intents: &[Intent::Add], slow: 1, ..Scenario::PLAIN },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Hear,
            Step::Hear,
            Step::Fill(1, 2),
            Step::Hear,
            Step::Hear,
            Step::Want(Intent::Add),
            Step::Carry,
            Step::Hear,
            Step::Hear,
            Step::Hear,
            Step::Fill(4, 1),
            Step::Hear,
            Step::Hear,
            Step::Fill(3, 1),
            Step::Hear,
            Step::Hear,
            Step::Hear,
            Step::Carry,
            Step::Carry,
            Step::Carry,
            Step::Carry,
            Step::Clock,
            Step::Carry,
        ],
    );
}

#[test]
fn two_changes_cross_a_reduction_and_the_first_restores_what_was_reduced() {
    let reading = Reading { crossing: Crossing::Restores, ..Reading::PLAIN };
    replay(
        Scenario { reading, intents: &[Intent::Close], faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 2),
            Step::Hear,
            Step::Fill(3, 1),
            Step::Want(Intent::Close),
            Step::Hear,
            Step::Carry,
            Step::LoseMessage,
            Step::Clock,
            Step::Fill(2, 1),
            Step::Hear,
        ],
    );
}

#[test]
fn a_stop_that_is_too_large_may_not_be_changed() {
    let reading = Reading { changes: Changes::Refused, ..Reading::PLAIN };
    replay(
        Scenario { reading, others: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 2),
            Step::Hear,
            Step::Other,
            Step::Hear,
            Step::Carry,
            Step::Hear,
        ],
    );
}

#[test]
fn both_orders_of_a_forked_stop_fill_and_their_statuses_come_first() {
    let reading = Reading { words: Words::StatusThenExecution, ..Reading::PLAIN };
    replay(
        Scenario { reading, forks: true, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Clock,
            Step::Carry,
            Step::Hear,
            Step::Fork,
            Step::Hear,
            Step::Fill(3, 1),
            Step::Hear,
            Step::Fill(131, 1),
            Step::Hear,
        ],
    );
}

#[test]
fn an_order_was_sent_again_since_the_broker_did_not_list_it() {
    let reading = Reading { changes: Changes::Refused, ..Reading::PLAIN };
    replay(
        Scenario { reading, entry: 1, intents: &[Intent::Close], faults: 2, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Want(Intent::Close),
            Step::Carry,
            Step::Hear,
            Step::Clock,
            Step::Carry,
            Step::Hear,
            Step::Clock,
            Step::Carry,
            Step::Hear,
            Step::Carry,
            Step::Hear,
            Step::LoseCommand,
            Step::Clock,
        ],
    );
}

#[test]
fn a_refused_close_is_inactive_and_no_longer_listed() {
    // liveness: a close never ends, 1 shares are left
    let scenario = Scenario {
        is_long: true,
        entry: 1,
        add: 1,
        has_target: true,
        intents: &[Intent::Close],
        faults: 2,
        others: 0,
        forks: false,
        repeats: 0,
        slow: 0,
        in_bursts: true,
        defect: None,
        reading: Reading {
            children: Children::WaitForFull,
            after_partial: AfterPartial::Scale,
            oca: OcaReduction::AtOnce,
            crossing: Crossing::KeepsReduced,
            changes: Changes::Accepted,
            words: Words::ExecutionThenStatus,
            says_child: false,
            cancel_spreads: false,
            refusal: Refusal::Inactive,
            latecomer: Latecomer::Refused,
            locates: false,
            hears_others: true,
        },
    };
    replay(
        scenario,
        &[
            Step::Want(Intent::Enter),
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Kill(3),
            Step::Hear,
            Step::Carry,
            Step::Hear,
            Step::Want(Intent::Close),
            Step::Clock,
            Step::Refuse,
            Step::Hear,
            Step::Carry,
            Step::Hear,
            Step::Carry,
            Step::Hear,
        ],
    );
}

#[test]
fn others_sell_what_we_are_not_known_to_hold_yet() {
    replay(
        Scenario { entry: 1, others: 1, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Fill(1, 1),
            Step::Cut,
            Step::Reconnect,
            Step::Carry,
            Step::Hear,
            Step::Other,
            Step::Hear,
            Step::Carry,
            Step::Hear,
        ],
    );
}

#[test]
fn the_repair_of_an_overfill_is_refused_and_inactive() {
    let reading = Reading { refusal: Refusal::Inactive, ..Reading::PLAIN };
    replay(
        Scenario { reading, entry: 1, others: 1, faults: 1, ..BURSTS },
        &[
            ENTER,
            Step::Carry,
            Step::Hear,
            Step::Fill(1, 1),
            Step::Hear,
            Step::Other,
            Step::Hear,
            Step::Clock,
            Step::Fill(2, 1),
            Step::Hear,
            Step::Carry,
            Step::Hear,
            Step::Refuse,
            Step::Hear,
            Step::Carry,
            Step::Hear,
            Step::Carry,
            Step::Hear,
        ],
    );
}
