"""The arrows between folders: py → sim → core, and adapters that know ports but not each other."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "orderloom"

CRATES = {
    "orderloom-core": set(),
    "orderloom-sim": {"orderloom-core"},
    "orderloom-py": {"orderloom-core", "orderloom-sim"},
}
ADAPTERS = {"feeds", "journal", "signals", "sim", "tws"}
TOPS = {
    "__main__", "app", "backtesting", "cli", "config", "control", "doctor", "drill", "explain",
    "history", "log", "monitor", "recovery", "replay", "report", "resampling", "runner", "sessions",
    "sweeping", "whatif", "world",
}  # fmt: skip
"""What stands on top: it may use everything, and only its own kind may use it."""


def test_crates_depend_in_one_direction_only() -> None:
    answer = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    packages = {package["name"]: package for package in json.loads(answer.stdout)["packages"]}
    assert packages.keys() == CRATES.keys()
    for name, allowed in CRATES.items():
        ours = {d["name"] for d in packages[name]["dependencies"] if "path" in d}
        assert ours <= allowed, f"{name} must not depend on {ours - allowed}"


def test_the_core_depends_on_nothing_that_touches_the_world() -> None:
    manifest = (ROOT / "rust" / "core" / "Cargo.toml").read_text()
    names = [line.split(".")[0] for line in manifest.splitlines() if line.endswith("= true")]
    assert "serde" in names
    assert not {"pyo3", "tokio", "rand", "getrandom", "libc", "chrono", "jiff"} & set(names)


def units() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """First names below `orderloom` that a module imports, in any of Python's spellings."""
    found = set()
    place = ["orderloom", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = place[: -node.level] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            modules = [".".join([*stem, alias.name]) for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in modules if name.startswith("orderloom.")}
    return found


def test_imports_are_found_in_every_spelling(tmp_path: Path) -> None:
    found = {path.relative_to(PACKAGE).parts[0] for path in units()}
    assert found >= ADAPTERS | {"ports.py", "errors.py"}
    assert "redaction" in imported(PACKAGE / "journal" / "writer.py")
    assert imported(PACKAGE / "journal" / "journal.py") == {"journal", "redaction", "version"}


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_an_adapter_imports_no_other_adapter_and_nothing_above_it(adapter: str) -> None:
    modules = [path for path in units() if path.relative_to(PACKAGE).parts[0] == adapter]
    assert modules
    for path in modules:
        wrong = imported(path) & ((ADAPTERS - {adapter}) | TOPS)
        assert not wrong, f"{path.relative_to(ROOT)} must not import {wrong}: use `ports`"


def test_the_vocabulary_imports_no_adapter_and_nothing_above_it() -> None:
    above = ADAPTERS | TOPS
    modules = [
        path
        for path in units()
        if (first := path.relative_to(PACKAGE).parts[0].removesuffix(".py")) not in above
        and first != "__init__"  # re-exports lazily; `test_import.py` watches it
    ]
    assert PACKAGE / "ports.py" in modules
    for path in modules:
        wrong = imported(path) & above
        assert not wrong, f"{path.relative_to(ROOT)} must not import {wrong}"
