"""Frames and values of the wire: what arrives in pieces, and what each text means."""

from decimal import Decimal

import pytest

from orderloom.sim.times import SECOND, Zone
from orderloom.sim.wire import (
    FRAME_BYTES_MAX,
    Frames,
    MalformedMessageError,
    Reader,
    decimal_text,
    escaped,
    message,
    number_text,
    parse_hello,
    parse_integer,
    parse_number,
    parse_quantity,
)

STREAM = message("49", "1") + message("71", "2", "7", "") + message("102")


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, len(STREAM)])
def test_frames_are_the_same_however_the_bytes_are_split(step: int) -> None:
    frames = Frames()
    payloads: list[bytes] = []
    for start in range(0, len(STREAM), step):
        frames.push(STREAM[start : start + step])
        payloads += frames.payloads()
    assert payloads == [b"49\x001\x00", b"71\x002\x007\x00\x00", b"102\x00"]


def test_a_frame_that_is_incomplete_is_neither_yielded_nor_lost() -> None:
    frames = Frames()
    frames.push(STREAM[:-1])
    assert len(list(frames.payloads())) == 2
    assert list(frames.payloads()) == []
    frames.push(STREAM[-1:])
    assert list(frames.payloads()) == [b"102\x00"]


def test_a_length_that_cannot_be_is_refused_before_it_is_waited_for() -> None:
    frames = Frames()
    frames.push((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
    with pytest.raises(MalformedMessageError, match="frame length"):
        list(frames.payloads())


@pytest.mark.parametrize(
    ("greeting", "versions"),
    [
        (b"v157..178", (157, 178)),
        (b"v100..225 +PACEAPI", (100, 225)),
        (b"v160", (160, 160)),
        (b"157..178", None),
        (b"v..178", None),
        (b"", None),
    ],
)
def test_greetings(greeting: bytes, versions: tuple[int, int] | None) -> None:
    assert parse_hello(greeting) == versions


@pytest.mark.parametrize(
    "text", ["", "1.7976931348623157e+308", "1.7976931348623157E308", "1.7976931348623157E+308"]
)
def test_every_client_s_unset_float_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_numbers_keep_every_digit_and_are_written_plainly() -> None:
    assert parse_number("0.1") == Decimal("0.1")
    assert parse_quantity("170141183460469231731687303715884105727") is None
    assert parse_integer("5.0") == 5
    assert decimal_text(Decimal("100.0")) == "100"
    assert decimal_text(Decimal("1E+3")) == "1000"
    assert decimal_text(Decimal("0.00000100")) == "0.000001"
    assert [number_text(value) for value in (100.0, 100, 0.1, 1e-05, -1.0)] == [
        "100", "100", "0.1", "1e-05", "-1",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="NaN"):
        number_text(float("nan"))


@pytest.mark.parametrize("text", ["abc", "nan", "Infinity", "1,5", "0x10"])
def test_what_is_no_number_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(MalformedMessageError, match=text):
        parse_number(text)


def test_a_reader_refuses_too_few_and_too_many_fields() -> None:
    short = Reader(b"3\x00")
    assert short.integer() == 3
    with pytest.raises(MalformedMessageError, match="field 1"):
        short.text()
    long = Reader(b"3\x004\x00")
    assert long.integer() == 3
    with pytest.raises(MalformedMessageError, match="1 more"):
        long.end()
    with pytest.raises(MalformedMessageError, match="NUL"):
        Reader(b"3")


def test_a_list_cannot_claim_more_items_than_the_message_holds() -> None:
    with pytest.raises(MalformedMessageError, match="2000000000"):
        Reader(b"2000000000\x00a\x00").count()
    with pytest.raises(MalformedMessageError, match="-1"):
        Reader(b"-1\x00a\x00").count()


def test_free_text_leaves_as_printable_ascii_that_receivers_can_undo() -> None:
    text = "Société\n\\ 株 😀"
    wire = escaped(text)
    assert wire.isascii()
    assert wire.isprintable()
    undone = wire.encode().decode("unicode-escape")
    assert undone.encode("utf-16", "surrogatepass").decode("utf-16") == text
    assert escaped("Order rejected") == "Order rejected"


def test_zone_writes_and_reads_the_forms_of_tws_over_a_change_of_offset() -> None:
    zone = Zone("US/Eastern")
    before = 1_762_061_400 * SECOND  # 2025-11-02 05:30:00Z, still daylight time
    after = before + 3600 * SECOND
    assert zone.stamp(before) == "20251102 01:30:00 US/Eastern"
    assert zone.stamp(after) == "20251102 01:30:00 US/Eastern"
    assert zone.midnight(after) == 1_762_056_000 * SECOND
    later = after + 8 * 3600 * SECOND
    assert zone.parse(zone.stamp(later)) == later
    assert zone.parse(zone.bare(later)) == later
    assert zone.parse("20251102-14:30:00") == later
    with pytest.raises(ValueError, match="Mars/Base"):
        zone.parse("20251102 09:30:00 Mars/Base")
    with pytest.raises(ValueError, match="tomorrow"):
        zone.parse("tomorrow")
