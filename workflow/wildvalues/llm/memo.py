"""The memo: every answer a model ever gave, found again by what was asked, so that no answer is paid twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from wildvalues.llm.types import Answer, Request

FORMAT_VERSION = 1


def memo_key(request: Request) -> str:
    """Hex sha256 of everything in `request` that can change the answer."""
    asked = {
        "format": FORMAT_VERSION,
        "model": request.model,
        "messages": [[message.role, message.content] for message in request.messages],
        "schema": request.schema,
        "options": None if request.options is None else list(request.options),
        "max_tokens": request.max_tokens,
        "temperature": float(request.temperature),
        "sample": request.sample,
    }
    text = json.dumps(asked, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Memo:
    """Answers by what was asked. INTERFACE FIRST: storage in memory until the segments land.

    Parameters
    ----------
    folder
        Where the segments are; None takes WILDVALUES_MEMO, else the user's cache folder.
    artefacts
        Recorded-answer files (``*.jsonl.zst``), read-only, looked up after the folder.
    """

    def __init__(self, folder: Path | None = None, artefacts: Sequence[Path] = ()) -> None:
        self.folder = folder or Path(os.environ.get("WILDVALUES_MEMO", "/nonexistent"))
        self._answers: dict[str, Answer] = {}

    def get(self, request: Request) -> Answer | None:
        """Return the recorded answer to `request`, or None."""
        return self._answers.get(memo_key(request))

    def put(self, request: Request, answer: Answer) -> None:
        """Record `answer`; it survives the death of this process."""
        self._answers[memo_key(request)] = answer

    def close(self) -> None:
        """Make what was written durable and let go of the files."""

    def __enter__(self) -> Memo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
