//! The last gate before a risk-increasing order leaves.
//!
//! Judges one intent against the account as it would stand if every live order filled. Reducing
//! orders never come here.

use crate::command::Reason;
use crate::config::Limits;
use crate::decimal::{Money, Price, Quantity};
use crate::event::Side;
use crate::instrument::Instrument;

/// Why an order was not sent: a stable code, and the numbers compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub reason: Reason,
    /// Both numbers, or what was missing.
    pub detail: String,
}

impl Refusal {
    /// With its numbers.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// An entry about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Intent<'a> {
    /// Which instrument.
    pub instrument: &'a Instrument,
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// What it is expected to trade at.
    pub price: Price,
    /// The limit that it carries, if any.
    pub limit_price: Option<Price>,
    /// Whether it opens a trade rather than adding to one.
    pub opens_context: bool,
}

/// The account as it would stand if every live order filled, without the intent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exposure {
    /// Signed shares of the intent's symbol.
    pub position: Quantity,
    /// Sum of absolute values over the other symbols.
    pub gross_elsewhere: Money,
    /// Sum of signed values over the other symbols.
    pub net_elsewhere: Money,
    /// Trades under way.
    pub open_contexts: u32,
    /// Entries of the last minute: whole account, this rule, this symbol.
    pub recent_orders: [u32; 3],
    /// Realised, unrealised and commissions of the exchange day.
    pub daily_pnl: Money,
    /// Highest equity so far minus equity now.
    pub drawdown: Money,
    /// TWS BuyingPower, once known.
    pub buying_power: Option<Money>,
}

/// Whether `intent` may be sent.
///
/// # Errors
/// The first limit that it would break.
pub fn check(limits: &Limits, intent: Intent<'_>, exposure: &Exposure) -> Result<(), Refusal> {
    let multiplier = intent.instrument.multiplier;
    let value = intent.price.value(intent.quantity, multiplier);
    let after = exposure.position + intent.side.signed(intent.quantity);
    let value_after = intent.price.value(after, multiplier);
    let symbol = &intent.instrument.symbol;

    at_most(Reason::MaxOrderValue, "order value", value, limits.max_order_value)?;
    at_most(Reason::MaxOrderShares, "order shares", intent.quantity, limits.max_order_shares)?;
    at_most(Reason::MaxPositionValue, "position value", value_after.abs(), limits.max_position_value)?;
    at_most(Reason::MaxPositionShares, "position shares", after.abs(), limits.max_position_shares)?;
    if intent.opens_context {
        at_most(
            Reason::MaxOpenContexts,
            "open trades",
            exposure.open_contexts + 1,
            limits.max_open_contexts,
        )?;
    }
    at_most(
        Reason::MaxGrossExposure,
        "gross exposure",
        exposure.gross_elsewhere + value_after.abs(),
        limits.max_gross_exposure,
    )?;
    at_most(
        Reason::MaxNetExposure,
        "net exposure",
        (exposure.net_elsewhere + value_after).abs(),
        limits.max_net_exposure,
    )?;
    let caps = [
        (limits.max_orders_per_minute, "orders per minute"),
        (limits.max_orders_per_minute_rule, "orders per minute of the rule"),
        (limits.max_orders_per_minute_symbol, "orders per minute of the symbol"),
    ];
    for ((cap, what), recent) in caps.into_iter().zip(exposure.recent_orders) {
        at_most(Reason::MaxOrdersPerMinute, what, recent + 1, cap)?;
    }
    if let (Some(percent), Some(limit)) = (limits.price_collar_percent, intent.limit_price) {
        let distance = (limit.to_f64() / intent.price.to_f64() - 1.0).abs() * 100.0;
        if distance > percent {
            let detail =
                format!("limit {limit} is {distance:.2} % from {}, allowed {percent} %", intent.price);
            return Err(Refusal::new(Reason::PriceCollar, detail));
        }
    }
    at_most(Reason::MaxDailyLoss, "loss of the day", -exposure.daily_pnl, limits.max_daily_loss)?;
    at_most(Reason::MaxDrawdown, "drawdown", exposure.drawdown, limits.max_drawdown)?;
    if after.is_negative() && limits.no_short.contains(symbol) {
        return Err(Refusal::new(Reason::NoShort, format!("{symbol} may not be sold short")));
    }
    if limits.check_buying_power {
        let Some(power) = exposure.buying_power else {
            return Err(Refusal::new(Reason::BuyingPower, "buying power is not known yet"));
        };
        at_most(Reason::BuyingPower, "order value", value, Some(power))?;
    }
    Ok(())
}

fn at_most<T: PartialOrd + std::fmt::Display>(
    reason: Reason,
    what: &str,
    found: T,
    limit: Option<T>,
) -> Result<(), Refusal> {
    match limit {
        Some(limit) if found > limit => Err(Refusal::new(reason, format!("{what} {found}, allowed {limit}"))),
        _ => Ok(()),
    }
}
