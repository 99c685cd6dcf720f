"""What may go wrong, as data: each fault, when it strikes, and the file that lists them.

`fault_desk` carries them out. Durations are text such as ``1500ms``, ``90s``, ``2m`` or ``1h`` of
simulated time, and nanoseconds once read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orderloom import expectation
from orderloom.errors import ConfigError, ConfigProblem, did_you_mean, shown

from .messages import REPLIES, REQUESTS, Stream
from .times import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_BYTES_MAX = 1_000_000
ACTS = ("order", "modify", "cancel", "fill", "connection")
"""Things that happen and can be counted, beside messages."""

_OF_A_FILE = "file"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}


def parse_duration(text: str) -> int:
    """Read ``90s`` as nanoseconds; raise `ValueError` for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration such as `1500ms`, `90s`, `2m` or `1h`")
    return round(float(match[1]) * _UNITS[match[2]])


def _duration(value: object, info: ValidationInfo) -> object:
    """Read text; nanoseconds pass where code names them, a bare number of a file has no unit."""
    if isinstance(value, str):
        sign, text = (-1, value[1:]) if value.startswith("-") else (1, value)
        return sign * parse_duration(text)
    if value is not None and info.context == _OF_A_FILE:
        raise ValueError("a duration such as `1500ms`, `90s`, `2m` or `1h`")
    return value


def _message(name: str) -> str:
    if name not in REQUESTS and name not in REPLIES:
        hint = did_you_mean(name, [*REQUESTS, *REPLIES])
        raise ValueError("the name of a message" + (f", hint: {hint}" if hint else ""))
    return name


def _countable(name: str) -> str:
    return name if name in ACTS else _message(name)


Duration = Annotated[int, BeforeValidator(_duration)]
Message = Annotated[str, AfterValidator(_message)]
Count = Annotated[int, Field(ge=1)]
OrderWord = Literal["order", "modify", "cancel"]


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class When(_Strict):
    """The moment of a fault: a time, or the nth of something that happens.

    `at` is ``HH:MM:SS`` of the day on which the server was made, a whole moment as TWS writes it,
    or ``+90s`` after the server was made. `of` is a message or one of `ACTS`; requests, orders,
    changes and cancels strike before they are carried out, the others after. A `client` counts
    only what concerns that client.
    """

    at: str | None = None
    of: Annotated[str, AfterValidator(_countable)] | None = None
    nth: Count = 1
    client: int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> When:
        if (self.at is None) == (self.of is None):
            raise ValueError("either `at` or `of`")
        return self


class _Fault(_Strict):
    when: When | None = None
    """At once where absent."""
    client: int | None = None
    """Everybody where absent."""


class _OnMessages(_Fault):
    messages: Annotated[list[Message], Field(min_length=1)]
    count: Count | None = None
    """How many messages; all of them where absent."""
    duration: Annotated[Duration | None, Field(gt=0)] = None
    """For how long; until the faults are cleared where absent."""


class Cut(_Fault):
    """Close the socket once so many more bytes of a stream have passed.

    The bytes before are delivered; requests among them are carried out and their answers lost.
    """

    fault: Literal["cut"] = "cut"
    stream: Stream = "replies"
    after_bytes: Annotated[int, Field(ge=0)] = 0


class Mute(_Fault):
    """Stop reading requests, writing replies, or both; what waits goes on afterwards."""

    fault: Literal["mute"] = "mute"
    stream: Literal["requests", "replies", "both"] = "both"
    duration: Annotated[Duration | None, Field(gt=0)] = None


class HalfOpen(_Fault):
    """Let the socket stay open with nobody behind it; reset it in the end."""

    fault: Literal["half_open"] = "half_open"
    duration: Annotated[Duration | None, Field(gt=0)] = None


class Hold(_OnMessages):
    """Keep messages back and send them in their order in the end; others overtake them."""

    fault: Literal["hold"] = "hold"


class Drop(_OnMessages):
    """Lose messages."""

    fault: Literal["drop"] = "drop"


class Duplicate(_OnMessages):
    """Tell messages twice."""

    fault: Literal["duplicate"] = "duplicate"


class Delay(_OnMessages):
    """Send each message later by `by`; others overtake it."""

    fault: Literal["delay"] = "delay"
    by: Annotated[Duration, Field(gt=0)]


class Reorder(_OnMessages):
    """Shuffle a message with those that follow it, `window` in all."""

    fault: Literal["reorder"] = "reorder"
    window: Annotated[int, Field(ge=2, le=100)] = 2


class Garbage(_Fault):
    """Send bytes that no TWS sends.

    `noise` fills a frame with random bytes, `unknown` names a message nobody knows, `short` lacks
    fields, `oversized` announces a frame longer than any.
    """

    fault: Literal["garbage"] = "garbage"
    shape: Literal["noise", "unknown", "short", "oversized"] = "noise"
    count: Count = 1


