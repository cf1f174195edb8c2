"""Names of people, found by the words around them, in the languages the demo corpus and common logs are in.

Policy: a name is masked when the text says that it is somebody's name (an introduction, a signature, a title, a
relation, an e-mail address made of it) - and then wherever it occurs in the conversation. A name without such a cue
stays: people in the news, authors and characters are what a question is about, not whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wildvalues.redaction.names import GIVEN_NAMES, NEVER_NAMES, WORDS_TOO
from wildvalues.redaction.secrets import emails_in
from wildvalues.redaction.spans import PLACEHOLDER, Span
from wildvalues.redaction.views import View

_PART = r"(?:[^\W\d_a-zа-яё](?:[\w'’]|\.(?=\w)){0,30}(?:-[^\W\d_]\w{0,30}){0,3}|[A-Z]\.)"
_LINK = r"(?:(?:van der|van den|van|von|de la|de|del|della|di|da|dos|bin|al|el|la|le)\s)?"
_FULL = rf"{_PART}(?:[ ]{_LINK}{_PART}){{0,3}}"
_TWO = rf"{_PART}(?:[ ]{_LINK}{_PART}){{1,3}}"
# As people type it: lower case, one or two words.
_TYPED = r"[^\W\d_]{2,20}(?:-[^\W\d_]{2,20})?(?:[ ][^\W\d_]{2,20})?"
# Scripts without spaces between words: names have no word boundary there.
_UNSPACED = re.compile(r"[一-鿿ぁ-んァ-ヶ가-힣]")
_CJK = r"[一-鿿ぁ-んァ-ヶー]{2,8}?"

_RELATION = (
    r"friend|best friend|girlfriend|boyfriend|gf|bf|bff|wife|husband|hubby|fianc[ée]e?|partner|ex|boss|manager|coworker"
    r"|co-worker|colleague|supervisor|roommate|flatmate|neighbou?r|landlord|landlady|teacher|professor|therapist"
    r"|counsell?or|doctor|lawyer|mother|mom|mum|father|dad|brother|sister|son|daughter|kid|cousin|aunt|uncle|niece"
    r"|nephew|grandma|grandpa|grandmother|grandfather|client|patient|student|employee|assistant|tenant|crush"
)
_TITLES = (
    r"Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Herr|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Srta|Signora?|Sig|Dott"
    r"|Dott\.ssa|Senhora?|Dona|Doña|Meneer|Mevrouw|Pan|Pani"
)
_TITLE = re.compile(rf"(?:{_TITLES})\.?")
# Cues in front of a capitalised name.
_BEFORE_CAPITALS = (
    r"(?i:my name(?:['’]s| is| was)|(?:his|her|their|full|legal|maiden|user|first|last) name(?:['’]s| is)|name\s*[:=]"
    r"|people call me|just call me|call me|you can call me|this is(?= [^\W\d_a-z]\w+ (?:speaking|here|from|calling)\b)"
    r"|signed|sincerely|kind regards|best regards|warm regards|regards|best wishes|yours truly|cheers|xoxo"
    r"|sign it(?: as| with)?|(?:attn|patient|tenant|applicant|contact person|ansprechpartner(?:in)?)(?=:)"
    r"|ich hei(?:ß|ss)e|mein name ist|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|(?:viele|liebe) gr(?:ü|ue)(?:ß|ss)e"
    r"|je m['’]appelle|mon nom est|cordialement|me llamo|mi nombre es|un saludo|atentamente|saludos"
    r"|mi chiamo|il mio nome è|cordiali saluti|(?:o )?meu nome é|me chamo|chamo-me|atenciosamente"
    r"|ik heet|mijn naam is|met vriendelijke groet|jag heter|mitt namn är|nazywam się|mam na imię|benim adım|adım"
    r"|меня зовут|моё имя|мое имя)[\s,:–—-]{1,4}"
)
_SPEAKER = r"i['’]?m|i am|ich bin|je suis|moi c['’]est|soy|sono|eu sou|sou|jag är|ik ben|ja jestem|я"
_GREETING = r"dear|hi|hello|hey|hallo|liebe[rs]?|cher|chère|querid[oa]|estimad[oa]|car[oa]|prezad[oa]|beste"
# What follows a name in a block of contact details.
_CONTACT = (
    rf"(?:\w{{3,9}}:?\s)?\+\d|\d{{1,5}}[a-z]?\s(?:{_PART}\s){{1,3}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Crescent|Drive)\b"
)
# (pattern, whether the first word must be a common given name too, because the cue is weak)
_PATTERNS: tuple[tuple[re.Pattern[str], bool], ...] = (
    (re.compile(rf"(?<!\w){_BEFORE_CAPITALS}(?P<name>{_FULL})(?!\w)"), False),
    (re.compile(rf"(?<!\w)(?:{_TITLES})\.?[ ](?P<name>{_FULL})(?!\w)"), False),
    (
        re.compile(
            rf"(?<!\w)(?i:my|our|his|her|their)\s(?:\w+\s)?(?i:{_RELATION})(?:,|\s(?i:named|called|is))?\s"
            rf"(?P<name>{_FULL})(?!\w)"
        ),
        False,
    ),
    (
        re.compile(
            rf"(?<!\w)(?i:{_RELATION}|guy|girl|woman|man|person|someone|lady)\s(?i:named|called)\s(?P<name>{_FULL})(?!\w)"
        ),
        False,
    ),
    (re.compile(rf"(?<!\w)(?i:on|in|at|from)\s(?i:my|our)\s\w+,\s(?P<name>{_TWO})(?=,)"), False),
    (re.compile(rf"(?:^|\n)\s*(?i:{_GREETING})\s(?P<name>{_FULL})\s*(?:[,!:]|\n)"), False),
    (re.compile(rf"(?<!\w)(?i:{_SPEAKER})\s(?P<name>{_FULL})(?!\w)"), True),
    (re.compile(rf"(?<!\w)(?i:from|to|cc|von|an|de|para|à)\s*:\s*(?P<name>{_TWO})(?=\s*(?:[<\[(,;\n]|$))"), True),
    (re.compile(rf"(?<!\w)(?P<name>{_TWO})\s*(?=[<(]\s*[\w.+-]+@)"), False),
    (re.compile(rf"(?<!\w)(?P<name>{_TWO})\s*[,;\n–-]\s*(?={_CONTACT})"), False),
    (re.compile(rf"\n\s*[-–—~]\s?(?P<name>{_FULL})\s*$"), True),
    (re.compile(r"(?:我叫|我的名字是|我的名字叫|我名叫)(?P<name>[一-鿿]{2,4}?)(?=[，。,.！!\s]|今|是|来|$)"), False),
    (re.compile(rf"(?:私の名前は|名前は)(?P<name>{_CJK})(?:です|と申|といい|だ)"), False),
    (re.compile(r"(?:제 이름은|저는)\s?(?P<name>[가-힣]{2,4}?)(?:이?라고|입니다|이에요|예요)"), False),
    (re.compile(r"मेरा नाम\s(?P<name>[ऀ-ॿ]+(?:\s[ऀ-ॿ]+)?)\sहै"), False),
    (re.compile(r"(?:اسمي|إسمي)\s(?P<name>[؀-ۿ]+)"), False),
)
# "my name is jonas and ..." in lower case.
_TYPED_CUE = re.compile(
    r"(?<!\w)(?i:my name(?:['’]s| is)|my names|me llamo|ich hei(?:ß|ss)e|je m['’]appelle|mi chiamo|me chamo|ik heet)\s"
    rf"(?P<name>{_TYPED})"
)
_TYPED_END = re.compile(
    r"[ ](?i:and|but|i|im|from|so|or|und|y|et|e|en|aus|de|the|my|is|was|not|who|with|what|can|please)$"
)


def names_in(views: Iterable[View]) -> list[str]:
    """Return the names that a cue says are somebody's, longest first."""
    found: set[str] = set()
    for view in views:
        for pattern, must_look in _PATTERNS:
            for match in pattern.finditer(view.text):
                name = _clean(match["name"])
                if name and (not must_look or _looks(name)):
                    found.add(name)
        for match in _TYPED_CUE.finditer(view.text):
            name = _TYPED_END.sub("", match["name"])
            words = [word for word in name.split() if word.casefold() not in NEVER_NAMES]
            if words and name.startswith(words[0]) and words[0].casefold() not in WORDS_TOO:
                found.add(" ".join(words))
        found.update(_by_mail(view))
    return sorted(found, key=lambda name: (-len(name), name))


