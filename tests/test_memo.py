"""The memo forgets no finished answer, whoever dies, and never takes damage for an answer."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.errors import InputError
from wildvalues.llm import memo_care
from wildvalues.llm.memo import FOLDER_VARIABLE, JOURNAL_VARIABLE, Memo, memo_key, read_journal
from wildvalues.llm.memo_records import Damaged, Record, read_record, write_record
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.tools.memo import command


def question(text: str, **settings: object) -> Request:
    return Request(model="m-1", messages=(Message("user", text),), **settings)  # type: ignore[arg-type]


def answer(text: str) -> Answer:
    return Answer(text, "end_turn", 10, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memo"


def the_segment(folder: Path) -> Path:
    (segment,) = folder.glob("*.jsonl")
    return segment


def test_an_answer_is_found_again_by_the_same_question_and_by_no_other(folder: Path) -> None:
    asked = question("why?", temperature=0.5, options=("yes", "no"))
    given_answer = Answer("yes", "end_turn", 5, 1, {"yes": -0.1, "no": -2.3})
    with Memo(folder) as memo:
        memo.put(asked, given_answer)
        assert memo.get(asked) == given_answer
    with Memo(folder) as memo:
        assert memo.get(asked) == given_answer
        assert memo.get(question("why?", temperature=0.5, options=("no", "yes"))) is None
        assert memo.get(question("why?", temperature=0.5)) is None


def test_every_field_of_a_request_is_in_the_key() -> None:
    base = Request("m", (Message("user", "a"),), schema=None, options=None, max_tokens=5, temperature=0.0, sample=0)
    variants = [
        Request("n", base.messages, max_tokens=5),
        Request("m", (Message("system", "a"),), max_tokens=5),
        Request("m", (Message("user", "a"), Message("user", "")), max_tokens=5),
        Request("m", base.messages, schema="{}", max_tokens=5),
        Request("m", base.messages, options=("a",), max_tokens=5),
        Request("m", base.messages, max_tokens=6),
        Request("m", base.messages, max_tokens=5, temperature=1.0),
        Request("m", base.messages, max_tokens=5, sample=1),
    ]
    assert len({memo_key(request) for request in [base, *variants]}) == 1 + len(variants)


def test_the_key_of_a_question_never_changes_between_versions() -> None:
    # Golden: if this changes, every recorded answer in the world is lost. Raise KEY_VERSION knowingly.
    assert memo_key(question("Grüße \ud800")) == "2fcc657da97b49381dec2e4fd2242a50cbc143b47ccd83b90c456c394996718f"


@given(st.text(), st.text(), st.dictionaries(st.text(), st.floats(max_value=0, allow_nan=False, allow_infinity=False)))
@settings(max_examples=100, deadline=None)
def test_any_record_survives_being_written(text: str, reason: str, odds: dict[str, float]) -> None:
    record = Record("0" * 64, "m", Answer(text, reason, 1, 2, odds))
    line = write_record(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_record(line) == record


@given(st.integers(0, 150), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    line = bytearray(write_record(Record("ab" * 32, "m", answer("some text of an answer"))))
    place %= len(line) - 1
    line[place] ^= change
    with pytest.raises(Damaged):
        read_record(bytes(line))


def test_answers_are_for_their_owner_only_and_no_prompt_is_kept(folder: Path) -> None:
    with Memo(folder) as memo:
        memo.put(question("my secret illness"), answer("care"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"illness" not in path.read_bytes()


def test_reading_makes_no_folder(folder: Path) -> None:
    with Memo(folder) as memo:
        assert memo.get(question("a")) is None
    assert not folder.exists()


def test_a_torn_last_line_is_as_if_never_written(folder: Path) -> None:
    with Memo(folder) as memo:
        for text in "abc":
            memo.put(question(text), answer(text))
    segment = the_segment(folder)
    os.truncate(segment, segment.stat().st_size - 7)
    with Memo(folder) as memo:
        assert memo.get(question("b")) == answer("b")
        assert memo.get(question("c")) is None
        memo.put(question("c"), answer("c again"))
    with Memo(folder) as memo:
        assert memo.get(question("c")) == answer("c again")


def test_a_damaged_line_is_reported_with_the_command_that_helps(folder: Path) -> None:
    with Memo(folder) as memo:
        for text in "abc":
            memo.put(question(text), answer(text * 30))
    segment = the_segment(folder)
    raw = bytearray(segment.read_bytes())
    raw[raw.index(b"bbbb")] = ord("x")
    segment.write_bytes(raw)
    with Memo(folder) as memo:
        assert memo.get(question("a")) == answer("a" * 30)
        with pytest.raises(InputError, match="wildvalues memo verify"):
            memo.get(question("b"))


def test_the_index_file_is_only_a_shortcut(folder: Path) -> None:
    with Memo(folder) as memo:
        for number in range(300):
            memo.put(question(str(number)), answer(str(number)))
    (index,) = folder.glob("*.index")
    for damage in (lambda: index.unlink(), lambda: index.write_bytes(b"junk"), lambda: os.truncate(index, 100)):
        damage()
        with Memo(folder) as memo:
            assert len(memo) == 300
            assert memo.get(question("299")) == answer("299")


_WRITER = """
import sys
from pathlib import Path
from wildvalues.llm import memo_care
from wildvalues.llm.memo import Memo
from wildvalues.llm.types import Answer, Message, Request
memo = Memo(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    memo.put(Request("m-1", (Message("user", name),)), Answer(name, "end_turn", 10, 3))
    print(name, flush=True)
if sys.argv[4:] != ["hang"]:
    memo.close()
else:
    sys.stdin.read()
"""


def start_writer(folder: Path, name: str, count: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), name, str(count), *more],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_kill_9_loses_no_finished_answer(folder: Path) -> None:
    writer = start_writer(folder, "w", 1_000_000)
    assert writer.stdout is not None
    told = [writer.stdout.readline().strip() for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.read().split("\n")[:-1]
    writer.wait()
    assert len(told) >= 50
    with Memo(folder) as memo:
        for name in told:
            assert memo.get(question(name)) == answer(name)


def test_writers_at_the_same_time_do_not_disturb_each_other_or_a_reader(folder: Path) -> None:
    writers = [start_writer(folder, name, 400, "hang") for name in ("left", "right")]
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(400):
            assert writer.stdout.readline()
    with Memo(folder) as memo:  # both are still open for writing
        for name in ("left", "right"):
            for number in range(400):
                assert memo.get(question(f"{name}-{number}")) == answer(f"{name}-{number}")
    for writer in writers:
        writer.communicate("")
    assert len(list(folder.glob("*.jsonl"))) == 2


def test_pruning_again_and_again_loses_no_answer_of_processes_that_write_and_read_meanwhile(folder: Path) -> None:
    with Memo(folder) as memo:
        for number in range(50):
            memo.put(question(f"old-{number}"), answer(f"old-{number}"))
    reader = Memo(folder)
    names = ("left", "middle", "right")
    writers = [start_writer(folder, name, 150) for name in names]
    while any(writer.poll() is None for writer in writers):
        memo_care.prune(folder, lambda record: False)
        with Memo(folder) as other:
            assert other.get(question("old-7")) == answer("old-7")
    assert all(writer.communicate()[0].count("\n") == 150 for writer in writers)
    # Opened before the first pruning, its files are gone and still readable.
    assert reader.get(question("old-49")) == answer("old-49")
    reader.close()
    memo_care.prune(folder, lambda record: False)
    assert len(list(folder.glob("*.jsonl"))) == 1
    with Memo(folder) as memo:
        assert len(memo) == 50 + 3 * 150
        for name in names:
            for number in range(150):
                assert memo.get(question(f"{name}-{number}")) == answer(f"{name}-{number}")


def test_killed_writers_leave_at_most_a_torn_line_each_and_the_next_ones_go_on(folder: Path) -> None:
    told: list[str] = []
    for round_ in range(3):
        writers = [start_writer(folder, f"{round_}-{name}", 1_000_000) for name in "ab"]
        for writer in writers:
            assert writer.stdout is not None
            told += [writer.stdout.readline().strip() for _ in range(30)]
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            assert writer.stdout is not None
            told += writer.stdout.read().split("\n")[:-1]
            writer.wait()
    # A line cut in the middle, as a kill during a long write leaves it.
    segment = min(folder.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes() + b'{"key":"abcd')
    with Memo(folder) as memo:
        for name in told:
            assert memo.get(question(name)) == answer(name)
    found = memo_care.survey(folder.glob("*.jsonl"))
    assert found.damaged == []
    assert segment in found.unfinished


def test_nothing_is_written_behind_half_a_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Memo(folder) as memo:
        memo.put(question("a"), answer("a"))
        write = os.write

        def full_disk(descriptor: int, data: bytes) -> int:
            if len(data) > 20:
                return write(descriptor, data[:20])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full_disk)
        with pytest.raises(InputError, match="No space left"):
            memo.put(question("b"), Answer("b", "end_turn", 1, 1))
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(InputError, match="could not be recorded before"):
            memo.put(question("c"), answer("c"))
        assert memo.get(question("a")) == answer("a")
    with Memo(folder) as memo:
        assert memo.get(question("a")) == answer("a")
        assert memo.get(question("b")) is None
    assert memo_care.survey(folder.glob("*.jsonl")).damaged == []


def test_two_prunings_at_once_are_one_too_many(folder: Path) -> None:
    with Memo(folder) as memo:
        memo.put(question("a"), answer("a"))
    with FileLock(folder / "prune.lock"), pytest.raises(InputError, match="is being pruned by another process"):
        memo_care.prune(folder, lambda record: False)


def test_keys_that_begin_alike_are_told_apart(folder: Path) -> None:
    alike = [Record("ab" * 8 + letter * 48, "m-1", answer(letter)) for letter in "cd"]
    with Memo(folder) as memo:
        for record in alike:
            memo.put_record(record)
        assert memo.record(alike[1].key) == alike[1]
    with Memo(folder) as memo:
        assert [memo.record(record.key) for record in alike] == alike


def test_the_commands_export_import_and_prune_say_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("llm: {replay: []}")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "first"))
    with Memo() as memo:
        for text in "ab":
            memo.put(question(text), answer(text))
            memo.put(question(text), answer(text))

    def say(*words: str) -> str:
        result = CliRunner().invoke(command, words)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    assert say("export", "answers.jsonl.zst").startswith("answers.jsonl.zst: 2 answers, ")
    assert "1 files, all sound" in say("verify", "answers.jsonl.zst")
    assert "2 repeated, 0 damaged" in say("stats")
    assert say("prune").startswith("2 answers kept, 2 dropped, 0 damaged")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "second"))
    assert say("import", "answers.jsonl.zst") == "answers.jsonl.zst: 2 new answers, 0 known before\n"
    assert say("import", "answers.jsonl.zst") == "answers.jsonl.zst: 0 new answers, 2 known before\n"
    assert say("prune", "--model", "m-1").startswith("0 answers kept, 2 dropped")
    assert "nothing is recorded" in say("prune")
    assert say("stats").startswith(f"{tmp_path / 'second'}: 0 answers")


def test_an_artefact_is_looked_up_after_the_folder(folder: Path, tmp_path: Path) -> None:
    lines = [write_record(Record(memo_key(question(text)), "m-1", answer("recorded"))) for text in "ab"]
    artefact = tmp_path / "answers.jsonl.zst"
    artefact.write_bytes(zstandard.compress(b"".join(lines)))
    with Memo(folder, [artefact]) as memo:
        memo.put(question("a"), answer("own"))
    with Memo(folder, [artefact]) as memo:
        assert memo.get(question("a")) == answer("own")
        assert memo.get(question("b")) == answer("recorded")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(None, "no such file"), (b"plain", "not a readable"), (zstandard.compress(b'{"key":"ab"}\n'), "no whole record")],
)
def test_an_artefact_that_cannot_be_used_is_named_in_one_sentence(
    tmp_path: Path, content: bytes | None, wrong: str
) -> None:
    artefact = tmp_path / "answers.jsonl.zst"
    if content is not None:
        artefact.write_bytes(content)
    with pytest.raises(InputError, match=f"answers.jsonl.zst: .*{wrong}"):
        Memo(tmp_path / "memo", [artefact])


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Memo(tmp_path / "file" / "memo") as memo, pytest.raises(InputError, match="WILDVALUES_MEMO"):
        memo.put(question("a"), answer("a"))


def test_the_journal_names_the_answers_that_were_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memo(folder) as memo:
        memo.put(question("old"), answer("old"))
        memo.put(question("unused"), answer("unused"))
    journal = tmp_path / "logs" / "used.txt"
    monkeypatch.setenv(JOURNAL_VARIABLE, str(journal))
    with Memo(folder) as memo:
        memo.get(question("old"))
        memo.get(question("unknown"))
        memo.put(question("new"), answer("new"))
    assert list(read_journal(journal)) == [memo_key(question("old")), memo_key(question("new"))]


def test_a_large_memo_opens_fast_from_its_index(folder: Path) -> None:
    count = 20_000
    with Memo(folder) as memo:
        for number in range(count):
            memo.put_record(Record(f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" + "0" * 48, "m", answer("x")))
    start = time.perf_counter()
    with Memo(folder) as memo:
        assert len(memo) == count
        assert memo.has_key(f"{7 * 0x9E3779B97F4A7C15 % 2**64:016x}" + "0" * 48)
    assert time.perf_counter() - start < 3


def test_an_export_holds_exactly_what_was_used_and_equal_answers_give_equal_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefacts = []
    for name, order in (("one", "abc"), ("two", "cab")):
        journal = tmp_path / f"{name}.txt"
        with Memo(tmp_path / name) as memo:
            memo.put(question("of another study"), answer("x"))
        monkeypatch.setenv(JOURNAL_VARIABLE, str(journal))
        with Memo(tmp_path / name) as memo:
            for text in order:
                memo.put(question(text), answer(text))
            memo.get(question("a"))
            artefacts.append(tmp_path / f"{name}.jsonl.zst")
            assert memo_care.export(memo, read_journal(journal), artefacts[-1]) == 3
        monkeypatch.delenv(JOURNAL_VARIABLE)
    assert artefacts[0].read_bytes() == artefacts[1].read_bytes()
    with Memo(tmp_path / "empty", artefacts[:1]) as memo:
        assert len(memo) == 3
        assert memo.get(question("b")) == answer("b")


def test_an_export_of_answers_that_are_not_there_makes_no_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "answers.jsonl.zst"
    with Memo(folder) as memo, pytest.raises(InputError, match="1 of 1 answers are not in"):
        memo_care.export(memo, ["ab" * 32], target)
    assert not target.exists()


def test_an_import_takes_in_what_is_new(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "answers.jsonl.zst"
    with Memo(tmp_path / "other") as memo:
        for text in "ab":
            memo.put(question(text), answer(text))
        memo_care.export(memo, [memo_key(question(text)) for text in "ab"], target)
    with Memo(folder) as memo:
        memo.put(question("a"), answer("own"))
        assert memo_care.take_in(memo, target) == (1, 1)
        assert memo.get(question("a")) == answer("own")
        assert memo.get(question("b")) == answer("b")


def test_pruning_drops_damage_repetitions_and_a_model_but_no_segment_in_use(folder: Path) -> None:
    for _ in range(2):
        with Memo(folder) as memo:
            memo.put_record(Record("ab" * 32, "m-1", answer("twice")))
            memo.put_record(Record("cd" * 32, "m-2", answer("of the old model")))
    damaged = min(folder.glob("*.jsonl"))
    damaged.write_bytes(damaged.read_bytes() + b'{"key":"broken"}\n{"key":"half')
    with Memo(folder) as in_use:
        in_use.put(question("now"), answer("now"))
        assert memo_care.prune(folder, lambda record: record.model == "m-2") == (1, 3, 2)
        in_use.put(question("later"), answer("later"))
    with Memo(folder) as memo:
        assert memo.record("ab" * 32) == Record("ab" * 32, "m-1", answer("twice"))
        assert memo.record("cd" * 32) is None
        assert memo.get(question("now")) == answer("now")
        assert memo.get(question("later")) == answer("later")
    assert memo_care.survey(folder.glob("*.jsonl")).damaged == []


def test_verify_names_each_damaged_line_and_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with Memo(folder) as memo:
        for text in "ab":
            memo.put(question(text), answer(text))
    assert CliRunner().invoke(command, ["verify"]).output == "2 answers in 1 files, all sound\n"
    segment = the_segment(folder)
    segment.write_bytes(segment.read_bytes().replace(b'"text":"a"', b'"text":"x"') + b"torn")
    result = CliRunner().invoke(command, ["verify"])
    assert f"{segment}:1: its checksum does not fit" in result.output
    assert "harmless" in result.output
    assert isinstance(result.exception, InputError)
    assert "1 answers" in CliRunner().invoke(command, ["stats"]).output
