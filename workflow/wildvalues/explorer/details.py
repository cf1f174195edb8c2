"""What a page about one value, cluster or context shows beyond its place in the tree."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wildvalues.explorer.chunks import number
from wildvalues.results import Results

# Most over- and most under-represented partners kept for each kind and level of partner.
PARTNERS = 15

Details = dict[str, dict[str, Any]]


def node_details(tables: Results, facet: str) -> Details:
    """Return node id -> details for every node of a facet that has any.

    Parameters
    ----------
    facet
        A facet with a tree, or a flat kind of context (response_type, model, language, week).
    """
    found: Details = {}
    for row in _rows(tables["frequencies"], facet):
        found[row.node_id] = {
            "interval": [number(row.share_low), number(row.share_high)],
            "byUser": [number(row.user_low), number(row.user_high)],
            "users": number(row.n_users),
            "base": number(row.n_base),
        }
    for row in _rows(tables["taxonomy"], facet):
        if row.description:
            found.setdefault(row.node_id, {})["description"] = row.description
        if row.level and pd.notna(row.fit):
            found.setdefault(row.node_id, {})["fit"] = number(row.fit)
    for row in _rows(tables["variation"], facet):
        found.setdefault(row.node_id, {}).setdefault("variation", []).append(
            {
                "level": number(row.context_level),
                "contexts": number(row.n_contexts),
                "cv": number(row.cv),
                "interval": [number(row.cv_low), number(row.cv_high)],
                "chance": number(row.cv_expected),
            }
        )
    partners: Any = _partners(tables["associations"], facet).itertuples(index=False)
    for row in partners:
        kinds = found.setdefault(row.node_id, {}).setdefault("partners", {})
        cell = [row.partner_id, row.partner_name, *(number(value) for value in (row.observed, row.inside, row.overall))]
        kinds.setdefault(f"{row.partner_facet}/{row.partner_level}", []).append(
            [*cell, number(row.residual), int(bool(row.significant))]
        )
    return found


def _rows(table: pd.DataFrame, facet: str) -> Any:
    return table[table["facet"] == facet].itertuples(index=False)


def _partners(associations: pd.DataFrame, facet: str) -> pd.DataFrame:
    """List each node's partners, strongest first, over-represented before under-represented.

    `inside` is always the rate of the row's value among the column's conversations and `overall` its rate among
    all, whichever of the two the page is about.
    """
    cells = associations.assign(
        inside=(associations["observed"] / associations["column_total"]).astype("float64"),
        overall=(associations["row_total"] / associations["n"]).astype("float64"),
    )
    sides = []
    for own, partner in (("row", "column"), ("column", "row")):
        side = cells[cells[f"{own}_facet"] == facet]
        names = {f"{own}_id": "node_id", f"{own}_level": "node_level"}
        names |= {f"{partner}_{part}": f"partner_{part}" for part in ("facet", "level", "id", "name")}
        sides.append(side.rename(columns=names))
    wanted = ["node_id", "node_level", "partner_facet", "partner_level", "partner_id", "partner_name"]
    wanted += ["observed", "inside", "overall", "residual", "significant"]
    both = pd.concat([side[wanted] for side in sides], ignore_index=True).dropna(subset=["residual"])
    both["under"] = both["residual"] < 0
    both["strength"] = both["residual"].abs()
    group = ["node_level", "node_id", "partner_facet", "partner_level", "under"]
    both = both.sort_values([*group, "strength", "partner_id"], ascending=[True] * 5 + [False, True], kind="stable")
    return both.groupby(group, sort=False).head(PARTNERS)
