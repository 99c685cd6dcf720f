//! A back-test in a few numbers, for tables of many.

use orderloom_core::engine::Engine;

use crate::backtest::Record;

const DAY: i64 = 86_400_000_000_000;
/// Trading days of a year.
const DAYS: f64 = 252.0;

/// What came of a back-test; money in the account's currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Trades that are over.
    pub trades: usize,
    /// Those with a profit, commissions aside.
    pub won: usize,
    /// Profit of trades that are over, commissions aside.
    pub pnl: f64,
    /// What was won for each unit that was lost; `None` where nothing was lost.
    pub profit_factor: Option<f64>,
    /// Commissions of all fills.
    pub commission: f64,
    /// Everything, open positions at the last price, commissions paid.
    pub profit: f64,
    /// Largest fall of the profit below its highest point so far (or the start), at moments at which
    /// bars were complete; without bars, from trade to trade.
    pub drawdown: f64,
    /// Mean of the daily changes of the profit (days of UTC) by their standard deviation, for a year of
    /// 252 days; `None` for less than two days or no change.
    pub sharpe: Option<f64>,
}

impl Measures {
    /// The measures of a run that is over.
    #[must_use]
    pub fn of(record: &Record, engine: &Engine) -> Self {
        let pnl = || record.trades.iter().map(|trade| trade.pnl.to_f64());
        let won = total(pnl().filter(|pnl| *pnl > 0.0));
        let lost = total(pnl().filter(|pnl| *pnl < 0.0).map(|pnl| -pnl));
        let profit = engine.profit().to_f64();
        let closed = || {
            record.trades.iter().scan(0.0, |sum, trade| {
                *sum += trade.pnl.to_f64() - trade.commission.to_f64();
                Some(*sum)
            })
        };
        Self {
            trades: record.trades.len(),
            won: pnl().filter(|pnl| *pnl > 0.0).count(),
            pnl: total(pnl()),
            profit_factor: (lost > 0.0).then(|| won / lost),
            commission: total(
                engine.ledger().fills().filter_map(|fill| fill.commission).map(|paid| paid.to_f64()),
            ),
            profit,
            drawdown: if record.profit.is_empty() {
                drawdown(closed().chain([profit]))
            } else {
                drawdown(record.profit.iter().copied().chain([profit]))
            },
            sharpe: sharpe(&record.moments, &record.profit),
        }
    }
}

/// The sum, which of nothing is 0: the standard library's is -0, and people see the sign.
fn total(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

fn drawdown(values: impl Iterator<Item = f64>) -> f64 {
    let fall = |(top, worst): (f64, f64), value: f64| {
        let top = top.max(value);
        (top, worst.max(top - value))
    };
    values.fold((0.0, 0.0), fall).1
}

fn sharpe(moments: &[i64], profit: &[f64]) -> Option<f64> {
    let mut changes = Vec::new();
    let mut before = 0.0;
    for (place, (at, value)) in moments.iter().zip(profit).enumerate() {
        // A moment is the end of a bar: midnight belongs to the day that ends there.
        let day = (at - 1).div_euclid(DAY);
        if moments.get(place + 1).is_none_or(|next| (next - 1).div_euclid(DAY) != day) {
            changes.push(value - before);
            before = *value;
        }
    }
    if changes.len() < 2 {
        return None;
    }
    let count = changes.len() as f64;
    let mean = changes.iter().sum::<f64>() / count;
    let variance = changes.iter().map(|change| (change - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (variance > 0.0).then(|| mean / variance.sqrt() * DAYS.sqrt())
}

#[cfg(test)]
mod tests {
    use super::{DAY, drawdown, sharpe};

    #[test]
    fn the_largest_fall_counts_from_the_highest_point_before_it() {
        assert!((drawdown([5.0, 2.0, 9.0, 4.0, 6.0].into_iter()) - 5.0).abs() < 1e-12);
        assert!((drawdown([-3.0, 1.0].into_iter()) - 3.0).abs() < 1e-12);
        assert!(drawdown([1.0, 2.0].into_iter()).abs() < 1e-12);
    }

    #[test]
    fn days_are_told_apart_by_their_last_moment() {
        // Changes of 1, 3 and 2: mean 2, deviation 1.
        let moments = [DAY / 2, DAY, DAY + 1, 2 * DAY, 3 * DAY];
        let found = sharpe(&moments, &[7.0, 1.0, -5.0, 4.0, 6.0]).expect("three days");
        assert!((found - 2.0 * 252_f64.sqrt()).abs() < 1e-9);
        assert_eq!(sharpe(&moments[..2], &[7.0, 1.0]), None);
    }
}
