"""Conditions as text: what is understood, what is refused and where, and that nothing runs."""

from __future__ import annotations

import builtins
import math
import time as clock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderloom.conditions import (
    ask,
    atr,
    bar,
    crosses_above,
    crosses_below,
    feature,
    known,
    parse_condition,
    reading,
    signal,
)
from orderloom.conditions import time as exchange_time
from orderloom.errors import LanguageError
from orderloom.expression import DEPTH_MAX, TEXT_MAX
from orderloom.functions import FUNCTIONS
from orderloom.names import NAMES
from orderloom.tree import (
    Condition,
    FlagCondition,
    NotCondition,
    Numeric,
    WordField,
    all_of,
    any_of,
    compare,
)

HOSTILE = {
    "import": '__import__("os").system("true")',
    "attribute walk": 'signal.__class__.__base__.__subclasses__() == "x"',
    "walk from a text": '"".__class__ == "x"',
    "walk from a call": "atr(14).as_dict > 1",
    "list comprehension": "[x for x in signal]",
    "generator": "any(x for x in signal)",
    "lambda": "(lambda: 1)() > 0",
    "f-string": 'signal.side == f"{open}"',
    "huge power": "market.price > 9 ** 9 ** 9 ** 9",
    "huge shift": "market.price > 1 << 999999",
    "huge repetition": 'signal.side == "x" * 999999999',
    "walrus": "(x := 1) > 0",
    "await": "await signal",
    "yield": "(yield)",
    "subscript": 'market["price"] > 1',
    "slice": "signal.features[0:1] > 1",
    "starred call": "atr(*[14]) > 1",
    "starred mapping": 'atr(**{"period": 14}) > 1',
    "bytes": 'signal.side == b"BUY"',
    "complex": "market.price > 1j",
    "ellipsis": "market.price > ...",
    "none": "market.price > None",
    "conditional": "market.price if 1 else 2",
    "dictionary": '{"a": 1}',
    "builtin": "open('x')",
    "smuggled bracket": "position.is_flat) or (position.is_long",
    "null byte": "position.is_flat\x00",
    "line separator": "position.is_flat\u2028",
    "surrogate": 'signal.side == "\ud800"',
    "not finite": "market.price > 1e999",
    "endless number": "market.price > " + "9" * 3900,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_condition_is_refused_with_its_place_and_never_run(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def caught(*_: object, **__: object) -> None:
        pytest.fail("the text was evaluated")

    for name in ("eval", "exec", "open"):
        monkeypatch.setattr(builtins, name, caught)
    with pytest.raises(LanguageError) as refusal:
        parse_condition(text)
    assert refusal.value.offset is not None
    assert 0 <= refusal.value.offset < len(text)
    assert refusal.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "(" * 190 + "position.is_flat" + ")" * 190 + " and " + "not " * DEPTH_MAX + "True",
        "(" * 1900 + "1" + ")" * 1900,
        "-" * (TEXT_MAX - 2) + "1",
        "not " * 900 + "True",
        "a." * 1900 + "b",
        "f(" * 1300 + ")" * 1300,
        "x[" * 1300 + "]" * 1300,
        "1+" * 1900 + "1",
        "1<" * 1900 + "1",
        "True and " * 500 + "True",
        "position.is_flat and " * 10_000,
    ],
    ids=lambda text: f"{text[:6]}… of {len(text)}",
)
def test_what_is_too_deep_or_too_large_is_refused_at_once(text: str) -> None:
    started = clock.perf_counter()
    with pytest.raises(LanguageError):
        parse_condition(text)
    assert clock.perf_counter() - started < 1


def test_beyond_the_bounds_is_refused() -> None:
    for text in ("not " * (DEPTH_MAX + 1) + "True", " " * TEXT_MAX + "True"):
        with pytest.raises(LanguageError, match="at most"):
            parse_condition(text)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ('signal.sid == "BUY"', "signal.sid", "hint: did you mean `signal.side`?"),
        ('position.is_flat and signal.side == "BYU"', '"BYU"', "did you mean `BUY`?"),
        ('reading("é") > 1 and bar.clse > 1', "bar.clse", "did you mean `bar.close`?"),
        ("signal.side > 5", "5", "`5` is a number and `signal.side` is a word"),
        ('signal.side > "BUY"', '"BUY"', "has no order"),
        ("position.is_flat > 1", "1", "yes or no and cannot be compared"),
        ('bar.close > "high"', '"high"', "two numbers or two words"),
        ("1 < 2", "2", "both fixed"),
        ("bar.close / 0 > 1", "bar.close", "division by zero"),
        ("bar.close", "bar.close", "is no condition"),
        ("atr(0) > 1", "atr(0)", "1 to 100000"),
        ("atr(14.5) > 1", "atr(14.5)", "whole number"),
        ("sma() > 1", "sma()", "missing a required argument: 'period'"),
        ("atr > 1", "atr", "a call such as `atr(…)`"),
        ("market.price() > 1", "market.price", "without brackets"),
        ("market > 1", "market", "`market.price`"),
        ("signal.side == BUY", "BUY", 'words need quotes (`"BUY"`)'),
        ("position.is_flat & position.is_long", "position", "join conditions with `and`"),
        ('signal.side = "BUY"', "signal", "=="),
        ("bar.close > 1\n  and bar.opn > 1", "bar.opn", "did you mean `bar.open`?"),
        ('time.between("10:00", "25:00")', "time.between", "`25:00`"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, at: str, message: str) -> None:
    with pytest.raises(LanguageError) as refusal:
        parse_condition(text)
    assert message in str(refusal.value)
    assert refusal.value.offset == text.index(at)


