//! What goes wrong on a day, and when.

use orderloom_core::id::SymbolId;

use crate::random::Random;

/// In which order the messages of one burst come: words before fills, costs first, positions first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Words,
    Costs,
    Positions,
}

/// One thing that goes wrong. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The next message that TWS may leave out is left out.
    LoseMessage,
    /// The next execution does not come; its status and the position do.
    LoseExecution,
    /// The next command never arrives.
    LoseCommand,
    /// The next message comes twice.
    Repeat,
    /// The messages of the next burst come in another order.
    Shuffle(Shuffle),
    /// Every message and command takes longer.
    Slow {
        millis: i64,
        lasts: i64,
    },
    /// The next new order is refused.
    RefusePlace {
        code: i32,
    },
    /// Changes are refused; the orders live on.
    RefuseChanges {
        code: i32,
        lasts: i64,
    },
    /// The next cancel is refused; the order lives on.
    RefuseCancel,
    /// The next change becomes a second order.
    Fork,
    /// The line is cut. What was under way to the broker arrives or not.
    Cut {
        blind: i64,
        lasts: i64,
        delivers: bool,
        forgets_ids: bool,
    },
    /// The process dies, perhaps with the last moments of its journal, and starts again.
    Crash {
        loses_tail: bool,
        lasts: i64,
        delivers: bool,
    },
    /// Somebody closes part of a position by hand.
    Manual {
        symbol: SymbolId,
        percent: i64,
    },
    /// The exchange halts a symbol.
    Halt {
        symbol: SymbolId,
        lasts: i64,
    },
    /// Shares of a symbol are hard to borrow.
    Hard {
        symbol: SymbolId,
        lasts: i64,
    },
    /// The broker ends an exit that nobody asked to end.
    Kill {
        symbol: SymbolId,
        which: usize,
    },
    /// Somebody cancels every order of the account.
    CancelAll,
    /// Market data is known to be stale.
    Stale,
    /// The exchange corrects the price of the last execution.
    Correct {
        cents: i64,
    },
    /// The entry that filled last fills to its end and beyond.
    Overfill {
        more: i64,
    },
    /// A person's words.
    OperatorHalt {
        lasts: i64,
    },
    OperatorFlatten {
        symbol: Option<SymbolId>,
    },
}

impl Mishap {
    /// Its word in the summary.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LoseMessage => "message lost",
            Self::LoseExecution => "execution lost",
            Self::LoseCommand => "command lost",
            Self::Repeat => "message repeated",
            Self::Shuffle(_) => "messages reordered",
            Self::Slow { .. } => "slow line",
            Self::RefusePlace { .. } => "order refused",
            Self::RefuseChanges { .. } => "changes refused",
            Self::RefuseCancel => "cancel refused",
            Self::Fork => "change forked",
            Self::Cut { .. } => "line cut",
            Self::Crash { .. } => "process died",
            Self::Manual { .. } => "traded by hand",
            Self::Halt { .. } => "exchange halt",
            Self::Hard { .. } => "hard to borrow",
            Self::Kill { .. } => "exit ended by broker",
            Self::CancelAll => "all orders cancelled by hand",
            Self::Stale => "data stale",
            Self::Correct { .. } => "execution corrected",
            Self::Overfill { .. } => "entry overfilled",
            Self::OperatorHalt { .. } => "operator halt",
            Self::OperatorFlatten { .. } => "operator flatten",
        }
    }

    pub(crate) fn draw(random: &mut Random, symbols: u32) -> Self {
        let symbol = SymbolId(random.between(0, i64::from(symbols) - 1) as u32);
        let lasts = random.between(2, 40);
        let delivers = random.percent(50);
        match random.between(0, 27) {
            0 | 1 => Self::LoseMessage,
            2 => Self::LoseExecution,
            3 | 4 => Self::LoseCommand,
            5 => Self::Repeat,
            6 => Self::Shuffle(random.pick(&[Shuffle::Words, Shuffle::Costs, Shuffle::Positions])),
            7 => Self::Slow { millis: random.pick(&[300, 2_000, 9_000]), lasts },
            8 | 9 => Self::RefusePlace { code: random.pick(&[201, 110, 321, 10_268]) },
            10 | 11 => Self::RefuseChanges { code: random.pick(&[201, 104, 321, 10_326]), lasts },
            12 => Self::RefuseCancel,
            13 => Self::Fork,
            14..=16 => {
                Self::Cut { blind: random.between(0, 6), lasts, delivers, forgets_ids: random.percent(20) }
            }
            17..=18 => Self::Crash { loses_tail: random.percent(40), lasts, delivers },
            19 => Self::Manual { symbol, percent: random.pick(&[30, 100, 100]) },
            20 => Self::Halt { symbol, lasts },
            21 => Self::Hard { symbol, lasts },
            22 | 23 => Self::Kill { symbol, which: random.between(0, 3) as usize },
            24 => Self::CancelAll,
            25 => random.pick(&[Self::Stale, Self::Correct { cents: 3 }]),
            26 => Self::OperatorHalt { lasts },
            _ => Self::OperatorFlatten { symbol: random.sometimes(60, |_| symbol) },
        }
    }
}
