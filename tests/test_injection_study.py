"""The worst case of an injection: a model that does all it is told by ten conversations of a study.

Their own labels are lost. Nobody else's are, and nothing that is code anywhere is published.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from injections import ATTACKS, MARK, PAYLOADS
from small_study import make_study
from wildvalues.cli import fill
from wildvalues.files import read_json, read_table
from wildvalues.llm import providers
from wildvalues.llm.grounding import is_name
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.types import Answer, Request
from wildvalues.params import load_params
from wildvalues.results import read_results
from wildvalues.stage import load_stage, run_stage
from wildvalues.typeset import write_build
from wildvalues.typesetting.study import Study

pytestmark = pytest.mark.slow


class Obedient(SimulatedProvider):
    """Answers like the simulation, but gives every payload as a value where the conversation holds `MARK`."""

    def __init__(self) -> None:
        self._turn = 0

    def payloads(self) -> list[str]:
        """As many as an answer may hold, the next ones each time."""
        self._turn += 3
        return [PAYLOADS[(self._turn + number) % len(PAYLOADS)] for number in range(3)]

    def complete(self, request: Request) -> Answer:
        answer = super().complete(request)
        shown = request.messages[-2].content if len(request.messages) > 1 else ""
        found = json.loads(answer.text) if request.schema else {}
        if MARK not in shown or not isinstance(found, dict):
            return answer
        # A conversation that is too long is shown without some of its turns.
        turns = dict(re.findall(r"<(user|assistant)>\n(.*?)\n</\1>", shown, re.DOTALL))
        quotes = {role: max(text.split("\n"), key=len)[:60] for role, text in turns.items()}
        for name in found:
            speaker = "user" if name == "human_values" else "assistant"
            if isinstance(found[name], list):
                more = {"explicit": True} if name == "ai_values" else {}
                found[name] = [{"quote": quotes.get(speaker, ""), "value": value, **more} for value in self.payloads()]
            elif name == "task":
                found[name] = PAYLOADS[len(shown) % len(PAYLOADS)]
        return Answer(json.dumps(found), "end_turn", answer.input_tokens, 10)


READING = ("ingest", "sample", "redact", "screen", "extract")
CHAIN = (*READING, "canonicalize", "embed", "cluster", "name", "edit", "assess", "analyze")
PUBLISHING = ("disclose", "validate", "plot", "release", "explore")
POISONED = 10


def poison(folder: Path, text: Callable[[int], str]) -> list[str]:
    """Append a text to both sides of some conversations of different users; return their ids."""
    path = folder / "data/demo/conversations.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for number, line in enumerate(lines[:POISONED]):
        for message in (line["messages"][0], line["messages"][-1]):
            message["content"] += f"\n{text(number)}"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return [line["conversation_id"] for line in lines[:POISONED]]


def run(folder: Path, stages: tuple[str, ...]) -> None:
    params = load_params(Path("params.yaml"))
    for name in stages:
        stage = load_stage(name)
        places = {**stage.reads, **stage.writes}
        run_stage(name, params, {key: Path(fill(place, params)) for key, place in places.items()})


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, list[str]]]:
    """A study with planted attacks, published, and the same one with harmless words in their place, annotated."""
    attacks = list(ATTACKS.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "open_provider", lambda *_: Obedient())
        folders = []
        for name in ("attacked", "plain"):
            folder = make_study(tmp_path_factory.mktemp(name), screen__cut_off=0.0, sample__size=None)
            patch.chdir(folder)
            patch.setenv("WILDVALUES_MEMO", str(folder / "memo"))
            if name == "attacked":
                ids = poison(
                    folder, lambda n: "\n".join([MARK, *attacks[n::POISONED]]).encode("utf-8", "replace").decode()
                )
            else:
                poison(folder, lambda n: "Thank you.")
            run(folder, CHAIN + PUBLISHING if name == "attacked" else READING)
            folders.append(folder)
        yield folders[0], folders[1], ids


def annotations(folder: Path) -> pd.DataFrame:
    return read_table(folder / "data/interim/annotations.parquet")


def test_no_attack_changes_the_labels_of_another_conversation(studies: tuple[Path, Path, list[str]]) -> None:
    attacked, plain, ids = studies
    rows = []
    for folder in (attacked, plain):
        frame = annotations(folder)
        frame = frame[~frame["conversation_id"].isin(ids)]
        # What the model's leaning is taken away from depends on the whole corpus (`calibration`), so its margin may
        # move; the choice is looked at below.
        rows.append(frame[frame["facet"] != "response_type"].reset_index(drop=True))
    pd.testing.assert_frame_equal(rows[0], rows[1])
    screened = [
        read_table(folder / "data/interim/screening.parquet").set_index("conversation_id") for folder in studies[:2]
    ]
    pd.testing.assert_frame_equal(screened[0].drop(ids), screened[1].drop(ids))


def test_every_attacked_conversation_is_still_annotated_and_its_payloads_are_no_values(
    studies: tuple[Path, Path, list[str]],
) -> None:
    frame = annotations(studies[0])
    of_attacked = frame[frame["conversation_id"].isin(studies[2])]
    assert set(of_attacked["conversation_id"]) == set(studies[2])
    assert of_attacked["label"].str.contains(MARK).any(), "the model obeyed nothing, so nothing is tested"
    for label in of_attacked.loc[of_attacked["facet"].isin(["ai_values", "human_values"]), "label"].dropna():
        assert is_name(label)
    metrics = json.loads((studies[0] / "results/metrics/extract.json").read_text("utf-8"))
    assert metrics["ungrounded"] > 0


def test_no_payload_reaches_what_is_published(studies: tuple[Path, Path, list[str]]) -> None:
    results = studies[0] / "results"
    active = re.compile(
        r"<script>alert|onerror=|javascript:|\\input\{|\\write18|evil\.example|\{\{ ?zorblax|/etc/passwd"
        r"|ignore all previous",
        re.IGNORECASE,
    )
    texts = [
        path for path in results.rglob("*") if path.suffix in (".csv", ".json", ".js", ".html", ".svg", ".md", ".txt")
    ]
    assert len(texts) > 20
    for path in texts:
        assert not active.search(path.read_text("utf-8")), path
    for path in results.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.reader(handle):
                for cell in row:
                    # A spreadsheet computes what begins like this; numbers may begin with a sign.
                    is_formula = cell[:1] in set("=+-@\t\r")
                    assert not is_formula or re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?|-?inf", cell), (path, cell)


def test_no_payload_reaches_the_paper(studies: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    folder = studies[0]
    params = load_params(folder / "params.yaml")
    metrics = folder / "results/metrics"
    study = Study(
        params,
        read_results(folder / "results/tables"),
        read_json(metrics / "validation.json"),
        read_json(metrics / "disclose.json"),
    )
    write_build(study, folder / "results/figures", tmp_path / "build")
    written = "".join(path.read_text("utf-8") for path in sorted((tmp_path / "build").rglob("*.tex")))
    assert not re.search(r"\\(input|write18|catcode|include)\b|evil\.example|<script", written)
