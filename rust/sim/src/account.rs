//! The account's values, and what an order would do to them.
//!
//! Margin is the same for all instruments: a position needs its value divided by
//! `VenueConfig::buying_power_multiple`; a cash account needs all of it.

use orderloom_core::decimal::{Money, Price, Quantity, divide_rounded};
use orderloom_core::id::SymbolId;
use serde::Serialize;

use crate::admission::Checked;
use crate::config::AccountType;
use crate::costs::commission;
use crate::order_types::Pricing;
use crate::request::{ConId, OrderRequest};
use crate::venue::{Venue, VenueError};

/// The account's values under TWS's names, in its base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountValues {
    /// Cash and the value of all positions.
    pub net_liquidation: Money,
    /// The same: no haircuts are modelled.
    pub equity_with_loan_value: Money,
    /// Cash.
    pub total_cash_value: Money,
    /// Value of long and short positions, all counted positive.
    pub gross_position_value: Money,
    /// What positions need.
    pub init_margin_req: Money,
    /// The same: intraday margin.
    pub maint_margin_req: Money,
    /// Equity that no position needs.
    pub available_funds: Money,
    /// The same.
    pub excess_liquidity: Money,
    /// Value of new positions that the available funds carry.
    pub buying_power: Money,
    /// Profit of closed parts, after commissions.
    #[serde(rename = "RealizedPnL")]
    pub realized_pnl: Money,
    /// Profit of what is held, after commissions paid.
    #[serde(rename = "UnrealizedPnL")]
    pub unrealized_pnl: Money,
}

/// What is held of one instrument, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PositionValue {
    /// Whose.
    pub account: Box<str>,
    /// In what.
    pub con_id: ConId,
    /// Signed: positive long, negative short.
    pub quantity: Quantity,
    /// Average cost per contract with commissions and multiplier; 0 when flat.
    pub avg_cost: Money,
    /// The price used; `None` before the first one is known.
    pub market_price: Option<Price>,
    /// Profit of closed parts, after commissions.
    pub realized_pnl: Money,
    /// Profit of what is held, after commissions paid; 0 while no price is known.
    pub unrealized_pnl: Money,
}

/// What an order would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// Change of the initial margin.
    pub init_margin: Money,
    /// Change of the maintenance margin.
    pub maint_margin: Money,
    /// Initial margin before.
    pub init_margin_before: Money,
    /// Maintenance margin before.
    pub maint_margin_before: Money,
    /// What its fills would cost.
    pub commission: Money,
    /// Equity with loan value now.
    pub equity: Money,
}

/// What an order is worth at its price, and the margin once it has filled.
pub(crate) struct Impact {
    pub(crate) margin_after: Money,
    pub(crate) equity: Money,
    value: Money,
}

impl Venue {
    /// The account's values.
    #[must_use]
    pub fn account(&self) -> AccountValues {
        let (net, buying_power) = self.net_and_buying_power();
        let gross = self.gross_value_without(None);
        let margin = self.margin(gross);
        let available = net - margin;
        AccountValues {
            net_liquidation: net,
            equity_with_loan_value: net,
            total_cash_value: self.ledger.cash,
            gross_position_value: gross,
            init_margin_req: margin,
            maint_margin_req: margin,
            available_funds: available,
            excess_liquidity: available,
            buying_power,
            realized_pnl: self.ledger.holdings.iter().map(|holding| holding.realized).sum(),
            unrealized_pnl: self.symbols().map(|symbol| self.unrealized(symbol)).sum(),
        }
    }

    /// Net liquidation value, and the value of new positions that the available funds carry.
    pub(crate) fn net_and_buying_power(&self) -> (Money, Money) {
        let net = self.equity();
        let available = net - self.margin(self.gross_value_without(None));
        (net, Money::from_counts((available.counts() * i128::from(self.leverage())).max(0)))
    }

