"""The only gate out of the private tables: what is published counts enough conversations and users to hide each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from wildvalues.analysis.edits import SPOKEN, SPOKEN_FILE
from wildvalues.analysis.holders import HOLDERS, HOLDERS_FILE
from wildvalues.disclosure.assessment import gate_assessment
from wildvalues.disclosure.cells import gate_cells
from wildvalues.disclosure.contrasts import gate_contrast_tests, gate_contrasts, shortened
from wildvalues.disclosure.edits import gate_edits, rare
from wildvalues.disclosure.names import published_ids, renamed
from wildvalues.disclosure.rounding import round_table
from wildvalues.disclosure.shares import gate_explicitness, gate_mirroring, gate_models, gate_response_types
from wildvalues.disclosure.text import Withheld, label_may_be_shown, may_be_shown
from wildvalues.disclosure.threshold import Threshold, as_floats
from wildvalues.disclosure.tree import gate_tree
from wildvalues.files import read_table, write_csv, write_json
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import RESULTS

STAGE = Stage(
    name="disclose",
    summary="Let out what counts enough conversations and users; withhold the rest, and what would give it away.",
    reads={"processed": "data/processed"},
    writes={"tables": "results/tables", "metrics": "results/metrics/disclose.json"},
    params=("disclose",),
)

log = logging.getLogger("wildvalues")

# How well a name fits its values is published in steps of a twentieth.
_FIT_STEPS = 20
_NODE = ["facet", "level", "node_id"]
_TABLE = ["row_facet", "row_level", "column_facet", "column_level"]


def run(params: Params, *, processed: Path, tables: Path, metrics: Path) -> None:
    """Write the published tables and how much was withheld."""
    knobs = params.disclose
    threshold = Threshold(knobs.min_conversations, knobs.min_users)
    private = {name: read_table(processed / f"{name}.parquet", table.schema) for name, table in RESULTS.items()}
    spoken = read_table(processed / SPOKEN_FILE, SPOKEN.schema)
    public, n_withheld = gate(private, read_table(processed / HOLDERS_FILE, HOLDERS.schema), spoken, threshold)
    least = dict.fromkeys(("n_conversations", "n_mentions", "observed"), knobs.min_conversations)
    tables.mkdir(parents=True)
    counted: dict[str, int] = {
        "min_conversations": knobs.min_conversations,
        "min_users": knobs.min_users,
        "round_to": knobs.round_to,
        "withheld_names": n_withheld,
    }
    for name, table in RESULTS.items():
        rounded = round_table(name, public[name], knobs.round_to, {**least, "n_users": knobs.min_users})
        write_csv(table.arrange(_as_declared(rounded, name)), tables / f"{name}.csv")
        counted[f"published_{name}"] = len(public[name])
        counted[f"suppressed_{name}"] = len(private[name]) - len(public[name])
    write_json(counted, metrics)
    log.info(
        "disclose: %d of %d nodes and %d of %d associations published",
        len(public["taxonomy"]),
        len(private["taxonomy"]),
        len(public["associations"]),
        len(private["associations"]),
    )


def _as_declared(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the frame with counts as nullable integers, so that none is written with a decimal point."""
    import pyarrow as pa

    counts = [field.name for field in RESULTS[name].schema if pa.types.is_integer(field.type)]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def gate(
    private: dict[str, pd.DataFrame], holders: pd.DataFrame, spoken: pd.DataFrame, threshold: Threshold
) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the tables that may be published, counts not yet rounded, and the number of withheld texts."""
    taxonomy, nodes, n_withheld = gate_taxonomy(private, holders, threshold, rare(spoken, threshold))
    public = {"taxonomy": taxonomy, "pipeline": private["pipeline"]}
    counted = nodes[nodes["counted"]]
    public["frequencies"] = (
        private["frequencies"]
        .drop(columns=["name", "n_mentions", "share_mentions"])
        .merge(counted[[*_NODE, "published_id", "name", "n_mentions", "share_mentions", "whole"]], on=_NODE)
        .assign(node_id=lambda frame: frame["published_id"])
    )
    # The interval is around all mentions, withheld ones included.
    trimmed = ~public["frequencies"]["whole"].astype(bool)
    for bound in ("mention_low", "mention_high"):
        public["frequencies"][bound] = public["frequencies"][bound].mask(trimmed)
    variation = private["variation"].drop(columns="name").merge(counted[[*_NODE, "published_id", "name"]], on=_NODE)
    reached = threshold.reached(variation["n_conversations"], variation["n_users"])
    public["variation"] = variation[reached].assign(node_id=variation["published_id"])

    types = private["response_types"]
    types = types[gate_response_types(types, threshold)]
    subjective = types[types["denominator"] == "subjective"]
    with_value = types[types["denominator"] == "with_human_value"]
    public["response_types"] = types
    public["models"] = private["models"][gate_models(private["models"], subjective, threshold)]
    public["mirroring"] = private["mirroring"][gate_mirroring(private["mirroring"], with_value, threshold)]
    whole = nodes[(nodes["facet"] == "ai_values") & nodes["counted"] & nodes["whole"]]
    explicit = private["explicitness"]
    explicit = explicit[gate_explicitness(explicit, subjective, set(whole["node_id"]), threshold)]
    public["explicitness"] = _renamed_groups(explicit, whole)
    cells, public["associations"], public["association_tests"] = gate_associations(
        private, nodes, set(subjective["response_type"]), threshold
    )
    public["contrasts"], public["contrast_tests"] = _gate_contrasts(
        private, nodes, cells, public["models"], explicit, subjective, threshold
    )
    public["concentration"] = _gate_concentration(private["concentration"], public["frequencies"])
    public |= gate_assessment(private, nodes, threshold)
    public["edits"] = gate_edits(private["edits"], spoken, private["taxonomy"], taxonomy, threshold)
    return public, n_withheld


def gate_taxonomy(
    private: dict[str, pd.DataFrame], holders: pd.DataFrame, threshold: Threshold, dropped: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return the published taxonomy, all listed nodes with what became of them, and the number of withheld texts.

    `dropped` are values that an edit took out of the trees and that no text may speak of.
    """
    frame = RESULTS["taxonomy"].arrange(private["taxonomy"])
    bases = private["frequencies"].groupby("facet")["n_base"].max()
    listed, counted = np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    mentions = as_floats(frame["n_mentions"])
    for facet, at in frame.groupby("facet", sort=True).indices.items():
        gated = gate_tree(frame.iloc[at], holders[holders["facet"] == facet], int(bases.get(facet, 0)), threshold)
        listed[at], counted[at], mentions[at] = gated.listed, gated.counted, gated.n_mentions
    leaves = (frame["level"] == 0).to_numpy()
    unfit = leaves & ~np.array([may_be_shown(str(name)) for name in frame["name"]], dtype=bool)
    withheld = Withheld([*frame.loc[leaves & ~listed, "name"], *dropped], frame.loc[leaves & listed, "name"])
    texts, kept, n_withheld = renamed(frame, listed, withheld)
    # Of another name it says nothing, and in full length it would tell how many values are withheld.
    foreign = (texts["name"] != frame["name"]) | leaves
    texts["fit"] = (frame["fit"].mask(foreign) * _FIT_STEPS).round() / _FIT_STEPS
    counted &= kept
    frame = texts.assign(
        counted=counted,
        whole=mentions == as_floats(frame["n_mentions"]),
        n_mentions=pd.array(mentions, dtype="Float64").astype("Int64"),
    )
    ids = published_ids(frame, kept)
    nodes = frame[kept].drop(columns="n_values").merge(ids, on=["facet", "node_id"])
    published = dict(zip(zip(nodes["facet"], nodes["node_id"], strict=True), nodes["published_id"], strict=True))
    nodes["share_mentions"] = _shares_of_mentions(private["taxonomy"], nodes)
    public = nodes.assign(
        node_id=nodes["published_id"],
        parent_id=pd.Series(
            [published.get(key) for key in zip(nodes["facet"], nodes["parent_id"], strict=True)],
            index=nodes.index,
            dtype=object,
        ),
    )
    hidden = ~public["counted"]
    for column in ("n_conversations", "n_users", "n_mentions", "share_mentions", "fit"):
        public[column] = public[column].mask(hidden)
    # A text counts as withheld where its node would otherwise have been shown.
    reached = threshold.reached(frame["n_conversations"], frame["n_users"])
    return public, nodes, n_withheld + int((unfit & reached).sum())


