"""The findings planted in the demo corpus: in the gold labels they are there, at the study's own thresholds.

Three ways: with the corpus's own contexts in place of task clusters; through every stage from ingest to disclose, with
labels instead of a model; and, so that finding them means something, with labels shuffled over the conversations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from annotated_studies import Annotated
from small_study import ROOT, make_study
from wildvalues.cli import fill
from wildvalues.errors import InputError
from wildvalues.params import Params, load_params
from wildvalues.stage import STAGE_NAMES, load_stage, run_stage
from wildvalues.tools import planted as tool
from wildvalues.validation.by_context import label_evidence, read_corpus
from wildvalues.validation.gold import Gold, GoldValue, read_gold
from wildvalues.validation.planted import KINDS, Evidence, Planted, Sought, home_clusters, read_planted
from wildvalues.validation.seeking import look_for

DEMO = ROOT / "data" / "demo"
PLANTED = read_planted(DEMO / "planted.csv")
WHOLE = 300
KNOBS = Params().analyze


def corpus() -> list[dict[str, Any]]:
    """The demo corpus; a part of it is too small for its planted findings."""
    conversations = read_corpus(DEMO / "conversations.jsonl")
    if len(conversations) < WHOLE:
        pytest.skip(f"the demo corpus has {len(conversations)} conversations, too few for its planted findings")
    return conversations


@pytest.fixture(scope="module")
def gold() -> dict[str, Gold]:
    return read_gold(DEMO / "gold.jsonl")


@pytest.fixture(scope="module")
def by_context(gold: dict[str, Gold]) -> Evidence:
    return label_evidence(corpus(), gold, KNOBS)


# --- the demo corpus --------------------------------------------------------------------------------------


def test_every_kind_of_finding_is_planted() -> None:
    assert {one.kind for one in PLANTED} == set(KINDS)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.id)
def test_the_gold_labels_show_it_by_context(planted: Planted, by_context: Evidence) -> None:
    (sought,) = look_for([planted], by_context)
    assert sought.found, sought.says


@pytest.mark.parametrize("planted", [one for one in PLANTED if one.kind == "association"], ids=lambda one: one.id)
def test_no_association_is_so_strong_as_to_be_silly(planted: Planted, gold: dict[str, Gold]) -> None:
    subjective = [one for one in corpus() if gold[one["conversation_id"]].subjective]
    shown = [planted.what in (gold[one["conversation_id"]].names("ai_values") or ()) for one in subjective]
    inside = [
        is_shown for one, is_shown in zip(subjective, shown, strict=True) if one["meta"]["context"] == planted.where
    ]
    assert sum(inside) / len(inside) < 0.9, f"nearly all conversations on {planted.where} show {planted.what}"
    assert sum(inside) < sum(shown), f"{planted.what} never occurs outside {planted.where}"


def test_the_invariant_value_is_not_spread_more_evenly_than_chance_would(by_context: Evidence) -> None:
    (planted,) = (one for one in PLANTED if one.kind == "invariant")
    rows = by_context.tables["variation"]
    rows = rows[(rows["facet"] == "ai_values") & (rows["level"] == 0) & (rows["node_id"] == planted.what)]
    # Half of what chance gives on average is still within reach of chance; dealt-out labels came to a fifth.
    assert (rows["cv"] > rows["cv_expected"] / 2).all(), rows[["cv", "cv_expected"]]


@pytest.mark.parametrize("seed", range(3))
def test_labels_shuffled_over_the_conversations_show_none_of_it(seed: int, gold: dict[str, Gold]) -> None:
    random = np.random.default_rng(seed)
    ids = [identity for identity, label in gold.items() if label.subjective]
    # Context, model and time stay; what the reply shows and what the user states come from two other conversations.
    replies, users = random.permutation(ids), random.permutation(ids)
    shuffled = {
        identity: gold[reply].model_copy(update={"conversation_id": identity, "human_values": gold[user].human_values})
        for identity, reply, user in zip(ids, replies, users, strict=True)
    }
    # Which value varies least, and what is not mirrored, chance decides as well.
    tested = [one for one in PLANTED if one.kind not in ("not_mirrored", "invariant")]
    found = look_for(tested, label_evidence(corpus(), shuffled, KNOBS))
    assert [one.planted.id for one in found if one.found] == []


@pytest.fixture(scope="module")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study of the demo corpus with labels instead of a model, every stage up to the gate."""
    corpus()
    shipped = load_params(ROOT / "params.yaml")
    facets = ["ai_values", "human_values", "response_type", "task"]
    folder = make_study(
        tmp_path_factory.mktemp("planted"),
        screen__instrument="labels",
        extract__requests=[{"facets": facets, "instrument": "labels"}],
        llm__provider="replay",
        sample__size=None,
        cluster__levels=list(shipped.cluster.levels),
        disclose__min_conversations=shipped.disclose.min_conversations,
        disclose__min_users=shipped.disclose.min_users,
        analyze__bootstrap=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # The map is for display; UMAP takes longer than all else here together.
        patch.setattr("wildvalues.analysis.places.NEIGHBOURS", 10_000)
        params = load_params(Path("params.yaml"))
        for name in STAGE_NAMES[: STAGE_NAMES.index("disclose") + 1]:
            stage = load_stage(name)
            run_stage(
                name, params, {key: Path(fill(at, params)) for key, at in {**stage.reads, **stage.writes}.items()}
            )
        yield folder


@pytest.fixture(scope="module")
def in_the_study(whole_study: Path) -> Mapping[str, Sought]:
    found = tool.study_findings(whole_study, DEMO / "planted.csv", DEMO / "conversations.jsonl", KNOBS.alpha)
    return {one.planted.id: one for one in found}


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.id)
def test_every_stage_in_between_keeps_it(planted: Planted, in_the_study: Mapping[str, Sought]) -> None:
    assert in_the_study[planted.id].found, in_the_study[planted.id].says


