"""Every public name shows an example, and every example of the package does what it says."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import orderloom

PACKAGE = Path(str(orderloom.__file__)).parent


def documented() -> list[str]:
    """Modules with an example in them, and the native one."""
    names = [
        ".".join(["orderloom", *path.relative_to(PACKAGE).with_suffix("").parts])
        for path in sorted(PACKAGE.rglob("*.py"))
        if ">>>" in path.read_text(encoding="utf-8")
    ]
    return ["orderloom._core", *names]


def example_of(name: str) -> str:
    """Where a name's example stands: its own text, or its class's for a ready-made object."""
    value = getattr(orderloom, name)
    described = value if inspect.isclass(value) or callable(value) else type(value)
    return inspect.getdoc(described) or ""


def test_every_public_name_has_an_example() -> None:
    assert len(orderloom.__all__) > 80
    without = [name for name in orderloom.__all__ if ">>>" not in example_of(name)]
    assert without == []


@pytest.mark.parametrize("name", documented())
def test_the_examples_of_a_module_do_what_they_say(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name))
    assert tried
    assert not failed
