"""The version of this package, as its distribution says."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

__version__: Final = version("orderloom")
