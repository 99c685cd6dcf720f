//! Mistakes made on the engine's behalf, to prove that the checks notice them.

use orderloom_core::command::{Command, PlaceOrder, Role};
use orderloom_core::decimal::Quantity;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Halting is not passed on.
    DeafToHalt,
    /// A fill is told twice, as two.
    CountTwice,
    /// Nothing that would protect shares anew is passed on.
    NeverRecover,
    /// Exits that are placed anew are for one share more.
    OneTooMany,
}

/// An exit that does not leave with its entry.
fn is_new_exit(order: &PlaceOrder) -> bool {
    order.role != Role::Entry && order.ticket.parent.is_none()
}

/// The commands with the mistake in them.
pub(crate) fn distort(defect: Option<Defect>, mut commands: Vec<Command>) -> Vec<Command> {
    match defect {
        None | Some(Defect::DeafToHalt | Defect::CountTwice) => {}
        Some(Defect::NeverRecover) => commands.retain(|command| match command {
            Command::Cancel(_) | Command::Modify(_) => false,
            Command::Place(order) => !is_new_exit(order),
            _ => true,
        }),
        Some(Defect::OneTooMany) => {
            for command in &mut commands {
                if let Command::Place(order) = command
                    && is_new_exit(order)
                {
                    order.ticket.quantity += Quantity::from_units(1);
                }
            }
        }
    }
    commands
}