class Code(_Fault):
    """Send an error or a notice and change nothing.

    `to` names the latest order, the latest request, or nobody (id -1).
    """

    fault: Literal["code"] = "code"
    code: int
    text: str | None = None
    to: Literal["order", "request", "nobody"] = "order"


class Refuse(_Fault):
    """Answer orders, changes or cancels with an error; the venue never sees them.

    `order_types` and `is_child` choose among orders.
    """

    fault: Literal["refuse"] = "refuse"
    what: OrderWord = "order"
    code: int = 201
    text: str | None = None
    count: Count = 1
    order_types: list[str] = []
    is_child: bool | None = None


class Fork(_Fault):
    """Turn the next changes of orders into second orders: one order id, two permanent ids."""

    fault: Literal["fork"] = "fork"
    count: Count = 1


class RollBackIds(_Fault):
    """Forget the latest order ids: nextValidId names used ones."""

    fault: Literal["roll_back_ids"] = "roll_back_ids"
    by: Count = 4


class Restart(_Fault):
    """Close all sockets and turn clients away for a while; orders stay."""

    fault: Literal["restart"] = "restart"
    duration: Annotated[Duration | None, Field(gt=0)] = None


class Outage(_Fault):
    """Lose IB for a while: 1100, then 1102, or 1101 where subscriptions are lost.

    The market goes silent. What happens to orders meanwhile is told at once (`live`), in the end
    (`late`), or only when asked for afterwards (`lost`).
    """

    fault: Literal["outage"] = "outage"
    duration: Annotated[Duration | None, Field(gt=0)] = None
    has_lost_data: bool = False
    order_news: Literal["live", "late", "lost"] = "late"


class NightlyReset(_Fault):
    """An outage with its burst of farm notices, 1100 repeated."""

    fault: Literal["nightly_reset"] = "nightly_reset"
    duration: Annotated[Duration, Field(gt=0)] = 300 * SECOND


class DelayedData(_Fault):
    """Turn live market data into delayed data, whatever was asked."""

    fault: Literal["delayed_data"] = "delayed_data"
    duration: Annotated[Duration | None, Field(gt=0)] = None


class Freeze(_Fault):
    """Let the feed of some symbols stand still for clients; orders still meet the real market."""

    fault: Literal["freeze"] = "freeze"
    symbols: list[str] = []
    """All where empty."""
    duration: Annotated[Duration | None, Field(gt=0)] = None


class FalseTick(_Fault):
    """Show clients a price that the market does not have; the venue never sees it."""

    fault: Literal["false_tick"] = "false_tick"
    symbol: str
    kind: Literal["bid", "ask", "last"] = "last"
    price: float | Literal["nan", "inf"]
    size: float = 100.0


class ClockSkew(_Fault):
    """Tell a time that is wrong by `by`: the handshake, reqCurrentTime and execution times."""

    fault: Literal["clock_skew"] = "clock_skew"
    by: Duration


class Halt(_Fault):
    """Halt trading in a symbol; it resumes in the end."""

    fault: Literal["halt"] = "halt"
    symbol: str
    duration: Annotated[Duration | None, Field(gt=0)] = None


class ManualTrade(_Fault):
    """Trade by hand in TWS: a fill that no client's order explains."""

    fault: Literal["manual_trade"] = "manual_trade"
    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: Annotated[int, Field(ge=1)]
    price: float | None = None
    """At the market where absent."""


class Split(_Fault):
    """Split a stock, `new` shares for `old` ones; its GTC orders are cancelled."""

    fault: Literal["split"] = "split"
    symbol: str
    new: Count
    old: Count = 1


class Locate(_Fault):
    """Make shares of a symbol hard to borrow: new short sales wait with 404 until the end."""

    fault: Literal["locate"] = "locate"
    symbol: str
    duration: Annotated[Duration | None, Field(gt=0)] = None


class Correct(_Fault):
    """Correct the price of the latest execution, under an execution id that ends in ``.02``."""

    fault: Literal["correct"] = "correct"
    price: float


class Bust(_Fault):
    """Take the latest execution back: its shares, its money and its commission."""

    fault: Literal["bust"] = "bust"


class Overfill(_Fault):
    """Fill the order of the latest execution by `more` than it asked for."""

    fault: Literal["overfill"] = "overfill"
    more: Count = 1


class Band(_Fault):
    """Let a symbol trade between two prices only, as limit up and limit down do."""

    fault: Literal["band"] = "band"
    symbol: str
    low: float
    high: float
    duration: Annotated[Duration | None, Field(gt=0)] = None


class Dividend(_Fault):
    """Pay an amount for each share held; who is short pays it."""

    fault: Literal["dividend"] = "dividend"
    symbol: str
    amount: Annotated[float, Field(gt=0)]


