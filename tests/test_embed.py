"""Vectors are of unit length and depend on the string alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wildvalues.embed import run
from wildvalues.errors import InputError, ModelError
from wildvalues.files import read_table, write_table
from wildvalues.params import Embed, Params
from wildvalues.tables import EMBEDDINGS, VOCABULARY
from wildvalues.taxonomy import vectors
from wildvalues.taxonomy.vectors import encode, load

NAMES = ["honesty", "harm prevention", "respect for the choices of other people", "care", "clarity", "誠実さ"]


def vocabulary(*rows: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["facet", "value"])
    return frame.assign(n_conversations=1, n_mentions=1, variants=[[value] for value in frame["value"]])


def test_vectors_have_unit_length_and_close_names_are_close() -> None:
    found = encode(["honesty", "truthfulness", "gardening"], Embed())
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found[0] @ found[1] > 0.5 > found[0] @ found[2]


def test_a_vector_does_not_depend_on_order_or_repeats() -> None:
    forward = encode(NAMES, Embed())
    assert encode(NAMES[::-1], Embed())[::-1].tobytes() == forward.tobytes()
    assert encode([*NAMES, "care"], Embed())[-1].tobytes() == forward[3].tobytes()


def test_bytes_are_the_same_with_one_and_two_threads() -> None:
    import torch

    many = [f"{name} in {place}" for name in NAMES for place in ("school", "the family", "work", "public life")]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = encode(many, Embed())
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        one = encode(many, Embed())
    finally:
        torch.set_num_threads(before)
    assert one.tobytes() == two.tobytes()


def test_the_stage_embeds_every_value_of_every_facet(tmp_path: Path) -> None:
    rows = vocabulary(("task", "plan a trip"), ("ai_values", "care"), ("human_values", "care"))
    write_table(VOCABULARY.arrange(rows), tmp_path / "vocabulary", VOCABULARY.schema)
    run(Params(), vocabulary=tmp_path / "vocabulary", embeddings=tmp_path / "embeddings")
    found = read_table(tmp_path / "embeddings", EMBEDDINGS.schema)
    assert found["facet"].tolist() == ["ai_values", "human_values", "task"]
    assert found["vector"][0].tobytes() == found["vector"][1].tobytes()


def test_an_empty_vocabulary_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_load", None)
    write_table(VOCABULARY.schema.empty_table(), tmp_path / "vocabulary", VOCABULARY.schema)
    run(Params(), vocabulary=tmp_path / "vocabulary", embeddings=tmp_path / "embeddings")
    assert read_table(tmp_path / "embeddings", EMBEDDINGS.schema).empty


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "model_folder", lambda name: tmp_path)
    with pytest.raises(ModelError, match=r"embed\.model: 'broken'"):
        encode(["care"], Embed(model="broken"))


def test_tables_of_different_runs_are_refused() -> None:
    embedded = pd.DataFrame({"facet": ["task"], "value": ["other"], "vector": [np.ones(2, np.float32)]})
    with pytest.raises(InputError, match="run `wildvalues embed` again"):
        load(embedded, vocabulary(("task", "plan a trip")))
