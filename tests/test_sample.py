"""Choosing conversations: filters say what they removed, and chance hangs on the seed and the ids alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildvalues import sample
from wildvalues.errors import InputError, ParamsError
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Params, Sample, Study
from wildvalues.sampling import choose, rank, text_key, window
from wildvalues.tables import CONVERSATIONS

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def row(number: int, **more: Any) -> dict[str, Any]:
    said = more.pop("said", f"question {number}")
    return {
        "conversation_id": f"c{number:03d}",
        "source": "test",
        "language": "en",
        "model": "m",
        "user_id": f"u{number % 4}",
        "started_at": START + timedelta(days=number),
        "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "answer"}],
    } | more


@dataclass
class Outcome:
    folder: Path

    @property
    def ids(self) -> list[str]:
        return list(read_table(self.folder / "sample.parquet", CONVERSATIONS.schema)["conversation_id"])

    @property
    def metrics(self) -> dict[str, Any]:
        return read_json(self.folder / "metrics.json")


def run(folder: Path, rows: list[dict[str, Any]], *, seed: int = 1, **params: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    frame = pd.DataFrame(rows, columns=CONVERSATIONS.schema.names)
    write_table(frame, folder / "conversations.parquet", CONVERSATIONS.schema)
    sample.run(
        Params(sample=Sample(**params), study=Study(seed=seed)),
        conversations=folder / "conversations.parquet",
        sample=folder / "sample.parquet",
        metrics=folder / "metrics.json",
    )
    return Outcome(folder)


def outline(count: int) -> pd.DataFrame:
    rows = [row(number) for number in range(count)]
    frame = pd.DataFrame(rows).drop(columns=["messages", "source"])
    return frame.assign(text_key=[f"k{number}" for number in range(count)])


def test_with_no_filter_every_distinct_conversation_stays_whole(tmp_path: Path) -> None:
    rows = [row(number) for number in range(7)]
    found = run(tmp_path, rows)
    whole = read_table(tmp_path / "sample.parquet", CONVERSATIONS.schema)
    assert [list(each) for each in whole["messages"]] == [each["messages"] for each in rows]
    assert found.metrics["conversations"] == 7
    assert found.metrics["users"] == 4


def test_the_same_words_in_other_spelling_are_a_duplicate_and_the_smallest_id_stays(tmp_path: Path) -> None:
    rows = [row(2, said="Is  it FAIR?"), row(1, said="is it fair?\n"), row(3, said="Ｉs it fair?"), row(4)]
    found = run(tmp_path, rows)
    assert found.ids == ["c001", "c004"]
    assert found.metrics["duplicates"] == 2
    assert run(tmp_path, rows, deduplicate=False).ids == ["c001", "c002", "c003", "c004"]


def test_equal_words_from_two_models_are_two_observations(tmp_path: Path) -> None:
    assert run(tmp_path, [row(1, said="x", model="a"), row(2, said="x", model="b")]).ids == ["c001", "c002"]


def test_text_keys_tell_who_said_what() -> None:
    one = [{"role": "user", "content": "a b"}]
    assert text_key(one, None) != text_key([{"role": "assistant", "content": "a b"}], None)
    assert text_key([*one, {"role": "assistant", "content": "c"}], None) != text_key(one, None)


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [
        ("2026-03-03", None, [1, 2, 3]),
        (None, "2026-03-03", [0, 1]),
        ("2026-03-03", "2026-03-04", [1, 2]),
        ("2026-03-03T12:00:01", None, [2, 3]),
        (None, "2026-03-03T14:00:00+02:00", [0, 1]),
    ],
)
def test_the_window_includes_its_first_and_last_day(
    tmp_path: Path, since: str | None, until: str | None, kept: list[int]
) -> None:
    found = run(tmp_path, [row(number) for number in range(4)], since=since, until=until)
    assert found.ids == [f"c{number:03d}" for number in kept]
    assert found.metrics["outside_window"] == 4 - len(kept)


def test_a_duplicate_outside_the_window_does_not_remove_the_one_inside(tmp_path: Path) -> None:
    rows = [row(0, said="same"), row(5, said="same")]
    assert run(tmp_path, rows, since="2026-03-05").ids == ["c005"]


def test_languages_and_models_are_filters_and_the_unknown_is_left_out(tmp_path: Path) -> None:
    rows = [row(0), row(1, language="es"), row(2, language=None), row(3, model="n"), row(4, model=None)]
    assert run(tmp_path, rows, languages=["EN"]).ids == ["c000", "c003", "c004"]
    found = run(tmp_path, rows, models=["m"], languages=["en", "es"])
    assert found.ids == ["c000", "c001"]
    assert (found.metrics["other_language"], found.metrics["other_model"]) == (1, 2)


def test_the_user_cap_keeps_so_many_of_each_and_all_of_the_unknown(tmp_path: Path) -> None:
    rows = [row(number) for number in range(12)] + [row(number, user_id=None) for number in range(20, 25)]
    found = run(tmp_path, rows, max_per_user=2)
    users = read_table(tmp_path / "sample.parquet")["user_id"].value_counts(dropna=False)
    assert sorted(users) == [2, 2, 2, 2, 5]
    assert found.metrics["over_user_cap"] == 4


@given(st.randoms(use_true_random=False), st.integers(0, 5), st.integers(1, 30), st.integers(1, 5))
def test_the_choice_does_not_depend_on_the_order_of_rows(random: Any, seed: int, size: int, cap: int) -> None:
    frame = outline(20)
    order = list(range(20))
    random.shuffle(order)
    params = Sample(size=size, max_per_user=cap)
    assert list(choose(frame, params, seed)[0]["conversation_id"]) == list(
        choose(frame.iloc[order].reset_index(drop=True), params, seed)[0]["conversation_id"]
    )


@given(st.integers(0, 50), st.integers(1, 19))
def test_a_larger_sample_contains_the_smaller_one(seed: int, size: int) -> None:
    frame = outline(20)
    small = set(choose(frame, Sample(size=size), seed)[0]["conversation_id"])
    large = set(choose(frame, Sample(size=size + 1), seed)[0]["conversation_id"])
    assert len(small) == size
    assert small < large


def test_every_conversation_is_as_likely_as_another() -> None:
    frame = outline(20)
    drawn = pd.Series(
        [each for seed in range(400) for each in choose(frame, Sample(size=5), seed)[0]["conversation_id"]]
    ).value_counts()
    # 400 draws of 5 in 20: 100 expected of each, standard deviation 8.7.
    assert len(drawn) == 20
    assert drawn.between(100 - 5 * 8.7, 100 + 5 * 8.7).all()


def test_another_seed_draws_another_sample() -> None:
    assert rank(1, "c") != rank(2, "c")
    frame = outline(20)
    assert list(choose(frame, Sample(size=5), 1)[0]["conversation_id"]) != list(
        choose(frame, Sample(size=5), 2)[0]["conversation_id"]
    )


def test_output_bytes_are_equal_for_shuffled_rows(tmp_path: Path) -> None:
    # More than one batch and one row group, whose borders must not show either.
    rows = [row(number, conversation_id=f"c{number:05d}", said=f"{number} " * 3_000) for number in range(1_500)]
    first, second = run(tmp_path / "a", rows, size=1_200), run(tmp_path / "b", rows[::-1], size=1_200)
    assert first.metrics == second.metrics
    assert (tmp_path / "a" / "sample.parquet").read_bytes() == (tmp_path / "b" / "sample.parquet").read_bytes()


def test_a_size_beyond_the_corpus_keeps_all_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert len(run(tmp_path, [row(1), row(2)], size=100).ids) == 2
    assert "asks for 100, only 2 are there" in caplog.text


@pytest.mark.parametrize(
    ("more", "params", "says"),
    [
        ({"started_at": None}, {"since": "2026-01-01"}, "no conversation tells when it began"),
        ({"language": None}, {"languages": ["en"]}, "no conversation has a known language"),
        ({"model": None}, {"models": ["m"]}, "no conversation names its model"),
        ({"user_id": None}, {"max_per_user": 1}, "no conversation names its user"),
    ],
)
def test_a_filter_on_what_no_conversation_has_says_so(
    tmp_path: Path, more: dict[str, Any], params: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=rf"sample\..*{says}; set it to null"):
        run(tmp_path, [row(1, **more), row(2, **more)], **params)


def test_logs_without_users_times_models_or_languages_can_be_sampled(tmp_path: Path) -> None:
    bare = {"user_id": None, "started_at": None, "model": None, "language": None}
    found = run(tmp_path, [row(number, **bare) for number in range(5)], size=3)
    assert len(found.ids) == 3
    assert (found.metrics["users"], found.metrics["models"], found.metrics["without_time"]) == (0, 0, 3)


def test_an_empty_sample_says_which_filter_removed_how_many_and_what_there_is(tmp_path: Path) -> None:
    rows = [row(0), row(1), row(2, language="es")]
    with pytest.raises(InputError) as caught:
        run(tmp_path, rows, since="2026-03-03", languages=["de"])
    sentence = str(caught.value)
    assert "of 3 conversations were removed 1 outside window, 2 other language" in sentence
    assert "they run from 2026-03-02 to 2026-03-04" in sentence
    assert "languages there are en, es" in sentence


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("March", None, r"sample\.since: found 'March'; write a day such as"),
        (None, "2026-13-01", r"sample\.until: found '2026-13-01'"),
        ("2026-03-05", "2026-03-04", r"2026-03-04 is before sample\.since"),
    ],
)
def test_a_window_that_is_none_is_told(since: str | None, until: str | None, says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        window(since, until)


def test_an_empty_or_foreign_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no conversation"):
        run(tmp_path, [])
    (tmp_path / "conversations.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="not a readable Parquet table"):
        sample.run(
            Params(),
            conversations=tmp_path / "conversations.parquet",
            sample=tmp_path / "s",
            metrics=tmp_path / "m",
        )
