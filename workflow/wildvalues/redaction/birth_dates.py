"""Dates of birth: a date after words that say it is one.

Policy: a date of birth is masked where it is the writer's, or somebody's near the writer; "Einstein was born on ..." in
an answer about Einstein stays. So after a mere "born" there must be a word of the first or second person before it, or
nothing (a line of a form or of a curriculum vitae), and years in which nobody alive was born never count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

# The oldest people alive were born after it.
_FIRST_YEAR = 1908
# English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Russian; whole or cut short.
_MONTH = (
    r"(?:jan(?:uary|uar|uari|vier|eiro)?|enero|gennaio|styczni\w+|янв\w*"
    r"|feb(?:ruary|ruar|ruari|rero|braio)?|f[ée]v(?:rier|ereiro)?|lut\w+|фев\w*"
    r"|mar(?:ch|s|zo|ço|ca)?|märz|maart|мар\w*|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|kwie\w+|апр\w*"
    r"|may|mai|maj[ia]?|mayo|maggio|maio|mei|ма[йя]|jun[ei]?|juni|juin|junio|giugno|junho|czerw\w+|июн\w*"
    r"|jul[yi]?|juil(?:let)?|julio|luglio|julho|lip\w+|июл\w*|aug(?:ust|ustus|usti)?|ao[ûu]t|agosto|sierp\w+|авг\w*"
    r"|sept?(?:ember)?|sep(?:tembre|tiembre)|settembre|setembro|wrze\w+|сен\w*"
    r"|o[ck]t(?:ober|obre|ubre)?|ottobre|outubro|październik\w*|окт\w*"
    r"|nov(?:ember|embre|iembre|embro)?|listopad\w*|ноя\w*"
    r"|de[cz](?:ember)?|d[ée]c(?:embre)?|diciembre|dicembre|dezembro|grud\w+|дек\w*)\.?"
)
_DAY = r"(?:[0-3]?\d)(?:st|nd|rd|th|er|º|°|\.)?"
_YEAR = r"(?:(?:19|20)\d\d|['’]\d\d)"
_DATE = (
    r"(?P<date>(?:(?:19|20)\d\d[-./ ][01]?\d[-./ ][0-3]?\d|[0-3]?\d[-./][0-3]?\d[-./](?:(?:19|20)\d\d|\d\d)"
    rf"|{_DAY}\s?(?:of |de |di )?{_MONTH}(?:,? (?:of |de )?{_YEAR})?|{_MONTH} {_DAY}(?:,? {_YEAR})?)(?![\w/-])"
    r"|(?:19|20)\d\d年\s?[01]?\d月\s?[0-3]?\d日|(?:19|20)\d\d년\s?[01]?\d월\s?[0-3]?\d일)"
)
_LINK = r"(?:\s?(?:is|was|on|the|:|=|-|–|am|ist|le|est|el|es|il|è|em|é|op|den|то|—|は|是|为|은|는|가)\s?){0,3}"
# Words that announce nothing but a date of birth.
_NAMED = (
    r"d\.?o\.?b\.?|date of birth|birth ?date|birth ?day|b-?day|geburtsdatum|geburtstag|date de naissance"
    r"|fecha de nacimiento|cumpleaños|data di nascita|compleanno|data de nascimento|geboortedatum|födelsedatum"
    r"|data urodzenia|doğum tarih\w*|дата рождения|день рождения|tanggal lahir"
)
# Verbs in the first person.
_OWN = r"nací|nasci|urodziłam się|urodziłem się|я родил(?:ся|ась)|doğdum"
# Scripts without spaces: a word may begin anywhere.
_UNSPACED = r"生年月日|誕生日|出生日期|生日|我出生于|생년월일|생일"
_BORN = r"born|geboren|geb\.|née?|nacid[oa]|nat[oa]|nascid[oa]|född|urodzon[ya]|родил(?:ся|ась)"
_CERTAIN = re.compile(rf"(?:(?<![^\W_])(?:{_NAMED}|{_OWN})|{_UNSPACED})[\"'`)]?\s?{_LINK}\s?[\"'`]?{_DATE}", re.I)
_NEAR = re.compile(rf"(?<!\w)(?:{_BORN}){_LINK}\s?{_DATE}", re.I)
_PERSONAL = re.compile(
    r"(?<!\w)(?:i|im|i'm|i’m|my|me|we|our|you|your|ich|mein\w*|wir|unser\w*|je|j|moi|mon|ma|mes|nous|notre|yo|soy|mi|mis"
    r"|io|sono|mio|mia|eu|sou|meu|minha|ik|mijn|jag|min|mitt|jestem|я|мой|моя)(?!\w)",
    re.I,
)
_REACH = 100


def birth_dates(view: View) -> Iterator[Span]:
    """Dates of birth of the writer and of people near the writer, with or without the year."""
    for match in _CERTAIN.finditer(view.text):
        yield from _span(view, match)
    for match in _NEAR.finditer(view.text):
        line = view.text[max(0, match.start() - _REACH) : match.start()].rpartition("\n")[2]
        if not line.strip(" \t-*•>|#(\"'") or _PERSONAL.search(line):
            yield from _span(view, match)


def _span(view: View, match: re.Match[str]) -> Iterator[Span]:
    year = re.search(r"\d{4}", match["date"])
    if year is None or int(year[0]) >= _FIRST_YEAR:
        yield view.span(*match.span("date"), "date_of_birth", re.sub(r"\W+", " ", match["date"]).casefold().strip())