@pytest.mark.slow
def test_the_command_says_what_was_found_and_what_the_gate_let_out(whole_study: Path, tmp_path: Path) -> None:
    words = [f"--planted={DEMO / 'planted.csv'}", f"--corpus={DEMO / 'conversations.jsonl'}"]
    done = CliRunner().invoke(tool.command, [*words, f"--output={tmp_path / 'found.csv'}"], catch_exceptions=False)
    assert done.exit_code == 0
    assert f"{len(PLANTED)} of {len(PLANTED)} planted findings found in this study." in done.output
    table = pd.read_csv(tmp_path / "found.csv")
    assert list(table["id"]) == [one.id for one in PLANTED]
    published = pd.read_csv(whole_study / "results/tables/associations.csv")
    assert table["published"].any()
    looked = CliRunner().invoke(tool.command, [*words, f"--labels={DEMO / 'gold.jsonl'}"], catch_exceptions=False)
    assert f"{len(PLANTED)} of {len(PLANTED)} planted findings found in {DEMO / 'gold.jsonl'}." in looked.output
    resisted = published[(published["row_id"] == "rule breaking") & (published["column_id"] == "strong_resistance")]
    assert len(resisted) == table.set_index("id").loc["resisted", "published"]


# --- the search itself ------------------------------------------------------------------------------------


def plant(kind: str, what: str, where: str) -> Planted:
    return Planted(kind, kind, what, where, "", "")


def seek(planted: Planted, conversations: Sequence[Annotated]) -> Sought:
    """Look for a finding in conversations written by hand, their tasks being contexts."""
    rows, labels = [], {}
    for number, one in enumerate(conversations):
        about = {"model": one.model, "user_id": one.user, "language": one.language, "started_at": one.day}
        rows.append({"conversation_id": f"c{number:03d}", "meta": {"context": one.task}, **about})
        values = {
            facet: [GoldValue(value=name) for name in names]
            for facet, names in (("ai_values", one.ai), ("human_values", one.human))
        }
        labels[f"c{number:03d}"] = Gold(
            conversation_id=f"c{number:03d}", subjective=True, response_type=one.response, **values
        )
    return look_for([planted], label_evidence(rows, labels, KNOBS))[0]


def thirty(**given: Any) -> list[Annotated]:
    return [Annotated(**{"task": "cooking", **given}) for _ in range(30)]


def test_an_association_is_found_in_its_own_context_and_in_no_other() -> None:
    conversations = [*thirty(ai=["care"], task="love"), *thirty(ai=["wit"], task="law"), *thirty(ai=["wit"])]
    assert seek(plant("association", "care", "love"), conversations).found
    assert not seek(plant("association", "care", "law"), conversations).found
    assert not seek(plant("association", "wit", "love"), conversations).found
    assert not seek(plant("association", "pluck", "love"), conversations).found