    /// Every instrument that is or was held.
    pub fn positions(&self) -> impl Iterator<Item = PositionValue> {
        self.symbols().filter_map(|symbol| {
            let holding = self.ledger.holdings[symbol.index()];
            let is_untouched = holding.quantity.is_zero() && holding.realized.is_zero();
            (!is_untouched).then(|| {
                let market = &self.markets[symbol.index()];
                PositionValue {
                    account: self.config.account.clone(),
                    con_id: market.listing.con_id,
                    quantity: holding.quantity,
                    avg_cost: holding.average_cost(),
                    market_price: market.mark(),
                    realized_pnl: holding.realized,
                    unrealized_pnl: self.unrealized(symbol),
                }
            })
        })
    }

    /// What an order would change if it filled at its own price, else at the market's.
    ///
    /// # Errors
    /// When the order could never be placed.
    pub fn what_if(&self, request: &OrderRequest) -> Result<WhatIf, VenueError> {
        let checked = self
            .check(request)
            .map_err(|refusal| VenueError::Refused { code: refusal.code, text: refusal.text })?;
        let impact = self.impact(request, &checked);
        let margin_before = self.margin(self.gross_value_without(None));
        let change = impact.margin_after - margin_before;
        let sec_type = self.markets[checked.symbol.index()].listing.sec_type;
        Ok(WhatIf {
            init_margin: change,
            maint_margin: change,
            init_margin_before: margin_before,
            maint_margin_before: margin_before,
            commission: commission(self.config.commission, sec_type, request.quantity, impact.value),
            equity: impact.equity,
        })
    }

    pub(crate) fn impact(&self, request: &OrderRequest, checked: &Checked) -> Impact {
        let market = &self.markets[checked.symbol.index()];
        let own_price = match checked.terms.pricing {
            Pricing::Limit(limit) => Some(limit),
            Pricing::Market | Pricing::LimitOffset(_) | Pricing::MarketToLimit | Pricing::Pegged { .. } => {
                checked.terms.prices().next()
            }
        };
        let price = own_price.or_else(|| market.touch(request.action)).unwrap_or_default();
        let multiplier = market.listing.multiplier;
        let held = self.ledger.holdings[checked.symbol.index()].quantity;
        let afterwards = held + request.action.signed(request.quantity);
        let gross =
            self.gross_value_without(Some(checked.symbol)) + price.value(afterwards, multiplier).abs();
        Impact {
            margin_after: self.margin(gross),
            equity: self.equity(),
            value: price.value(request.quantity, multiplier).abs(),
        }
    }

    fn symbols(&self) -> impl Iterator<Item = SymbolId> {
        (0..self.markets.len() as u32).map(SymbolId)
    }

    /// Those of which something is held.
    fn held(&self) -> impl Iterator<Item = SymbolId> {
        let holdings = (0..).map(SymbolId).zip(&self.ledger.holdings);
        holdings.filter(|(_, holding)| !holding.quantity.is_zero()).map(|(symbol, _)| symbol)
    }

    /// What is held, at the market's price; at cost while none is known.
    fn value(&self, symbol: SymbolId) -> Money {
        let (market, holding) = (&self.markets[symbol.index()], self.ledger.holdings[symbol.index()]);
        if holding.quantity.is_zero() {
            return Money::ZERO;
        }
        market.mark().map_or(holding.cost, |price| price.value(holding.quantity, market.listing.multiplier))
    }

    fn unrealized(&self, symbol: SymbolId) -> Money {
        self.value(symbol) - self.ledger.holdings[symbol.index()].cost
    }

    fn equity(&self) -> Money {
        self.ledger.cash + self.held().map(|symbol| self.value(symbol)).sum()
    }

    fn gross_value_without(&self, left_out: Option<SymbolId>) -> Money {
        self.held().filter(|&symbol| Some(symbol) != left_out).map(|symbol| self.value(symbol).abs()).sum()
    }

    fn margin(&self, gross: Money) -> Money {
        Money::from_counts(divide_rounded(gross.counts(), i128::from(self.leverage())))
    }

    fn leverage(&self) -> u32 {
        match self.config.account_type {
            AccountType::Margin => self.config.buying_power_multiple.get(),
            AccountType::Cash => 1,
        }
    }
}
