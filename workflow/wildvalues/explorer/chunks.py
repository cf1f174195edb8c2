"""Data for the page as scripts: a page opened from a folder may load scripts, but may not fetch files.

Each chunk is one script that hands one JSON value to the page. Values are found by a hash of their id, so that a
study of 100,000 values loads one small chunk for the value that is looked at, and a changed value changes one file.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

# A value called "<script>" must not be one, and U+2028/9 end a line in older readings of JavaScript.
_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_NODES_PER_CHUNK = 150


def write_chunk(folder: Path, key: str, value: Any) -> None:
    """Write `value` as the script ``<folder>/<key>.js``."""
    path = folder / f"{key}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)
    # Engines read JSON several times faster than the same text as a JavaScript literal.
    literal = json.dumps(text, ensure_ascii=False)
    path.write_text(f"wildvalues.receive({json.dumps(key)},JSON.parse({literal}));\n", "utf-8")


def hash_id(node_id: str) -> str:
    """Return the 32-bit FNV-1a hash of an id as eight hex digits; ``store.js`` computes the same."""
    state = 0x811C9DC5
    for byte in node_id.encode("utf-8", "surrogatepass"):
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{state:08x}"


def digits_for(n_nodes: int) -> int:
    """Return how many hex digits of the hash split `n_nodes` into chunks of a handy size."""
    return max(0, math.ceil(math.log(max(1, n_nodes) / _NODES_PER_CHUNK, 16)))


def number(value: Any, digits: int = 5) -> float | int | None:
    """Return a number as JSON holds it: missing and infinite as None, reals at `digits` significant digits."""
    if value is None or value is pd.NA:
        return None
    real = float(value)
    if not math.isfinite(real):
        return None
    if real == int(real) and abs(real) < 2**53:
        return int(real)
    return float(f"{real:.{digits}g}")


def numbers(column: pd.Series, digits: int = 5) -> list[float | int | None]:
    """Return a column as JSON holds it."""
    return [number(value, digits) for value in column.tolist()]
