"""The page of faults names every fault, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| (holds|told|open) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.(?:py|rs))::(\w+)`")


def rows() -> dict[int, tuple[list[tuple[str, str]], str]]:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    found = ROW.findall(page)
    assert len(found) == len({number for number, *_ in found}), "a fault stands there twice"
    return {int(number): (TEST.findall(tests), result) for number, tests, result in found}


def test_every_fault_of_the_catalogue_has_a_row_and_a_test() -> None:
    found = rows()
    assert sorted(found) == list(range(1, 77))
    assert [number for number, (tests, _) in found.items() if not tests] == []


def test_every_named_test_exists() -> None:
    named = [test for tests, _ in rows().values() for test in tests]
    assert len(named) > 76
    missing = []
    for path, name in named:
        file = ROOT / path
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if re.search(rf"^\s*(?:async )?(?:def|fn) {name}\(", text, re.MULTILINE) is None:
            missing.append(f"{path}::{name}")
    assert missing == []


def test_every_test_of_a_fault_stands_in_the_row_of_its_number() -> None:
    found = rows()
    lost = []
    written = re.compile(
        r"^async def (test_fault_(\d\d)_\w+)|^def (test_fault_(\d\d)_\w+)", re.MULTILINE
    )
    for file in sorted((ROOT / "tests" / "faults").glob("test_*.py")):
        for match in written.finditer(file.read_text(encoding="utf-8")):
            name, number = match[1] or match[3], int(match[2] or match[4])
            if (f"tests/faults/{file.name}", name) not in found[number][0]:
                lost.append(name)
    assert lost == []


def test_what_is_open_is_explained() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    explained = {int(number) for number in re.findall(r"^- \*\*(\d+)\*\*", page, re.MULTILINE)}
    unfinished = {number for number, (_, result) in rows().items() if result == "open"}
    assert explained
    assert unfinished <= explained
