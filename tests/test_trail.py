"""The trail of one conversation, from the raw log to the published numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildvalues.errors import InputError
from wildvalues.tools.trail import trail


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small study, without what readers see."""
    from small_study import command, make_study
    from wildvalues.stage import STAGE_NAMES

    folder = make_study(tmp_path_factory.mktemp("trail"))
    for name in STAGE_NAMES[: STAGE_NAMES.index("disclose") + 1]:
        command(folder, "wildvalues", name)
    return folder


@pytest.mark.slow
def test_every_annotated_conversation_is_followed_to_numbers_or_told_why_not(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    monkeypatch.chdir(study)
    screening = pd.read_parquet("data/interim/screening.parquet")
    frequencies = pd.read_csv("results/tables/frequencies.csv")
    published = set(zip(frequencies["facet"], frequencies["node_id"], strict=True))
    ends = set()
    for row in screening.itertuples():
        lines = trail(str(row.conversation_id), show_text=False)
        text = "\n".join(lines)
        assert ("the trail ends here" in text) == (not row.subjective)
        for line in lines:
            if line.startswith("taxonomy"):
                facet, _, path = line.removeprefix("taxonomy").strip().partition(": ")
                value = path.split(" < ")[0].partition("  [")[0]
                following = lines[lines.index(line) + 1]
                assert following.startswith("  counted in") == ((facet, value) in published), following
                ends.add(following[:12])
    assert ends == {"  counted in", "  withheld  "}


@pytest.mark.slow
def test_text_is_shown_only_when_asked_for(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    monkeypatch.chdir(study)
    sampled = pd.read_parquet("data/interim/sample.parquet")["conversation_id"].iloc[0]
    assert not any(line.startswith("    user:") for line in trail(sampled, show_text=False))
    assert any(line.startswith("    user:") for line in trail(sampled, show_text=True))


@pytest.mark.slow
def test_an_unknown_conversation_gets_one_sentence(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study)
    with pytest.raises(InputError, match="nope: no such conversation"):
        trail("nope", show_text=False)
