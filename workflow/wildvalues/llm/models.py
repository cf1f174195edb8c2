"""Models by content: a name stands for one sha256, and any source that yields those bytes will do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Weights:
    """A file of weights on this machine, verified.

    Parameters
    ----------
    path
        The file.
    sha256
        Hex sha256 of its bytes.
    name
        Name in the registry, or the file's name for a local path.
    """

    path: Path
    sha256: str
    name: str


def resolve(name_or_path: str) -> Weights:
    """Return the weights for a registry name (downloading them when needed) or for a local GGUF path."""
    raise NotImplementedError


def model_id(name: str) -> str:
    """Return ``sha256:<hex>`` for a registry name, without needing the file, or for a local path."""
    raise NotImplementedError


def ensure(name: str) -> Path:
    """Return the verified file (or folder, for embeddings) of a registry model, downloading it when needed."""
    raise NotImplementedError


def embedding_folder(name: str) -> Path:
    """Return a folder that `sentence_transformers.SentenceTransformer` loads."""
    raise NotImplementedError
