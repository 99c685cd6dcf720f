//! Mistakes made on the engine's behalf: commands are distorted on their way to the broker.

use orderloom_core::command::{Command, OrderType, PlaceOrder, Role};
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::id::OrderId;

use crate::broker::Request;
use crate::world::{Defect, SYMBOL, Sent, World};

/// An id that the engine has not used and will not reach.
const FOREIGN: i64 = 100;

pub(crate) fn distort(defect: Defect, world: &mut World, commands: Vec<Command>) -> Vec<Command> {
    match defect {
        Defect::DropStop => drop_stop(commands),
        Defect::ResizeInsteadOfBracket => resize(world, commands),
        Defect::CancelAndSell => cancel_and_sell(world, commands),
        Defect::ResendUnderFreshId => {
            commands.into_iter().flat_map(|command| fresh(world, command)).collect()
        }
        Defect::ExitsByOrderedQuantity => each_placed(commands, |order| {
            if order.role != Role::Entry {
                order.ticket.quantity = Quantity::from_units(2);
            }
        }),
        Defect::ExitOnEntrySide => each_placed(commands, |order| {
            if order.role == Role::Target {
                order.ticket.side = order.ticket.side.opposite();
            }
        }),
        Defect::StopOnGainSide => each_placed(commands, |order| {
            if order.role == Role::Stop {
                order.ticket.order_type = OrderType::Stop { stop_price: Price::from_units(103) };
            }
        }),
        Defect::NeverRecover => {
            let is_kept = |command: &Command| match command {
                Command::Cancel(_) => false,
                Command::Place(order) => order.ticket.parent.is_some() || order.role == Role::Entry,
                Command::Modify(_) => false,
                _ => true,
            };
            commands.into_iter().filter(is_kept).collect()
        }
        Defect::NoticeHeardAsCancel
        | Defect::FillCountedTwice
        | Defect::RefusalHeardAsCancel
        | Defect::ConcludeOnFirstExit
        | Defect::DeafToHalt => commands,
    }
}

fn each_placed(mut commands: Vec<Command>, change: impl Fn(&mut PlaceOrder)) -> Vec<Command> {
    for command in &mut commands {
        if let Command::Place(order) = command {
            change(order);
        }
    }
    commands
}

fn drop_stop(mut commands: Vec<Command>) -> Vec<Command> {
    commands.retain(|command| !matches!(command, Command::Place(order) if order.role == Role::Stop));
    if let Some(Command::Place(order)) = commands.last_mut() {
        order.ticket.transmit = true;
    }
    commands
}

/// The second entry leaves alone, and the exits of the first are made to cover it at once.
fn resize(world: &World, commands: Vec<Command>) -> Vec<Command> {
    let is_second = commands
        .iter()
        .any(|command| matches!(command, Command::Place(order) if order.role == Role::Entry && order.ticket.order_id.0 > 3));
    if !is_second {
        return commands;
    }
    let mut out = Vec::new();
    for command in commands {
        match command {
            Command::Place(mut order) if order.role == Role::Entry => {
                order.ticket.transmit = true;
                out.push(Command::Place(order));
            }
            Command::Place(_) => {}
            other => out.push(other),
        }
    }
    for id in [2, 3] {
        if let Some(order) = world.engine.orders().find(OrderId(id)).filter(|order| !order.is_done()) {
            let mut ticket = order.ticket.clone();
            ticket.quantity = Quantity::from_units(3);
            ticket.parent = None;
            out.push(Command::Modify(PlaceOrder { ticket, role: order.role, context: order.context }));
        }
    }
    out
}

fn cancel_and_sell(world: &mut World, commands: Vec<Command>) -> Vec<Command> {
    let is_closing = world.engine.context(SYMBOL).is_some_and(|context| context.closing.is_some());
    let mut out = Vec::new();
    for command in commands {
        match command {
            Command::Modify(order) if is_closing => {
                let quantity = world.engine.position(SYMBOL).quantity.abs();
                let mut ticket = order.ticket;
                [2, 3].map(Sent::Cancel).into_iter().for_each(|sent| world.send(sent));
                ticket.order_id = OrderId(FOREIGN);
                ticket.order_type = OrderType::Market;
                ticket.quantity = quantity;
                ticket.parent = None;
                world.send(Sent::Order(Request::new(&ticket, Role::Close, None)));
            }
            other => out.push(other),
        }
    }
    out
}

fn fresh(world: &mut World, command: Command) -> Option<Command> {
    let Command::Modify(mut order) = command else { return Some(command) };
    let is_again = world
        .engine
        .orders()
        .find(order.ticket.order_id)
        .is_some_and(|known| known.changing.or(known.placing).is_some_and(|asked| asked.times > 1));
    if is_again {
        order.ticket.order_id = OrderId(FOREIGN + order.ticket.order_id.0);
        order.ticket.transmit = true;
        world.send(Sent::Order(Request::new(&order.ticket, order.role, None)));
        return None;
    }
    Some(Command::Modify(order))
}
