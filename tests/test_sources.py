"""Each log format is recognised by its layout and read into the same kind of conversation."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from wildvalues.errors import InputError
from wildvalues.params import ColumnMapping
from wildvalues.sources import SOURCES, fields, languages
from wildvalues.sources.base import Conversation, Reading, Record, RecordError, Turn
from wildvalues.sources.containers import is_log, records
from wildvalues.sources.detect import detect
from wildvalues.sources.dialogue import dialogue
from wildvalues.sources.spool import open_spool
from wildvalues.sources.table import Table
from wildvalues.tools.sources import command as sources_command

USER, REPLY = "Ist das hier fair? 😀", "Das kommt darauf an."

HH = {"chosen": f"\n\nHuman: {USER}\n\nAssistant: {REPLY}", "rejected": "\n\nHuman: x\n\nAssistant: y"}
WILDCHAT = {
    "conversation_hash": "abc",
    "model": "gpt-4-0314",
    "timestamp": "2023-04-12T09:05:00Z",
    "conversation": [
        {"role": "user", "content": USER, "hashed_ip": "ip9", "turn_identifier": 77, "language": "German"},
        {"role": "assistant", "content": REPLY, "hashed_ip": None, "turn_identifier": 77, "language": "German"},
    ],
    "turn": 1,
    "language": "German",
    "openai_moderation": [{"flagged": False}],
    "toxic": False,
    "redacted": False,
}
LMSYS = {
    "conversation_id": "33f",
    "model": "vicuna-13b",
    "conversation": [{"content": USER, "role": "user"}, {"content": REPLY, "role": "assistant"}],
    "turn": 1,
    "language": "German",
    "openai_moderation": [],
    "redacted": True,
}
SHAREGPT = {
    "id": "QWJhYvA_0",
    "conversations": [{"from": "human", "value": USER}, {"from": "gpt", "value": REPLY}],
}
OPENAI = {
    "id": 12,
    "model": "gpt-x",
    "user": "u1",
    "created": 1_700_000_000,
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": USER}, {"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "tool_calls": [{}]},
        {"role": "assistant", "content": REPLY},
    ],
}
CLAUDE = {
    "uuid": "c-1",
    "name": "A title",
    "created_at": "2025-02-20T10:00:00.123456Z",
    "account": {"uuid": "acc"},
    "chat_messages": [
        {"uuid": "m1", "sender": "human", "text": USER, "content": [], "attachments": [], "files": []},
        {
            "uuid": "m2",
            "sender": "assistant",
            "text": "This block is not supported",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": REPLY}, {"type": "tool_use"}],
        },
    ],
}


def _node(parent: str | None, role: str, text: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    content = {"content_type": kind, "parts": [text]}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content, "recipient": "all", **more}}


CHATGPT = {
    "conversation_id": "g-1",
    "create_time": 1_712_345_678.5,
    "current_node": "a2",
    "mapping": {
        "root": {"parent": None, "message": None},
        "sys": _node("root", "user", "custom instructions", metadata={"is_visually_hidden_from_conversation": True}),
        "u1": _node("sys", "user", USER),
        "a1": _node("u1", "assistant", "an abandoned reply"),
        "call": _node("u1", "assistant", "search()", recipient="browser"),
        "out": _node("call", "tool", "results"),
        "think": _node("out", "assistant", "hm", kind="thoughts"),
        "a2": _node("think", "assistant", REPLY, metadata={"model_slug": "gpt-4o"}),
    },
}
NATIVE = {
    "conversation_id": "n1",
    "source": "mine",
    "messages": [{"role": "user", "content": USER}, {"role": "assistant", "content": REPLY}],
}
EXAMPLES = {
    "wildvalues": NATIVE,
    "hh-rlhf": HH,
    "wildchat": WILDCHAT,
    "lmsys": LMSYS,
    "sharegpt": SHAREGPT,
    "openai": OPENAI,
    "claude-export": CLAUDE,
    "chatgpt-export": CHATGPT,
}


def _read(name: str, *values: dict[str, Any]) -> list[Reading]:
    source = next(each for each in SOURCES if each.name == name)
    return list(source.read(Record(f"f:{number}", value) for number, value in enumerate(values, 1)))


def _conversation(name: str, value: dict[str, Any]) -> Conversation:
    (reading,) = _read(name, value)
    assert isinstance(reading.value, Conversation), reading
    return reading.value


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_recognised_by_its_layout_alone(name: str) -> None:
    assert detect("f", [Record("f:1", EXAMPLES[name])], SOURCES).name == name


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_format_yields_what_was_said_and_nothing_else(name: str) -> None:
    messages, _ = dialogue(_conversation(name, EXAMPLES[name]).turns, max_chars=1000)
    assert [(message.role, message.content) for message in messages] == [("user", USER), ("assistant", REPLY)]


def test_examples_cover_every_format() -> None:
    assert set(EXAMPLES) == {source.name for source in SOURCES}


def test_what_each_format_tells_about_a_conversation_is_kept() -> None:
    about = {
        name: (found.conversation_id, found.model, found.user_id, found.language)
        for name in EXAMPLES
        if (found := _conversation(name, EXAMPLES[name]))
    }
    assert about == {
        "wildvalues": ("n1", None, None, None),
        "hh-rlhf": (None, None, None, None),
        "wildchat": ("abc-77", "gpt-4-0314", "ip9", "German"),
        "lmsys": ("33f", "vicuna-13b", None, "German"),
        "sharegpt": ("QWJhYvA_0", None, None, None),
        "openai": ("12", "gpt-x", "u1", None),
        "claude-export": ("c-1", None, "acc", None),
        "chatgpt-export": ("g-1", "gpt-4o", None, None),
    }


def test_equal_wildchat_conversations_of_two_people_keep_apart() -> None:
    turns = [{**turn, "turn_identifier": 78} for turn in WILDCHAT["conversation"]]  # type: ignore[attr-defined]
    other = _conversation("wildchat", {**WILDCHAT, "conversation": turns})
    assert other.conversation_id != _conversation("wildchat", WILDCHAT).conversation_id


def test_a_chatgpt_thread_without_current_node_ends_in_its_latest_leaf() -> None:
    mapping = {
        "u": _node(None, "user", USER),
        "old": _node("u", "assistant", "first try", create_time=1.0),
        "new": _node("u", "assistant", REPLY, create_time=2.0),
    }
    found = _conversation("chatgpt-export", {"id": "g", "mapping": mapping})
    assert found.turns[-1] == Turn("assistant", REPLY)


def test_a_chatgpt_thread_whose_parents_form_a_ring_is_rejected() -> None:
    mapping = {"a": _node("b", "user", "x"), "b": _node("a", "assistant", "y")}
    for record in ({"mapping": mapping, "current_node": "a"}, {"mapping": mapping}):
        (reading,) = _read("chatgpt-export", record)
        assert isinstance(reading.value, RecordError)
        assert "ring" in reading.value.reason


def test_a_claude_thread_with_branches_follows_the_leaf_last_shown() -> None:
    def message(key: str, parent: str, sender: str, text: str) -> dict[str, str]:
        return {"uuid": key, "parent_message_uuid": parent, "sender": sender, "text": text}

    thread = {
        "uuid": "c",
        "current_leaf_message_uuid": "r2",
        "chat_messages": [
            message("q", "0000", "human", USER),
            message("r1", "q", "assistant", "an abandoned reply"),
            message("r2", "q", "assistant", REPLY),
        ],
    }
    assert _conversation("claude-export", thread).turns == (Turn("human", USER), Turn("assistant", REPLY))


@pytest.mark.parametrize(
    ("name", "record", "says"),
    [
        ("wildvalues", {"conversation_id": "x"}, "`messages` is null"),
        ("wildvalues", {"messages": [{"content": "x"}]}, "no `role`"),
        ("wildvalues", {"messages": ["hello"]}, "is text, not an object"),
        ("wildvalues", {"messages": [{"role": "user", "content": 5}]}, "a number where text belongs"),
        ("hh-rlhf", {"chosen": "no speaker here"}, "does not begin with"),
        ("hh-rlhf", {"chosen": None}, "is null"),
        ("sharegpt", {"conversations": [{"from": "human"}]}, "no `value`"),
        ("claude-export", {"uuid": "x", "chat_messages": "gone"}, "is text"),
        ("claude-export", {"uuid": "x", "chat_messages": [{"text": "x"}]}, "no `sender`"),
        ("chatgpt-export", {"mapping": {}}, "has no message"),
        ("chatgpt-export", {"mapping": {"a": _node(None, "user", "x")}, "current_node": "z"}, "not among"),
    ],
)
def test_a_record_that_breaks_its_formats_promise_says_how(name: str, record: dict[str, Any], says: str) -> None:
    (reading,) = _read(name, record)
    assert isinstance(reading.value, RecordError)
    assert says in reading.value.reason


def test_an_unknown_format_names_what_was_seen_and_what_is_known() -> None:
    with pytest.raises(InputError) as caught:
        detect("logs/a.jsonl", [Record("logs/a.jsonl:1", {"frage": 1, "antwort": 2})], SOURCES)
    sentence = str(caught.value)
    assert sentence.startswith("logs/a.jsonl: ")
    assert "frage, antwort" in sentence
    assert all(source.name in sentence for source in SOURCES)
    assert "ingest.columns" in sentence


def test_the_sources_command_lists_every_format_and_how_it_is_recognised() -> None:
    shown = CliRunner().invoke(sources_command).output
    assert all(source.name in shown and source.recognised_by in shown for source in SOURCES)
    assert "ingest.columns" in shown


# --- containers -------------------------------------------------------------------------------------------


def _values(path: Path) -> list[Any]:
    return [record.value for record in records(path, path.name)]


def test_one_log_reads_the_same_from_every_container(tmp_path: Path) -> None:
    plain = "".join(json.dumps(record) + "\n" for record in (NATIVE, {**NATIVE, "conversation_id": "n2"})).encode()
    array = json.dumps([json.loads(line) for line in plain.splitlines()], indent=1).encode()
    (tmp_path / "a.jsonl").write_bytes(plain)
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n\r\n"))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(plain[:100]) + gzip.compress(plain[100:]))
    (tmp_path / "d.jsonl.zst").write_bytes(zstandard.compress(plain))
    (tmp_path / "e.json").write_bytes(array)
    (tmp_path / "f.json").write_bytes(plain)
    (tmp_path / "g.json.gz").write_bytes(gzip.compress(array))
    with zipfile.ZipFile(tmp_path / "h.zip", "w") as archive:
        archive.writestr("export/conversations.json", array)
        archive.writestr("export/users.json", b"[{}]")
    pq.write_table(pa.Table.from_pylist(json.loads(array)), tmp_path / "i.parquet")
    expected = json.loads(array)
    assert {path.name: _values(path) == expected for path in sorted(tmp_path.iterdir())} == {
        path.name: True for path in sorted(tmp_path.iterdir())
    }


def test_a_json_array_larger_than_the_window_is_read_item_by_item(tmp_path: Path) -> None:
    items = [{"n": number, "text": "ä" * 300_000} for number in range(8)]
    (tmp_path / "a.json").write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    assert _values(tmp_path / "a.json") == items


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.none(), max_size=3)))
def test_any_json_objects_survive_lines_and_arrays_alike(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("json")
    (folder / "a.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    (folder / "a.json").write_text(json.dumps(items), "utf-8")
    assert _values(folder / "a.jsonl") == items
    assert _values(folder / "a.json") == items


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.jsonl.gz", gzip.compress(json.dumps(NATIVE).encode() * 50)[:-20]),
        ("cut.jsonl.zst", zstandard.compress(json.dumps(NATIVE).encode() * 50)[:-5]),
        ("cut.json", json.dumps([NATIVE, NATIVE])[:-30].encode()),
        ("comma.json", b'[{"a": 1} {"a": 2}]'),
        ("quote.csv", b'q,a\nhi,"never closed\nmore,text\n'),
        ("cut.parquet", b"PAR1 not really"),
        ("cut.zip", b"PK\x03\x04 not really"),
    ],
)
def test_a_damaged_file_stops_the_run_in_one_sentence_with_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"^{name}: damaged after record \d+ .*ingest\.files") as caught:
        _values(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl.gz", b'{"plain": 1}', "is named .gz but is not gzip"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("a.docx", b"x", "not a log file; known are .jsonl"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told_apart(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        _values(tmp_path / name)


def test_a_zip_whose_content_was_altered_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([CLAUDE] * 20))
    whole = (tmp_path / "x.zip").read_bytes()
    for place in range(60, len(whole) - 200, 20):
        (tmp_path / "x.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"^x\.zip: damaged after record"):
            _values(tmp_path / "x.zip")


def test_a_zip_without_conversations_names_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("holiday.jpg", b"x")
    with pytest.raises(InputError, match=r"no conversations\.json in this zip \(it holds holiday\.jpg\)"):
        _values(tmp_path / "x.zip")


def test_columnar_files_skip_fields_that_a_format_does_not_need(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([WILDCHAT]), tmp_path / "w.parquet")
    source = next(each for each in SOURCES if each.name == "wildchat")
    (record,) = records(tmp_path / "w.parquet", "w.parquet", source.columns)
    assert isinstance(record.value, dict)
    assert "openai_moderation" not in record.value
    assert _conversation("wildchat", record.value) == _conversation("wildchat", WILDCHAT)


def test_only_logs_of_a_folder_are_read() -> None:
    logs = ["a.jsonl", "sub/b.JSONL.gz", "c.zip", "d.parquet", "e.tsv.zst"]
    others = ["README.md", "users.json", ".hidden.jsonl", ".git/x.json", "x.gz", "y.txt", ".a.jsonl.partial"]
    assert [name for name in logs + others if is_log(name)] == logs


# --- tables -----------------------------------------------------------------------------------------------


def _table(tmp_path: Path, mapping: ColumnMapping, content: str, name: str = "t.csv") -> list[Reading]:
    (tmp_path / name).write_text(content, "utf-8")
    return list(Table(mapping, tmp_path).read(records(tmp_path / name, name)))


EXCHANGES = ColumnMapping(prompt="q", reply="a", language="lang", conversation_id="id")
MESSAGES = ColumnMapping(conversation_id="id", role="who", content="said", started_at="at", user_id="person")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_exchanges_groups_rows_by_id_and_takes_rows_without_one_alone(
    tmp_path: Path, delimiter: str
) -> None:
    lines = [["id", "q", "a", "lang"], ["7", "one", "1", "en"], ["", "alone", "x", "fr"], ["7", "two", "2", ""]]
    found = _table(tmp_path, EXCHANGES, "\n".join(delimiter.join(line) for line in lines))
    shape = {
        reading.value.conversation_id: ([turn.content for turn in reading.value.turns], reading.value.language)
        for reading in found
        if isinstance(reading.value, Conversation)
    }
    assert shape == {None: (["alone", "x"], "fr"), "7": (["one", "1", "two", "2"], "en")}


def test_a_table_of_messages_follows_the_time_column_and_not_the_rows(tmp_path: Path) -> None:
    rows = [
        "c1,assistant,second,2026-01-01T10:00:05Z,p",
        "c2,user,other,2026-01-02T00:00:00Z,",
        'c1,user,"first\nof, all",2026-01-01T10:00:00Z,p',
    ]
    found = _table(tmp_path, MESSAGES, "id,who,said,at,person\n" + "\n".join(rows))
    assert next(reading.value for reading in found) == Conversation(
        turns=(Turn("user", "first\nof, all"), Turn("assistant", "second")),
        conversation_id="c1",
        user_id="p",
        started_at=datetime(2026, 1, 1, 10, tzinfo=UTC),
    )


def test_a_table_without_times_keeps_the_order_of_its_rows(tmp_path: Path) -> None:
    mapping = ColumnMapping(conversation_id="id", role="who", content="said")
    (found,) = _table(tmp_path, mapping, "id,who,said\n1,user,b\n1,assistant,a\n1,user,c\n1,assistant,a\n")
    assert isinstance(found.value, Conversation)
    assert [turn.content for turn in found.value.turns] == ["b", "a", "c", "a"]


def test_a_wrong_mapping_names_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ingest\.columns names id, lang, which no row has; the table has a, q"):
        _table(tmp_path, EXCHANGES, "q,a\nhi,there\n")


def test_rows_with_too_few_cells_and_foreign_bytes_are_rejected_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,q,a,lang\n1,x\n2,caf\xe9,y,en\n3,ok,fine,en\n")
    found = list(Table(EXCHANGES, tmp_path).read(records(tmp_path / "t.csv", "t.csv")))
    kinds = [(each.where, each.value.kind if isinstance(each.value, RecordError) else "ok") for each in found]
    assert kinds == [("t.csv:2", "bad_columns"), ("t.csv:3", "bad_encoding"), ("t.csv:4", "ok")]


def test_a_table_may_be_parquet_with_times_of_its_own(tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    pq.write_table(
        pa.Table.from_pylist([{"id": 5, "who": "user", "said": "x", "at": at, "person": 1.0}]), tmp_path / "t.parquet"
    )
    (found,) = Table(MESSAGES, tmp_path).read(records(tmp_path / "t.parquet", "t.parquet"))
    assert isinstance(found.value, Conversation)
    assert (found.value.conversation_id, found.value.user_id) == ("5", "1")
    assert found.value.started_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


# --- fields -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14 22:13:20",
        "2023-11-15T00:13:20+02:00",
        "2023-11-14 22:13:20 UTC",
        "1700000000",
        1_700_000_000,
        1_700_000_000_000,
        1_700_000_000_000_000,
        datetime(2023, 11, 14, 22, 13, 20),
    ],
)
def test_times_in_every_spelling_mean_the_same_moment_in_utc(spelling: Any) -> None:
    value = fields.time(spelling)
    assert value is not None
    assert fields.instant(value) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("nonsense", ["yesterday", "inf", 1e300, "2026-02-30"])
def test_a_time_that_cannot_be_read_is_unknown(nonsense: Any) -> None:
    value = fields.time(nonsense)
    assert value is None or fields.instant(value) is None


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)))
def test_a_moment_survives_its_own_spelling(moment: datetime) -> None:
    assert fields.instant(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("word", "code"),
    [("English", "en"), ("en-US", "en"), ("PT_br", "pt"), ("zh-Hant", "zh"), ("Klingon", None), ("", None)],
)
def test_languages_are_known_by_code_tag_and_english_name(word: str, code: str | None) -> None:
    assert languages.code(word) == code


def test_the_language_is_the_users_and_unknown_when_nothing_tells() -> None:
    assert languages.detect("Wie sage ich meiner Chefin, dass ich kündige?", "You could tell her in person.") == "de"
    assert languages.detect("merge intervals", "Sure! Here is how you merge a list of overlapping intervals.") == "en"
    assert languages.detect("😀", "42") is None


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])).map(lambda t: t.replace("\0", "")), st.text("ab"))
    )
)
def test_a_pile_returns_all_that_was_added_by_key_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    with open_spool(tmp_path_factory.mktemp("pile") / "p.sqlite") as spool:
        for key, value in pairs:
            spool.add(key, value)
        groups = list(spool.groups())
    assert [key for key, _ in groups] == sorted({key for key, _ in pairs})
    assert dict(groups) == {key: [value for other, value in pairs if other == key] for key, _ in pairs}
