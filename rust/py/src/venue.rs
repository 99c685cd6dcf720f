//! The simulated venue as Python sees it: JSON in, JSON out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim as sim;
use orderloom_sim::{ClientId, ConId, OrderKey, VenueEvent};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A simulated exchange with one account: one command in, its events out, from a seed.
#[pyclass(frozen, module = "orderloom._core")]
struct Venue {
    inner: Mutex<sim::Venue>,
}

impl Venue {
    /// A panic inside the venue is a broken invariant; the next call shows it again rather than hide it.
    fn lock(&self) -> MutexGuard<'_, sim::Venue> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, act: impl FnOnce(&mut sim::Venue, &mut Vec<VenueEvent>)) -> Vec<VenueEvent> {
        let mut events = Vec::new();
        act(&mut self.lock(), &mut events);
        events
    }

    fn attempt(
        &self,
        act: impl FnOnce(&mut sim::Venue, &mut Vec<VenueEvent>) -> Result<(), sim::VenueError>,
    ) -> PyResult<String> {
        let mut events = Vec::new();
        act(&mut self.lock(), &mut events).map_err(refused)?;
        to_json(&events)
    }
}

#[pymethods]
impl Venue {
    #[new]
    fn new(config: &str) -> PyResult<Self> {
        Ok(Self { inner: Mutex::new(sim::Venue::new(parse("venue configuration", config)?)) })
    }

    fn add_instrument(&self, instrument: &str) -> PyResult<()> {
        let listing = parse("instrument", instrument)?;
        self.lock().add_instrument(listing).map(|_| ()).map_err(refused)
    }

    fn place(&self, at: i64, order: &str) -> PyResult<String> {
        let request = parse("order", order)?;
        to_json(&self.command(|venue, out| venue.place(Timestamp(at), request, out)))
    }

    fn cancel(&self, at: i64, client_id: i64, order_id: i64) -> PyResult<String> {
        let key = OrderKey { client_id: ClientId(client_id), order_id: OrderId(order_id) };
        to_json(&self.command(|venue, out| venue.cancel(Timestamp(at), key, out)))
    }

    fn global_cancel(&self, at: i64) -> PyResult<String> {
        to_json(&self.command(|venue, out| venue.global_cancel(Timestamp(at), out)))
    }

