"""From the bytes of an answer to a `Prediction`, once, at the edge.

Whatever does not read as documented is refused with its place; nothing is guessed or defaulted.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import from_json

from orderloom import expectation
from orderloom.instant import iso_to_ns
from orderloom.signals.fields import MISSING, FieldMapping
from orderloom.signals.prediction import Prediction, Signal
from orderloom.signals.refusal import (
    MalformedPrediction,
    Reason,
    Refused,
    shown,
    status_reason,
)

DOCUMENTED: Final = FieldMapping()

# A time outside 2000..2100 is a wrong unit or an unset clock, not an old prediction.
_AT_MIN: Final = iso_to_ns("2000-01-01T00:00:00Z")
_AT_MAX: Final = iso_to_ns("2100-01-01T00:00:00Z")


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")
    return value


def _text_of_id(value: object) -> object:
    """An id may be a number in JSON; an empty one identifies nothing and counts as absent."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return (text.strip() or None) if isinstance(text, str) else text


def _without_nulls(value: object) -> object:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


Number = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Ticker = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9./ -]{0,20}$"
    ),
]


class _Body(BaseModel):
    """The values as documented; field names are ours, messages name the vendor's path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ticker: Ticker
    signal: Signal
    confidence: Share
    numeric: Annotated[int, BeforeValidator(_not_bool)] | None = None
    probabilities: Annotated[tuple[Share, ...], Field(max_length=64)] = ()
    prediction_time: Annotated[str, StringConstraints(max_length=64)] | None = None
    # Whole milliseconds stay whole: as a float, nanoseconds of today are exact to 256 only.
    timestamp: Annotated[int, BeforeValidator(_not_bool)] | Number | None = None
    stock_price: Annotated[Number, Field(gt=0)] | None = None
    features: Annotated[
        dict[Annotated[str, StringConstraints(max_length=128)], Number],
        BeforeValidator(_without_nulls),
        Field(max_length=1_000),
    ] = {}
    id: Annotated[
        Annotated[str, StringConstraints(max_length=200)] | None, BeforeValidator(_text_of_id)
    ] = None


def decode(body: bytes | str) -> Any:
    """JSON of an answer. `NaN` and `Infinity` are not JSON.

    Raises:
        MalformedPrediction: not JSON, or nested deeper than the decoder allows.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedPrediction(
            Reason.MALFORMED_JSON,
            field="$",
            expected=f"JSON ({shown(str(error))})",
            found=_head(body),
        ) from None


def parse_answer(
    document: Any,
    mapping: FieldMapping = DOCUMENTED,
    *,
    source: str | None = None,
    received_at: int | None = None,
    received_monotonic_ns: int | None = None,
) -> Prediction:
    """The prediction in a whole answer (envelope).

    Raises:
        Refused: the envelope reports an error, whatever the HTTP status was.
        MalformedPrediction: something is missing or is not what the schema says.
    """
    _check_status(document, mapping)
    body = mapping.lookup(document, mapping.prediction)
    if not isinstance(body, dict):
        _refuse(mapping.prediction or "$", "an object", body)
    values = {
        name: value
        for name in _Body.model_fields
        if (value := mapping.lookup(body, getattr(mapping, name))) is not MISSING
        and value is not None
    }
    if "signal" in values:
        values["signal"] = mapping.signal_of(values["signal"])
    if "confidence" in values and mapping.confidence_max != 1:
        values["confidence"] = _scaled(values["confidence"], mapping.confidence_max)
    try:
        checked = _Body.model_validate(values)
    except ValidationError as error:
        raise _malformed(error, mapping) from None
    return Prediction(
        **checked.model_dump(exclude={"prediction_time", "timestamp"}),
        predicted_at=_predicted_at(checked, mapping),
        source=source,
        received_at=received_at,
        received_monotonic_ns=received_monotonic_ns,
    )


def parse_message(document: Any, mapping: FieldMapping = DOCUMENTED, **received: Any) -> Prediction:
    """Like `parse_answer`, for streams and files, which may leave the envelope away."""
    if _is_enveloped(document, mapping):
        return parse_answer(document, mapping, **received)
    return parse_answer(document, mapping.model_copy(update=_BARE), **received)


_BARE: Final = {"prediction": "", "status": None}


def _is_enveloped(document: Any, mapping: FieldMapping) -> bool:
    names = [mapping.prediction, *([mapping.status] if mapping.status else [])]
    return any(name and mapping.lookup(document, name) is not MISSING for name in names)


def _check_status(document: Any, mapping: FieldMapping) -> None:
    if mapping.status is None:
        return
    status = mapping.lookup(document, mapping.status)
    if status == mapping.success:
        return
    if status is MISSING or not isinstance(status, str):
        _refuse(mapping.status, f"{mapping.success!r} or 'error'", status)
    code = mapping.lookup(document, mapping.code)
    message = mapping.lookup(document, mapping.message)
    number = int(code) if str(code).isdecimal() and len(str(code)) == 3 else None
    reason = status_reason(number) if number is not None else Reason.API_ERROR
    said = [shown(part) for part in (code, message) if part is not MISSING]
    raise Refused(reason, f"the API answered {shown(status)}: {' '.join(said)}")


def _predicted_at(body: _Body, mapping: FieldMapping) -> int:
    """`prediction_time` where present, else `timestamp`; both within this century."""
    if body.prediction_time is not None:
        place, found = mapping.path("prediction_time"), body.prediction_time
        try:
            at = iso_to_ns(body.prediction_time)
        except (ValueError, OverflowError) as error:
            _refuse(place, f"ISO 8601 with an offset ({shown(str(error))})", found)
    elif body.timestamp is not None:
        place, found = mapping.path("timestamp"), str(body.timestamp)
        at = round(body.timestamp * mapping.ns_per_timestamp)
    else:
        place = mapping.path("prediction_time")
        _refuse(place, f"a time, here or in `{mapping.path('timestamp')}`", MISSING)
    if not _AT_MIN <= at < _AT_MAX:
        unit = "" if body.prediction_time else f" in {mapping.timestamp_unit}"
        _refuse(place, f"a time{unit} between the years 2000 and 2100", found)
    return at


def _scaled(value: object, most: float) -> object:
    """A vendor's confidence as a share of `most`; what is no number is left for the check."""
    try:
        return value if isinstance(value, bool) else float(value) / most  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value


def _malformed(error: ValidationError, mapping: FieldMapping) -> MalformedPrediction:
    first = error.errors(include_url=False)[0]
    name, *inner = first["loc"]
    place = ".".join([mapping.path(str(name)), *(str(part) for part in inner)])
    if first["type"] == "missing":
        return MalformedPrediction(
            Reason.MISSING_FIELD, field=place, expected="a value", found="nothing"
        )
    return MalformedPrediction(
        Reason.BAD_FIELD,
        field=shown(place),
        expected=expectation.expected(dict(first)),
        found=shown(first["input"]),
    )


def _refuse(field: str, expected: str, found: object) -> NoReturn:
    if found is MISSING:
        raise MalformedPrediction(
            Reason.MISSING_FIELD, field=field, expected=expected, found="nothing"
        )
    raise MalformedPrediction(Reason.BAD_FIELD, field=field, expected=expected, found=shown(found))


def _head(body: bytes | str) -> str:
    return shown(body[:200].decode(errors="replace") if isinstance(body, bytes) else body[:200])