def test_a_value_is_mirrored_where_those_who_state_it_are_shown_it() -> None:
    taken_up = [*thirty(ai=["care"], human=["care"]), *thirty(ai=["wit"], human=["speed"]), *thirty(ai=["wit"])]
    assert seek(plant("mirrored", "care", "care"), taken_up).found
    assert not seek(plant("not_mirrored", "care", "care"), taken_up).found
    assert seek(plant("not_mirrored", "speed", "speed"), taken_up).found
    assert not seek(plant("mirrored", "speed", "speed"), taken_up).found
    # A value that nobody or hardly anybody states was not found to be unmirrored, nor one that is mostly taken up.
    assert not seek(plant("not_mirrored", "pluck", "pluck"), taken_up).found
    rare = [Annotated(ai=["thrift"], human=["pluck"], task="cooking")] * 4
    assert not seek(plant("not_mirrored", "pluck", "pluck"), [*taken_up, *rare]).found
    assert seek(plant("not_mirrored", "pluck", "pluck"), [*taken_up, *rare, *rare]).found
    shown = [Annotated(ai=["tact"], human=["tact"], task="cooking")] * 3 + [Annotated(human=["tact"])] * 2
    assert not seek(plant("not_mirrored", "tact", "tact"), [*thirty(ai=["tact"]), *thirty(), *shown]).found


def test_support_and_resistance_are_told_apart() -> None:
    conversations = [
        *thirty(human=["mischief"], response="strong_resistance", model="stern"),
        *thirty(human=["thrift"], response="strong_support", model="kind"),
        *thirty(response="no_values", model="plain"),
    ]
    assert seek(plant("resisted", "mischief", "strong_resistance"), conversations).found
    assert not seek(plant("resisted", "thrift", "strong_resistance"), conversations).found
    assert seek(plant("model", "kind", "strong_support"), conversations).found
    assert not seek(plant("model", "stern", "strong_support"), conversations).found
    assert not seek(plant("model", "absent", "strong_support"), conversations).found


def weeks(*with_value: int) -> list[Annotated]:
    """Twenty conversations in each of as many weeks as numbers are given, so many of them with the value."""
    return [
        Annotated(ai=["candour"] if place < count else ["wit"], day=f"2026-03-{2 + 7 * week:02d}T10:00:00Z")
        for week, count in enumerate(with_value)
        for place in range(20)
    ]


def test_a_drift_rises_every_week_and_a_burst_lies_in_one() -> None:
    drift, burst = plant("drift", "candour", "2026-W13"), plant("burst", "candour", "2026-W13")
    assert seek(drift, weeks(1, 4, 8, 15)).found
    assert not seek(drift, weeks(4, 1, 8, 15)).found
    assert not seek(drift, weeks(15, 8, 4, 1)).found
    assert not seek(drift, weeks(5, 5, 6, 6)).found
    assert seek(burst, weeks(1, 0, 1, 12)).found
    assert not seek(burst, weeks(12, 0, 1, 1)).found
    # Significant, but most mentions lie elsewhere.
    assert not seek(burst, weeks(8, 8, 8, 19)).found


def test_the_invariant_value_is_the_one_that_varies_least() -> None:
    conversations = [
        Annotated(ai=["clarity"] if place < 10 else [f"{context} lore"], task=context)
        for context in ("law", "love", "food")
        for place in range(20)
    ]
    assert seek(plant("invariant", "clarity", ""), conversations).found
    assert not seek(plant("invariant", "law lore", ""), conversations).found
    assert not seek(plant("invariant", "pluck", ""), conversations).found


def test_the_home_of_a_context_is_the_cluster_with_most_of_it() -> None:
    contexts = pd.Series({"a": "love", "b": "love", "c": "love", "d": "law"})
    fine = pd.Series({"a": "k1", "b": "k1", "c": "k2", "d": "k2"})
    coarse = pd.Series({"a": "top", "b": "top", "c": "top"})
    assert home_clusters(contexts, [fine, coarse]) == {"love": ["k1", "top"], "law": ["k2"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,kind\n", "lacks column what, where, direction, test"),
        ("id,kind,what,where,direction,test\na,hunch,x,y,up,t\n", r"2: kind: found 'hunch'; allowed are association"),
        ("id,kind,what,where,direction,test\na,drift,x,y,up,t\na,drift,x,y,up,t\n", "3: id 'a' occurs a second time"),
        ("", "not a readable CSV table"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "planted.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match=sentence):
        read_planted(tmp_path / "planted.csv")


def test_without_a_file_or_a_study_the_command_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_planted(tmp_path / "absent.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="run the stage that makes it"):
        tool.study_findings(tmp_path, DEMO / "planted.csv", DEMO / "conversations.jsonl", 0.05)
    with pytest.raises(InputError, match="name the corpus"):
        read_corpus(tmp_path / "absent.jsonl")
    (tmp_path / "logs.jsonl").write_text('{"conversation_id": "c1", "messages": []}\n', "utf-8")
    with pytest.raises(InputError, match=r"1: expected a conversation with conversation_id and meta\.context"):
        read_corpus(tmp_path / "logs.jsonl")
    with pytest.raises(InputError, match="no conversation of the corpus subjective"):
        label_evidence([], {}, KNOBS)
