"""The gate: nothing below the threshold leaves, nor what would give it away, nor the text of what stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotated_studies import Annotated, random_study, run_analyze, tables
from wildvalues import disclose
from wildvalues.analysis.holders import HOLDERS_FILE
from wildvalues.disclosure.lines import protect_lines
from wildvalues.disclosure.rounding import round_count
from wildvalues.disclosure.text import Withheld, label_may_be_shown, may_be_shown
from wildvalues.disclosure.threshold import Threshold
from wildvalues.files import read_table
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.tables import RESULTS

COUNTED = {name: "observed" if name == "associations" else "n_conversations" for name in RESULTS}
for _name in ("pipeline", "association_tests", "concentration", "contrast_tests", "edits"):
    del COUNTED[_name]


def released(given_tables: dict[str, pd.DataFrame], folder: Path, **knobs: int) -> dict[str, pd.DataFrame]:
    """Analyze and disclose a study; return the published tables, read as their readers do."""
    processed = run_analyze(given_tables, folder)
    params = Params.model_validate({"disclose": {"min_conversations": 3, "min_users": 2, **knobs}})
    disclose.run(params, processed=processed, tables=folder / "tables", metrics=folder / "metrics.json")
    return read_results(folder / "tables")


def everything(folder: Path) -> str:
    files = [*sorted((folder / "tables").iterdir()), folder / "metrics.json"]
    return "\n".join(path.read_text("utf-8") for path in files)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(5, 90),
    users=st.booleans(),
    least=st.tuples(st.integers(1, 6), st.integers(1, 4)),
    base=st.sampled_from([1, 1, 5]),
)
def test_nothing_below_the_threshold_nor_got_by_subtraction(tmp_path_factory, seed, n, users, least, base):
    folder = tmp_path_factory.mktemp("study")
    threshold = Threshold(*least)
    given_tables = tables(random_study(seed, n, users=users))
    public = released(given_tables, folder, min_conversations=least[0], min_users=least[1], round_to=base)
    for name, column in COUNTED.items():
        table = public[name].dropna(subset=[column])
        assert threshold.reached(table[column], table["n_users"]).all(), name
        assert not public[name].duplicated(list(RESULTS[name].key)).any()
    every_leaf_reaches_a_root(public["taxonomy"])
    only_listed_nodes_are_spoken_of(public)
    if base == 1:
        attack(public, threshold)
        attack_contrasts(public, threshold)
        attack_trees(*with_truth(public, folder), threshold)


def every_leaf_reaches_a_root(taxonomy: pd.DataFrame) -> None:
    parent = taxonomy.set_index(["facet", "node_id"])["parent_id"].to_dict()
    for facet, node in list(parent):
        steps = 0
        while parent[facet, node] is not None:
            node, steps = parent[facet, node], steps + 1
            assert steps < 9


def only_listed_nodes_are_spoken_of(public: dict[str, pd.DataFrame]) -> None:
    listed = set(zip(public["taxonomy"]["facet"], public["taxonomy"]["node_id"], strict=True))
    pairs = public["associations"]
    for side in ("row", "column"):
        mine = pairs[pairs[f"{side}_facet"].isin(["ai_values", "human_values", "task"])]
        assert set(zip(mine[f"{side}_facet"], mine[f"{side}_id"], strict=True)) <= listed
    for name in ("frequencies", "variation", "contrasts", "contrast_tests"):
        mine = public[name][public[name]["facet"] != "response_type"]
        assert set(zip(mine["facet"], mine["node_id"], strict=True)) <= listed
    assert set(public["explicitness"].query("by == 'cluster'")["group_id"]) <= {node for _, node in listed}


def with_truth(public: dict[str, pd.DataFrame], folder: Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the published tables with what only the keeper of the private ones knows, to check the attack by."""
    private = read_table(folder / "processed" / "taxonomy.parquet")
    holders = read_table(folder / "processed" / HOLDERS_FILE)
    # A cluster keeps its published leaves when it is numbered anew; one without any is not renamed back.
    return {**public, "_private_taxonomy": private, "_ids": new_ids(public["taxonomy"], private)}, holders


