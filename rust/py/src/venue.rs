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
