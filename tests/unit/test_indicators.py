"""Indicators in conditions against the native ones that they name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest

from orderloom import _core
from orderloom.errors import LanguageError
from orderloom.expression import parse_condition
from orderloom.indicators import INDICATORS, adx, cci, keltner_upper, macd, obv, vwap
from orderloom.structured import parse_structured

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom.tree import Indicator


def shortest(form: Callable[..., Indicator]) -> Indicator:
    """With 5 for every parameter that must be given."""
    parameters = inspect.signature(form).parameters.values()
    return form(*(5 for parameter in parameters if parameter.default is parameter.empty))


@pytest.mark.parametrize("name", INDICATORS)
def test_each_is_unknown_for_as_many_bars_as_it_says(name: str) -> None:
    declared = shortest(INDICATORS[name])
    native = _core.Indicator(declared.name, *declared.parameters)
    assert native.parameters == declared.parameters  # the defaults are the same, too
    rng = np.random.default_rng(3)
    close = 100 + np.cumsum(rng.normal(0, 1, declared.bars))
    spread = rng.random((2, declared.bars)) + 0.1
    highs, lows = (close + spread[0]).tolist(), (close - spread[1]).tolist()
    values = [
        native.update(last, high, low, last, 1_000.0)
        for last, high, low in zip(close.tolist(), highs, lows, strict=True)
    ]
    assert values[:-1] == [None] * (declared.bars - 1)
    assert values[-1] is not None


@pytest.mark.parametrize("name", INDICATORS)
def test_each_is_one_tree_in_all_three_forms(name: str) -> None:
    indicator = shortest(INDICATORS[name])
    tree = (indicator > 1.5).as_dict()
    assert parse_condition(f"{indicator} > 1.5").as_dict() == tree
    assert parse_structured({"indicator": str(indicator), ">": 1.5}).as_dict() == tree


def test_parameters_left_out_are_the_native_ones() -> None:
    assert parse_condition("macd() > macd_signal()") == parse_condition(
        "macd(12, 26, 9) > macd_signal(12, 26, 9)"
    )
    assert (str(obv()), str(vwap())) == ("obv()", "vwap()")
    assert macd(26, 12).bars == macd(12, 26).bars == 34


def test_parameters_out_of_range_are_refused_with_their_range() -> None:
    for form in (adx, cci):
        with pytest.raises(LanguageError, match="2 to 100000"):
            form(1)
    with pytest.raises(LanguageError, match="`multiple` of `keltner_upper`"):
        keltner_upper(20, 0)
    with pytest.raises(LanguageError, match="a whole number of bars"):
        macd(12, 26.5)  # type: ignore[arg-type]  # as text can say it
    with pytest.raises(LanguageError, match="vwap"):
        parse_condition("vwap(14) > 1")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f8", "f4", "i4"])
def test_columns_in_either_order_of_bytes_are_read_right(order: str, kind: str) -> None:
    column = np.array([1, 2, 3, 4]).astype(order + kind)
    assert list(_core.Indicator("sma", 2).batch(close=column))[1:] == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("name", ["", "amt", " "])
def test_a_name_that_no_indicator_has_is_told_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=f"^`name` must be one of atr, .* vwap, was `{name}`$"):
        _core.Indicator(name, 14)


def test_a_masked_row_is_no_value_of_an_indicator() -> None:
    column = np.ma.array([1.0, 2.0, 3.0])
    assert _core.Indicator("sma", 2).batch(close=column).tolist()[1:] == [1.5, 2.5]
    column[1] = np.ma.masked
    with pytest.raises(ValueError, match="row 1: `close` is missing, expected a value in"):
        _core.Indicator("sma", 2).batch(close=column)
