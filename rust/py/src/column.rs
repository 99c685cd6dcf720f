//! A column of numbers, read where it lies: from whoever exports a buffer (NumPy, `array`, memoryview)
//! or an Arrow stream (polars, pyarrow, pandas on Arrow). Anything else that can be walked is copied.
//!
//! Arrow's C data interface is a stable ABI meant to be declared by its users; see the Arrow
//! specification, "The Arrow C data interface" and "The Arrow C stream interface".

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

const SECOND: i64 = 1_000_000_000;

/// A type that columns hold.
pub(crate) trait Number: Element + for<'a, 'py> FromPyObject<'a, 'py> {
    /// What a person calls it.
    const NAME: &'static str;
    /// The values of an Arrow array that lie as they are needed.
    const FORMAT: &'static str;

    /// How to make one from an Arrow array of `format`, when that loses nothing; with its width.
    fn reader(format: &str) -> Option<(usize, Reader<Self>)>;
}

/// Reads one value of an Arrow array.
pub(crate) type Reader<T> = Box<dyn Fn(&[u8]) -> T>;

macro_rules! read_as {
    ($from:ty, $to:ty) => {
        Some((
            size_of::<$from>(),
            Box::new(|bytes: &[u8]| -> $to {
                <$from>::from_ne_bytes(bytes.try_into().expect("chunks of its width")) as $to
            }) as Reader<$to>,
        ))
    };
}

impl Number for f64 {
    const NAME: &'static str = "floats";
    const FORMAT: &'static str = "g";

    fn reader(format: &str) -> Option<(usize, Reader<Self>)> {
        match format {
            "g" => read_as!(f64, f64),
            "f" => read_as!(f32, f64),
            "l" => read_as!(i64, f64),
            "L" => read_as!(u64, f64),
            "i" => read_as!(i32, f64),
            "I" => read_as!(u32, f64),
            "s" => read_as!(i16, f64),
            "S" => read_as!(u16, f64),
            _ => None,
        }
    }
}

/// Times: whole numbers are nanoseconds, Arrow's timestamps have their unit.
impl Number for i64 {
    const NAME: &'static str = "UTC nanoseconds, or times with a unit";
    const FORMAT: &'static str = "l";

    fn reader(format: &str) -> Option<(usize, Reader<Self>)> {
        let factor = match format.get(..3).unwrap_or(format) {
            "l" | "tsn" => 1,
            "tsu" => 1_000,
            "tsm" => 1_000_000,
            "tss" => SECOND,
            "tdD" => {
                return Some((
                    size_of::<i32>(),
                    Box::new(|bytes| {
                        let days = i32::from_ne_bytes(bytes.try_into().expect("chunks of its width"));
                        i64::from(days) * 86_400 * SECOND
                    }),
                ));
            }
            _ => return None,
        };
        Some((
            size_of::<Self>(),
            Box::new(move |bytes| {
                Self::from_ne_bytes(bytes.try_into().expect("chunks of its width")).saturating_mul(factor)
            }),
        ))
    }
}

/// A column, held for as long as its values are read.
pub(crate) enum Column<T: Number> {
    Buffer(PyBuffer<T>),
    Arrow(Chunk),
    Copied(Vec<T>),
}

/// The buffer of numbers that an object exports, in the machine's order of bytes.
pub(crate) fn native_buffer<T: Element>(object: &Bound<'_, PyAny>) -> Option<PyBuffer<T>> {
    let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
    let is_native = |format: &CStr| format.to_bytes().first().is_none_or(|first| !foreign.contains(first));
    PyBuffer::get(object).ok().filter(|buffer| is_native(buffer.format()))
}

/// Refuses an array of NumPy with masked rows: the buffer holds numbers in their place.
pub(crate) fn refuse_masked(name: &str, object: &Bound<'_, PyAny>) -> PyResult<()> {
    if !(object.hasattr("mask")? && object.hasattr("filled")?) {
        return Ok(());
    }
    let mask = object.getattr("mask")?;
    if !mask.call_method0("any")?.is_truthy()? {
        return Ok(());
    }
    Err(missing(name, mask.call_method0("argmax")?.extract()?))
}

/// As Python's tables say it.
fn missing(name: &str, row: usize) -> PyErr {
    PyValueError::new_err(format!("row {row}: `{name}` is missing, expected a value in every row"))
}

impl<T: Number> Column<T> {
    /// The column that `object` is; `name` says which, for messages.
    pub(crate) fn new(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        refuse_masked(name, object)?;
        if let Some(buffer) = native_buffer::<T>(object) {
            if buffer.dimensions() != 1 {
                let found = buffer.dimensions();
                return Err(PyValueError::new_err(format!("`{name}` must have one dimension, has {found}")));
            }
            return Ok(if buffer.is_c_contiguous() {
                Self::Buffer(buffer)
            } else {
                Self::Copied(buffer.to_vec(object.py())?)
            });
        }
        if object.hasattr("__arrow_c_stream__")? {
            let capsule = object.call_method0("__arrow_c_stream__")?;
            return Self::from_stream(name, capsule.cast::<PyCapsule>()?);
        }
        let values = object.try_iter().and_then(|items| {
            items.map(|item| item?.extract::<T>().map_err(Into::into)).collect::<PyResult<Vec<T>>>()
        });
        values.map(Self::Copied).map_err(|error| {
            let text = format!("`{name}` must be a column of {}: {error}", T::NAME);
            PyTypeError::new_err(text)
        })
    }

