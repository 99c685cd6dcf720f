//! What a fill costs.
//!
//! Source: IBKR's published fixed rates for the United States: shares 0.005 USD each, at least 1.00 and
//! at most 1 % of the trade's value per order (where the two collide, the maximum holds); options 0.65
//! per contract, at least 1.00 per order; futures 0.85 per contract; currencies 0.2 basis points of the
//! value, at least 2.00. The tiered rates differ for shares: 0.0035 USD each, at least 0.35. Exchange and regulatory fees are not modelled.

use orderloom_core::decimal::{Money, ONE, Quantity, divide_rounded};

use crate::config::CommissionPlan;
use crate::market::SecType;

/// The rates of one kind of instrument, per order.
struct Rates {
    /// Per share or contract, in counts of 10⁻⁸.
    per_unit: i128,
    /// Share of the trade's value, in counts of 10⁻⁸.
    of_value: i128,
    minimum: i128,
    /// Largest share of the trade's value, in counts of 10⁻⁸.
    maximum_of_value: Option<i128>,
}

const UNIT: i128 = ONE as i128;

/// The lowest tier: up to 300,000 shares or 10,000 contracts a month.
const fn tiered_rates(sec_type: SecType) -> Rates {
    match sec_type {
        SecType::Stock => Rates {
            per_unit: UNIT * 35 / 10_000,
            of_value: 0,
            minimum: UNIT * 35 / 100,
            maximum_of_value: Some(UNIT / 100),
        },
        SecType::Option | SecType::Future | SecType::Cash | SecType::Combo => fixed_rates(sec_type),
    }
}

const fn fixed_rates(sec_type: SecType) -> Rates {
    match sec_type {
        SecType::Stock => {
            Rates { per_unit: UNIT / 200, of_value: 0, minimum: UNIT, maximum_of_value: Some(UNIT / 100) }
        }
        // A combo of options; what its legs are is not known here.
        SecType::Option | SecType::Combo => {
            Rates { per_unit: UNIT * 65 / 100, of_value: 0, minimum: UNIT, maximum_of_value: None }
        }
        SecType::Future => {
            Rates { per_unit: UNIT * 85 / 100, of_value: 0, minimum: 0, maximum_of_value: None }
        }
        SecType::Cash => {
            Rates { per_unit: 0, of_value: UNIT / 50_000, minimum: 2 * UNIT, maximum_of_value: None }
        }
    }
}

/// What an order has cost once `filled` units worth `value` (both positive) are filled.
///
/// A fill costs the difference between after and before, so minimum and maximum hold per order.
pub(crate) fn commission(plan: CommissionPlan, sec_type: SecType, filled: Quantity, value: Money) -> Money {
    if filled.is_zero() {
        return Money::ZERO;
    }
    let rates = match plan {
        CommissionPlan::None => return Money::ZERO,
        CommissionPlan::Fixed => fixed_rates(sec_type),
        CommissionPlan::Tiered => tiered_rates(sec_type),
    };
    let share_of_value = |share: i128| divide_rounded(value.counts() * share, UNIT);
    let by_rate =
        divide_rounded(i128::from(filled.counts()) * rates.per_unit, UNIT) + share_of_value(rates.of_value);
    let at_least = by_rate.max(rates.minimum);
    Money::from_counts(rates.maximum_of_value.map_or(at_least, |share| at_least.min(share_of_value(share))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(plan: CommissionPlan, filled: i64, value: &str) -> String {
        let value = value.parse().unwrap();
        commission(plan, SecType::Stock, Quantity::from_units(filled), value).to_string()
    }

    #[test]
    fn published_examples_for_shares() {
        assert_eq!(shares(CommissionPlan::Tiered, 50, "2500"), "0.35");
        assert_eq!(shares(CommissionPlan::Tiered, 1000, "25000"), "3.5");
        assert_eq!(shares(CommissionPlan::Fixed, 100, "2500"), "1");
        assert_eq!(shares(CommissionPlan::Fixed, 1000, "25000"), "5");
        assert_eq!(shares(CommissionPlan::Fixed, 1000, "250"), "2.5");
        assert_eq!(shares(CommissionPlan::Fixed, 10, "2"), "0.02");
    }
}
