"""Vectors of names from their letters alone: the contestant that knows no meaning.

Where a tree made from these agrees with the study's, the study's tree follows shared words and stems; where it does
not, the embedding model brought something in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MODEL = "character-ngrams"
_DIMENSIONS = 128


def encode(names: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return unit vectors: character n-grams within words, weighted by rarity, in their main dimensions.

    The decomposition is latent semantic analysis (Deerwester et al. 1990) of runs of three to five letters. The
    result does not depend on the order of the names.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    if not len(names):
        return np.zeros((0, 1))
    distinct = sorted(set(names))
    found = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(distinct)
    size = min(_DIMENSIONS, found.shape[0] - 1, found.shape[1] - 1)
    with threadpool_limits(limits=1):
        dense = TruncatedSVD(size, random_state=seed).fit_transform(found) if size >= 1 else found.toarray()
    row = {name: i for i, name in enumerate(distinct)}
    return np.asarray(normalize(dense)[[row[name] for name in names]], dtype=np.float64)