    fn from_stream(name: &str, capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let (format, mut chunks) = read_stream(name, capsule)?;
        let mut before = 0;
        for chunk in &chunks {
            if let Some(row) = chunk.first_null() {
                return Err(missing(name, before + row));
            }
            before += chunk.0.length as usize;
        }
        let Some((width, read)) = T::reader(&format) else {
            let text = format!("`{name}` must be a column of {}, is of Arrow's type `{format}`", T::NAME);
            return Err(PyTypeError::new_err(text));
        };
        let is_in_place = format == T::FORMAT || format.starts_with("tsn");
        if is_in_place && chunks.len() == 1 {
            return Ok(Self::Arrow(chunks.remove(0)));
        }
        let values = chunks.iter().flat_map(|chunk| chunk.bytes(width).chunks_exact(width)).map(read);
        Ok(Self::Copied(values.collect()))
    }

    /// The values.
    pub(crate) fn values(&self) -> &[T] {
        match self {
            Self::Copied(values) => values,
            // SAFETY: the buffer is held for as long as `self`. As with every array function that frees
            // the interpreter, the caller must not write to its arrays from another thread meanwhile.
            Self::Buffer(buffer) => unsafe {
                buffer.as_slice_ptr().expect("checked to be contiguous").as_ref()
            },
            // SAFETY: the producer's format says that these are `T`, and Arrow's buffers are immutable
            // and aligned to their values.
            Self::Arrow(chunk) => unsafe {
                let bytes = chunk.bytes(size_of::<T>());
                if bytes.is_empty() {
                    return &[];
                }
                std::slice::from_raw_parts(bytes.as_ptr().cast::<T>(), bytes.len() / size_of::<T>())
            },
        }
    }
}

#[repr(C)]
struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    private_data: *mut c_void,
}

/// One array of a stream, ours to release.
pub(crate) struct Chunk(ArrowArray);

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the array was moved here by its producer and is released once.
            unsafe { release(&raw mut self.0) }
        }
    }
}

impl Chunk {
    /// The first row without a value, by the bitmap that comes first.
    fn first_null(&self) -> Option<usize> {
        let array = &self.0;
        if array.null_count == 0 || array.n_buffers < 2 || array.length <= 0 {
            return None;
        }
        // SAFETY: a primitive array has two buffers, the first of which is absent or a bitmap that
        // covers `offset + length` rows.
        unsafe {
            let bitmap = (*array.buffers).cast::<u8>();
            if bitmap.is_null() {
                return None;
            }
            let first = array.offset as usize;
            (0..array.length as usize)
                .find(|row| *bitmap.add((first + row) / 8) >> ((first + row) % 8) & 1 == 0)
        }
    }

    /// The rows' values, `width` bytes each.
    fn bytes(&self, width: usize) -> &[u8] {
        let array = &self.0;
        if array.length <= 0 || array.n_buffers < 2 {
            return &[];
        }
        // SAFETY: a primitive array's second buffer holds `offset + length` values.
        unsafe {
            let values = (*array.buffers.add(1)).cast::<u8>();
            std::slice::from_raw_parts(
                values.add(array.offset as usize * width),
                array.length as usize * width,
            )
        }
    }
}

/// The type and the arrays of a stream.
fn read_stream(name: &str, capsule: &Bound<'_, PyCapsule>) -> PyResult<(String, Vec<Chunk>)> {
    let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?.as_ptr().cast::<ArrowArrayStream>();
    let failed = |code: c_int| PyValueError::new_err(format!("`{name}`: the Arrow stream failed, {code}"));
    // SAFETY: the capsule's name promises the struct; the functions are called as the interface says,
    // with structs that are ours. The capsule's own destructor releases the stream.
    unsafe {
        let (Some(get_schema), Some(get_next)) = ((*stream).get_schema, (*stream).get_next) else {
            return Err(failed(0));
        };
        let mut schema: ArrowSchema = std::mem::zeroed();
        match get_schema(stream, &raw mut schema) {
            0 => {}
            code => return Err(failed(code)),
        }
        let format = CStr::from_ptr(schema.format).to_string_lossy().into_owned();
        let is_plain = schema.dictionary.is_null();
        if let Some(release) = schema.release {
            release(&raw mut schema);
        }
        if !is_plain {
            return Err(PyTypeError::new_err(format!("`{name}` must hold numbers, holds categories")));
        }
        let mut chunks = Vec::new();
        loop {
            let mut array: ArrowArray = std::mem::zeroed();
            match get_next(stream, &raw mut array) {
                0 if array.release.is_none() => return Ok((format, chunks)),
                0 => chunks.push(Chunk(ptr::read(&raw const array))),
                code => return Err(failed(code)),
            }
        }
    }
}
