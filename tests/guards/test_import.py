"""`import orderloom` costs little, and each name it offers is there."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import orderloom

HEAVY = ("httpx2", "ib_async", "numpy", "pandas", "polars", "structlog", "typer")
BUDGET_MS = 100
RUNS = 5


def in_fresh_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_importing_orderloom_takes_under_100_ms() -> None:
    code = "import time; t = time.perf_counter(); import orderloom; print(time.perf_counter() - t)"
    took = [float(in_fresh_python(code)) * 1000 for _ in range(RUNS)]
    # The median, because other processes may disturb a single run; it was 4 ms when written.
    assert statistics.median(took) < BUDGET_MS, took


def test_importing_orderloom_loads_no_heavy_library() -> None:
    loaded = json.loads(
        in_fresh_python("import json, sys, orderloom; print(json.dumps(sorted(sys.modules)))")
    )
    assert "orderloom" in loaded
    assert not set(HEAVY) & set(loaded)


def test_writing_a_rule_loads_no_heavy_library_either() -> None:
    loaded = json.loads(
        in_fresh_python(
            "import json, sys; from orderloom import enter, percent, position, signal;"
            "print(json.dumps(sorted(sys.modules)))"
        )
    )
    assert "orderloom.conditions" in loaded
    assert not set(HEAVY) & set(loaded)


def typed_names() -> dict[str, str]:
    """Name and module, as type checkers see them in `__init__.py`."""
    tree = ast.parse(Path(str(orderloom.__file__)).read_text())
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_every_name_of_the_package_is_what_type_checkers_are_told() -> None:
    names = typed_names()
    assert "signal" in names
    assert set(orderloom.__all__) == set(names)
    for name, module in names.items():
        assert getattr(orderloom, name) is getattr(import_module(module), name)
    assert set(names) <= set(dir(orderloom))


def test_no_public_name_is_a_modules_too() -> None:
    # Importing a module binds its name in the package, over whatever had it before.
    package = Path(str(orderloom.__file__)).parent
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {"sessions", "conditions"} <= modules
    assert not modules & set(orderloom.__all__)
