//! `EventBus`: Python handlers by event class, called natively.
//!
//! The table of subscriptions is the core's; here are the order of delivery and the isolation of
//! handlers that raise.

use std::collections::VecDeque;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use orderloom_core::bus::{ClassId, Subscriptions, Token};
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyType;
use rustc_hash::FxHashMap;

/// Delivers events to the handlers of their class and of its ancestors.
#[pyclass(frozen, subclass, module = "orderloom._core")]
pub(crate) struct EventBus {
    shared: Arc<Shared>,
    on_error: Option<Py<PyAny>>,
}

/// One handler's place on a bus.
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Subscription {
    event_class: Py<PyType>,
    handler: Py<PyAny>,
    token: Token,
    /// Weak, so that a subscription which somebody keeps does not keep the bus.
    shared: Weak<Shared>,
    receiver: Weak<Receiver>,
}

unsafe extern "C" {
    /// Calls without a tuple of arguments, which `PyObject_Call` would take apart again. Exported by
    /// every CPython since 3.9 and part of the stable interface since 3.12, which is why pyo3 does not
    /// declare it for `abi3-py311`.
    fn PyObject_Vectorcall(
        callable: *mut ffi::PyObject,
        arguments: *mut *mut ffi::PyObject,
        count_and_flag: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// `PY_VECTORCALL_ARGUMENTS_OFFSET`: the place before the first argument is free for the callee.
const ARGUMENTS_OFFSET: usize = 1 << (usize::BITS - 1);

/// A handler as the table holds it. Its reference is the bus's own: the garbage collector counts
/// references by owner, so the `Subscription` holds another one.
struct Receiver {
    handler: Py<PyAny>,
    /// The object and the function of a bound method, called without the method in between.
    unbound: Option<(Py<PyAny>, Py<PyAny>)>,
    is_active: AtomicBool,
}

impl Receiver {
    fn new(handler: &Bound<'_, PyAny>) -> PyResult<Self> {
        let method = handler.py().import("types")?.getattr("MethodType")?;
        let unbound = if handler.get_type().is(&method) {
            Some((handler.getattr("__self__")?.unbind(), handler.getattr("__func__")?.unbind()))
        } else {
            None
        };
        Ok(Self { handler: handler.clone().unbind(), unbound, is_active: AtomicBool::new(true) })
    }

    fn call<'py>(&self, event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // The place before the arguments is lent to the callee, as the flag says.
        let (callable, mut arguments, count) = match &self.unbound {
            None => (&self.handler, [null_mut(), event.as_ptr(), null_mut()], 1),
            Some((object, function)) => (function, [null_mut(), object.as_ptr(), event.as_ptr()], 2),
        };
        // SAFETY: the interpreter is attached, as `event` shows; `self` and `event` hold the callable
        // and `count` arguments while it runs. The result is a new reference, or null with an
        // exception set.
        unsafe {
            let result = PyObject_Vectorcall(
                callable.as_ptr(),
                arguments.as_mut_ptr().add(1),
                count | ARGUMENTS_OFFSET,
                null_mut(),
            );
            Bound::from_owned_ptr_or_err(event.py(), result)
        }
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.handler)?;
        if let Some((object, function)) = &self.unbound {
            visit.call(object)?;
            visit.call(function)?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    errors: AtomicU64,
}

/// Only touched without calling Python in between: a lock is never held while a handler runs, nor while
/// an object may be freed, because freeing runs Python code too.
#[derive(Default)]
struct State {
    subscriptions: Subscriptions<Arc<Receiver>>,
    /// By the address of the type, which `types` keeps alive.
    classes: FxHashMap<usize, ClassId>,
    types: Vec<Py<PyType>>,
    /// Events published while another one is being delivered.
    waiting: VecDeque<Py<PyAny>>,
    is_delivering: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves plain data behind that is whole at every step.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The number of `class`, which gets one together with its ancestors when it is new.
    fn class(&self, class: &Bound<'_, PyType>) -> ClassId {
        let key = class.as_ptr() as usize;
        if let Some(known) = self.state().classes.get(&key) {
            return *known;
        }
        // The first class of the line is the class itself. Ancestors get their numbers first, and
        // their own ancestors with them, whatever the depth.
        let ancestors: Vec<ClassId> = class
            .mro()
            .iter()
            .skip(1)
            .filter_map(|ancestor| ancestor.cast_into::<PyType>().ok())
            .map(|ancestor| self.class(&ancestor))
            .collect();
        let mut state = self.state();
        let number = state.subscriptions.register(&ancestors);
        state.classes.insert(key, number);
        state.types.push(class.clone().unbind());
        number
    }

    /// Who gets an event of exactly `class`.
    fn route(&self, class: &Bound<'_, PyType>) -> Arc<[Arc<Receiver>]> {
        let number = self.class(class);
        self.state().subscriptions.route(number)
    }
}

impl State {
    /// Who gets an event of exactly the type at this address; `None` for a type not seen before.
    fn route(&mut self, class: usize) -> Option<Arc<[Arc<Receiver>]>> {
        let number = *self.classes.get(&class)?;
        Some(self.subscriptions.route(number))
    }
}

/// A delivery under way. Dropped, it was interrupted: the next one must not wait for it for ever.
struct Delivery<'a>(&'a Shared);

impl Delivery<'_> {
    /// Ends the delivery unless events came in meanwhile.
    fn is_over(&self) -> bool {
        let mut state = self.0.state();
        state.is_delivering = !state.waiting.is_empty();
        !state.is_delivering
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.0.state().is_delivering = false;
    }
}

