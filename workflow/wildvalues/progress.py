"""Progress on anything that takes more than a few seconds: rate, ETA and cost on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, total: int | None = None, label: str, unit: str = "it") -> Iterator[Item]:
    """Yield `items` while a bar with rate and ETA runs on stderr, if that is a terminal."""
    yield from tqdm(items, total=total, desc=label, unit=unit, disable=not sys.stderr.isatty(), leave=False)


def bar(*, total: int, label: str, unit: str = "it") -> tqdm[Any]:
    """Return a bar to be advanced by hand; `set_postfix_str` shows cost. Silent when stderr is no terminal."""
    return tqdm(total=total, desc=label, unit=unit, disable=not sys.stderr.isatty(), leave=False)