    fn session(&self, at: i64, con_id: i64, is_open: bool) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        to_json(&self.command(|venue, out| venue.session(Timestamp(at), symbol, is_open, out)))
    }

    #[pyo3(signature = (at, con_id, bid, ask, bid_size, ask_size))]
    fn quote(
        &self,
        at: i64,
        con_id: i64,
        bid: Option<f64>,
        ask: Option<f64>,
        bid_size: f64,
        ask_size: f64,
    ) -> PyResult<Option<String>> {
        let symbol = self.symbol(con_id)?;
        let side = |what: &str, price: Option<f64>, size: f64| {
            price.map(|price| PyResult::Ok((to_price(what, price)?, to_size(what, size)?))).transpose()
        };
        let (bid, ask) = (side("bid", bid, bid_size)?, side("ask", ask, ask_size)?);
        some_json(&self.command(|venue, out| venue.quote(Timestamp(at), symbol, bid, ask, out)))
    }

    fn trade(&self, at: i64, con_id: i64, price: f64, size: f64) -> PyResult<Option<String>> {
        let symbol = self.symbol(con_id)?;
        let (price, size) = (to_price("trade", price)?, to_size("trade", size)?);
        some_json(&self.command(|venue, out| venue.trade(Timestamp(at), symbol, price, size, out)))
    }

    fn sweep(&self, at: i64, con_id: i64, price: f64, size: f64) -> PyResult<Option<String>> {
        let symbol = self.symbol(con_id)?;
        let (price, size) = (to_price("sweep", price)?, to_size("sweep", size)?);
        some_json(&self.command(|venue, out| venue.sweep(Timestamp(at), symbol, price, size, out)))
    }

    fn advance(&self, at: i64) -> PyResult<Option<String>> {
        some_json(&self.command(|venue, out| venue.advance(Timestamp(at), out)))
    }

    fn halt(&self, at: i64, con_id: i64, is_halted: bool) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        to_json(&self.command(|venue, out| venue.halt(Timestamp(at), symbol, is_halted, out)))
    }

    fn locate(&self, at: i64, con_id: i64, is_hard: bool) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        to_json(&self.command(|venue, out| venue.locate(Timestamp(at), symbol, is_hard, out)))
    }

    fn fork(&self, at: i64, order: &str) -> PyResult<String> {
        let request = parse("order", order)?;
        to_json(&self.command(|venue, out| venue.fork(Timestamp(at), request, out)))
    }

    #[pyo3(signature = (at, con_id, side, quantity, price=None))]
    fn manual_trade(
        &self,
        at: i64,
        con_id: i64,
        side: &str,
        quantity: f64,
        price: Option<f64>,
    ) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        let side = parse("side", &format!("\"{side}\""))?;
        let quantity = to_size("quantity", quantity)?;
        let price = price.map(|price| to_price("price", price)).transpose()?;
        let at = Timestamp(at);
        self.attempt(|venue, out| venue.manual_trade(at, symbol, side, quantity, price, out))
    }

    fn manual_order(&self, at: i64, order: &str) -> PyResult<String> {
        let request = parse("order", order)?;
        self.attempt(|venue, out| venue.manual_order(Timestamp(at), request, out))
    }

    fn bind(&self) -> Vec<(i64, i64)> {
        self.lock().bind().into_iter().map(|(perm_id, order_id)| (perm_id.0, order_id.0)).collect()
    }

    fn split(&self, at: i64, con_id: i64, new: u32, old: u32) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        self.attempt(|venue, out| venue.split(Timestamp(at), symbol, new, old, out))
    }

    fn correct_latest(&self, at: i64, price: f64) -> PyResult<String> {
        let price = to_price("price", price)?;
        self.attempt(|venue, out| venue.correct_latest(Timestamp(at), price, out))
    }

    fn overfill(&self, at: i64, more: f64) -> PyResult<String> {
        let more = to_size("quantity", more)?;
        self.attempt(|venue, out| venue.overfill(Timestamp(at), more, out))
    }

    fn bust_latest(&self, at: i64) -> PyResult<String> {
        self.attempt(|venue, out| venue.bust_latest(Timestamp(at), out))
    }

    fn dividend(&self, at: i64, con_id: i64, amount: f64) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        let amount = to_price("dividend", amount)?;
        self.attempt(|venue, out| venue.dividend(Timestamp(at), symbol, amount, out))
    }

    #[pyo3(signature = (at, con_id, band))]
    fn band(&self, at: i64, con_id: i64, band: Option<(f64, f64)>) -> PyResult<String> {
        let symbol = self.symbol(con_id)?;
        let band = band
            .map(|(low, high)| PyResult::Ok((to_price("low", low)?, to_price("high", high)?)))
            .transpose()?;
        to_json(&self.command(|venue, out| venue.band(Timestamp(at), symbol, band, out)))
    }

    fn what_if(&self, at: i64, order: &str) -> PyResult<String> {
        let _ = at; // Margin and commission do not depend on time.
        let request = parse("order", order)?;
        to_json(&self.lock().what_if(&request).map_err(refused)?)
    }

    fn orders(&self) -> PyResult<String> {
        let orders: Vec<_> =
            self.lock().live_orders().map(|order| VenueEvent::OpenOrder(Box::new(order))).collect();
        to_json(&orders)
    }

    fn completed(&self) -> PyResult<String> {
        to_json(&self.lock().completed_orders().collect::<Vec<_>>())
    }

    fn executions(&self) -> PyResult<String> {
        to_json(self.lock().executions())
    }

    fn positions(&self) -> PyResult<String> {
        to_json(&self.lock().positions().collect::<Vec<_>>())
    }

    fn account(&self) -> PyResult<String> {
        to_json(&self.lock().account())
    }
}

impl Venue {
    fn symbol(&self, con_id: i64) -> PyResult<SymbolId> {
        self.lock().symbol(ConId(con_id)).map_err(refused)
    }
}

/// A bar as four prints, `(at, price, size)`: open, its extremes, close.
#[pyfunction]
fn bar_path(
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    start: i64,
    span: i64,
) -> PyResult<Vec<(i64, f64, f64)>> {
    let prices =
        [to_price("open", open)?, to_price("high", high)?, to_price("low", low)?, to_price("close", close)?];
    let path = sim::bar_path(prices, to_size("volume", volume)?, Timestamp(start), Span(span));
    Ok(path.map(|(at, price, size)| (at.0, price.to_f64(), size.to_f64())).to_vec())
}

/// Adds the venue to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Venue>()?;
    module.add_function(wrap_pyfunction!(bar_path, module)?)
}

fn parse<T: DeserializeOwned>(what: &str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn some_json(events: &[VenueEvent]) -> PyResult<Option<String>> {
    if events.is_empty() { Ok(None) } else { to_json(events).map(Some) }
}

fn to_price(what: &str, value: f64) -> PyResult<Price> {
    Price::from_f64(value).ok_or_else(|| {
        PyValueError::new_err(format!("{what}: expected a price within ±92 billion, found `{value}`"))
    })
}

fn to_size(what: &str, value: f64) -> PyResult<Quantity> {
    Quantity::from_f64(value).filter(|size| !size.is_negative()).ok_or_else(|| {
        PyValueError::new_err(format!("{what}: expected a size of 0 or more, found `{value}`"))
    })
}

fn refused(error: sim::VenueError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