#[pymethods]
impl EventBus {
    #[new]
    #[pyo3(signature = (on_error = None))]
    fn new(on_error: Option<Py<PyAny>>) -> Self {
        Self { shared: Arc::default(), on_error }
    }

    fn subscribe(
        &self,
        event_class: &Bound<'_, PyType>,
        handler: &Bound<'_, PyAny>,
    ) -> PyResult<Subscription> {
        if !handler.is_callable() {
            return Err(PyTypeError::new_err(format!("`handler` must be callable, was `{handler}`")));
        }
        let class = self.shared.class(event_class);
        let receiver = Arc::new(Receiver::new(handler)?);
        let token = self.shared.state().subscriptions.subscribe(class, Arc::clone(&receiver));
        Ok(Subscription {
            event_class: event_class.clone().unbind(),
            handler: handler.clone().unbind(),
            token,
            shared: Arc::downgrade(&self.shared),
            receiver: Arc::downgrade(&receiver),
        })
    }

    #[pyo3(signature = (event, /))]
    fn publish(&self, py: Python<'_>, event: &Bound<'_, PyAny>) -> PyResult<usize> {
        let class = event.get_type_ptr() as usize;
        let mut state = self.shared.state();
        if state.is_delivering {
            state.waiting.push_back(event.clone().unbind());
            return Ok(0);
        }
        state.is_delivering = true;
        let route = if state.waiting.is_empty() { state.route(class) } else { None };
        drop(state);
        let delivery = Delivery(&self.shared);
        let count = match route {
            Some(route) => self.deliver(py, &route, event)?,
            None => {
                // Left behind by a delivery that was interrupted: they happened before this event.
                self.deliver_waiting(py)?;
                self.deliver(py, &self.shared.route(&event.get_type()), event)?
            }
        };
        while !delivery.is_over() {
            self.deliver_waiting(py)?;
        }
        std::mem::forget(delivery);
        Ok(count)
    }

    /// Whether anybody would get an event of exactly this class.
    fn has_handlers(&self, event_class: &Bound<'_, PyType>) -> bool {
        !self.shared.route(event_class).is_empty()
    }

    /// How many times a handler raised.
    #[getter]
    fn errors(&self) -> u64 {
        self.shared.errors.load(Ordering::Relaxed)
    }