def new_ids(taxonomy: pd.DataFrame, private: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the published id of each private cluster, told by the counts and the name that both have."""
    both = taxonomy[taxonomy["level"] > 0].merge(private, on=["facet", "level", "name"], suffixes=("", "_private"))
    return dict(zip(zip(both["facet"], both["node_id_private"], strict=True), both["node_id"], strict=True))


def attack(public: dict[str, pd.DataFrame], threshold: Threshold) -> None:
    """Subtract what is published from every published total: the rest is nobody, or at least the threshold."""
    least = threshold.min_conversations
    types = public["response_types"]
    for (_, base), part in types.groupby(["denominator", "n_base"]):
        nobody_or_enough(base - part["n_conversations"].sum(), least)
    for (_, base), part in public["models"].groupby(["model", "n_base"]):
        nobody_or_enough(base - part["n_conversations"].sum(), least)
    of_type = types[types["denominator"] == "subjective"].set_index("response_type")["n_conversations"]
    for kind, part in public["models"].groupby("response_type"):
        nobody_or_enough(of_type[kind] - part["n_conversations"].sum(), least)
    for _, part in public["mirroring"].groupby("matched"):
        together = part.loc[part["response_type"] == "all", "n_conversations"]
        if len(together):
            parts = part.loc[part["response_type"] != "all", "n_conversations"]
            nobody_or_enough(together.iloc[0] - parts.sum(), least)
    pairs = public["associations"]
    exclusive = pairs[pairs["column_facet"].isin(["task", "response_type", "model", "language", "week"])]
    for _, part in exclusive.groupby(["row_facet", "row_level", "row_id", "column_facet", "column_level", "row_total"]):
        nobody_or_enough(part["row_total"].iloc[0] - part["observed"].sum(), least)
    tasks = exclusive[exclusive["row_facet"] == "task"]
    for _, part in tasks.groupby(["row_level", "column_facet", "column_id", "column_total"]):
        nobody_or_enough(part["column_total"].iloc[0] - part["observed"].sum(), least)


def attack_contrasts(public: dict[str, pd.DataFrame], threshold: Threshold) -> None:
    """Set the counts of contrasts against all others that are published of the same node or response type."""
    least = threshold.min_conversations
    node = public["frequencies"].set_index(["facet", "level", "node_id"])["n_conversations"].to_dict()
    table = public["contrasts"]
    cells = public["associations"].query("column_facet == 'model'")
    cells = set(zip(cells["row_id"], cells["column_id"], cells["observed"], cells["row_total"], strict=True))
    shares = public["models"]
    of_type = shares.groupby("response_type")["n_conversations"].sum().to_dict()
    shares = set(zip(shares["response_type"], shares["model"], shares["n_conversations"], strict=True))
    for one in table.itertuples():
        if one.comparison == "model" and one.facet == "response_type":
            assert (one.node_id, one.group_id, one.n_conversations) in shares
            nobody_or_enough(one.n_with - of_type[one.node_id], least)
        elif one.comparison == "model":
            assert (one.node_id, one.group_id, one.n_conversations, one.n_with) in cells
        elif one.comparison == "stated" and one.facet != "response_type":
            nobody_or_enough(node[one.facet, one.level, one.node_id] - one.n_conversations, least)
            nobody_or_enough(one.n_with - node[one.facet, one.level, one.node_id], least)
    outright = public["explicitness"].set_index("group_id")["n_conversations"].to_dict()
    mentions = table[table["comparison"] != "model"]
    for one in mentions.itertuples():
        nobody_or_enough(one.n_with - one.n_conversations, least)
    parents = public["taxonomy"].set_index(["facet", "node_id"])["parent_id"].to_dict()
    for (_, group), part in mentions[mentions["facet"] != "response_type"].groupby(["comparison", "group_id"]):
        counts = dict(zip(part["node_id"], part["n_conversations"], strict=True))
        if group == "stated":
            clusters = {node: count for node, count in outright.items() if ("ai_values", node) in parents}
            assert {node: counts.get(node, count) for node, count in clusters.items()} == clusters
            counts |= clusters
        for above, count in counts.items():
            below = [other for child, other in counts.items() if parents["ai_values", child] == above]
            nobody_or_enough(max(count - sum(below), 0) if below else 0, least)


def attack_trees(public: dict[str, pd.DataFrame], holders: pd.DataFrame, threshold: Threshold) -> None:
    """Subtract from each cluster's count those of the topmost published nodes below it, everywhere and in each context.

    Where something is left, the conversations with none of those values are counted from the private table; in a
    context the remainder itself must reach the threshold.
    """
    taxonomy = public["taxonomy"]
    children: dict[tuple[str, str], list[str]] = {}
    for node in taxonomy.dropna(subset=["parent_id"]).itertuples():
        children.setdefault((node.facet, node.parent_id), []).append(node.node_id)

    def topmost(facet: str, node: str, counts: dict[str, int]) -> list[str]:
        found = []
        for child in children.get((facet, node), []):
            found += [child] if child in counts else topmost(facet, child, counts)
        return found

    members = dict(list(holders.groupby("facet")))
    private_parent = public["_private_taxonomy"].set_index(["facet", "node_id"])["parent_id"].to_dict()
    counted = taxonomy[taxonomy["n_conversations"].notna()]
    for facet, part in counted.groupby("facet"):
        counts = dict(zip(part["node_id"], part["n_conversations"], strict=True))
        for node in part[part["level"] > 0].itertuples():
            below = topmost(facet, node.node_id, counts)
            if node.n_conversations <= sum(counts[child] for child in below):
                continue
            held = members[facet]
            above = {value: ancestors(public, facet, value, private_parent) for value in held["value"].unique()}
            inside = held[[node.node_id in above[value] for value in held["value"]]]
            seen = [not above[value].isdisjoint(below) for value in inside["value"]]
            rest = inside[~inside["conversation"].isin(inside.loc[seen, "conversation"])]
            users = rest["user"].nunique() if holders["user"].notna().any() else np.nan
            assert threshold.reached([rest["conversation"].nunique()], [max(users, 1)])[0]
    pairs = public["associations"]
    for side, other in (("row", "column"), ("column", "row")):
        line = [f"{side}_facet", f"{other}_facet", f"{other}_level", f"{other}_id"]
        for (facet, *_), part in pairs.groupby(line):
            counts = dict(zip(part[f"{side}_id"], part["observed"], strict=True))
            for node, observed in counts.items():
                below = topmost(facet, node, counts)
                if below:
                    rest = observed - sum(counts[child] for child in below)
                    nobody_or_enough(max(rest, 0), threshold.min_conversations)


def ancestors(public: dict[str, pd.DataFrame], facet: str, value: str, parent: dict[tuple[str, str], str]) -> set[str]:
    """Return the value and the clusters above it, under their published ids."""
    found, node = {value}, parent[facet, value]
    while isinstance(node, str):
        found.add(public["_ids"].get((facet, node), node))
        node = parent[facet, node]
    return found


def nobody_or_enough(rest: float, least: int) -> None:
    assert rest == 0 or rest >= least, f"a rest of {rest} conversations is below {least}"


def test_a_value_of_one_user_stays_private_however_many_conversations_hold_it(tmp_path: Path):
    conversations = [Annotated(ai=["spelunking pride"], user="u1")] * 9 + [
        Annotated(ai=["care"], user=f"v{i}") for i in range(9)
    ]
    public = released(tables(conversations), tmp_path)
    assert "care" in set(public["frequencies"]["node_id"])
    assert "spelunking" not in everything(tmp_path)


def test_without_users_conversations_stand_in(tmp_path: Path):
    public = released(tables([Annotated(ai=["care"])] * 4), tmp_path)
    leaf = public["frequencies"].query("facet == 'ai_values' and level == 0")
    assert leaf[["node_id", "n_conversations"]].to_numpy().tolist() == [["care", 4]]
    assert leaf["n_users"].isna().all()


TREE = {"ai_values": [{"care": "Warmth", "carefree leprosy talk": "Warmth", "honesty": "Truth", "rigour": "Truth"}]}


def test_a_cluster_keeps_no_counts_where_they_would_tell_of_a_withheld_child(tmp_path: Path):
    conversations = [Annotated(ai=["care"])] * 6 + [Annotated(ai=["carefree leprosy talk"])]
    conversations += [Annotated(ai=["honesty"])] * 5 + [Annotated(ai=["rigour"])] * 4
    public = released(tables(conversations, TREE), tmp_path)
    clusters = public["taxonomy"].query("level == 1 and facet == 'ai_values'").set_index("name")
    assert clusters["n_conversations"].isna().to_dict() == {"Warmth": True, "Truth": False}
    assert clusters.loc["Truth", "n_conversations"] == 9
    assert "Warmth" not in set(public["frequencies"]["name"])
    assert clusters.loc["Warmth", "n_values"] == 1


def test_the_id_of_a_cluster_does_not_confirm_a_guessed_member(tmp_path: Path):
    given_tables = tables([Annotated(ai=["care"])] * 6 + [Annotated(ai=["carefree leprosy talk"])], TREE)
    before = set(given_tables["taxonomy"].query("level == 1 and facet == 'ai_values'")["node_id"])
    after = released(given_tables, tmp_path)["taxonomy"].query("level == 1 and facet == 'ai_values'")["node_id"]
    assert len(after) == 1
    assert before.isdisjoint(after)


def test_the_fit_of_a_name_is_published_in_steps_that_hide_how_many_values_it_was_counted_over(tmp_path: Path):
    given_tables = tables(
        [Annotated(ai=["care", "honesty", "rigour"])] * 6 + [Annotated(ai=["carefree leprosy talk"])], TREE
    )
    given_tables["taxonomy"]["fit"] = 2 / 3
    tree = released(given_tables, tmp_path)["taxonomy"].query("facet == 'ai_values'")
    assert tree[tree["level"] == 0]["fit"].isna().all()
    assert set(tree[tree["level"] > 0]["fit"].dropna()) == {0.65}


def test_names_and_descriptions_do_not_speak_of_withheld_members(tmp_path: Path):
    given_tables = tables([Annotated(ai=["care"])] * 6 + [Annotated(ai=["carefree leprosy talk"])] * 2, TREE)
    tree = given_tables["taxonomy"]
    tree.loc[(tree["level"] == 1) & (tree["facet"] == "ai_values"), "name"] = "Carefree Leprosy-talk and care"
    public = released(given_tables, tmp_path)
    assert "leprosy" not in everything(tmp_path).lower()
    assert public["taxonomy"].query("level == 1 and facet == 'ai_values'")["name"].tolist() == ["care"]
    assert json.loads((tmp_path / "metrics.json").read_text())["withheld_names"] == 2


@pytest.mark.parametrize(
    "secret",
    [
        "call 202 555 0143",
        "ask jo@example.org",
        "help [PERSON_1]",
        "ask [USERNAME_2]",
        "[DATE_OF_BIRTH_1]",
        "person_1 wins",
        "see www.example.net",
        "a\u200bb",
    ],
)
def test_a_value_with_a_trace_of_an_identifier_is_withheld_at_any_frequency(secret: str, tmp_path: Path):
    released(tables([Annotated(ai=[secret, "care"], task=secret, human=[secret])] * 9), tmp_path)
    assert secret not in everything(tmp_path)


def test_a_model_of_few_conversations_is_named_nowhere(tmp_path: Path):
    conversations = [Annotated(ai=["care"] * (i % 2), model="m1", language="en") for i in range(12)]
    conversations += [Annotated(ai=["care"], model="secret-model", language="tlh")] * 2
    released(tables(conversations), tmp_path)
    assert "secret-model" not in everything(tmp_path)
    assert "tlh" not in everything(tmp_path)


def test_text_rules_let_ordinary_names_pass():
    for name in ("honesty", "24/7 support", "user autonomy", "children's rights", "équité", "self-respect (own)"):
        assert may_be_shown(name)
    assert label_may_be_shown("model-3-5-20241022")
    assert not label_may_be_shown("jo@example.org")


def test_words_of_a_withheld_value_may_occur_where_a_published_value_has_them():
    withheld = Withheld(["care", "Deep-Sea Diving"], ["patient care"])
    assert not withheld.occurs_in("Values of care")
    assert withheld.occurs_in("Such as deep sea diving.")


def test_one_withheld_cell_of_a_line_takes_the_next_smallest_with_it():
    cells = pd.DataFrame({"line": 1, "n_conversations": [1, 5, 9], "n_users": [1, 4, 6], "total": 15})
    shown = np.array([False, True, True])
    found = protect_lines(cells, shown, Threshold(3, 2), line=["line"], total="total")
    assert found.tolist() == [False, False, True]


def test_a_line_that_adds_up_without_its_zeros_loses_nothing_more():
    cells = pd.DataFrame({"line": 1, "n_conversations": [0, 6, 9], "n_users": [0, 4, 6], "total": 15})
    shown = np.array([False, True, True])
    assert protect_lines(cells, shown, Threshold(3, 2), line=["line"], total="total").tolist() == shown.tolist()


def test_rounded_counts_are_multiples_and_never_fall_under_the_threshold():
    rounded = round_count(pd.Series([6, 7, 8, 12, 13, None]), 5, 6)
    assert rounded.tolist()[:5] == [10, 10, 10, 10, 15]
    assert rounded.isna().tolist()[5]


def test_rounding_leaves_no_number_from_which_the_count_follows(tmp_path: Path):
    public = released(tables(random_study(4, 80)), tmp_path, round_to=5)
    pairs, shares = public["associations"], public["frequencies"]
    assert len(pairs)
    for column in ("observed", "row_total", "column_total", "n"):
        assert (pairs[column] % 5 == 0).all()
    again = (pairs["row_total"] * pairs["column_total"] / pairs["n"]).to_numpy(float)
    assert pairs["expected"].to_numpy() == pytest.approx(again, rel=1e-4)
    again = (shares["n_conversations"] / shares["n_base"]).to_numpy(float)
    assert shares["share"].to_numpy() == pytest.approx(again, rel=1e-4)


def test_what_is_let_out_is_what_was_counted(tmp_path: Path):
    public = released(tables(random_study(6)), tmp_path)
    private = read_table(tmp_path / "processed" / "frequencies.parquet")
    both = public["frequencies"].merge(private, on=["facet", "level", "node_id"], suffixes=("", "_private"))
    assert len(both)
    assert (both["n_conversations"] == both["n_conversations_private"]).all()
    counted = json.loads((tmp_path / "metrics.json").read_text())
    assert counted["published_frequencies"] + counted["suppressed_frequencies"] == len(private)


def test_the_table_of_who_holds_what_is_not_published(tmp_path: Path):
    released(tables(random_study(5)), tmp_path)
    assert (tmp_path / "processed" / HOLDERS_FILE).exists()
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {f"{name}.csv" for name in RESULTS}


def test_a_study_with_nothing_in_it_gives_empty_tables(tmp_path: Path):
    public = released(tables([]), tmp_path)
    assert all(table.empty for name, table in public.items() if name != "pipeline")
