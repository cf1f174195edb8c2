"""Places of values by their vectors: coordinates on the map, and the AI value nearest to a human one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MAP_FACETS = ("ai_values", "human_values")
# UMAP needs more values than neighbours (15, its default and Clio's); fewer are laid out by their main axes.
NEIGHBOURS = 15
# Digits kept: what lies below differs between processors.
DECIMALS = 4


def stack(vectors: pd.Series) -> NDArray[np.float32]:
    """Return a column of vectors as a matrix."""
    return np.stack([np.asarray(vector, dtype=np.float32) for vector in vectors])


def map_coordinates(embeddings: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return facet, value, x and y of the AI and human values, each facet laid out alone.

    For display only: UMAP (cosine, seeded, one thread, which makes it repeatable), or PCA for few values.
    """
    parts = []
    for facet in MAP_FACETS:
        mine = embeddings[embeddings["facet"] == facet].sort_values("value", kind="stable")
        if mine.empty:
            continue
        vectors = stack(mine["vector"])
        places = main_axes(vectors) if len(mine) <= NEIGHBOURS else _umap(vectors, seed)
        x, y = np.round(places.astype(float), DECIMALS).T + 0.0
        parts.append(pd.DataFrame({"facet": facet, "value": mine["value"].to_numpy(), "x": x, "y": y}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["facet", "value", "x", "y"])


def main_axes(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first two principal components; each axis points where its largest loading is positive."""
    centred = vectors.astype(float) - vectors.mean(axis=0, dtype=float)
    _, scales, axes = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    for index in range(min(2, len(scales))):
        # An axis without spread is noise: its direction would depend on the processor.
        if scales[index] > 1e-6:
            axis = axes[index]
            places[:, index] = centred @ axis * np.sign(axis[np.argmax(np.abs(axis))])
    return places


def _umap(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    from umap import UMAP

    places: NDArray[np.float64] = UMAP(
        n_neighbors=NEIGHBOURS, min_dist=0.1, metric="cosine", random_state=seed, n_jobs=1
    ).fit_transform(vectors)
    return places


def nearest_ai_value(embeddings: pd.DataFrame) -> pd.Series:
    """Return for each human value the AI value of the same name, or else the one at the greatest cosine."""
    sides = {
        facet: embeddings[embeddings["facet"] == facet].sort_values("value", kind="stable") for facet in MAP_FACETS
    }
    ai, human = sides["ai_values"], sides["human_values"]
    if ai.empty or human.empty:
        return pd.Series(dtype=object)
    # Rounded so that equally near values tie on every processor; the first in the alphabet wins.
    cosines = np.round(stack(human["vector"]).astype(float) @ stack(ai["vector"]).astype(float).T, DECIMALS + 1)
    names = ai["value"].to_numpy()
    nearest = pd.Series(names[np.argmax(cosines, axis=1)], index=human["value"].to_numpy(), dtype=object)
    same = nearest.index.isin(names)
    nearest[same] = nearest.index[same]
    return nearest
