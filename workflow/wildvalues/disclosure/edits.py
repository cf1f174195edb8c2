"""The gate for edits by hand: published when all that an edit names is held by enough and no text tells of anyone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from wildvalues.disclosure.text import LONGEST_DESCRIPTION, Withheld, may_be_shown
from wildvalues.disclosure.threshold import Threshold


def gate_edits(
    edits: pd.DataFrame, spoken: pd.DataFrame, taxonomy: pd.DataFrame, public: pd.DataFrame, threshold: Threshold
) -> pd.DataFrame:
    """Return the edits that may be published.

    Parameters
    ----------
    edits
        Rows of ``RESULTS["edits"]``.
    spoken
        Rows of `wildvalues.analysis.edits.SPOKEN`.
    taxonomy, public
        The private and the published taxonomy.
    """
    named = spoken[~spoken["dropped"].astype(bool)]
    enough = pd.Series(threshold.reached(named["n_conversations"], named["n_users"]), index=named["number"])
    safe = enough.groupby(level=0).all()
    leaves, shown = (table.loc[table["level"] == 0, "name"] for table in (taxonomy, public))
    kept = set(shown)
    withheld = Withheld([name for name in leaves if name not in kept] + rare(spoken, threshold), shown)
    texts = zip(*(edits[name].fillna("").astype(str) for name in ("target", "result", "reason")), strict=True)
    allowed = [
        bool(safe.get(number, False))
        and all(may_be_shown(text, longest=LONGEST_DESCRIPTION) and not withheld.occurs_in(text) for text in said)
        for number, said in zip(edits["number"], texts, strict=True)
    ]
    return edits.loc[np.array(allowed, dtype=bool)]


def rare(spoken: pd.DataFrame, threshold: Threshold) -> list[str]:
    """Return the values that edits dropped and that too few hold: no published text may speak of them."""
    dropped = spoken[spoken["dropped"].astype(bool)]
    return dropped.loc[~threshold.reached(dropped["n_conversations"], dropped["n_users"]), "text"].tolist()
