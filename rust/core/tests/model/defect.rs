//! Mistakes made on the engine's behalf, to prove that the duties notice them: commands are distorted
//! on their way to the broker, events on their way to the engine.

use orderloom_core::command::{Command, OrderType, PlaceOrder, Role, Ticket};
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::{
    EventKind, Operator, OrderOpened, OrderStatus, OrderStatusReport, Quote, Side, Signal, SignalSide,
};
use orderloom_core::id::{ExecId, OrderId, PermId, SymbolId};
use orderloom_core::order::Order;

use crate::broker::{Request, units};
use crate::world::{SYMBOL, Sent, World, perm_id};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The entry leaves without its stop.
    DropStop,
    /// A scale-in leaves without exits, and the first stop and target grow to cover it.
    ResizeInsteadOfBracket,
    /// A close cancels the exits and sells beside them.
    CancelAndSell,
    /// A reversal enters before the old side is closed.
    ReverseAtOnce,
    /// A question asked again goes out under a new id.
    ResendUnderFreshId,
    /// A later order takes the id of an earlier one, as after a restart that rolled ids back.
    ReuseId,
    /// The exits are sized by what was ordered.
    ExitsByOrderedQuantity,
    /// Exits are sent on the wrong side.
    ExitOnEntrySide,
    /// Stops are sent where targets belong.
    StopOnGainSide,
    /// What was closed too much is traded back twice over.
    RepairTwice,
    /// Nothing that follows an entry is passed on.
    NeverRecover,
    /// One contract is listed under two names, and each has its trade.
    TwoNames,
    /// The limits are not set.
    NoLimits,
    /// 10349, a notice, is heard as the end of the order.
    NoticeHeardAsCancel,
    /// A refusal of a change is heard as the end of the order.
    RefusalHeardAsCancel,
    /// Silence after a second question is heard as the end of the order.
    SilenceHeardAsCancel,
    /// A change of a stop counts as made, and never leaves.
    ChangeTakenForDone,
    /// A status's fill counts besides its execution.
    FillCountedTwice,
    /// Every entry counts as bought.
    UnsignedShortFills,
    /// Executions that come after the end of their order are dropped.
    LateFillUnheard,
    /// The first partial exit is taken for the end of the trade.
    ConcludeOnFirstExit,
    /// A signal served again counts as a new one.
    SignalIdIgnored,
    /// Halting is not passed on.
    DeafToHalt,
    /// After an incident trading goes on by itself.
    ResumeByItself,
}

/// Where ids begin that the engine has not used and will not reach.
const FOREIGN: i64 = 100;
/// The second name of the contract.
const TWIN: SymbolId = SymbolId(1);

/// What the engine hears instead of `kind`.
pub(crate) fn mishear(defect: Defect, world: &World, kind: EventKind) -> Vec<EventKind> {
    let mut heard = vec![kind];
    match (defect, &mut heard[0]) {
        (Defect::NoticeHeardAsCancel, EventKind::OrderOpened(opened)) => {
            let end = cancelled(opened.order_id, opened.perm_id);
            heard.push(end);
        }
        (Defect::RefusalHeardAsCancel, EventKind::OrderError(error)) => {
            let end = cancelled(error.order_id, perm_id(error.order_id.0));
            heard.push(end);
        }
        (Defect::SilenceHeardAsCancel, EventKind::Clock) => {
            for order in world.engine.orders().iter() {
                if order.placing.is_some_and(|asked| asked.times > 1) {
                    heard.push(cancelled(order.ticket.order_id, PermId(0)));
                }
            }
        }
        (Defect::ChangeTakenForDone, _) => {
            let is_meant = |order: &&Order| order.role == Role::Stop && order.changing.is_some();
            let changing = world.engine.orders().iter().filter(is_meant);
            heard.splice(0..0, changing.map(|order| as_asked(&order.ticket)));
        }
        (Defect::FillCountedTwice, EventKind::Execution(execution)) => {
            let mut again = execution.clone();
            again.exec_id = ExecId(format!("s{}", again.exec_id).into());
            heard.push(EventKind::Execution(again));
        }
        (Defect::UnsignedShortFills, EventKind::Execution(execution)) => {
            execution.side = Side::Buy;
        }
        (Defect::LateFillUnheard, EventKind::Execution(execution)) => {
            let has_ended = world.engine.orders().find(execution.order_id).is_some_and(|order| {
                matches!(order.status, Some(OrderStatus::Filled | OrderStatus::Cancelled))
            });
            if has_ended {
                heard.clear();
            }
        }
        (Defect::TwoNames, EventKind::Quote(quote)) => {
            let twin = Quote { symbol: TWIN, ..*quote };
            heard.push(EventKind::Quote(twin));
        }
        (Defect::TwoNames, EventKind::Signal(signal)) if signal.side == SignalSide::Neutral => {
            **signal = Signal { symbol: Some(TWIN), side: SignalSide::Buy, ..(**signal).clone() };
        }
        (Defect::SignalIdIgnored, EventKind::Signal(signal)) => {
            signal.key = format!("{}, heard at {}", signal.key, world.newest).into();
        }
        (Defect::DeafToHalt, EventKind::Operator(Operator::Halt { .. })) => heard.clear(),
        (Defect::ResumeByItself, _) if world.duty.is_alarmed => {
            heard.push(EventKind::Operator(Operator::Resume));
        }
        _ => {}
    }
    heard
}

