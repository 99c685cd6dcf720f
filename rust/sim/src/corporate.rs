//! Corporate actions: a split changes what is held and ends what was good till cancelled; a dividend
//! is cash.

use orderloom_core::decimal::{Price, Quantity, divide_rounded};
use orderloom_core::id::SymbolId;
use orderloom_core::time::Timestamp;

use crate::market::Quote;
use crate::news::Listener;
use crate::order::Ending;
use crate::request::TimeInForce;
use crate::venue::{Venue, VenueError};

impl Venue {
    /// Splits a stock, `new` shares for `old` ones: positions change, their cost does not, orders that
    /// would have outlived the day are cancelled, and the market waits for its new prices.
    ///
    /// # Errors
    /// When a number of shares is not positive.
    pub fn split(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        new: u32,
        old: u32,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        for (field, shares) in [("number of new shares", new), ("number of old shares", old)] {
            if shares == 0 {
                let con_id = self.markets[symbol.index()].listing.con_id;
                return Err(VenueError::NotPositive { con_id, field, found: "0".into() });
            }
        }
        self.begin(at, out);
        for index in self.markets[symbol.index()].live.clone() {
            let order = &self.orders[index.index()];
            if order.is_live() && matches!(order.request.tif, TimeInForce::Gtc | TimeInForce::Gtd) {
                self.end(index, Ending::Cancelled, out);
            }
        }
        let (new, old) = (i128::from(new), i128::from(old));
        let market = &mut self.markets[symbol.index()];
        let scaled = |price: Price| {
            // A price times at most 2³² may leave an i64; such a price was no price before.
            let counts = divide_rounded(i128::from(price.counts()) * old, new);
            Price::from_counts(i64::try_from(counts).unwrap_or(price.counts()))
        };
        market.last = market.last.map(scaled);
        market.last_before = market.last_before.map(scaled);
        market.quote = Quote::default();
        market.quote_before = Quote::default();
        let holding = &mut self.ledger.holdings[symbol.index()];
        let counts = divide_rounded(i128::from(holding.quantity.counts()) * new, old);
        holding.quantity = Quantity::from_counts(i64::try_from(counts).unwrap_or(holding.quantity.counts()));
        self.tell_position(symbol, out);
        self.finish(out);
        Ok(())
    }

    /// Pays `amount` for each share held; who is short pays it. Orders and cost stay as they are.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn dividend(
        &mut self,
        at: Timestamp,
        symbol: SymbolId,
        amount: Price,
        out: &mut dyn Listener,
    ) -> Result<(), VenueError> {
        let listing = &self.markets[symbol.index()].listing;
        if !amount.is_positive() {
            let found = amount.to_string().into();
            return Err(VenueError::NotPositive { con_id: listing.con_id, field: "dividend", found });
        }
        let paid = amount.value(self.ledger.holdings[symbol.index()].quantity, listing.multiplier);
        self.begin(at, out);
        self.ledger.cash += paid;
        self.finish(out);
        Ok(())
    }
}
