"""What is committed speaks of the project alone, and its parts agree on the version."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".cfg", ".ini", ".json", ".lock", ".md", ".py", ".pyi", ".rs", ".sh", ".toml", ".txt",
        ".yaml", ".yml"}  # fmt: skip
BARE = {"Makefile", "run"}


def committed() -> list[Path]:
    """Text files under version control; in a source archive, all that are there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout: nothing tells what is committed")
    files = [ROOT / name for name in listing.stdout.split("\0") if name]
    found = [f for f in files if f.is_file() and (f.suffix in TEXT or f.name in BARE)]
    assert len(found) > 50
    return found


FORBIDDEN = {
    "a path of one machine": r"(?<![\w./-])/(?:work|root|home|Users)/\w",
    "the host of a package registry": r"(?i)--(?:extra-)?index-url|registry\s*=\s*\"http"
    r"|https?://[^\s\"')]*(?:pypi|/simple/|\.whl|crates\.io-index\.)",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    this = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in committed()
        # Cargo writes the name of its default registry into every lock file.
        if path not in {this, ROOT / "Cargo.lock"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_the_lock_file_names_the_public_registry_only() -> None:
    sources = set(re.findall(r'^source = "(.*)"$', (ROOT / "Cargo.lock").read_text(), re.MULTILINE))
    assert sources == {"registry+https://github.com/rust-lang/crates.io-index"}


def test_no_code_is_made_from_text_and_nothing_is_unpickled() -> None:
    modules = [path for path in committed() if path.suffix == ".py"]
    assert ROOT / "python" / "orderloom" / "redaction.py" in modules
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile"}, place
            if isinstance(node, ast.Import):
                assert not {"pickle", "marshal", "shelve"} & {a.name for a in node.names}, place
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"pickle", "marshal", "shelve"}, place


def test_no_crate_may_be_unsafe_and_the_core_depends_on_little() -> None:
    lints = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["lints"]["rust"]
    assert lints["unsafe_code"] == "forbid"
    crates = {name: tomllib.loads((ROOT / "rust" / name / "Cargo.toml").read_text()) for name in
              ("core", "sim")}  # fmt: skip
    assert all(crate["lints"] == {"workspace": True} for crate in crates.values())
    allowed = {"indexmap", "rust_decimal", "rustc-hash", "serde", "smallvec", "thiserror"}
    assert set(crates["core"]["dependencies"]) <= allowed


def test_versions_agree_and_the_changelog_knows_them() -> None:
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert cargo == python
    assert f"\n## {python} " in (ROOT / "CHANGELOG.md").read_text()


def test_every_pinned_dependency_satisfies_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pins = (ROOT / "constraints.txt").read_text()
    pinned = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)
    }
    assert len(pinned) > 20
    for requirement in wanted:
        name = re.split(r"[\[<>=~! ]", requirement)[0]
        assert re.sub(r"[-_.]+", "-", name).lower() in pinned, requirement
