"""What the paper is written from: the published tables, the validation, the disclosure report, the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from wildvalues.figures.accuracy import measured
from wildvalues.figures.drawn import Material
from wildvalues.params import Params
from wildvalues.results import Results
from wildvalues.wording import count


@dataclass(frozen=True)
class Study:
    """Everything a number of the paper may come from."""

    params: Params
    tables: Results
    validation: Mapping[str, Any]
    disclosure: Mapping[str, Any]

    @cached_property
    def material(self) -> Material:
        """The part that figures are made from."""
        return Material(self.tables, self.validation, self.params.plot)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Measures of agreement with gold labels, a row each."""
        return measured(self.validation)

    def metric(self, stage: str, name: str) -> float | None:
        """Return a number of the pipeline, or None."""
        return self.material.metric(stage, name)

    def counted(self, stage: str, name: str) -> str:
        """Write a number of the pipeline as a count."""
        return count(self.metric(stage, name))

    def total(self, name: str) -> float:
        """Add up a metric over all stages."""
        pipeline = self.tables["pipeline"]
        return float(pipeline.loc[pipeline["metric"] == name, "value"].fillna(0).sum())

    def test(self, column_facet: str) -> Any | None:
        """Return the row of the test of AI values against a facet, at the level the figure draws."""
        tests = self.tables["association_tests"]
        tests = tests[
            (tests["row_facet"] == "ai_values") & (tests["row_level"] == 0) & (tests["column_facet"] == column_facet)
        ].sort_values("column_level", kind="stable")
        if tests.empty:
            return None
        return tests.iloc[1 if column_facet == "task" and len(tests) > 1 and tests["column_level"].iloc[0] == 0 else 0]

    @property
    def n_models(self) -> int:
        """Models with published response types."""
        table = self.tables["models"]
        return int(table.loc[table["n_base"].fillna(0) > 0, "model"].nunique())

    @property
    def has_users(self) -> bool:
        """Whether any published cell knows its users."""
        return bool(self.tables["frequencies"]["n_users"].notna().any())

    @property
    def demo(self) -> bool:
        """Whether conversations of the demonstration corpus are among those read."""
        return (self.metric("ingest", "demo_conversations") or 0) > 0