def _shares_of_mentions(private: pd.DataFrame, nodes: pd.DataFrame) -> pd.Series:
    leaves = private[private["level"] == 0]
    totals = leaves.groupby("facet")["n_mentions"].sum()
    return nodes["n_mentions"].astype(float) / nodes["facet"].map(totals).astype(float)


def _renamed_groups(frame: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    ids = dict(zip(clusters["node_id"], clusters["published_id"], strict=True))
    names = dict(zip(clusters["node_id"], clusters["name"], strict=True))
    is_cluster = frame["by"] == "cluster"
    return frame.assign(
        name=frame["name"].mask(is_cluster, frame["group_id"].map(names)),
        group_id=frame["group_id"].mask(is_cluster, frame["group_id"].map(ids)),
    )


def gate_associations(
    private: dict[str, pd.DataFrame], nodes: pd.DataFrame, response_types: set[str], threshold: Threshold
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the published pairs under private ids, the same under public ones, and the tests of whole tables.

    Pairs come with their table's number of tests.
    """
    pairs = private["associations"].merge(private["association_tests"][[*_TABLE, "n_tests"]], on=_TABLE, how="left")
    counted = nodes[nodes["counted"]].set_index(["facet", "node_id"])
    allowed = np.ones(len(pairs), dtype=bool)
    for side in ("row", "column"):
        keys = pd.MultiIndex.from_frame(pairs[[f"{side}_facet", f"{side}_id"]])
        flat = ~pairs[f"{side}_facet"].isin(["ai_values", "human_values", "task"]).to_numpy()
        labels = np.array([label_may_be_shown(str(label)) for label in pairs[f"{side}_id"]], dtype=bool)
        responses = (pairs[f"{side}_facet"] != "response_type") | pairs[f"{side}_id"].isin(response_types)
        allowed &= np.where(flat, labels & responses.to_numpy(), keys.isin(counted.index))
    parents = private["taxonomy"].set_index(["facet", "node_id"])["parent_id"]
    shown = gate_cells(pairs, allowed, parents, threshold)
    public = pairs[shown].copy()
    for side in ("row", "column"):
        keys = pd.MultiIndex.from_frame(public[[f"{side}_facet", f"{side}_id"]])
        found = counted.reindex(keys)
        in_tree = found["published_id"].notna().to_numpy()
        public[f"{side}_id"] = np.where(in_tree, found["published_id"], public[f"{side}_id"])
        public[f"{side}_name"] = np.where(in_tree, found["name"], public[f"{side}_name"])
    return pairs[shown], public, _gate_tests(private["association_tests"], pairs, shown)


def _gate_tests(tests: pd.DataFrame, pairs: pd.DataFrame, shown: np.ndarray) -> pd.DataFrame:
    """Withhold the test of a table with no published pair, or with one cell alone, which its chi-square would tell.

    The statistics keep three digits: in full length they are one more equation on the withheld cells.
    """
    published = pairs[shown].groupby(_TABLE).size()
    n_shown = published.reindex(pd.MultiIndex.from_frame(tests[_TABLE]), fill_value=0).to_numpy()
    kept: pd.DataFrame = tests[(n_shown > 0) & ((tests["n_tests"] > 1) | (n_shown == tests["n_tests"])).to_numpy()]
    return kept.assign(**shortened(kept[["chi2", "p", "cramers_v", "cramers_v_corrected"]]))


def _gate_contrasts(
    private: dict[str, pd.DataFrame],
    nodes: pd.DataFrame,
    cells: pd.DataFrame,
    models: pd.DataFrame,
    explicitness: pd.DataFrame,
    response_types: pd.DataFrame,
    threshold: Threshold,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the published contrasts of groups and the tests of all groups of a node."""
    counted = nodes[nodes["counted"]]
    parents = private["taxonomy"].set_index(["facet", "node_id"])["parent_id"]
    pairs = private["contrasts"]
    pairs = pairs[_speakable(pairs, response_types)].reset_index(drop=True)
    pairs = pairs[gate_contrasts(pairs, counted, cells, models, explicitness, parents, threshold)]
    tests = private["contrast_tests"]
    tests = tests[gate_contrast_tests(tests, pairs)]
    return _published_nodes(shortened(pairs), counted), _published_nodes(shortened(tests), counted)


def _speakable(frame: pd.DataFrame, response_types: pd.DataFrame) -> np.ndarray:
    known = (frame["facet"] != "response_type") | frame["node_id"].isin(response_types["response_type"])
    return known.to_numpy(dtype=bool)


def _published_nodes(frame: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    found = frame[_NODE].merge(counted[[*_NODE, "published_id", "name"]], on=_NODE, how="left")
    in_tree = found["published_id"].notna().to_numpy()
    return frame.assign(
        node_id=np.where(in_tree, found["published_id"], frame["node_id"]),
        name=np.where(in_tree, found["name"], frame["name"]),
    )


def _gate_concentration(frame: pd.DataFrame, frequencies: pd.DataFrame) -> pd.DataFrame:
    """Return the measures at three digits, those of the k most frequent only where k nodes are published.

    They are of all nodes, withheld ones included, but speak of none.
    """
    published = frequencies.groupby(["facet", "level"]).size()
    n_published = published.reindex(pd.MultiIndex.from_frame(frame[["facet", "level"]]), fill_value=0).to_numpy()
    k = frame["measure"].str.extract(r"^top_(\d+)$")[0].astype(float).fillna(1).to_numpy()
    return shortened(frame[n_published >= k])