def _clean(name: str) -> str:
    """Cut a name off where ordinary words begin; nothing is left of what is no name."""
    words: list[str] = []
    for word in name.split(" "):
        plain = word.casefold().rstrip(".")
        if not words and _TITLE.fullmatch(word):
            continue
        if plain in NEVER_NAMES and not (plain in WORDS_TOO and word[0].isupper()):
            break
        words.append(word)
    while words and (words[-1].islower() or not words[-1].strip(".'’-")):
        words.pop()
    cleaned = " ".join(words).rstrip("'’").removesuffix("'s").removesuffix("’s")
    return cleaned.rstrip(".") if len(cleaned.rstrip(".")) > 1 and not PLACEHOLDER.search(cleaned) else ""


def _looks(name: str) -> bool:
    words = name.split()
    return words[0].casefold() in GIVEN_NAMES


def _by_mail(view: View) -> Iterator[str]:
    """Two capitalised words near an e-mail address that is made of one of them."""
    for start, end, address in emails_in(view.text):
        local = re.sub(r"[^a-z]", "", address.partition("@")[0])
        around = view.text[max(0, start - 200) : end + 200]
        for match in re.finditer(rf"(?<!\w)(?={_TWO})(?P<name>{_FULL})(?!\w)", around):
            name = _clean(match["name"])
            parts = [re.sub(r"[^a-z]", "", part.casefold()) for part in re.split(r"[\s-]", name)]
            if len(parts) > 1 and any(len(part) > 2 and part in local for part in parts):
                yield name


def occurrences(view: View, names: Iterable[str]) -> Iterator[Span]:
    """Every occurrence of the names and of their parts, as whole words.

    A part that is also a word ("May", "Will") counts only with a capital in the middle of a sentence.
    """
    text = view.text
    for name in names:
        whole = re.escape(name) if _UNSPACED.search(name) else rf"(?<!\w){re.escape(name)}(?!\w)"
        for match in re.finditer(whole, text, re.I if not name.islower() else 0):
            if _same_case(match[0], name):
                yield view.span(*match.span(), "person", name.casefold())
        words = name.split()
        for word in words if len(words) > 1 else ():
            if len(word) < 3 or word in NEVER_NAMES:
                continue
            for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                if word.casefold() in WORDS_TOO and _starts_sentence(text, match.start()):
                    continue
                yield view.span(*match.span(), "person", name.casefold())
        if name.islower() and name.isascii():
            for match in re.finditer(rf"(?<!\w){re.escape(name.title())}(?!\w)", text):
                yield view.span(*match.span(), "person", name)


def _same_case(found: str, name: str) -> bool:
    # "Rose Will" typed as "rose will" is a sentence about a flower; a longer name in lower case is the name.
    return found == name or found.isupper() or (len(name.split()) > 1 and name.casefold().split()[0] not in WORDS_TOO)


def _starts_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"'“‘(*_")
    return not before or before[-1] in ".!?\n:"
