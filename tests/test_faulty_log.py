"""A log as logs are: the same conversation met again in other spellings, and lines that are no conversation at all.

`tests/data/faulty.jsonl` is written by hand; each id's number says which case it is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from test_ingest import Outcome, run
from wildvalues import ingest, sample
from wildvalues.errors import InputError
from wildvalues.files import read_json, read_table
from wildvalues.params import Ingest, Params, Sample
from wildvalues.tables import CONVERSATIONS

FAULTY = Path(__file__).parent / "data" / "faulty.jsonl"


@pytest.fixture
def ingested(tmp_path: Path) -> Outcome:
    return run(Path(shutil.copy(FAULTY, tmp_path)))


def test_every_line_is_a_conversation_a_reject_or_merged_and_blank_lines_are_nothing(ingested: Outcome) -> None:
    found = ingested.metrics
    filled = sum(bool(line.strip()) for line in FAULTY.read_bytes().splitlines())
    assert found["records"] == filled == 23
    assert found["conversations"] + found["rejected"] + found["duplicates_merged"] == filled


def test_each_malformed_line_is_rejected_with_its_place_and_reason(ingested: Outcome) -> None:
    assert {where.partition(":")[2]: kind for where, (kind, _) in ingested.rejects.items()} == {
        "10": "duplicate_id",
        "11": "duplicate_id",
        "12": "broken_json",
        "13": "bad_encoding",
        "14": "wrong_layout",
        "15": "empty_conversation",
        "16": "no_reply",
        "17": "unknown_role",
        "18": "wrong_layout",
        "19": "wrong_layout",
    }
    assert "'narrator'" in ingested.rejects["faulty.jsonl:17"][1]


def test_what_can_be_mended_is_mended_and_counted(ingested: Outcome) -> None:
    assert ingested.texts("faulty-07")[2] == "and a pint"
    assert ingested.texts("faulty-17")[0] == "what is a NUL byte\ufffd for"
    assert ingested.texts("faulty-18")[0] == "broken emoji \ufffd here"
    assert ingested.texts("faulty-19")[0] == "should i tip a barber who botched it"
    assert len(ingested.texts("faulty-19")) == 2
    last = ingested.rows.set_index("conversation_id").loc["faulty-20"]
    assert last["language"] == "de"
    assert ingested.metrics["times_unreadable"] == 1
    assert ingested.metrics["changes"] == {
        "characters_replaced": 2,
        "opening_replies_dropped": 1,
        "unanswered_turns_dropped": 1,
    }


def test_near_duplicates_are_dropped_but_not_other_words_or_another_model(ingested: Outcome, tmp_path: Path) -> None:
    sample.run(
        Params(sample=Sample()),
        conversations=ingested.folder / "conversations.parquet",
        sample=tmp_path / "sample.parquet",
        metrics=tmp_path / "sample.json",
    )
    kept = set(read_table(tmp_path / "sample.parquet", CONVERSATIONS.schema)["conversation_id"])
    # 02, 03 and 04 are 01 in capitals, in other spacing and with a full-width digit.
    assert set(ingested.rows["conversation_id"]) - kept == {"faulty-02", "faulty-03", "faulty-04"}
    assert {"faulty-01", "faulty-05", "faulty-06"} <= kept
    assert read_json(tmp_path / "sample.json")["duplicates"] == 3


def test_so_faulty_a_log_stops_the_stage_unless_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"10 of 23 records cannot be used .*faulty\.jsonl:\d+"):
        ingest.run(
            Params(ingest=Ingest(max_rejected_share=0.05)),
            input=FAULTY,
            conversations=tmp_path / "conversations.parquet",
            rejects=tmp_path / "rejects.parquet",
            metrics=tmp_path / "metrics.json",
        )


def test_the_file_holds_what_it_is_said_to_hold() -> None:
    bad = []
    for number, line in enumerate(FAULTY.read_bytes().splitlines(), start=1):
        try:
            json.loads(line.decode("utf-8"))
        except ValueError:
            bad.append(number)
    assert bad == [12, 13, 20]
