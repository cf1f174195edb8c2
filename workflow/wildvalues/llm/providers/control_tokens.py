"""The control tokens of a model in this process, and texts that cannot contain one.

llama.cpp fills a chat template with the messages and tokenizes the whole, special tokens included, so a message that
spells out ``<|im_end|>`` or ``<file_sep>`` does not quote that token, it is that token: a conversation could end its
own turn and open another. The only complete list of such spellings is in the weights.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from wildvalues.errors import ModelError
from wildvalues.llm.defusing import REPLACEMENT

_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
# Token types of GGUF that have power over the template. User-defined tokens (4) are content, such as runs of spaces;
# those that open thoughts or tool calls are defused with every conversation (`wildvalues.llm.defusing`).
_UNKNOWN, _CONTROL = 2, 3
# Value types of GGUF (github.com/ggml-org/ggml, docs/gguf.md) as struct formats; 8 is text, 9 an array.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


class ControlTokens:
    """Spells out control tokens so that they are text again.

    Parameters
    ----------
    spellings
        Texts that the tokenizer reads as control tokens.
    """

    def __init__(self, spellings: Iterable[str]) -> None:
        # A token of one letter or of spaces alone could not be told from text; no known model has one.
        self.spellings = frozenset(spelling for spelling in spellings if len(spelling.strip()) > 1)
        # Longest first: of "<s>" and "<s>x", both are one mark.
        ordered = sorted(self.spellings, key=lambda spelling: (-len(spelling), spelling))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @classmethod
    def of(cls, weights: Path) -> ControlTokens:
        """Read the control tokens of a GGUF file.

        Raises
        ------
        ModelError
            When the file has no readable list of tokens: without it, no conversation can be shown safely.
        """
        try:
            with weights.open("rb") as handle:
                return cls(_control_tokens(handle))
        except (OSError, struct.error, KeyError, UnicodeDecodeError, MemoryError) as error:
            raise ModelError(f"{weights}: its list of tokens cannot be read ({error}); is it a GGUF file?") from None

    def spelled_out(self, text: str) -> str:
        """Return `text` with the first character of every control token replaced; other text is unchanged."""
        pattern = self._pattern
        # A replacement could complete another token's spelling.
        while pattern is not None and pattern.search(text):
            text = pattern.sub(lambda found: REPLACEMENT + found[0][1:], text)
        return text


def _control_tokens(handle: IO[bytes]) -> list[str]:
    magic, version, _, pairs = _unpack(handle, "4sIQQ")
    if magic != b"GGUF" or version < 2:
        raise KeyError(f"version {version} of {magic!r}")
    found: dict[str, list[bytes] | list[int]] = {}
    for _ in range(pairs):
        key = _text(handle).decode("utf-8")
        (kind,) = _unpack(handle, "I")
        if key in (_TOKENS, _TYPES):
            found[key] = _array(handle)
            if len(found) == 2:
                break
        else:
            _skip(handle, kind)
    # Models without types have no token but text.
    types = found.get(_TYPES, [])
    return [
        token.decode("utf-8", "replace")
        for token, kind in zip(found[_TOKENS], types, strict=False)
        if kind in (_UNKNOWN, _CONTROL) and isinstance(token, bytes)
    ]


def _unpack(handle: IO[bytes], form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", handle.read(struct.calcsize(f"<{form}")))


def _text(handle: IO[bytes]) -> bytes:
    (length,) = _unpack(handle, "Q")
    return handle.read(length)


def _array(handle: IO[bytes]) -> list[bytes] | list[int]:
    kind, length = _unpack(handle, "IQ")
    if kind == _TEXT:
        return [_text(handle) for _ in range(length)]
    return list(_unpack(handle, f"{length}{_SCALARS[kind]}"))


def _skip(handle: IO[bytes], kind: int) -> None:
    if kind == _TEXT:
        handle.seek(_unpack(handle, "Q")[0], 1)
    elif kind == _ARRAY:
        inner, length = _unpack(handle, "IQ")
        if inner in _SCALARS:
            handle.seek(length * struct.calcsize(f"<{_SCALARS[inner]}"), 1)
        else:
            for _ in range(length):
                _skip(handle, inner)
    else:
        handle.seek(struct.calcsize(f"<{_SCALARS[kind]}"), 1)
