"""Logs become one sorted table; what cannot be used is rejected with its place and reason, never dropped."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildvalues import ingest
from wildvalues.errors import InputError, ParamsError
from wildvalues.files import read_json, read_table
from wildvalues.params import ColumnMapping, Ingest, Params
from wildvalues.sources.base import RecordError, Turn
from wildvalues.sources.dialogue import Message, dialogue
from wildvalues.sources.settle import Entry, settle
from wildvalues.tables import CONVERSATIONS, REJECTS

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "conversations"
DEMO = Path(__file__).resolve().parents[1] / "data" / "demo" / "conversations.jsonl"


def record(identity: str | None = "c1", *words: str, **more: Any) -> dict[str, Any]:
    """Return a conversation in our own layout; words are of user and assistant in turn."""
    roles = ("user", "assistant")
    said = words or ("How do I tell her?", "Kindly and soon.")
    messages = [{"role": roles[place % 2], "content": content} for place, content in enumerate(said)]
    return {"conversation_id": identity, "messages": messages, **more}


def lines(*records: Any) -> bytes:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in records).encode()


@dataclass
class Outcome:
    """What a run wrote."""

    folder: Path

    @property
    def rows(self) -> pd.DataFrame:
        return read_table(self.folder / "conversations.parquet", CONVERSATIONS.schema)

    @property
    def rejects(self) -> dict[str, tuple[str, str]]:
        frame = read_table(self.folder / "rejects.parquet", REJECTS.schema)
        return {row["where"]: (row["kind"], row["reason"]) for row in frame.to_dict("records")}

    @property
    def metrics(self) -> dict[str, Any]:
        return read_json(self.folder / "metrics.json")

    def texts(self, identity: str) -> list[str]:
        (messages,) = self.rows.loc[self.rows["conversation_id"] == identity, "messages"]
        return [message["content"] for message in messages]

    def bytes(self) -> tuple[bytes, ...]:
        return tuple((self.folder / name).read_bytes() for name in ("conversations.parquet", "metrics.json"))


def run(path: Path, **params: Any) -> Outcome:
    out = path.parent / f"out-{path.name}"
    out.mkdir(exist_ok=True)
    ingest.run(
        Params(ingest=Ingest(**({"max_rejected_share": 1.0} | params))),
        input=path,
        conversations=out / "conversations.parquet",
        rejects=out / "rejects.parquet",
        metrics=out / "metrics.json",
    )
    return Outcome(out)


def run_lines(tmp_path: Path, *records: Any, **params: Any) -> Outcome:
    (tmp_path / "log.jsonl").write_bytes(lines(*records))
    return run(tmp_path / "log.jsonl", **params)


# --- what a good log becomes ------------------------------------------------------------------------------


def test_rows_hold_what_the_log_says_and_are_sorted_by_id(tmp_path: Path) -> None:
    later = record("b", language="pt-BR", model="m1", user_id=7, started_at="2026-03-02T23:30:00-02:00", source="s")
    found = run_lines(tmp_path, later, record("a"))
    assert list(found.rows["conversation_id"]) == ["a", "b"]
    row = found.rows.iloc[1]
    assert (row["language"], row["model"], row["user_id"], row["source"]) == ("pt", "m1", "7", "s")
    assert row["started_at"] == pd.Timestamp("2026-03-03T01:30:00Z")
    assert pq.read_schema(found.folder / "conversations.parquet").equals(CONVERSATIONS.schema)
    assert found.metrics["conversations"] == 2
    assert found.metrics["rejected"] == 0


def test_non_ascii_text_and_ids_arrive_unchanged(tmp_path: Path) -> None:
    words = ("¿Está bien mentir? 👩🏽‍⚕️ \u2028 ẞ", "그건 상황에 따라 달라요. العربية")
    found = run_lines(tmp_path, record("日本-1", *words))
    assert found.texts("日本-1") == list(words)


def test_a_missing_language_is_detected_from_the_users_words(tmp_path: Path) -> None:
    spanish = record("es", "¿Cómo le digo a mi hermano que no quiero prestarle dinero?", "You could be frank.")
    found = run_lines(tmp_path, spanish, record("en", language="English"))
    assert dict(zip(found.rows["conversation_id"], found.rows["language"], strict=True)) == {"en": "en", "es": "es"}
    assert found.metrics["languages_detected"] == 1


def test_an_unreadable_time_is_counted_and_the_conversation_kept(tmp_path: Path) -> None:
    found = run_lines(tmp_path, record("a", started_at="last Tuesday"))
    assert found.rows["started_at"].isna().all()
    assert found.metrics["times_unreadable"] == 1


def test_demo_conversations_are_counted(tmp_path: Path) -> None:
    found = run_lines(tmp_path, record("a", source="wildvalues-demo"), record("b"))
    assert found.metrics["demo_conversations"] == 1


def test_ids_made_from_content_are_stable_and_tell_people_apart(tmp_path: Path) -> None:
    first = run_lines(tmp_path, record(None, user_id="u1"), record(None, user_id="u2"), record(None, user_id="u1"))
    (tmp_path / "other").mkdir()
    again = run_lines(tmp_path / "other", record(None, user_id="u2"), record(None, user_id="u1"))
    assert first.metrics["duplicates_merged"] == 1
    assert list(first.rows["conversation_id"]) == list(again.rows["conversation_id"])
    assert len(again.rows) == 2


def test_the_output_does_not_depend_on_the_order_of_lines_or_files(tmp_path: Path) -> None:
    records = [
        record(f"c{number}", f"question {number}", "an answer", user_id=f"u{number % 3}") for number in range(30)
    ]
    records += [record("c3", "question 3", "an answer", user_id="u0"), record("c4", "other words", "same id")]
    outputs = set()
    for turn in range(3):
        random.Random(turn).shuffle(records)
        folder = tmp_path / str(turn) / "logs"
        folder.mkdir(parents=True)
        cut = 10 * turn
        (folder / "a.jsonl").write_bytes(lines(*records[:cut], record("z")))
        (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines(*records[cut:], record("z"))))
        outputs.add(run(folder).bytes())
    assert len(outputs) == 1


def test_formats_may_be_mixed_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "own.jsonl").write_bytes(lines(record("a")))
    shared = {"id": "b", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}
    (tmp_path / "logs" / "deep" / "gpt.json").write_text(json.dumps([shared]))
    (tmp_path / "logs" / "README.md").write_text("about these logs")
    found = run(tmp_path / "logs")
    assert dict(zip(found.rows["conversation_id"], found.rows["source"], strict=True)) == {
        "a": "wildvalues",
        "b": "sharegpt",
    }
    assert found.metrics["files"] == 2


def test_a_conversation_of_a_table_may_span_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "1.csv").write_text("id,who,said\nx,user,hello\n")
    (tmp_path / "logs" / "2.csv").write_text("id,who,said\nx,assistant,hi\n")
    found = run(tmp_path / "logs", columns=ColumnMapping(conversation_id="id", role="who", content="said"))
    assert found.texts("x") == ["hello", "hi"]


def test_the_glob_narrows_a_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "keep.jsonl").write_bytes(lines(record("a")))
    (tmp_path / "logs" / "other.json").write_text('[{"unknown": 1}]')
    assert list(run(tmp_path / "logs", files="keep*").rows["conversation_id"]) == ["a"]


# --- what is cleaned, and counted -------------------------------------------------------------------------


def test_system_blank_and_unanswered_turns_are_dropped_and_neighbours_joined(tmp_path: Path) -> None:
    turns = [
        ("system", "be brief"),
        ("assistant", "Welcome!"),
        ("user", "first"),
        ("user", "second"),
        ("assistant", "   "),
        ("assistant", "reply"),
        ("tool", "{}"),
        ("user", "thanks"),
    ]
    log = {"conversation_id": "a", "messages": [{"role": role, "content": content} for role, content in turns]}
    found = run_lines(tmp_path, log)
    assert found.texts("a") == ["first\n\nsecond", "reply"]
    assert found.metrics["changes"] == {
        "blank_turns_dropped": 1,
        "opening_replies_dropped": 1,
        "system_turns_dropped": 1,
        "tool_turns_dropped": 1,
        "turns_joined": 1,
        "unanswered_turns_dropped": 1,
    }


def test_nul_bytes_and_lone_surrogates_are_replaced_and_counted(tmp_path: Path) -> None:
    log = '{"conversation_id": "a\\u0000b", "messages": [{"role": "user", "content": "x\\ud800y"},'
    found = run_lines(tmp_path, log + '{"role": "assistant", "content": "p\\u0000q \\ud83d\\ude00"}]}')
    assert found.texts("a\ufffdb") == ["x\ufffdy", "p\ufffdq 😀"]
    assert found.metrics["changes"] == {"characters_replaced": 2}


@given(
    st.lists(st.tuples(st.sampled_from(["user", "Human", "assistant", "gpt", "system", "tool"]), st.text(max_size=6)))
)
def test_a_cleaned_dialogue_alternates_and_cleaning_it_again_changes_nothing(turns: list[tuple[str, str]]) -> None:
    speaks = [{"user": "u", "Human": "u"}.get(role, "a") for role, said in turns if role[0] in "uHag" and said.strip()]
    given_turns = [Turn(*turn) for turn in turns]
    if "ua" not in "".join(speaks):
        with pytest.raises(RecordError):
            dialogue(given_turns, max_chars=1000)
        return
    messages, _ = dialogue(given_turns, max_chars=1000)
    assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2)
    assert len(messages) >= 2
    again, changes = dialogue([Turn(message.role, message.content) for message in messages], max_chars=1000)
    assert again == messages
    assert not changes


# --- what is rejected -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "kind", "says"),
    [
        (b'{"conversation_id": "x", "messages": [', "broken_json", "not valid JSON"),
        (b"\0\0\0\0", "broken_json", "not valid JSON"),
        (b"[1, 2]", "wrong_layout", "a list where an object belongs"),
        (b'{"conversation_id": "x", "messages": "' + b"[" * 5 + b'"}', "wrong_layout", "`messages` is text"),
        (b"[" * 100_000, "broken_json", "nested too deeply"),
        (json.dumps(record("x", "caf\xe9", "oui"), ensure_ascii=False).encode("latin-1"), "bad_encoding", "byte 0xe9"),
        (lines({"conversation_id": "x", "messages": []}).strip(), "empty_conversation", "no words"),
        (lines(record("x", " ", "\n")).strip(), "empty_conversation", "no words"),
        (lines(record("x", "anyone there?")).strip(), "no_reply", "no assistant turn"),
        (lines(record("x", "hi", "y" * 5_000_000)).strip(), "too_long", "5,000,000 characters"),
        (
            lines({"conversation_id": "x", "messages": [{"role": "narrator", "content": "Once"}]}).strip(),
            "unknown_role",
            "unknown role 'narrator'",
        ),
    ],
)
def test_an_unusable_record_is_rejected_with_its_line_and_the_rest_is_read(
    tmp_path: Path, bad: bytes, kind: str, says: str
) -> None:
    (tmp_path / "log.jsonl").write_bytes(lines(record("a")) + bad + b"\n" + lines(record("b")))
    found = run(tmp_path / "log.jsonl")
    assert list(found.rows["conversation_id"]) == ["a", "b"]
    (where, (found_kind, reason)) = next(iter(found.rejects.items()))
    assert (where, found_kind) == ("log.jsonl:2", kind)
    assert says in reason
    assert found.metrics["rejected"] == 1
    assert found.metrics["rejected_by_kind"] == {kind: 1}


def test_equal_duplicates_are_merged_and_a_longer_export_of_the_same_conversation_wins(tmp_path: Path) -> None:
    longer = record("a", "How do I tell her?", "Kindly and soon.", "Thanks!", "Good luck.")
    found = run_lines(tmp_path, record("a"), longer, record("a", model="m"))
    assert found.texts("a") == ["How do I tell her?", "Kindly and soon.", "Thanks!", "Good luck."]
    assert found.metrics["duplicates_merged"] == 2
    assert found.rejects == {}


def test_one_id_with_different_contents_is_rejected_at_every_place(tmp_path: Path) -> None:
    found = run_lines(tmp_path, record("a", "one", "1"), record("b"), record("a", "two", "2"))
    assert list(found.rows["conversation_id"]) == ["b"]
    assert found.rejects == {
        "log.jsonl:1": ("duplicate_id", "the same id with other content stands at log.jsonl:3"),
        "log.jsonl:3": ("duplicate_id", "the same id with other content stands at log.jsonl:1"),
    }


@given(st.permutations(range(4)), st.lists(st.sampled_from([None, "m", "n"]), min_size=4, max_size=4))
def test_what_becomes_of_duplicates_does_not_depend_on_their_order(order: list[int], models: list[str | None]) -> None:
    said = (Message("user", "q"), Message("assistant", "a"))
    entries = [Entry("x", "s", "en", model, None, None, said, f"f:{place}") for place, model in enumerate(models)]
    kept, shuffled = settle(entries).kept, settle([entries[place] for place in order]).kept
    assert kept is not None
    assert shuffled is not None
    assert kept.model == shuffled.model
    assert kept.model is not None or models == [None] * 4


def test_an_empty_file_in_a_folder_is_a_reject(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "empty.jsonl").touch()
    (tmp_path / "logs" / "blank.jsonl").write_bytes(b"\n  \n")
    (tmp_path / "logs" / "good.jsonl").write_bytes(lines(record("a")))
    assert {where: kind for where, (kind, _) in run(tmp_path / "logs").rejects.items()} == {
        "blank.jsonl": "empty_file",
        "empty.jsonl": "empty_file",
    }


def test_too_many_rejects_stop_the_run_and_name_the_first(tmp_path: Path) -> None:
    log = [record(f"c{number}") for number in range(18)]
    log[4] = log[9] = "{broken"  # type: ignore[call-overload]
    with pytest.raises(InputError) as caught:
        run_lines(tmp_path, *log, max_rejected_share=0.1)
    sentence = str(caught.value)
    assert sentence.startswith(
        "2 of 18 records cannot be used (2 broken_json), more than ingest.max_rejected_share (0.1)"
    )
    assert "The first: log.jsonl:5: not valid JSON" in sentence
    assert run_lines(tmp_path, *log, max_rejected_share=0.12).metrics["rejected"] == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("log.jsonl", b"", "log.jsonl: the file holds no record"),
        ("log.json", b"[]", "log.json: the file holds no record"),
        ("log.jsonl", b"\n\n", "log.jsonl: the file holds no record"),
        ("log.jsonl", b'{"frage": "x"}\n', "the log format is not recognised; its first record has the fields frage"),
        ("log.jsonl", "Caf\xe9\n".encode("latin-1") * 3, "The first: log.jsonl:1: byte 0xe9 at column 4 is not UTF-8"),
        ("log.jsonl.gz", gzip.compress(lines(record()))[:-9], "log.jsonl.gz: damaged after record"),
        ("log.txt", b"User: hi", "log.txt: not a log file"),
    ],
)
def test_an_input_without_use_is_one_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        run(tmp_path / name, max_rejected_share=0.05)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "says"), [([], "no file at all matches"), (["README.md", "LICENSE"], "only LICENSE, README.md matches")]
)
def test_a_folder_without_logs_says_what_it_holds(tmp_path: Path, files: list[str], says: str) -> None:
    (tmp_path / "logs").mkdir()
    for name in files:
        (tmp_path / "logs" / name).write_text("words")
    with pytest.raises(InputError, match=says):
        run(tmp_path / "logs")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"format": "table"}, r"ingest\.columns: format table needs it"),
        ({"format": "lmsys", "columns": ColumnMapping(prompt="q", reply="a")}, r"ingest\.format is lmsys"),
    ],
)
def test_a_mapping_and_a_format_that_contradict_one_another_are_told(
    tmp_path: Path, params: dict[str, Any], says: str
) -> None:
    with pytest.raises(ParamsError, match=says):
        run_lines(tmp_path, record(), **params)


def test_a_declared_format_rejects_records_of_another(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not one conversation could be read.*`conversations` is null"):
        run_lines(tmp_path, record(), format="sharegpt")


def test_nothing_of_a_conversation_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = "the password is swordfish"
    run_lines(tmp_path, record("a", secret, secret), record("b", secret), "{" + secret)
    assert caplog.text
    assert "swordfish" not in caplog.text


def test_no_scratch_file_is_left_behind(tmp_path: Path) -> None:
    found = run_lines(tmp_path, record("a"))
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "conversations.parquet",
        "metrics.json",
        "rejects.parquet",
    ]


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    program = (
        "import sys, resource; from pathlib import Path;"
        "from wildvalues import ingest; from wildvalues.params import Params;\n"
        "for log in map(Path, sys.argv[1:]):\n"
        "    paths = {name: log.with_suffix('.' + name) for name in ('conversations', 'rejects', 'metrics')}\n"
        "    ingest.run(Params(), input=log, **paths)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    said = "word " * 4_000
    logs = [tmp_path / "few.jsonl", tmp_path / "many.jsonl"]
    for log, count in zip(logs, (500, 2_500), strict=True):
        many = (record(f"c{number}", f"{number} {said}", said, language="en") for number in range(count))
        log.write_bytes(lines(*many))
    done = subprocess.run([sys.executable, "-c", program, *logs], capture_output=True, text=True, check=True)
    few, many_peak = map(int, done.stdout.split())
    more_text = 2_000 * 2 * len(said) / 2**20
    assert many_peak - few < more_text / 4


@pytest.mark.skipif(not DEMO.exists(), reason="the demo corpus is not there")
def test_the_demo_corpus_is_read_without_a_single_reject() -> None:
    records = [json.loads(line) for line in DEMO.read_text("utf-8").splitlines()]
    assert len({each["conversation_id"] for each in records}) == len(records)
    for each in records:
        messages, changes = dialogue([Turn(**turn) for turn in each["messages"]], max_chars=200_000)
        assert len(messages) == len(each["messages"])
        assert not changes


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real conversations are not part of this repository")
def test_real_conversations_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "logs").symlink_to(SHARED)
    found = run(tmp_path / "logs", max_rejected_share=0.0)
    assert found.metrics["conversations"] == 6754
    assert found.metrics["changes"] == {}
    assert found.rows["user_id"].nunique() > 500
