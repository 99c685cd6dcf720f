"""Writes `reasons.md` from the documentation of the codes: `python docs/write_reasons.py`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "rust" / "core" / "src" / "command.rs"
TARGET = DOCS / "reasons.md"
TABLES = {
    "Reason": "Why a prediction or a rule had no effect",
    "IncidentCode": "What an operator is told",
    "ExitReason": "Why a trade ended",
}
_VARIANT = re.compile(r"((?:\s*///[^\n]*\n)+)\s*([A-Z]\w+),")


def table(enum: str, source: str) -> list[tuple[str, str]]:
    """Code and meaning of each variant of an enum, in the order of the source."""
    start = source.index(f"pub enum {enum} {{")
    body = source[start : source.index("\n}", start)]
    return [
        (
            re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(),
            " ".join(re.sub(r"\s*///", "", doc).split()),
        )
        for doc, name in _VARIANT.findall(body)
    ]


def page() -> str:
    """The whole page."""
    source = SOURCE.read_text(encoding="utf-8")
    lines = [
        "# Codes",
        "",
        "These words are stable: summaries, journals and `orderloom explain` use them, and scripts",
        "may compare them. This page is generated from the core's own documentation by",
        "`python docs/write_reasons.py`.",
    ]
    for enum, title in TABLES.items():
        lines += ["", f"## {title}", "", "| code | meaning |", "|---|---|"]
        lines += [f"| `{code}` | {meaning} |" for code, meaning in table(enum, source)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
