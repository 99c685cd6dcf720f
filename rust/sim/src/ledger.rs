//! Cash and positions, moved by fills; dividends move cash.
//!
//! At every moment: cash + cost of all positions = cash at the start + realized profit + dividends. Commissions
//! are part of cost and of profit, as IBKR shows them.

use orderloom_core::decimal::{Money, ONE, Quantity, divide_rounded};
use orderloom_core::event::Side;
use orderloom_core::id::SymbolId;

/// What is held of one instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// Signed: positive long, negative short.
    pub quantity: Quantity,
    /// What it cost, commissions included; negative for a short position, which brought money in.
    pub cost: Money,
    /// Profit of all closed parts, after commissions.
    pub realized: Money,
}

impl Holding {
    /// Average cost per unit, multiplier and commissions included; 0 when flat.
    #[must_use]
    pub fn average_cost(&self) -> Money {
        if self.quantity.is_zero() {
            return Money::ZERO;
        }
        let (cost, quantity) = (self.cost.counts(), i128::from(self.quantity.counts()));
        Money::from_counts(divide_rounded(cost * i128::from(ONE), quantity))
    }
}

/// The account's books.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) cash: Money,
    /// By symbol.
    pub(crate) holdings: Vec<Holding>,
}

impl Ledger {
    pub(crate) const fn new(cash: Money) -> Self {
        Self { cash, holdings: Vec::new() }
    }

    /// Books a fill worth `value` (positive for a positive price) and returns the profit of what it
    /// closed, if it closed anything.
    pub(crate) fn book(
        &mut self,
        symbol: SymbolId,
        side: Side,
        quantity: Quantity,
        value: Money,
        commission: Money,
    ) -> Option<Money> {
        let holding = &mut self.holdings[symbol.index()];
        let paid = match side {
            Side::Buy => value + commission,
            Side::Sell => commission - value,
        };
        self.cash -= paid;
        let was = holding.quantity;
        let change = side.signed(quantity);
        holding.quantity += change;
        let is_opposite = was.is_positive() != change.is_positive();
        if was.is_zero() || !is_opposite {
            holding.cost += paid;
            return None;
        }
        let closed = was.abs().min(quantity);
        let paid_to_close = share(paid, closed, quantity);
        let cost_closed = share(holding.cost, closed, was.abs());
        let realized = -paid_to_close - cost_closed;
        holding.cost = holding.cost - cost_closed + (paid - paid_to_close);
        holding.realized += realized;
        Some(realized)
    }
}

impl Ledger {
    /// Books that a fill of the past was worth `more`; `realized` is the profit it was booked with.
    pub(crate) fn correct(&mut self, symbol: SymbolId, side: Side, more: Money, realized: Option<Money>) {
        let holding = &mut self.holdings[symbol.index()];
        let paid = match side {
            Side::Buy => more,
            Side::Sell => -more,
        };
        self.cash -= paid;
        if realized.is_none() && !holding.quantity.is_zero() {
            holding.cost += paid;
        } else {
            holding.realized -= paid;
        }
    }
}

/// `amount` × `part` / `whole`, exactly `amount` when they are equal.
fn share(amount: Money, part: Quantity, whole: Quantity) -> Money {
    if part == whole {
        return amount;
    }
    Money::from_counts(divide_rounded(
        amount.counts() * i128::from(part.counts()),
        i128::from(whole.counts()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(value: i64) -> Money {
        Money::from_units(value)
    }

    #[test]
    fn one_sale_closes_a_long_position_and_opens_a_short_one() {
        let mut ledger = Ledger::new(units(1000));
        ledger.holdings.push(Holding::default());
        let aapl = SymbolId(0);
        assert_eq!(ledger.book(aapl, Side::Buy, Quantity::from_units(10), units(100), units(1)), None);
        assert_eq!(ledger.holdings[0].average_cost().to_string(), "10.1");

        let realized = ledger.book(aapl, Side::Sell, Quantity::from_units(15), units(180), units(3));

        // 10 of the 15 close: 120 received, 2 of 3 commission, cost 101.
        assert_eq!(realized, Some(units(17)));
        let short = ledger.holdings[0];
        assert_eq!(short.quantity, Quantity::from_units(-5));
        assert_eq!(short.average_cost().to_string(), "11.8");
        assert_eq!(ledger.cash + short.cost, units(1000) + short.realized);
    }
}
