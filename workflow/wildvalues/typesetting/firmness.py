"""What the paper says of how firm the trees are: sentences as macros, the table of levels, switches."""

from __future__ import annotations

import pandas as pd

from wildvalues.assessment.resampling import CHANGE
from wildvalues.figures import sensitivity
from wildvalues.results import records
from wildvalues.typesetting.latex import Column, escape, table
from wildvalues.typesetting.study import Study
from wildvalues.wording import count, decimal, enumeration, facet_words, percent

NAMED = 4
_FACETS = {"ai_values": 0, "human_values": 1, "task": 2}


def macros(study: Study) -> dict[str, str]:
    """Return macro name -> LaTeX."""
    data = sensitivity.compared(study.material)
    return {
        "Change": percent(CHANGE, 0),
        "Firmness": _sentence(data, "seed", "Trees of AI values that differ in nothing but the seed agree"),
        "Spelling": _sentence(
            data, "k-means of character-ngrams", "A tree made from the spelling of the names alone agrees"
        ),
        "Misfits": enumeration(
            [
                rf"\textit{{{escape(row.name)}}} (in \enquote{{{escape(row.cluster_name)}}}, next to "
                rf"\enquote{{{escape(row.next_name)}}})"
                for row in records(_misfits(study))
            ]
        ),
    }


def flags(study: Study) -> dict[str, bool]:
    """Return switch name -> whether the study has the thing."""
    return {
        "HasQuality": not sensitivity.compared(study.material).empty,
        "HasMisfits": not _misfits(study).empty,
    }


def _sentence(data: pd.DataFrame, changed: str, start: str) -> str:
    rows = data[data["changed"] == changed]
    if rows.empty:
        return ""
    levels = enumeration([f"{decimal(row.ami)} at level {row.level}" for row in records(rows)])
    return escape(f"{start} with the study's own by {levels} (adjusted mutual information; 0 is chance).") + " "


def _misfits(study: Study) -> pd.DataFrame:
    rows = study.tables["misfits"]
    rows = rows[(rows["facet"] == "ai_values") & (rows["level"] == 1)]
    return rows.sort_values(["margin", "node_id"], kind="stable").head(NAMED)


def by_level(study: Study) -> str:
    """Return the table of the levels of all trees."""
    rows = study.tables["quality"]
    rows = rows.assign(order=rows["facet"].map(_FACETS)).sort_values(["order", "level"], kind="stable")
    cells = [
        [
            facet_words(row.facet),
            count(row.level),
            count(row.n_values),
            count(row.n_clusters),
            escape(decimal(row.size_median, 1)),
            escape(decimal(row.silhouette)),
            escape(percent(row.misplaced)),
            escape(decimal(row.ami_seeds)),
            escape(decimal(row.ami_resampled)),
            escape(percent(row.moved_less, 0)),
        ]
        for row in records(rows)
    ]
    names = ("level", "values", "clusters", "median", "silhouette", "% misplaced", "seeds", "resampled", "% moved")
    columns = [Column("tree", "l"), *(Column(name) for name in names)]
    return table(columns, cells, "There is no tree whose levels could be measured.")
