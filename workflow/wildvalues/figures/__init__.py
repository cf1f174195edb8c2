"""Figures: one module each, from published tables to a matplotlib figure."""

from __future__ import annotations

# In the order of the paper. Each names a module here with a function `make(material) -> Drawn`.
FIGURES = (
    "pipeline",
    "taxonomy",
    "values",
    "rank_frequency",
    "map",
    "sensitivity",
    "associations",
    "variation",
    "response_types",
    "mirroring",
    "explicitness",
    "models",
    "published",
    "accuracy",
    "confusion",
)
