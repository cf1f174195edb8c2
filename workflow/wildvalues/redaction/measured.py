"""How well redaction finds personal data, as measured on labelled chat: what it misses is said where it is used."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any, get_args

import yaml

from wildvalues.params import Redact, RedactionKind


@dataclass(frozen=True)
class Measured:
    """Recall and precision by span on the labelled sentences that were not tuned on, for the kinds that are masked."""

    recall: float
    precision: float
    spans: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        text = (
            f"Best effort: of {self.spans} passages of these kinds in labelled chat {self.recall:.0%} were found, and "
            f"{self.precision:.0%} of what was masked was personal data (workflow/redaction.md)"
        )
        return f"{text}; not masked, by redact.kinds: {', '.join(self.left)}" if self.left else text


def measured(params: Redact) -> Measured:
    """Return the figures for the layers and kinds of `params`, as `benchmarks/redaction.py --record` left them."""
    kinds = _recorded()[params.model or "rules"]["kinds"]
    total = {
        key: sum(kinds[kind][key] for kind in set(params.kinds)) for key in ("labelled", "found", "masked", "right")
    }
    return Measured(
        recall=total["found"] / total["labelled"] if total["labelled"] else 1.0,
        precision=total["right"] / total["masked"] if total["masked"] else 1.0,
        spans=total["labelled"],
        left=tuple(kind for kind in get_args(RedactionKind) if kind not in params.kinds),
    )


@functools.cache
def _recorded() -> dict[str, Any]:
    text = resources.files("wildvalues.redaction").joinpath("measured.yaml").read_text("utf-8")
    recorded: dict[str, Any] = yaml.safe_load(text)
    return recorded