def test_the_language_means_what_python_would_mean() -> None:
    assert parse_condition("0.8 <= signal.confidence < 0.9") == (
        (signal.confidence >= 0.8) & (signal.confidence < 0.9)
    )
    assert parse_condition("bar.close - 1 - 2 * 3 > -bar.open / 2") == (
        bar.close - 1 - 6 > -bar.open / 2
    )
    assert parse_condition("not position.is_flat or position.is_long and True") == parse_condition(
        "(not position.is_flat) or (position.is_long and True)"
    )
    assert parse_condition('signal.side not in ("SELL", "NEUTRAL")') == ~signal.side.one_of(
        "SELL", "NEUTRAL"
    )
    assert parse_condition("position.is_flat == False") == parse_condition("not position.is_flat")
    assert parse_condition("atr(14, 'sma') > 1") == (atr(14, "sma") > 1)


def test_a_registered_condition_may_stand_by_its_name() -> None:
    assert parse_condition("position.is_flat and calm", custom={"calm"}) == parse_condition(
        'position.is_flat and ask("calm")'
    )
    with pytest.raises(LanguageError, match="ask"):
        parse_condition("calm")


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
texts = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12).filter(
    str.isprintable
)
leaves = st.sampled_from(
    [name for name in NAMES.values() if isinstance(name, Numeric)]
) | st.one_of(
    st.builds(feature, texts), st.builds(reading, texts), st.builds(atr, st.integers(1, 100_000))
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: b - a, inner, numbers),
        st.builds(lambda a, b: b * a, inner, numbers),
        st.builds(lambda a, b: a / b, inner, inner),
        st.builds(lambda a: -a, inner),
    ),
    max_leaves=4,
)
words = st.sampled_from([name for name in NAMES.values() if isinstance(name, WordField)])
flags = st.sampled_from([name for name in NAMES.values() if isinstance(name, FlagCondition)])
parts = st.one_of(
    st.builds(
        compare, values, st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]), values | numbers
    ),
    words.flatmap(lambda word: st.builds(word.one_of, st.sampled_from(word.words))),
    flags,
    st.builds(crosses_above, values, values | numbers),
    st.builds(crosses_below, values, values | numbers),
    st.builds(known, values),
    st.builds(ask, texts),
    st.builds(exchange_time.between, st.just("09:30"), st.sampled_from(["10:00", "04:00"])),
)
conditions = st.recursive(
    parts,
    lambda inner: st.one_of(
        st.builds(all_of, inner, inner),
        st.builds(any_of, inner, inner),
        st.builds(NotCondition, inner),
    ),
    max_leaves=8,
)


@given(conditions)
def test_every_tree_written_as_text_reads_back_as_itself(tree: Condition) -> None:
    assert parse_condition(str(tree)).as_dict() == tree.as_dict()


@given(st.text(max_size=200) | st.lists(
    st.sampled_from([*NAMES, *FUNCTIONS, "(", ")", "and", "or", "not", "in", "[", "]", ",", "<",
                     "==", "1", "'BUY'", "*", "-", "lambda", ":", "\n", "#", "="])
).map(" ".join))  # fmt: skip
def test_no_text_ends_in_anything_but_a_tree_or_a_refusal(text: str) -> None:
    offset: int | None = 0
    try:
        tree = parse_condition(text)
    except LanguageError as refusal:
        offset = refusal.offset
    else:
        assert parse_condition(str(tree)) == tree
    assert offset is not None
    assert 0 <= offset < max(len(text), 1)


def test_numbers_are_the_nearest_floats() -> None:
    tree = parse_condition("market.price > 0.1 + 0.2").as_dict()
    assert tree["compare"]["right"] == {"number": 0.1 + 0.2}
    assert math.copysign(1, (bar.close > -0.0).as_dict()["compare"]["right"]["number"]) == 1
