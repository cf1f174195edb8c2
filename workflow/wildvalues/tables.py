"""The schema of every table that stages hand to one another, with the key its rows are sorted by.

Private tables are Parquet under ``data/``; published ones are CSV under ``results/tables/``.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

TEXT = pa.string()
COUNT = pa.int64()
REAL = pa.float64()
FLAG = pa.bool_()
# The closed set of the published study, from most support to most resistance: the order of every figure and table.
RESPONSE_TYPES = (
    "strong_support",
    "mild_support",
    "neutral_acknowledgment",
    "reframing",
    "mild_resistance",
    "strong_resistance",
    "no_values",
)
MESSAGES = pa.list_(pa.struct([pa.field("role", TEXT), pa.field("content", TEXT)]))


@dataclass(frozen=True)
class Table:
    """A table's columns and the columns its rows are sorted by (unique together)."""

    schema: pa.Schema
    key: tuple[str, ...]

    def arrange(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with the declared columns, sorted by the key, so that row order carries nothing."""
        columns: list[str] = self.schema.names
        return frame[columns].sort_values(list(self.key), kind="stable").reset_index(drop=True)


def _table(key: tuple[str, ...], /, **columns: pa.DataType) -> Table:
    return Table(pa.schema([pa.field(name, kind) for name, kind in columns.items()]), key)


# --- private: conversations -------------------------------------------------------------------------------

# One conversation a row. `messages` alternate user/assistant, first user; `started_at` is UTC; `context` is a
# corpus's own label of the topic, used only to read the demo corpus, never shown to a model.
CONVERSATIONS = _table(
    ("conversation_id",),
    conversation_id=TEXT,
    source=TEXT,
    language=TEXT,
    model=TEXT,
    user_id=TEXT,
    started_at=pa.timestamp("us", tz="UTC"),
    messages=MESSAGES,
)
# Input that could not be read, or items a model could not answer. `where` is file:line or a conversation id.
REJECTS = _table(("stage", "where", "reason"), stage=TEXT, where=TEXT, reason=TEXT, kind=TEXT)
# What was masked: character offsets in the text before masking.
REDACTIONS = _table(
    ("conversation_id", "message", "start"),
    conversation_id=TEXT,
    message=COUNT,
    start=COUNT,
    end=COUNT,
    kind=TEXT,
    placeholder=TEXT,
)
# The filter's judgement of every sampled conversation; `subjectivity` in [0, 1].
SCREENING = _table(("conversation_id",), conversation_id=TEXT, subjectivity=REAL, subjective=FLAG)

# --- private: annotations ---------------------------------------------------------------------------------

# One item a row. A facet that found nothing has one row with `rank` 0 and a null `label`, so a conversation is
# annotated for a facet exactly when it has a row. `explicit` and `quote` are null where a facet has none;
# `score` is the log-odds of a chosen option over the runner-up.
ANNOTATIONS = _table(
    ("conversation_id", "facet", "rank"),
    conversation_id=TEXT,
    facet=TEXT,
    rank=COUNT,
    label=TEXT,
    quote=TEXT,
    explicit=FLAG,
    score=REAL,
)

# --- private: taxonomy ------------------------------------------------------------------------------------

# Distinct (conversation, facet, canonical value); facets ai_values, human_values and task.
MENTIONS = _table(
    ("conversation_id", "facet", "value"),
    conversation_id=TEXT,
    facet=TEXT,
    value=TEXT,
    explicit=FLAG,
)
# Canonical values with their spellings, most frequent spelling first.
VOCABULARY = _table(
    ("facet", "value"), facet=TEXT, value=TEXT, n_conversations=COUNT, n_mentions=COUNT, variants=pa.list_(TEXT)
)
# Unit vectors of the vocabulary.
EMBEDDINGS = _table(("facet", "value"), facet=TEXT, value=TEXT, vector=pa.list_(pa.float32()))
# Nodes of the trees. Level 0 nodes are values (node_id = the value); clusters have ids
# `<facet>:l<level>:<12 hex of the sha256 of their sorted members>`. `parent_id` is null at the top. A value
# left unclustered has a null parent below the top.
CLUSTERS = _table(("facet", "level", "node_id"), facet=TEXT, level=COUNT, node_id=TEXT, parent_id=TEXT, n_values=COUNT)
# The same nodes with names; a leaf's name is its value and its description is empty. `fit` in [0, 1]: how
# well the name sits with its members (see `wildvalues.name`).
TAXONOMY = _table(
    ("facet", "level", "node_id"),
    facet=TEXT,
    level=COUNT,
    node_id=TEXT,
    parent_id=TEXT,
    n_values=COUNT,
    name=TEXT,
    description=TEXT,
    fit=REAL,
)

# --- private: the trees assessed (a folder of three tables) -----------------------------------------------

_SPREADS = {
    f"{name}{end}": REAL
    for name in ("ami_seeds", "ami_resampled", "moved_less", "moved_more")
    for end in ("", "_low", "_high")
}
# One level of one tree a row. Sizes are of clusters, in values (quartiles); `misplaced` is the share of values nearer
# to another cluster's centre than to their own; `ami_*` and `moved_*` are means over runs, with lowest and highest.
_QUALITY = {
    "n_values": COUNT,
    "n_clusters": COUNT,
    "size_low": REAL,
    "size_median": REAL,
    "size_high": REAL,
    "largest_share": REAL,
    "unclustered": REAL,
    "silhouette": REAL,
    "misplaced": REAL,
    **_SPREADS,
}
# One level of one tree built by one method from one model's vectors with one seed; `ami` and `moved` are against the
# study's own tree, `own` marks the study's own choices.
_SENSITIVITY = {
    "own": FLAG,
    "n_values": COUNT,
    "n_clusters": COUNT,
    "unclustered": REAL,
    "silhouette": REAL,
    "ami": REAL,
    "moved": REAL,
}
ASSESSED: dict[str, Table] = {
    "quality": _table(("facet", "level"), facet=TEXT, level=COUNT, **_QUALITY),
    "sensitivity": _table(
        ("facet", "level", "method", "model", "seed"),
        facet=TEXT,
        level=COUNT,
        method=TEXT,
        model=TEXT,
        seed=COUNT,
        **_SENSITIVITY,
    ),
    # How much nearer a value is to its own cluster's centre than to the next one's, in cosine.
    "margins": _table(
        ("facet", "level", "node_id"),
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        cluster_id=TEXT,
        next_id=TEXT,
        margin=REAL,
    ),
}

# Edits by hand that were applied, numbered as in their file. `named`: every node that the edit names, with the values
# below it; `dropped`: values it took out of the tree.
EDITS = _table(
    ("number",),
    number=COUNT,
    operation=TEXT,
    facet=TEXT,
    level=COUNT,
    target=TEXT,
    result=TEXT,
    reason=TEXT,
    named=pa.list_(pa.struct([pa.field("name", TEXT), pa.field("values", pa.list_(TEXT))])),
    dropped=pa.list_(TEXT),
)

# --- results: made by analyze as data/processed/<name>.parquet, let out by disclose as results/tables/<name>.csv
#
# Shares are of conversations unless the column says mentions. `*_low` and `*_high` bound a 95 % interval.
# `n_users` is null when no user is known.

_INTERVAL = {"share": REAL, "share_low": REAL, "share_high": REAL}

RESULTS: dict[str, Table] = {
    # The published tree; `fit` as in TAXONOMY, to a twentieth; x and y place values on the map (null for clusters).
    "taxonomy": _table(
        ("facet", "level", "node_id"),
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        parent_id=TEXT,
        name=TEXT,
        description=TEXT,
        n_values=COUNT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_mentions=COUNT,
        share_mentions=REAL,
        fit=REAL,
        x=REAL,
        y=REAL,
    ),
    # n_base: annotated subjective conversations. Wilson interval; user_* is the cluster bootstrap by user.
    "frequencies": _table(
        ("facet", "level", "node_id"),
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        name=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_base=COUNT,
        **_INTERVAL,
        user_low=REAL,
        user_high=REAL,
        n_mentions=COUNT,
        share_mentions=REAL,
        mention_low=REAL,
        mention_high=REAL,
    ),
    # Inequality of the counts of a facet's nodes at one level, a measure a row. `n_nodes` counts what is measured.
    "concentration": _table(
        ("facet", "level", "measure"),
        facet=TEXT,
        level=COUNT,
        measure=TEXT,
        n_nodes=COUNT,
        value=REAL,
        value_low=REAL,
        value_high=REAL,
    ),
    # One cell of a 2x2 table a row: value present or not x context or not. column_facet is task, human_values,
    # response_type, model, language or week; level is 0 for those without a tree.
    "associations": _table(
        ("row_facet", "row_level", "column_facet", "column_level", "row_id", "column_id"),
        row_facet=TEXT,
        row_level=COUNT,
        row_id=TEXT,
        row_name=TEXT,
        column_facet=TEXT,
        column_level=COUNT,
        column_id=TEXT,
        column_name=TEXT,
        observed=COUNT,
        n_users=COUNT,
        expected=REAL,
        row_total=COUNT,
        column_total=COUNT,
        n=COUNT,
        residual=REAL,
        p=REAL,
        p_bonferroni=REAL,
        q=REAL,
        odds_ratio=REAL,
        odds_low=REAL,
        odds_high=REAL,
        significant=FLAG,
    ),
    # One whole table a row; `threshold` is the Bonferroni bound on |residual|.
    "association_tests": _table(
        ("row_facet", "row_level", "column_facet", "column_level"),
        row_facet=TEXT,
        row_level=COUNT,
        column_facet=TEXT,
        column_level=COUNT,
        n=COUNT,
        n_rows=COUNT,
        n_columns=COUNT,
        n_tests=COUNT,
        chi2=REAL,
        dof=COUNT,
        p=REAL,
        cramers_v=REAL,
        cramers_v_corrected=REAL,
        threshold=REAL,
        n_significant=COUNT,
    ),
    # denominator: subjective, or with_human_value.
    "response_types": _table(
        ("denominator", "response_type"),
        denominator=TEXT,
        response_type=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_base=COUNT,
        **_INTERVAL,
    ),
    # Share of conversations with a human value in which a value is on both sides. `matched` is value or
    # level_<n> (same cluster); expected is the share when human sides are shuffled within task clusters.
    "mirroring": _table(
        ("matched", "response_type"),
        matched=TEXT,
        response_type=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_base=COUNT,
        **_INTERVAL,
        expected=REAL,
        p=REAL,
    ),
    # Coefficient of variation of a value's rate across task clusters of `context_level`; cv_expected is what
    # chance alone gives a value this rare, cv_corrected what is left without it.
    "variation": _table(
        ("facet", "level", "context_level", "node_id"),
        facet=TEXT,
        level=COUNT,
        context_level=COUNT,
        node_id=TEXT,
        name=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_contexts=COUNT,
        mean_rate=REAL,
        cv=REAL,
        cv_low=REAL,
        cv_high=REAL,
        cv_expected=REAL,
        cv_corrected=REAL,
    ),
    # One group against all others in one node, within the strata of a design, a row. comparison: model (members are
    # conversations), stated or side (members are mentions); design: task or prompt. n_conversations and n_users are
    # of the group's members with the node, n_with adds the conversations up over groups, n_group and n count members.
    # odds_* is Mantel and Haenszel's common odds ratio, difference the adjusted one of shares by regression.
    "contrasts": _table(
        ("comparison", "design", "facet", "level", "node_id", "group_id"),
        comparison=TEXT,
        design=TEXT,
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        name=TEXT,
        group_id=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_with=COUNT,
        n_group=COUNT,
        n=COUNT,
        n_strata=COUNT,
        odds_crude=REAL,
        odds_ratio=REAL,
        odds_low=REAL,
        odds_high=REAL,
        p=REAL,
        p_bonferroni=REAL,
        q=REAL,
        p_homogeneity=REAL,
        difference=REAL,
        difference_low=REAL,
        difference_high=REAL,
        p_difference=REAL,
        significant=FLAG,
    ),
    # Whether any of three or more groups differ in a node, within the strata of a design.
    "contrast_tests": _table(
        ("comparison", "design", "facet", "level", "node_id"),
        comparison=TEXT,
        design=TEXT,
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        name=TEXT,
        n_groups=COUNT,
        chi2=REAL,
        dof=COUNT,
        p=REAL,
        q=REAL,
    ),
    # Response types of each model.
    "models": _table(
        ("model", "response_type"),
        model=TEXT,
        response_type=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_base=COUNT,
        **_INTERVAL,
    ),
    # Share of AI-value mentions that are stated outright. `by` is all, response_type or cluster (top level).
    "explicitness": _table(
        ("by", "group_id"),
        by=TEXT,
        group_id=TEXT,
        name=TEXT,
        n_conversations=COUNT,
        n_users=COUNT,
        n_base=COUNT,
        **_INTERVAL,
    ),
    # How good each level of each tree is: `_QUALITY`, with the conversations that hold the facet.
    "quality": _table(("facet", "level"), facet=TEXT, level=COUNT, n_conversations=COUNT, n_users=COUNT, **_QUALITY),
    # What other methods, models and seeds make of the same values: `_SENSITIVITY`.
    "sensitivity": _table(
        ("facet", "level", "method", "model", "seed"),
        facet=TEXT,
        level=COUNT,
        method=TEXT,
        model=TEXT,
        seed=COUNT,
        n_conversations=COUNT,
        n_users=COUNT,
        **_SENSITIVITY,
    ),
    # The values that sit least firmly in their cluster, with the cluster next to them.
    "misfits": _table(
        ("facet", "level", "node_id"),
        facet=TEXT,
        level=COUNT,
        node_id=TEXT,
        name=TEXT,
        cluster_id=TEXT,
        cluster_name=TEXT,
        next_id=TEXT,
        next_name=TEXT,
        margin=REAL,
        n_conversations=COUNT,
        n_users=COUNT,
    ),
    # Edits of the trees by hand; `target` is a node's name before the edit, `result` what became of it.
    "edits": _table(
        ("number",), number=COUNT, operation=TEXT, facet=TEXT, level=COUNT, target=TEXT, result=TEXT, reason=TEXT
    ),
    # Every stage's metrics, one number a row.
    "pipeline": _table(("stage", "metric"), stage=TEXT, metric=TEXT, value=REAL),
}
