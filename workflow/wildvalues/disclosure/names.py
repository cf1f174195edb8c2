"""Names, descriptions and ids of published clusters: they must not speak of withheld members."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.text import LONGEST_DESCRIPTION, Withheld, may_be_shown
from wildvalues.disclosure.threshold import as_floats
from wildvalues.files import sha256_text


def renamed(
    taxonomy: pd.DataFrame, listed: NDArray[np.bool_], withheld: Withheld
) -> tuple[pd.DataFrame, NDArray[np.bool_], int]:
    """Return the taxonomy with publishable texts, which nodes stay listed, and how many texts were withheld.

    A cluster whose name may not be shown takes the name of its largest published child; without one it is not
    published. A description that may not be shown is left empty.

    Parameters
    ----------
    taxonomy
        All nodes of all facets, in the order of facet, level and id.
    """
    frame = taxonomy.reset_index(drop=True)
    names, descriptions = frame["name"].astype(str).tolist(), frame["description"].fillna("").tolist()
    sizes = np.nan_to_num(as_floats(frame["n_conversations"])).tolist()
    listed = listed.copy()
    n_withheld = 0
    parents = frame["facet"] + "\0" + frame["parent_id"].fillna("")
    keys = (frame["facet"] + "\0" + frame["node_id"]).to_numpy()
    by_level = frame["level"].to_numpy()
    heir: dict[str, tuple[float, str]] = {}
    for level in sorted(frame["level"].unique()):
        for index in np.flatnonzero(by_level == level):
            name, description = names[index], descriptions[index]
            if not listed[index]:
                continue
            if level > 0 and (not may_be_shown(name) or withheld.occurs_in(name)):
                n_withheld += 1
                if keys[index] not in heir:
                    listed[index] = False
                    continue
                name = heir[keys[index]][1]
            if description and (
                not may_be_shown(description, longest=LONGEST_DESCRIPTION) or withheld.occurs_in(description)
            ):
                n_withheld += 1
                description = ""
            names[index], descriptions[index] = name, description
            # The largest child; of equal ones the first in the order of ids.
            if parents[index] not in heir or sizes[index] > heir[parents[index]][0]:
                heir[parents[index]] = (sizes[index], name)
    return frame.assign(name=names, description=descriptions), listed, n_withheld


def published_ids(taxonomy: pd.DataFrame, listed: NDArray[np.bool_]) -> pd.DataFrame:
    """Return facet, node_id, published_id and n_values of the listed nodes.

    A cluster's id is a hash of its members, so with all but one of them published the last could be guessed and
    confirmed. A cluster that lost a member is therefore numbered anew from the published ones (from its name
    where none is).
    """
    members = _leaves_below(taxonomy)
    leaf_listed = dict(zip(taxonomy["facet"] + "\0" + taxonomy["node_id"], listed, strict=True))
    rows: list[tuple[str, str, str, int]] = []
    taken: set[tuple[str, str]] = set()
    nodes = taxonomy.loc[listed, ["facet", "level", "node_id", "name"]]
    for facet, level, node_id, name in zip(*(nodes[column].tolist() for column in nodes), strict=True):
        if level == 0:
            rows.append((facet, node_id, node_id, 1))
            continue
        below = members.get((facet, node_id), [])
        public = sorted(value for value in below if leaf_listed[f"{facet}\0{value}"])
        new = node_id
        attempt = 0
        if len(public) < len(below):
            while attempt == 0 or (facet, new) in taken:
                seed = "\n".join([*(public or [name]), *([str(attempt)] if attempt else [])])
                new = f"{facet}:l{level}:{sha256_text(seed)[:12]}"
                attempt += 1
        taken.add((facet, new))
        rows.append((facet, node_id, new, len(public)))
    return pd.DataFrame(rows, columns=["facet", "node_id", "published_id", "n_values"])


def _leaves_below(taxonomy: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    parent = {
        (facet, node): above
        for facet, node, above in zip(taxonomy["facet"], taxonomy["node_id"], taxonomy["parent_id"], strict=True)
        if isinstance(above, str)
    }
    members: dict[tuple[str, str], list[str]] = {}
    leaves = taxonomy[taxonomy["level"] == 0]
    for facet, value in zip(leaves["facet"], leaves["node_id"], strict=True):
        node = parent.get((facet, value))
        while node is not None:
            members.setdefault((facet, node), []).append(value)
            node = parent.get((facet, node))
    return members