fn cancelled(order_id: OrderId, perm_id: PermId) -> EventKind {
    EventKind::OrderStatus(OrderStatusReport {
        order_id,
        perm_id,
        status: OrderStatus::Cancelled,
        filled: Quantity::ZERO,
        remaining: Quantity::ZERO,
        why_held: "".into(),
    })
}

fn as_asked(ticket: &Ticket) -> EventKind {
    EventKind::OrderOpened(OrderOpened {
        order_id: ticket.order_id,
        perm_id: perm_id(ticket.order_id.0),
        order_ref: ticket.order_ref.clone(),
        symbol: Some(SYMBOL),
        side: ticket.side,
        quantity: ticket.quantity,
        limit_price: ticket.order_type.limit_price(),
        stop_price: ticket.order_type.stop_price(),
        status: OrderStatus::Submitted,
    })
}

/// What leaves instead of `commands`.
pub(crate) fn distort(defect: Defect, world: &mut World, commands: Vec<Command>) -> Vec<Command> {
    match defect {
        Defect::DropStop => drop_stop(commands),
        Defect::ResizeInsteadOfBracket => resize(world, commands),
        Defect::CancelAndSell => cancel_and_sell(world, commands),
        Defect::ReverseAtOnce => reverse(world, commands),
        Defect::ResendUnderFreshId => {
            commands.into_iter().flat_map(|command| fresh(world, command)).collect()
        }
        Defect::ReuseId => each_placed(commands, |order| {
            if order.ticket.order_id.0 > 3 {
                order.ticket.order_id.0 -= 3;
                order.ticket.parent = order.ticket.parent.map(|id| OrderId(id.0 - 3));
            }
        }),
        Defect::ExitsByOrderedQuantity => {
            let ordered = Quantity::from_units(world.scenario.entry);
            each_placed(commands, |order| {
                if order.role != Role::Entry {
                    order.ticket.quantity = ordered;
                }
            })
        }
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
        Defect::RepairTwice => {
            let entry = world.engine.context(SYMBOL).map(|context| context.side.entry());
            each_placed(commands, |order| {
                if order.role == Role::Close && Some(order.ticket.side) == entry {
                    order.ticket.quantity += order.ticket.quantity;
                }
            })
        }
        Defect::NeverRecover => {
            let is_kept = |command: &Command| match command {
                Command::Cancel(_) => false,
                Command::Place(order) => order.ticket.parent.is_some() || order.role == Role::Entry,
                Command::Modify(_) => false,
                _ => true,
            };
            commands.into_iter().filter(is_kept).collect()
        }
        Defect::ChangeTakenForDone => {
            let is_kept =
                |command: &Command| !matches!(command, Command::Modify(order) if order.role == Role::Stop);
            commands.into_iter().filter(is_kept).collect()
        }
        Defect::TwoNames
        | Defect::NoLimits
        | Defect::NoticeHeardAsCancel
        | Defect::RefusalHeardAsCancel
        | Defect::SilenceHeardAsCancel
        | Defect::FillCountedTwice
        | Defect::UnsignedShortFills
        | Defect::LateFillUnheard
        | Defect::ConcludeOnFirstExit
        | Defect::SignalIdIgnored
        | Defect::DeafToHalt
        | Defect::ResumeByItself => commands,
    }
}

/// The other side's bracket leaves together with the first step of the close.
fn reverse(world: &World, commands: Vec<Command>) -> Vec<Command> {
    let is_reversing = world.engine.context(SYMBOL).is_some_and(|context| context.successor.is_some());
    let first = commands.iter().find_map(|command| match command {
        Command::Modify(order) => Some(order.clone()),
        _ => None,
    });
    let Some(first) = first.filter(|_| is_reversing && units(world.engine.position(SYMBOL).quantity) != 0)
    else {
        return commands;
    };
    let leg = |role, id, side, parent: Option<i64>| {
        let mut order = first.clone();
        order.role = role;
        order.ticket.order_id = OrderId(id);
        order.ticket.side = side;
        order.ticket.parent = parent.map(OrderId);
        order.ticket.transmit = parent.is_some();
        order.ticket.order_type = OrderType::Market;
        Command::Place(order)
    };
    let side = first.ticket.side;
    let entry = leg(Role::Entry, FOREIGN, side, None);
    let stop = leg(Role::Stop, FOREIGN + 1, side.opposite(), Some(FOREIGN));
    commands.into_iter().chain([entry, stop]).collect()
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
