"""One file over HTTP: resumed where it broke off, checked against its hash, moved into place when whole."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from wildvalues.errors import InputError
from wildvalues.files import sha256_file
from wildvalues.progress import bar

_TRIES = 6
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")
Pause = Callable[[float], None]


@dataclass(frozen=True)
class Declared:
    """What the server says of a file before it is read.

    A hub answers ``resolve/`` addresses of large files with a redirect whose ``x-linked-etag`` is the sha256 and
    whose ``x-linked-size`` is the size; the ``etag`` of a small file is its git blob id, a sha1.
    """

    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None


def client(token: str | None = None) -> httpx.Client:
    """Return a client that follows redirects; the token is not sent on to another host."""
    headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=20), headers=headers)


def declared(http: httpx.Client, url: str, *, pause: Pause = time.sleep) -> Declared:
    """Ask the server for a file's size and hash.

    Raises
    ------
    InputError
        When the server refuses, has no such file, or cannot be reached.
    """
    response = _patiently(lambda: http.head(url, follow_redirects=False), url, pause)
    headers = response.headers
    linked = "x-linked-etag" in headers
    etag = headers.get("x-linked-etag", headers.get("etag", "")).removeprefix("W/").strip('"').lower()
    size = headers.get("x-linked-size") or (headers.get("content-length") if not response.is_redirect else None)
    return Declared(
        size=int(size) if size is not None and size.isdigit() else None,
        sha256=etag if _SHA256.fullmatch(etag) else None,
        git_sha1=etag if not linked and _GIT_SHA1.fullmatch(etag) else None,
    )


def download(http: httpx.Client, url: str, target: Path, *, sha256: str | None, pause: Pause = time.sleep) -> bool:
    """Have the file at `url` as `target`; return False when it was there already.

    Parameters
    ----------
    sha256
        Expected hash; None takes what the server declares.
    pause
        Waits between tries, given seconds.

    Raises
    ------
    InputError
        When the file cannot be had, or is not what its hash says. What was read stays for the next try, unless
        it is wrong.
    """
    said = declared(http, url, pause=pause)
    expected = Declared(said.size, sha256 or said.sha256, said.git_sha1)
    if target.exists() and _problem(target, expected) is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    if said.size is not None:
        missing = said.size - (partial.stat().st_size if partial.exists() else 0)
        free = shutil.disk_usage(target.parent).free
        if missing > free:
            raise InputError(f"{target}: needs {missing:,} more bytes, the disk has {free:,}; free some or use --to")
    _read(http, url, partial, said.size, pause)
    problem = _problem(partial, expected)
    if problem is not None:
        partial.unlink()
        raise InputError(f"{url}: {problem}; what was read is deleted, fetch it again or report it to the corpus")
    partial.replace(target)
    return True


def _read(http: httpx.Client, url: str, partial: Path, size: int | None, pause: Pause) -> None:
    """Append to `partial` until the server has no more, going on after broken connections."""
    failures = 0
    with bar(total=size or 0, label=partial.name.removeprefix(".").removesuffix(".partial"), unit="B") as shown:
        shown.unit_scale = True
        while True:
            have = partial.stat().st_size if partial.exists() else 0
            if size is not None and have >= size:
                return
            shown.n = have
            try:
                with http.stream("GET", url, headers={"range": f"bytes={have}-"} if have else {}) as response:
                    if response.status_code == 416:
                        # Nothing is left to send: the hash tells whether that is the whole.
                        return
                    _check_status(response, url)
                    # A server that ignores the range sends the file from its beginning.
                    with partial.open("ab" if response.status_code == 206 else "wb") as handle:
                        # Blocks as they come: asking for a size would hold back, and lose, what precedes a break.
                        for block in response.iter_raw():
                            handle.write(block)
                            shown.update(len(block))
                if size is None or partial.stat().st_size >= size:
                    return
                reason = "the connection closed early"
            except (httpx.TransportError, _TransientStatusError) as error:
                reason = str(error) or type(error).__name__
            grown = (partial.stat().st_size if partial.exists() else 0) > have
            failures = 0 if grown else failures + 1
            if failures >= _TRIES:
                raise InputError(f"{url}: {reason}, {_TRIES} times in a row; run the same command again to go on")
            pause(min(2.0**failures, 30.0))


def _patiently(ask: Callable[[], httpx.Response], url: str, pause: Pause) -> httpx.Response:
    for attempt in range(_TRIES):
        try:
            response = ask()
            _check_status(response, url)
            return response
        except (httpx.TransportError, _TransientStatusError) as error:
            if attempt == _TRIES - 1:
                reason = str(error) or type(error).__name__
                raise InputError(
                    f"{url}: cannot be reached ({reason}); check the network, or name a mirror with --base-url"
                ) from None
            pause(min(2.0**attempt, 30.0))
    raise AssertionError("unreachable")


class _TransientStatusError(Exception):
    """The server asks to come back later."""


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in _TRANSIENT:
        raise _TransientStatusError(f"the server answers {status}")
    if status in (401, 403):
        raise InputError(
            f"{url}: the server answers {status}; accept the corpus's terms on its page and set HF_TOKEN to your token"
        )
    if status == 404:
        raise InputError(
            f"{url}: the server has no such file (404); it may have been moved, so look at the corpus's page"
        )
    if status >= 400:
        raise InputError(f"{url}: the server answers {status}; try again later, or name a mirror with --base-url")


def _problem(path: Path, expected: Declared) -> str | None:
    """Return what is wrong with a file, or None; without any hash or size there is nothing to hold it against."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return f"has {size:,} bytes where {expected.size:,} belong"
    if expected.sha256 is not None:
        found = sha256_file(path)
        return None if found == expected.sha256 else f"its sha256 is {found} where {expected.sha256} belongs"
    if expected.git_sha1 is not None:
        digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        with path.open("rb") as handle:
            while block := handle.read(2**20):
                digest.update(block)
        if digest.hexdigest() != expected.git_sha1:
            return f"its git id is {digest.hexdigest()} where {expected.git_sha1} belongs"
    return None