    /// Counts and reports what a handler raised that was called elsewhere.
    fn report(
        &self,
        handler: &Bound<'_, PyAny>,
        event: &Bound<'_, PyAny>,
        error: &Bound<'_, PyBaseException>,
    ) -> PyResult<()> {
        self.isolate(handler, event, PyErr::from_value(error.clone().into_any()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(on_error) = &self.on_error {
            visit.call(on_error)?;
        }
        // While the lock is held nothing can be garbage; the next collection comes by again.
        let Ok(state) = self.shared.state.try_lock() else { return Ok(()) };
        for receiver in state.subscriptions.subscribers() {
            receiver.visit(&visit)?;
        }
        for class in &state.types {
            visit.call(class)?;
        }
        for event in &state.waiting {
            visit.call(event)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let dropped = std::mem::take(&mut *self.shared.state());
        drop(dropped);
    }
}

impl EventBus {
    fn deliver_waiting(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            let next = self.shared.state().waiting.pop_front();
            let Some(event) = next else { return Ok(()) };
            let event = event.bind(py);
            self.deliver(py, &self.shared.route(&event.get_type()), event)?;
        }
    }

    fn deliver(&self, py: Python<'_>, route: &[Arc<Receiver>], event: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut count = 0;
        for receiver in route.iter() {
            // Cancelled by an earlier handler of this very event.
            if !receiver.is_active.load(Ordering::Relaxed) {
                continue;
            }
            count += 1;
            if let Err(error) = receiver.call(event) {
                self.isolate(receiver.handler.bind(py), event, error)?;
            }
        }
        Ok(count)
    }

    /// What a handler raises stays with the handler, an exit included; a person's interrupt is the whole
    /// program's.
    fn isolate(&self, handler: &Bound<'_, PyAny>, event: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
        let py = event.py();
        if may_be_ctrl_c(py, &error)? {
            return Err(error);
        }
        self.shared.errors.fetch_add(1, Ordering::Relaxed);
        let Some(on_error) = &self.on_error else {
            error.write_unraisable(py, Some(handler));
            return Ok(());
        };
        // `into_value` attaches the traceback, which the interpreter keeps apart until then.
        match on_error.bind(py).call1((handler, event, error.into_value(py))) {
            Err(second) if may_be_ctrl_c(py, &second)? => Err(second),
            Err(second) => {
                second.write_unraisable(py, Some(on_error.bind(py)));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

/// Whether a person's Ctrl-C may have raised this. It raises where Python's own handler of the signal is
/// in place, or the one that `asyncio.Runner` puts there, a `partial`; not where an event loop was told
/// to hear of it.
fn may_be_ctrl_c(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    if !error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Ok(false);
    }
    let signal = py.import("signal")?;
    let hears = signal.call_method1("getsignal", (signal.getattr("SIGINT")?,))?;
    let partial = py.import("functools")?.getattr("partial")?;
    Ok(hears.is(signal.getattr("default_int_handler")?) || hears.is_instance(&partial)?)
}

#[pymethods]
impl Subscription {
    fn cancel(&self) -> bool {
        let (Some(receiver), Some(shared)) = (self.receiver.upgrade(), self.shared.upgrade()) else {
            return false;
        };
        let was_active = receiver.is_active.swap(false, Ordering::Relaxed);
        // Bound, and so freed after the lock is gone.
        let _ended = shared.state().subscriptions.unsubscribe(self.token);
        was_active
    }

    #[getter]
    fn is_active(&self) -> bool {
        self.receiver.upgrade().is_some_and(|receiver| receiver.is_active.load(Ordering::Relaxed))
    }

    #[getter]
    fn event_class<'py>(&self, py: Python<'py>) -> Bound<'py, PyType> {
        self.event_class.bind(py).clone()
    }

    #[getter]
    fn handler<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.handler.bind(py).clone()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_class)?;
        visit.call(&self.handler)
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EventBus>()?;
    module.add_class::<Subscription>()
}
