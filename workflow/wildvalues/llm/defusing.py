"""Text that imitates what stands around it: tags that would close a conversation, turns it never had, template tokens.

A language model reads one stream of text. Whatever in a conversation looks like the marks that structure that stream,
to the tokenizer or to a reader who does not look closely, is made to look like something else by replacing its opening
bracket. Nothing else is touched, so what people wrote stays readable and can be quoted, and text without such marks is
shown byte for byte. Marks of many model families are known here, because a server of one's own does not say which it
runs; a model in this process also knows its own (`providers.control_tokens`).
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "‹"
# Brackets and what may pass for them: full width, small, mathematical, CJK, ornamental, Canadian syllabics.
_ANGLES = "<≮＜﹤‹«〈〈⟨⟪《❬❮❰≺⋖⪡˂ᐸ𝈶ᚲ⧼﹝"
_SQUARES = "[［【⟦〚"
_CLOSING = dict.fromkeys(map(ord, ">＞﹥›»〉〉⟩⟫》❭❯❱≻⋗⪢˃ᐳ𝈷⧽﹞"), ">") | dict.fromkeys(map(ord, "]］】⟧〛"), "]")
_SLASHES = dict.fromkeys(map(ord, "/／⁄∕⧸╱⟋\\＼﹨⧵∖"), "/")
_PIPES = dict.fromkeys(map(ord, "|｜│┃∣❘❙ǀ￨︱"), "|")
# Letters of other scripts that look like Latin ones (Unicode TR39 lists them); NFKC folds full width, mathematical and
# circled letters, and dropping marks folds accents.
_LOOKALIKES = {
    "a": "аαɑᴀ", "b": "вЬьʙΒ", "c": "сϲᴄⅽ", "d": "ԁᴅⅾ", "e": "еєᴇҽ", "f": "ꜰ", "g": "ɡɢ", "h": "нһհʜΗ", "i": "іιıɪӏ",
    "j": "јᴊ", "k": "кκᴋ", "l": "ⅼʟ", "m": "мᴍⅿ", "n": "ոпɴηΝ", "o": "оοᴏօσ", "p": "рρᴘ", "q": "ԛ", "r": "гʀᴦ",
    "s": "ѕꜱ", "t": "тτᴛ", "u": "υսᴜц", "v": "νѵᴠⅴ", "w": "ԝᴡ", "x": "хχⅹ", "y": "уγʏү", "z": "ᴢ",
}  # fmt: skip
_FOLDED = (
    {ord(look.upper()): letter for letter, looks in _LOOKALIKES.items() for look in looks if len(look.upper()) == 1}
    # Of a capital that looks like another letter than its small form, the look counts.
    | {ord(look): letter for letter, looks in _LOOKALIKES.items() for look in looks}
    | _CLOSING
    | _SLASHES
    | _PIPES
)
# Seen as nothing, though Unicode calls them letters, marks or symbols.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
# Bytes can hide in a row of these; a single one picks a glyph and is left alone.
_HIDDEN_ROWS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_OPENING = re.compile(f"[{re.escape(_ANGLES + _SQUARES)}]")
_AFTER_PIPE = re.compile(f"([{re.escape(''.join(map(chr, _PIPES)))}])[{re.escape('>＞﹥')}]")
# Significant characters looked at after a bracket: the longest mark and some more.
_AHEAD = 48

# The delimiters of `transcript.render`, with or without attributes.
_DELIMITER = r"/*\s*(?:conversation|user|assistant)\b"
# Roles and thoughts of chat templates: only as whole tags, because `<think about it>` is prose.
_ROLES = (
    r"/*\s*(?:system|human|developer|model|bot|ai|tool|function|observation|ipython|instructions?|system_prompt"
    r"|think(?:ing)?|thought|reasoning|scratchpad|tools?_(?:calls?|use|results?|responses?)|tools"
    r"|function_(?:calls?|results?|responses?)|sys|inst|s|bos|eos|pad|unk|mask|cls|sep|eot|eom"
    r"|(?:start|end)_of_(?:turn|text|message|header|image|role)|(?:im|turn)_(?:start|end|sep)|endoftext)\s*/*\s*>"
)
# The form in which some models call tools and read their results, which carries attributes.
_CALLS = r"/*\s*(?:antml:\s*)?(?:function_calls|function_results|invoke|tool_call|tool_response)\b"
_ANGLE_MARK = re.compile(rf"\||{_DELIMITER}|{_ROLES}|{_CALLS}")
_SQUARE_MARK = re.compile(
    r"/*\s*(?:inst|sys|system_prompt|tool_calls|tool_results|tool_content|available_tools|args|call_id|model_settings"
    r"|think)\s*\]"
)


class _Visible(dict[int, int | None]):
    """For `str.translate`: drops what is unseen. Filled as characters turn up."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        unseen = character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs")
        self[code] = None if unseen else code
        return self[code]


_VISIBLE = _Visible()


def defuse(text: str) -> str:
    """Return `text` without invisible characters and without marks; idempotent."""
    # Control, format (zero width, direction, tags) and surrogate characters: unseen by people, read by models.
    if not text.replace("\n", "").replace("\t", "").isprintable():
        text = text.translate(_VISIBLE)
    if not text.isascii():
        text = _HIDDEN_ROWS.sub("", text)
    parts: list[str] = []
    done = 0
    for found in _OPENING.finditer(text):
        start = found.start()
        mark = _SQUARE_MARK if found[0] in _SQUARES else _ANGLE_MARK
        if mark.match(_ahead(text, start + 1)):
            parts += [text[done:start], REPLACEMENT]
            done = start + 1
    return _AFTER_PIPE.sub(rf"\1{REPLACEMENT}", "".join([*parts, text[done:]])).strip()


class _Seen(dict[str, tuple[str, ...]]):
    """What a careless reader takes each character for. Filled as characters turn up."""

    def __missing__(self, character: str) -> tuple[str, ...]:
        if character in _BLANK:
            seen = _NOTHING
        elif character.isspace():
            seen = _SPACE
        else:
            parts = unicodedata.normalize("NFKD", character)
            seen = tuple(_FOLDED.get(ord(p), p.lower()) for p in parts if unicodedata.category(p) not in ("Mn", "Me"))
        self[character] = seen
        return seen


_SPACE: tuple[str, ...] = ("space",)
_NOTHING: tuple[str, ...] = ("nothing",)
_SEEN = _Seen()


def _ahead(text: str, start: int) -> str:
    """Return what a careless reader sees from `start`: folded letters, no marks, no leading space."""
    seen: list[str] = []
    for place in range(start, len(text)):
        found = _SEEN[text[place]]
        if found is _NOTHING:
            continue
        if found is _SPACE:
            # Any amount of space before the name, and one afterwards, is no disguise.
            if seen and seen[-1] not in " /":
                seen.append(" ")
            continue
        seen += found
        if len(seen) >= _AHEAD:
            break
    return "".join(seen)
