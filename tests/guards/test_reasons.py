"""The page of codes says what the core says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_codes_is_current() -> None:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "write_reasons.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    source = pages.SOURCE.read_text()
    codes = dict(pages.table("Reason", source))
    assert len(codes) > 30
    assert {"COOLDOWN", "CONDITION_UNKNOWN", "MAX_DAILY_LOSS"} <= codes.keys()
    assert all(codes.values())
    hint = "hint: run `python docs/write_reasons.py`"
    assert pages.TARGET.read_text(encoding="utf-8") == pages.page(), hint
