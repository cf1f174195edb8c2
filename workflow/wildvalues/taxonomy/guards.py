"""What keeps two names of values apart, however close their vectors are.

Vectors put opposites, bearers and strengths close together ("honesty" and "dishonesty", "patient autonomy" and
"user autonomy", "honesty" and "radical honesty"), so every automatic merge by closeness has to pass these guards.
The words they look for are data, in ``guards.yaml``. A guard that is wrong costs a merge, which a person can still
make by hand; a missing one merges two values, so in doubt they keep apart.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from wildvalues.taxonomy.spelling import letters_key, name_words, order_key, stem_key, stem_word

# Words that carry no meaning of their own between or before others.
_LIGHT = frozenset(
    re.findall(
        r"\w+",
        "a an and be being by for having in is its of on one s sense show showing striving that the to toward towards "
        "with",
    )
)
# Between two words these may turn the phrase without turning its meaning: "respect for privacy", "privacy respect".
_GENITIVE = frozenset(("of", "for", "in", "to", "by", "with"))
# Beginnings that turn what follows round, or make it stronger or weaker. Compared between two names, so that one
# that is no prefix ("in" of "interest") does no harm.
_TURNING = ("a", "anti", "counter", "de", "dis", "il", "im", "in", "ir", "mal", "mis", "non", "pseudo", "un")
_SCALING = ("hyper", "hypo", "over", "semi", "super", "ultra", "under")
# Endings of doctrines and of their subjects: "individualism" is not "individuality", "economics" not "economy".
_DOCTRINE, _SUBJECT = ("ism", "ist", "ics"), ("ity", "y", "ality")


@dataclass(frozen=True)
class _Lexicon:
    """``guards.yaml`` with its words as stems; a class of bearers, fields or strengths is known by its first word."""

    classes: Mapping[str, Mapping[str, str]]
    phrases: Mapping[str, str]
    negators: frozenset[str]
    ills: tuple[str, ...]
    whole_ills: frozenset[str]
    prefixes: tuple[str, ...]
    looks_so: tuple[str, ...]
    turned: tuple[str, ...]
    sides: tuple[tuple[frozenset[str], frozenset[str]], ...]


@dataclass(frozen=True)
class _Reading:
    """What the guards read off one name; `words` are those of `content` as they were written."""

    content: tuple[str, ...]
    words: tuple[str, ...]
    links: frozenset[str]
    classes: tuple[frozenset[str], ...]
    good: bool
    numbers: tuple[str, ...]


_CLASSES = {"bearers": "another bearer", "fields": "another field", "strengths": "another strength"}
REASONS = ("opposite", *_CLASSES.values(), "another number", "a doctrine", "a word more", "another order")


@functools.cache
def _lexicon() -> _Lexicon:
    raw = yaml.safe_load(importlib.resources.files("wildvalues.taxonomy").joinpath("guards.yaml").read_text("utf-8"))
    classes: dict[str, dict[str, str]] = {}
    phrases: dict[str, str] = {}
    for kind in _CLASSES:
        classes[kind] = {stem_word(word): line[0] for line in raw[kind] for word in line if " " not in word}
        phrases |= {word: line[0] for line in raw[kind] for word in line if " " in word}
    ills = raw["ills"].split()
    return _Lexicon(
        classes,
        phrases,
        frozenset(map(stem_word, raw["negators"].split())),
        tuple(ill for ill in ills if not ill.endswith("=")),
        frozenset(stem_word(ill[:-1]) for ill in ills if ill.endswith("=")),
        tuple(raw["turned"]["prefixes"]),
        tuple(raw["turned"]["looks_so"].split()),
        tuple(raw["turned"]["words"].split()),
        tuple((frozenset(map(stem_word, one)), frozenset(map(stem_word, other))) for one, other in raw["opposites"]),
    )


def told_apart(first: str, second: str) -> str | None:
    """Return why two normalised names must not be merged for being close, or None when nothing speaks against it.

    Returns
    -------
    reason
        One of `REASONS`. Names that differ in spelling alone are never told apart. Symmetric in its arguments.
    """
    if _same_spelling(first, second):
        return None
    left, right = _read(first), _read(second)
    only = [(a, b) for a in set(left.content) - set(right.content) for b in set(right.content) - set(left.content)]
    if left.good != right.good or _opposed(only):
        return "opposite"
    for reason, one, other in zip(_CLASSES.values(), left.classes, right.classes, strict=True):
        if one != other:
            return reason
    if any(_begins(a, b, _SCALING) for a, b in only):
        return "another strength"
    if left.numbers != right.numbers:
        return "another number"
    if any(_doctrine(a, b) or _doctrine(b, a) for a, b in only):
        return "a doctrine"
    return _other_words(left, right)


def _other_words(left: _Reading, right: _Reading) -> str | None:
    one, other = frozenset(left.content), frozenset(right.content)
    less, more = sorted((left.content, right.content), key=len)
    if len(less) < len(more) and all(any(a == b or _related(a, b) for b in more) for a in less):
        return "a word more"
    if one == other and left.content != right.content:
        turned = len(one) == len(left.content) == len(right.content) == 2 and left.links | right.links <= _GENITIVE
        return None if turned else "another order"
    return None


def _same_spelling(first: str, second: str) -> bool:
    if letters_key(first) == letters_key(second) or stem_key(first) == stem_key(second):
        return True
    order = order_key(first)
    return order is not None and order == order_key(second)


@functools.lru_cache(maxsize=200_000)
def _read(name: str) -> _Reading:
    lexicon = _lexicon()
    for phrase, word in lexicon.phrases.items():
        if phrase in name:
            name = name.replace(phrase, word)
    written = _written(name)
    pairs = [(stem, word) for word in written for stem in [stem_word(word)]]
    content = [(stem, word) for stem, word in pairs if stem not in _LIGHT] or pairs
    sign = -1 if re.search(r"-free\b", name) else 1
    for stem, _ in content:
        sign *= _sign(stem)
    return _Reading(
        tuple(stem for stem, _ in content),
        tuple(word for _, word in content),
        frozenset(stem for stem, _ in pairs if stem in _LIGHT) - {"a", "an", "the"},
        tuple(frozenset(known[stem] for stem, _ in pairs if stem in known) for known in lexicon.classes.values()),
        sign > 0,
        tuple(re.findall(r"\d+", name)),
    )


def _written(name: str) -> list[str]:
    """Return the words as written, with a prefix that stands apart put back: "non violence" is one word."""
    found: list[str] = []
    for word in name_words(name):
        if found and found[-1] in _TURNING[1:] + _SCALING and found[-1] not in ("in", "over", "under"):
            found[-1] += word
        else:
            found.append(word)
    return found


def _sign(word: str) -> int:
    """Return -1 for a word that is bad or turns others round, else 1; "non-violence" turns a bad one."""
    lexicon = _lexicon()
    if word in lexicon.negators:
        return -1
    without = re.fullmatch(r"(\w{3,}?)less(?:ness|ly)?", word)
    if without and word not in ("selfless", "selflessness", "ruthless"):
        return -_sign(without[1])
    if word in lexicon.whole_ills or word.startswith(lexicon.ills):
        return -1
    if word.startswith(lexicon.turned):
        return -_sign(word[1 if word.startswith(("apol", "ath", "asy", "aty")) else 2 :])
    for prefix in lexicon.prefixes:
        if word.startswith(prefix) and len(word) - len(prefix) >= 3 and not word.startswith(lexicon.looks_so):
            return -_sign(word[len(prefix) :])
    return 1


def _opposed(only: list[tuple[str, str]]) -> bool:
    """Say whether a word that the first name has alone is the opposite of one that the second has alone."""
    for one, other in _lexicon().sides:
        if any((a in one and b in other) or (a in other and b in one) for a, b in only):
            return True
    return any(_begins(a, b, _TURNING) or _without(a, b) for a, b in only)


def _begins(first: str, second: str, prefixes: tuple[str, ...]) -> bool:
    short, long = sorted((first, second), key=len)
    # Compared on the first letters, because endings differ: honest / dishonesty, human / inhumane.
    for prefix in prefixes:
        rest = long.removeprefix(prefix)
        if rest != long and len(rest) >= 3 and rest[:4] == short[:4] and not short.startswith(prefix):
            return True
    return False


def _without(first: str, second: str) -> bool:
    bare = [word.removesuffix("ness") for word in (first, second)]
    stems = [re.sub(r"(?:less|ful|ish|y)$", "", word) for word in bare]
    return stems[0] == stems[1] and bare[0].endswith("less") != bare[1].endswith("less")


def _doctrine(first: str, second: str) -> bool:
    return any(
        first.endswith(end) and second.endswith(other) and first.removesuffix(end)[:6] == second.removesuffix(other)[:6]
        for end in _DOCTRINE
        for other in _SUBJECT
    )


# Endings that make a word of another kind and leave its meaning: "truthful" and "truthfulness".
_ENDINGS = frozenset(
    re.findall(
        r"\w+",
        "ability able ably age al ality ally ance ancy ant ative ce cy e ed ence ency eness ense ent er ful fulness "
        "ibility ible ic ical ied ies iness ing ion ious iousness ity ive iveness ivity le ly ment ness osity ous "
        "ousness s se sion t tion ty us y",
    )
) | {""}


def same_root(first: str, second: str) -> bool:
    """Say whether two names hold the same words up to their endings: "truthful" and "being truthfulness"."""
    left, right = _read(first), _read(second)
    if len(left.content) != len(right.content):
        return False
    if all(a == b or _related(a, b) for a, b in zip(left.content, right.content, strict=True)):
        return True
    # Turned round they are the same only where a preposition did it: "respectful creation", "creative respect".
    pairs = zip(left.content, reversed(right.content), strict=True)
    return bool((left.links | right.links) & _GENITIVE) and all(a == b or _related(a, b) for a, b in pairs)


def _related(first: str, second: str) -> bool:
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    return any(first[cut:] in _ENDINGS and second[cut:] in _ENDINGS for cut in range(4, common + 1))


def content_key(name: str) -> tuple[str, ...]:
    """Return the beginnings of a name's words, sorted: names of the same root have the same key."""
    return tuple(sorted(word[:4] for word in _read(name).content))


def differing(first: str, second: str) -> tuple[str, str] | None:
    """Return the words each name has alone, joined, when they share some; None when they share none or all."""
    left, right = _read(first), _read(second)
    shared = set(left.content) & set(right.content)
    one, other = (
        " ".join(word for stem, word in zip(name.content, name.words, strict=True) if stem not in shared)
        for name in (left, right)
    )
    return (one, other) if shared and one and other else None


def opposing_words() -> Iterable[tuple[str, str]]:
    """Yield every pair of listed opposites, for tests of the guards."""
    for one, other in _lexicon().sides:
        yield from ((a, b) for a in sorted(one) for b in sorted(other))
