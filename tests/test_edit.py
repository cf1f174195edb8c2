"""A person's edits: each does what it says, levels stay nested, ids follow content, and what cannot be done is said."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.edit import run
from wildvalues.errors import InputError
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Edit, Params
from wildvalues.tables import EDITS, TAXONOMY, VOCABULARY
from wildvalues.taxonomy.edited import edit_trees
from wildvalues.taxonomy.edits import load
from wildvalues.taxonomy.nodes import cluster_id

FINE = {
    "honest talk": ["candour", "frankness", "sincerity"],
    "kind care": ["compassion", "kindness", "warmth"],
    "safe conduct": ["caution", "vigilance"],
    "fine craft": ["precision", "rigour", "thoroughness"],
}
BROAD = {"dealing with people": ["honest talk", "kind care"], "doing things well": ["safe conduct", "fine craft"]}
OTHER = {"goodwill": ["kindness", "trust"]}


def trees() -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for facet, fine, broad in (("ai_values", FINE, BROAD), ("human_values", OTHER, {"all": ["goodwill"]})):
        below = {name: cluster_id(facet, 1, values) for name, values in fine.items()}
        for top, names in broad.items():
            values = [value for name in names for value in fine[name]]
            above = cluster_id(facet, 2, values)
            rows.append((facet, 2, above, None, len(values), top, "What a model wrote.", 0.5))
            for name in names:
                members = sorted(fine[name])
                listing = "Values: " + ", ".join(members[:-1]) + f" and {members[-1]}."
                rows.append((facet, 1, below[name], above, len(members), name, listing, 0.5))
                rows += [(facet, 0, value, below[name], 1, value, "", None) for value in members]
    return TAXONOMY.arrange(
        pd.DataFrame(
            rows, columns=["facet", "level", "node_id", "parent_id", "n_values", "name", "description", "fit"]
        ).reindex(columns=TAXONOMY.schema.names)
    )


def edited(tmp_path: Path, text: str, **knobs: str):
    path = tmp_path / "edits.yaml"
    path.write_text(text, "utf-8")
    return edit_trees(trees(), load(path), {}, **knobs)


def members(taxonomy: pd.DataFrame, facet: str = "ai_values") -> dict[str, set[str]]:
    """Cluster name -> names of its children, of one facet."""
    mine = taxonomy[taxonomy["facet"] == facet]
    name = dict(zip(mine["node_id"], mine["name"], strict=True))
    found: dict[str, set[str]] = {}
    for child, parent in zip(mine["name"], mine["parent_id"], strict=True):
        if isinstance(parent, str):
            found.setdefault(name[parent], set()).add(child)
    return found


def check(taxonomy: pd.DataFrame) -> None:
    """Strict nesting, ids that follow content, counts that add up, no name twice in a level."""
    assert not taxonomy.duplicated(["facet", "level", "name"]).any()
    for facet, tree in taxonomy.groupby("facet"):
        parent = dict(zip(zip(tree["level"], tree["node_id"], strict=True), tree["parent_id"], strict=True))
        held: dict[tuple[int, str], set[str]] = {}
        for level, node in parent:
            if level == 0:
                at, above = 0, node
                while isinstance(above, str):
                    held.setdefault((at, above), set()).add(node)
                    at, above = at + 1, parent[at, above]
        assert set(held) == set(parent)
        for level, node, n in zip(tree["level"], tree["node_id"], tree["n_values"], strict=True):
            assert n == len(held[level, node])
            assert level == 0 or node == cluster_id(str(facet), level, sorted(held[level, node]))


def test_no_edit_changes_nothing(tmp_path: Path) -> None:
    done = edited(tmp_path, "# nothing\n")
    pd.testing.assert_frame_equal(done.taxonomy, trees())
    assert (len(done.edits), done.stale, done.n_dropped, done.n_emptied) == (0, [], 0, 0)
    check(trees())
    assert load(tmp_path / "none.yaml") == []
    assert load(Path(__file__).parent.parent / "data" / "curation" / "edits.yaml") == []


def test_a_rename_changes_the_name_and_nothing_else(tmp_path: Path) -> None:
    done = edited(tmp_path, "edits:\n- {rename: {level: 2, name: doing things well}, as: competence, reason: shorter}")
    was, now = trees(), done.taxonomy
    assert was["node_id"].tolist() == now["node_id"].tolist()
    changed = now[now["name"] != was["name"]]
    assert changed["name"].tolist() == ["competence"]
    # How well the old name fitted says nothing of the new one.
    assert changed["fit"].isna().all()
    assert now["fit"].notna().sum() == was["fit"].notna().sum() - 1


def test_a_moved_value_takes_its_mentions_along(tmp_path: Path) -> None:
    done = edited(
        tmp_path, "edits:\n- {move: {facet: ai_values, level: 0, name: Warmth}, to: {name: honest-talk}, reason: tone}"
    )
    check(done.taxonomy)
    assert members(done.taxonomy)["honest talk"] == {"candour", "frankness", "sincerity", "warmth"}
    assert members(done.taxonomy)["kind care"] == {"compassion", "kindness"}
    by_name = done.taxonomy.set_index("name")
    # A list of members is made anew; prose stays.
    assert by_name.loc["kind care", "description"] == "Values: compassion and kindness."
    assert by_name.loc["dealing with people", "description"] == "What a model wrote."
    # The level above still holds the same values, and so keeps its id.
    assert by_name.loc["dealing with people", "node_id"] in set(trees()["node_id"])


def test_a_moved_cluster_changes_the_level_above(tmp_path: Path) -> None:
    done = edited(
        tmp_path, "edits:\n- {move: {name: safe conduct}, to: {name: dealing with people}, reason: who is safe}"
    )
    check(done.taxonomy)
    assert members(done.taxonomy)["doing things well"] == {"fine craft"}


def test_merged_clusters_are_one_and_emptied_ones_are_gone(tmp_path: Path) -> None:
    done = edited(
        tmp_path,
        "edits:\n- merge: [{facet: ai_values, level: 1, name: safe conduct}, {name: fine craft}]\n"
        "  as: sound work\n  description: Working well and safely.\n  reason: same thing\n"
        "- {move: {name: sound work}, to: {name: dealing with people}, reason: only one left}",
    )
    check(done.taxonomy)
    assert members(done.taxonomy)["sound work"] == {*FINE["safe conduct"], *FINE["fine craft"]}
    assert "doing things well" not in set(done.taxonomy["name"])
    assert done.n_emptied == 1
    assert done.taxonomy.set_index("name").loc["sound work", "description"] == "Working well and safely."


def test_a_split_leaves_the_rest_where_it_was(tmp_path: Path) -> None:
    done = edited(
        tmp_path,
        "edits:\n- split: {name: fine craft}\n  into: [{name: exactness, members: [precision, rigour]}]\n  reason: two",
    )
    check(done.taxonomy)
    found = members(done.taxonomy)
    assert (found["exactness"], found["fine craft"]) == ({"precision", "rigour"}, {"thoroughness"})
    assert found["doing things well"] == {"safe conduct", "exactness", "fine craft"}
    assert done.taxonomy.set_index("name").loc["fine craft", "description"] == "Value on its own: thoroughness."


def test_a_drop_takes_out_all_below_and_what_it_leaves_empty(tmp_path: Path) -> None:
    done = edited(tmp_path, "edits:\n- {drop: {facet: human_values, level: 1, name: goodwill}, reason: not values}")
    check(done.taxonomy)
    assert set(done.taxonomy["facet"]) == {"ai_values"}
    assert (done.n_dropped, done.n_emptied) == (2, 1)
    (row,) = done.edits.itertuples(index=False)
    assert (row.operation, row.target, sorted(row.dropped)) == ("drop", "goodwill", ["kindness", "trust"])


def test_an_edit_sees_what_the_edits_before_it_left_and_finds_nodes_by_either_id(tmp_path: Path) -> None:
    old = cluster_id("ai_values", 1, FINE["kind care"])
    new = cluster_id("ai_values", 1, ["compassion", "kindness"])
    text = "edits:\n- {move: {facet: ai_values, level: 0, name: warmth}, to: {name: honest talk}, reason: tone}\n"
    for node in (old, new):
        done = edited(tmp_path, f"{text}- {{rename: {{id: '{node}'}}, as: mercy, reason: plainer}}\n")
        assert members(done.taxonomy)["mercy"] == {"compassion", "kindness"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{drop: {name: kindnes}, reason: x}", r"edit 1: there is no 'kindnes'; the nearest is \w+ level 0 'kindness'"),
        ("{drop: {name: kindness}, reason: x}", "edit 1: 2 nodes fit 'kindness': ai_values level 0, id kindness; "),
        ("{drop: {id: 'ai_values:l1:0'}, reason: x}", "there is no node with the id ai_values:l1:0"),
        (
            "{move: {name: warmth}, to: {name: fine crafts}, reason: x}",
            "no ai_values level 1 'fine crafts'; the nearest is ai_values level 1 'fine craft'",
        ),
        (
            "{split: {name: fine craft}, into: [{name: a, members: [rigor mortis]}], reason: x}",
            "has no member 'rigor mortis'; the nearest is ai_values level 0 'rigour'",
        ),
        (
            "{move: {name: warmth}, to: {level: 2, name: doing things well}, reason: x}",
            "can only move to a cluster of ai_values level 1",
        ),
        ("{rename: {name: fine craft}, as: Safe-Conduct, reason: x}", "'safe conduct' has this name already"),
        ("{rename: {name: warmth}, as: heat, reason: x}", "'warmth' is a value: join or rename values in the file of"),
        ("{merge: [{name: fine craft}, {name: fine craft}], reason: x}", "named twice"),
        (
            "{split: {name: fine craft}, into: [{name: a, members: [rigour]}, {name: b, members: [rigour]}], "
            "reason: x}",
            "in two parts",
        ),
        ("{rename: {name: fine craft}, as: craft}", r"edit 1 \(rename\): reason: Field required"),
        ("{rename: {level: 1}, as: craft, reason: x}", "give a name or an id"),
        (
            "{renam: {name: fine craft}, as: craft, reason: x}",
            "expected one of move, rename, merge, split, drop, found",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, entry: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        edited(tmp_path, f"edits:\n- {entry}\n")


@pytest.mark.parametrize(("text", "says"), [("edits: {", "not valid YAML"), ("drop: []", "expected one key, `edits`")])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        edited(tmp_path, text)


names = st.sampled_from([*FINE, *BROAD, *(value for values in FINE.values() for value in values), "unheard of"])
entries = st.one_of(
    st.builds(lambda name: {"drop": {"facet": "ai_values", "name": name}}, names),
    st.builds(lambda name, to: {"move": {"facet": "ai_values", "name": name}, "to": {"name": to}}, names, names),
    st.builds(lambda one, two: {"merge": [{"facet": "ai_values", "name": one}, {"name": two}]}, names, names),
    st.builds(
        lambda name, value: {"split": {"name": name}, "into": [{"name": "new part", "members": [value]}]}, names, names
    ),
    st.builds(lambda name: {"rename": {"facet": "ai_values", "name": name}, "as": "another name"}, names),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(entries, max_size=4), st.randoms(use_true_random=False))
def test_whatever_is_edited_the_trees_stay_nested_and_the_order_of_rows_carries_nothing(given_edits, random) -> None:
    from wildvalues.taxonomy.edits import OPERATIONS

    kept = []
    for entry in given_edits:
        edit = OPERATIONS[next(key for key in entry if key in OPERATIONS)].model_validate({**entry, "reason": "x"})
        try:
            edit_trees(trees(), [*kept, edit], {}, stale="report")
        except InputError:
            continue
        kept.append(edit)
    done = edit_trees(trees(), kept, {}, stale="report")
    check(done.taxonomy)
    rows = list(range(len(trees())))
    random.shuffle(rows)
    again = edit_trees(trees().iloc[rows], kept, {}, stale="report")
    pd.testing.assert_frame_equal(again.taxonomy, done.taxonomy)
    assert len(done.taxonomy.query("level == 0")) == len(trees().query("level == 0")) - done.n_dropped
    assert len(done.edits) + len(done.stale) == len(kept)


def test_the_stage_counts_and_skips_stale_edits_when_told_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_table(trees(), tmp_path / "taxonomy", TAXONOMY.schema)
    write_table(VOCABULARY.schema.empty_table(), tmp_path / "vocabulary", VOCABULARY.schema)
    (tmp_path / "edits").write_text(
        "edits:\n- {drop: {level: 0, name: trust}, reason: a task}\n- {drop: {name: nothing}, reason: gone}\n", "utf-8"
    )
    paths = {key: tmp_path / key for key in ("taxonomy", "vocabulary", "edits", "edited", "applied", "metrics")}
    with pytest.raises(InputError, match=r"edits: edit 2: there is no 'nothing'.*set edit\.stale: report"):
        run(Params(), **paths)
    with caplog.at_level(logging.WARNING, logger="wildvalues"):
        run(Params(edit=Edit(stale="report")), **paths)
    assert "edit 2: there is no 'nothing'" in caplog.text
    metrics = read_json(paths["metrics"])
    assert {key: metrics[key] for key in ("edits", "applied", "stale", "drop", "move", "dropped_values")} == {
        "edits": 2, "applied": 1, "stale": 1, "drop": 1, "move": 0, "dropped_values": 1,
    }  # fmt: skip
    assert read_table(paths["applied"], EDITS.schema)["number"].tolist() == [1]
    first = paths["edited"].read_bytes()
    write_table(trees().sample(frac=1, random_state=2), tmp_path / "taxonomy", TAXONOMY.schema)
    run(Params(edit=Edit(stale="report")), **paths)
    assert paths["edited"].read_bytes() == first