Fault = (
    Cut
    | Mute
    | HalfOpen
    | Hold
    | Drop
    | Duplicate
    | Delay
    | Reorder
    | Garbage
    | Code
    | Refuse
    | Fork
    | RollBackIds
    | Restart
    | Outage
    | NightlyReset
    | DelayedData
    | Freeze
    | FalseTick
    | ClockSkew
    | Halt
    | ManualTrade
    | Split
    | Locate
    | Correct
    | Bust
    | Overfill
    | Band
    | Dividend
)
FAULT: TypeAdapter[Fault] = TypeAdapter(Annotated[Fault, Field(discriminator="fault")])
"""One fault from plain data."""


class FaultPlan(_Strict):
    """A file of faults. The seed decides every choice left to chance."""

    seed: int = 1
    faults: list[Annotated[Fault, Field(discriminator="fault")]] = []


TEXTS = {
    100: "Max rate of messages per second has been exceeded",
    103: "Duplicate order id",
    104: "Cannot modify a filled order.",
    105: "Order being modified does not match original order",
    110: "The price does not conform to the minimum price variation for this contract.",
    135: "Can't find order with id",
    161: "Cancel attempted when order is not in a cancellable state.",
    201: "Order rejected - reason: injected",
    202: "Order Canceled - reason:",
    399: "Order Message: Warning: your order will not be placed at the exchange until the open",
    404: "Order held while securities are located.",
    451: "Order size exceeds the limit that is set in the presets",
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
    2103: "Market data farm connection is broken:usfarm",
    2104: "Market data farm connection is OK:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2157: "Sec-def data farm connection is broken:secdefil",
    2158: "Sec-def data farm connection is OK:secdefil",
    10326: "OCA group revision is not allowed",
    10349: "Order TIF was set to DAY based on order preset.",
}


def parse_plan(text: str, file: str = "faults.yaml") -> FaultPlan:
    """Read a file of faults.

    Raises `ConfigError` that names line, fault and what was expected there.
    """
    yaml = YAML(pure=True)
    yaml.version = (1, 2)
    if len(text) > FILE_BYTES_MAX:
        raise _problem(file, "the file", f"{len(text)} characters", f"up to {FILE_BYTES_MAX}")
    try:
        tree = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        cause = str(error.problem or error.context)
        raise _problem(file, "the file", f"not YAML ({cause})", "YAML 1.2", line) from None
    except (YAMLError, ValueError, RecursionError) as error:
        cause = str(error).splitlines()[0]
        raise _problem(file, "the file", f"not YAML ({cause})", "YAML 1.2") from None
    try:
        return FaultPlan.model_validate(
            _plain({} if tree is None else tree, file), context=_OF_A_FILE
        )
    except ValidationError as error:
        raise ConfigError([_found(found, tree, file) for found in error.errors()]) from None


def parse_fault(data: Mapping[str, Any]) -> Fault:
    """Read one fault from plain data, as the control port does; raise `ConfigError`."""
    try:
        return FAULT.validate_python(dict(data), context=_OF_A_FILE)
    except ValidationError as error:
        raise ConfigError([_found(found, None, "fault") for found in error.errors()]) from None


def _plain(node: Any, file: str) -> Any:
    """Return containers and scalars of ruamel's as Python's own; refuse tags and dates."""
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value, file) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value, file) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if node is None or node == {}:
        return node
    raise _problem(file, "the file", f"found {shown(str(node))}", "numbers and texts")


def _found(found: Any, tree: Any, file: str) -> ConfigProblem:
    """Return one finding of pydantic's with its line and our words."""
    # A member of the union shows up in the path as its tag, which is no key of the file.
    path = [part for part in found["loc"] if part not in _TAGS]
    line, node = None, tree
    for part in path:
        if not isinstance(node, CommentedMap | CommentedSeq):
            break
        try:
            # `CommentedMap.lc` answers for keys, `CommentedSeq.lc` for indices.
            place = node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part)
            line, node = place[0] + 1, node[part]
        except (KeyError, IndexError, TypeError):
            break
    where = ".".join(str(part) for part in path) or "the fault"
    match found["type"]:
        case "extra_forbidden":
            what, expected = f"unknown key {shown(path[-1])}", "a key of this fault"
        case "missing":
            what, expected = f"`{path[-1]}` is missing", f"`{path[-1]}`"
        case "union_tag_invalid":
            tag = str(found["ctx"]["tag"])
            hint = did_you_mean(tag, sorted(_TAGS))
            what, expected = f"unknown fault {shown(tag)}", "one of " + ", ".join(sorted(_TAGS))
            return ConfigProblem(
                file=file, where=where, what=what, expected=expected, hint=hint, line=line
            )
        case "union_tag_not_found":
            what, expected = "no key `fault`", "the kind of the fault"
        case _:
            expected = expectation.expected(found)
            what = f"found {shown(found['input'])}"
    return ConfigProblem(file=file, where=where, what=what, expected=expected, line=line)


def _problem(
    file: str, where: str, what: str, expected: str, line: int | None = None
) -> ConfigError:
    problem = ConfigProblem(file=file, where=where, what=what, expected=expected, line=line)
    return ConfigError([problem])


_TAGS = frozenset(str(member.model_fields["fault"].default) for member in get_args(Fault))
