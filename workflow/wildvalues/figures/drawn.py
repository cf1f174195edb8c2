"""What a figure is made from and what it is: tables in; a figure, its data and its caption out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from wildvalues.figures import style
from wildvalues.params import Plot
from wildvalues.published import NOTHING as NOTHING_PUBLISHED
from wildvalues.published import Published
from wildvalues.results import Results


@dataclass(frozen=True)
class Material:
    """All that a figure may depend on.

    Parameters
    ----------
    tables
        The published tables.
    validation
        Content of ``validation.json``.
    plot
        The section ``plot`` of the parameters.
    published
        Headline figures of the published study; none, unless given.
    """

    tables: Results
    validation: Mapping[str, Any] = field(default_factory=dict)
    plot: Plot = field(default_factory=Plot)
    published: Published = NOTHING_PUBLISHED

    def metric(self, stage: str, name: str) -> float | None:
        """Return a number of the pipeline, or None when the stage did not count it."""
        pipeline = self.tables["pipeline"]
        found = pipeline.loc[(pipeline["stage"] == stage) & (pipeline["metric"] == name), "value"].dropna()
        return None if found.empty else float(found.iloc[0])

    def levels(self, facet: str) -> list[int]:
        """Levels of a facet's tree that hold a node, values (0) first."""
        tree = self.tables["taxonomy"]
        return sorted({int(level) for level in tree.loc[tree["facet"] == facet, "level"]})

    def nodes(self, facet: str, level: int) -> pd.DataFrame:
        """Rows of the frequency table at a level, most frequent first, names breaking ties."""
        table = self.tables["frequencies"]
        found = table[(table["facet"] == facet) & (table["level"] == level)]
        return found.sort_values(
            ["n_conversations", "name", "node_id"], ascending=[False, True, True], kind="stable"
        ).reset_index(drop=True)

    @property
    def n_subjective(self) -> int:
        """Annotated subjective conversations: the base of frequencies and response types."""
        for table in (self.tables["response_types"], self.tables["frequencies"]):
            base = (
                table["n_base"].dropna()
                if "denominator" not in table
                else table.loc[table["denominator"] == "subjective", "n_base"].dropna()
            )
            if len(base):
                return int(base.max())
        return int(self.metric("extract", "conversations") or 0)


@dataclass(frozen=True)
class Drawn:
    """A figure with the rows it shows and the sentence that explains it."""

    figure: Figure
    data: pd.DataFrame
    caption: str

    @classmethod
    def nothing(cls, reason: str, columns: list[str]) -> Drawn:
        """Return a figure that says that there is nothing to show and why."""
        return cls(style.notice(reason), pd.DataFrame(columns=columns), reason)

    def with_caption(self, caption: str) -> Drawn:
        """Return the same figure under another caption."""
        return dataclasses.replace(self, caption=caption)
