"""How often each value, cluster and task occurs: by conversation, by mention, and how sure that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from wildvalues.analysis.study import Study, climbs, column_sums, incidence
from wildvalues.statistics.intervals import cluster_bootstrap, ratio_interval, wilson


def frequencies(study: Study, *, draws: int, seed: int) -> pd.DataFrame:
    """Return a row for each node of each facet's tree.

    The base is every conversation annotated for the facet, those without any value included. `user_*` is the
    bootstrap over users, null unless at least two users are known. `mention_*` bounds the share of mentions; there
    the units are users, or conversations of users not known.
    """
    parts = []
    for facet, levels in study.trees.items():
        if not levels:
            continue
        mentions = mention_counts(study, facet)
        climbs_of = dict(climbs(study.taxonomy[study.taxonomy["facet"] == facet]))
        of_unit, _ = study.users.by_unit(levels[0].holds, levels[0].known)
        mentioned_by_unit = np.asarray(of_unit.sum(axis=1)).ravel()
        for labels, n_mentions in zip(levels, mentions, strict=True):
            holds = labels.holds
            total, base = labels.totals(), int(labels.known.sum())
            low, high = wilson(total, base)
            frame = labels.nodes.assign(
                facet=facet,
                level=labels.level,
                n_conversations=total,
                n_users=study.users.count(holds),
                n_base=base,
                share=total / base if base else np.nan,
                share_low=low,
                share_high=high,
                user_low=np.nan,
                user_high=np.nan,
                n_mentions=n_mentions,
                share_mentions=n_mentions / max(int(mentions[0].sum()), 1),
            )
            climb = climbs_of[labels.level]
            mentioned, _ = study.users.by_unit(sparse.csr_array(levels[0].holds @ climb), labels.known)
            frame["mention_low"], frame["mention_high"] = ratio_interval(mentioned, mentioned_by_unit)
            if study.users.n_known > 1 and base:
                per_unit, sizes = study.users.by_unit(holds, labels.known)
                frame["user_low"], frame["user_high"] = cluster_bootstrap(per_unit, sizes, draws, seed)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def mention_counts(study: Study, facet: str) -> list[np.ndarray]:
    """Return for each level the mentions (distinct conversation and value) under each node."""
    levels = study.trees[facet]
    if not levels:
        return []
    of_leaf = levels[0].totals()
    return [np.asarray(climb.T @ of_leaf) for _, climb in climbs(study.taxonomy[study.taxonomy["facet"] == facet])]


def explicitness(study: Study) -> pd.DataFrame:
    """Return the share of AI-value mentions stated outright: of all, by response type, by top cluster.

    `n_base` counts the mentions known to be stated or not, `n_conversations` the conversations with a stated one.
    Wilson's interval treats mentions as independent.
    """
    levels = study.trees["ai_values"]
    mentions = study.mentions
    mine = mentions[(mentions["facet"] == "ai_values") & mentions["explicit"].notna()]
    if mine.empty or not levels:
        return pd.DataFrame()
    conversation = mine["conversation"].to_numpy()
    stated = mine["explicit"].astype(bool).to_numpy()
    # Mentions x groups: everything, the conversation's response type, the value's top cluster.
    everything = np.ones((len(mine), 1), dtype=np.int64)
    response = study.flat["response_type"]
    column = pd.Index(levels[0].nodes["node_id"]).get_indexer(mine["value"])
    leaf = incidence(np.flatnonzero(column >= 0), column[column >= 0], (len(mine), len(levels[0].nodes)))
    _, climb = climbs(study.taxonomy[study.taxonomy["facet"] == "ai_values"])[-1]
    groups = [
        ("all", pd.DataFrame({"node_id": ["all"], "name": ["all"]}), sparse.csr_array(everything)),
        ("response_type", response.nodes, sparse.csr_array(response.holds[conversation])),
        *([("cluster", levels[-1].nodes, sparse.csr_array(leaf @ climb))] if len(levels) > 1 else []),
    ]
    parts = []
    for by, nodes, members in groups:
        base = column_sums(members)
        outright = sparse.csr_array(members[np.flatnonzero(stated)])
        places = outright.tocoo()
        holders = incidence(
            conversation[stated][places.coords[0]],
            places.coords[1].astype(np.int64),
            (len(study.conversation_ids), len(nodes)),
        )
        count = column_sums(outright)
        low, high = wilson(count, base)
        with np.errstate(invalid="ignore"):
            share = np.where(base > 0, count / np.maximum(base, 1), np.nan)
        parts.append(
            nodes.rename(columns={"node_id": "group_id"}).assign(
                by=by,
                n_conversations=column_sums(holders),
                n_users=study.users.count(holders),
                n_base=base,
                share=share,
                share_low=low,
                share_high=high,
            )[base > 0]
        )
    return pd.concat(parts, ignore_index=True)
