"""When two names of a value are only two spellings of it, decided by letters alone.

Names are compared through keys. Two names are one value when any of their keys agree, so every rule here is a way
to compute a key, and a rule can only merge names that both occur. No key removes letters at the start of a word,
so a prefix that turns a word into its opposite (dis-, un-, non-, in- ...) always keeps two names apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

_SPACES = re.compile(r"\s+")
_DASHES = re.compile(r"[‐‑‒–—―−﹘﹣－]")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"'})
_ARTICLE = re.compile(r"^(?:an?|the) (?=\w)")

# Endings of British and American spelling, brought to one form. Only the ends of words are touched.
_ENDINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<=[a-z]{3})isation$", "ization"),
        (r"(?<=[a-z]{2})is(e[drs]?|ing|able)$", r"iz\1"),
        (r"(?<=[a-z]{3})ys(e[drs]?|ing)$", r"yz\1"),
        (r"(?<=[a-z]{2})our(ed|ing|able|ful|less|ite|al|hood|ly)?$", r"or\1"),
        (r"(?<=[a-z]{2}[bt])re$", "er"),
        (r"(?<=[a-z]{2}[bt])red$", "ered"),
        (r"(?<=[a-z]{3})ence$", "ense"),
        (r"(?<=[a-z]{3})ogue$", "og"),
        (r"(?<=[a-z]{2}dg)ement$", "ment"),
        (r"(?<=[a-z]{4})ll(ed|ing|er|or)$", r"l\1"),
        (r"(?<=[a-z]{2}i)ll(ment|ful|fulness|fully)$", r"l\1"),
        (r"(?<=[a-z]{6})mme$", "m"),
    )
)
_WORDS = {"ageing": "aging", "grey": "gray", "sceptical": "skeptical", "scepticism": "skepticism"}
# Plurals that mean something else than their singular.
_KEPT_PLURALS = {"arms", "customs", "goods", "humanities", "manners", "means", "morals", "news"}
# Letters of these words, set apart, could join a neighbour and turn it round: "a moral life", "in human hands",
# "care less".
_NEVER_JOINED = {"in", "less", "no", "not", "or"}
_ARTICLES = {"a", "an", "the"}
_JOINING = {"and", "or"}
# Between two names these words say who does what to whom, so their order carries the meaning.
_DIRECTED = frozenset(
    re.findall(
        r"\w+",
        "about above across after against among as at before behind below between beyond but by despite during for "
        "from if in instead into like not of off on onto out over per rather than through to toward towards under "
        "upon versus via vs when while with within without",
    )
)
_CJK = re.compile(r"[぀-ヿ㐀-鿿가-힯]")


def normalise(label: str) -> str:
    """Return `label` in one Unicode form, lower case, without outer punctuation, quotes or articles.

    Idempotent. Empty when the label holds no letter and no digit.
    """
    previous = None
    # Stripping a quote can bare an article, and case folding can bare characters to compose: repeat until still.
    while label != previous:
        previous = label
        label = unicodedata.normalize("NFKC", label).casefold().translate(_QUOTES)
        label = "".join(" " if c.isspace() or c == "_" else c for c in label if c.isspace() or _visible(c))
        label = _DASHES.sub("-", label)
        label = re.sub(r"\s*-\s*", "-", label) if " - " not in label else label.replace(" - ", " ")
        label = re.sub(r"\s*/\s*", "/", label)
        label = _SPACES.sub(" ", label)
        label = _strip_punctuation(label)
        label = _ARTICLE.sub("", label)
    return label


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _strip_punctuation(text: str) -> str:
    start, end = 0, len(text)
    while start < end and not _is_word(text[start]):
        start += 1
    # A mark at the end belongs to its letter (Indic vowel signs); "c++" and "c#" keep theirs.
    while end > start and not _is_word(text[end - 1]) and text[end - 1] not in "+#%":
        end -= 1
    return text[start:end] if any(_is_word(c) for c in text) else ""


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"


def letters_key(name: str) -> str:
    """Return the letters and digits of a normalised name: equal for "well-being", "well being" and "wellbeing"."""
    return _join(name_words(name))


def plural_key(name: str) -> str:
    """Return the letters with simple plurals made singular."""
    return _join([_singular(word) if word.isascii() and len(word) >= 4 else word for word in name_words(name)])


def stem_key(name: str) -> str:
    """Return the letters with common British endings made American and simple plurals made singular."""
    return _join([stem_word(word) for word in name_words(name)])


def order_key(name: str) -> str | None:
    """Return a key that ignores the order of the words, or None where their order carries meaning.

    Two content words (or a list joined by "and") may change places: "enabling harm", "harm enabling". Longer names
    and names with a preposition may not: "protection from harm" is not "harm from protection".
    """
    words = name_words(name)
    if any(word in _DIRECTED for word in words):
        return None
    content = [stem_word(word) for word in words if word not in _JOINING and word not in _ARTICLES]
    joined = any(word in _JOINING for word in words)
    if len(content) < 2 or (len(content) > 2 and (not joined or content != [stem_word(w) for w in words[::2]])):
        return None
    links = sorted({word for word in words if word in _JOINING})
    return "|".join([*sorted(content), *links])


def name_words(name: str) -> list[str]:
    """Return the words of a normalised name; a hyphen parts words, an apostrophe does not."""
    expanded = name.replace("&", " and ").replace("'", "")
    words = re.split(r"[^\w]+", expanded) if not _CJK.search(name) else expanded.split()
    return [word for word in words if word]


def _join(words: list[str]) -> str:
    parts = [f"·{word}·" if word in _NEVER_JOINED else word for word in words if word not in _ARTICLES]
    return "".join(parts or words)


def stem_word(word: str) -> str:
    """Return a word with a common British ending made American and a simple plural made singular."""
    word = _WORDS.get(word, word)
    if not word.isascii() or len(word) < 4:
        return word
    word = _singular(word)
    for pattern, replacement in _ENDINGS:
        word = pattern.sub(replacement, word)
    return word


def _singular(word: str) -> str:
    if word in _KEPT_PLURALS or word.endswith(("ss", "us", "is", "ics")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


def group_spellings(names: Iterable[str], *, spelling: bool, word_order: bool) -> list[list[str]]:
    """Group normalised names that are spellings of one value.

    Parameters
    ----------
    names
        Normalised names, in any order.
    spelling
        Merge hyphen, space, British/American and plural variants.
    word_order
        Merge names that differ in the order of their words.

    Returns
    -------
    groups
        Every name once; groups and their members sorted.
    """
    distinct = sorted(set(names))
    parent = {name: name for name in distinct}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[tuple[str, str], str] = {}
    for name in distinct:
        for key in _keys(name, spelling=spelling, word_order=word_order):
            parent[root(name)] = root(first.setdefault(key, name))
    groups: dict[str, list[str]] = {}
    for name in distinct:
        groups.setdefault(root(name), []).append(name)
    return sorted(groups.values())


def _keys(name: str, *, spelling: bool, word_order: bool) -> Iterable[tuple[str, str]]:
    if spelling:
        yield "letters", letters_key(name)
        yield "stem", stem_key(name)
    if word_order and (key := order_key(name)) is not None:
        yield "order", key


def preferred(group: Iterable[str], counts: Mapping[str, int]) -> list[str]:
    """Return the spellings of one value, the most frequent first, ties in alphabetical order."""
    return sorted(group, key=lambda name: (-counts.get(name, 0), name))
