"""Whatever is written where a strategy belongs: a tree, settings or a message, and nothing runs.

`make fuzz` draws many more cases (the profile `fuzz` of `conftest.py`); its deadline finds hangs.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderloom.conditions import parse_condition
from orderloom.config import check_text
from orderloom.errors import LanguageError
from orderloom.functions import FUNCTIONS
from orderloom.names import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STRATEGY = """\
market: {calendar: always, bars: 5 min}
limits: {max_open_contexts: 3}
rules:
  - name: long
    on: [PredictionSignal, Bar]
    symbols: [AAPL]
    when: signal.side == "BUY" and not (position.is_long or rsi(14) > 70)
    cooldown: 5m
    do:
      - enter: {side: BUY, notional: 10_000, stop: [{atr: 2}, {percent: 3}], target: 8%}
      - when: {field: market.price, ">": 10}
        then: [log: "high"]
templates:
  - sell: {symbols: [AAPL], confidence: 0.7}
"""
PATIENCE_MS = 60_000
"""A case that takes longer is taken for a hang; an unknown calendar loads the calendars first."""

RUNNING = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.", "ctypes.")
# Configured calendars are imported on first use, so only expressions may not import at all.
READING = ("exec", "import", "open")

_heard: list[str] | None = None


def _listen(event: str, _arguments: tuple[Any, ...]) -> None:
    if _heard is not None:
        _heard.append(event)


sys.addaudithook(_listen)


@contextmanager
def nothing_runs(*more: str) -> Iterator[None]:
    """Fails when the interpreter is asked to run, reach or, if named, read anything."""
    global _heard  # noqa: PLW0603 - an audit hook cannot be taken back, so it is switched
    _heard = []
    try:
        yield
    finally:
        heard, _heard = _heard, None
    assert [event for event in heard if event.startswith((*RUNNING, *more))] == []


@pytest.mark.parametrize("reach", [lambda: __import__("nowhere"), Path("/nowhere").read_text])
def test_the_hook_hears_what_would_run(reach: Callable[[], object]) -> None:
    def attempt() -> None:
        with nothing_runs(*READING), suppress(ImportError, OSError):
            reach()

    with pytest.raises(AssertionError):
        attempt()


# What an attack is made of, beside what the language knows.
TOKENS = [
    *NAMES, *FUNCTIONS, "(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "==", "<", ">=", "!=",
    "+", "-", "*", "**", "/", "//", "%", "@", "~", "^", "<<", "and", "or", "not", "in", "is", "if",
    "else", "for", "lambda", "await", "yield", ":=", "x", "9", "1e999", "9" * 400, "0x", "'BUY'",
    '"', "f'{x}'", "b''", "None", "True", "...", "\\", "\n", "#", ";", "\t", "\x00", "__import__",
    "eval", "exec", "open", "globals()", "__class__", "__subclasses__()", "__builtins__", "'os'",
    "system", "(" * 60, "not " * 60, "-" * 60, "[" * 60,
]  # fmt: skip


@settings(deadline=PATIENCE_MS)
@given(st.lists(st.sampled_from(TOKENS), max_size=60), st.sampled_from(["", " "]))
def test_no_expression_runs_anything(tokens: list[str], between: str) -> None:
    text = between.join(tokens)
    refused: LanguageError | None = None
    with nothing_runs(*READING):
        try:
            parse_condition(text)
        except LanguageError as refusal:
            refused = refusal
    if refused is not None:
        assert refused.offset is not None
        assert 0 <= refused.offset < max(len(text), 1)
        assert refused.expected


YAML = [
    "rules:", "templates:", "- ", "name: a", "on: Bar", "when: ", "do: ", "enter: ", "buy: ", "&a ",
    "*a", "<<: *a", "!!python/object/apply:os.system ['true']", "!!binary ", "!!set", "!x ", "{",
    "}", "[", "]", ",", ": ", "? ", "| ", "> ", "'", '"', "\n", "\n  ", "\n    ", "\t", "#",
    "---\n", "...\n", "%YAML 1.2\n", "%TAG ! !!\n", "~", "null", "0o17", ".inf", "1_000", "=",
    "2026-03-10", "\ufeff", "\u2028", "\x85", "[" * 80, "{a: " * 80, "- " * 80, "[&b [*b", "all: [",
    "signal.side == 'BUY'",
]  # fmt: skip
CUTS = st.lists(
    st.tuples(
        st.integers(0, len(STRATEGY)),
        st.integers(0, 40),
        st.sampled_from(YAML) | st.text(max_size=6),
    ),
    min_size=1,
    max_size=6,
)


def mutated(cuts: list[tuple[int, int, str]]) -> str:
    text = STRATEGY
    for place, length, patch in cuts:
        text = text[:place] + patch + text[place + length :]
    return text


@example("a: &x 1\nb: &x 2\n")
@settings(deadline=PATIENCE_MS)
@given(st.lists(st.sampled_from(YAML), max_size=40).map("".join) | CUTS.map(mutated))
def test_no_file_ends_in_anything_but_settings_or_problems_with_a_place(text: str) -> None:
    with nothing_runs():
        checked = check_text(text, environment={})
    assert (checked.settings is None) == bool(checked.errors)
    for problem in checked.problems:
        assert problem.line is not None
        assert 1 <= problem.line <= text.count("\n") + 2
        assert problem.expected
