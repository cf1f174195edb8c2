"""Street addresses: a number and a name with a word for a street, in the order of each language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

_NUMBER = r"\d{1,5}(?:\s?[-–/]\s?\d{1,4})?\s?[a-zA-Z]?"
# A capitalised word, with its apostrophe, hyphen or dot.
_NAME = r"[^\W\d_a-z][\w'’.-]{0,30}"
_ENGLISH = (
    r"Street|St\.?|Avenue|Ave\.?|Road|Rd\.?|Lane|Ln\.?|Drive|Dr\.?|Boulevard|Blvd\.?|Court|Ct\.?|Way|Place|Pl\.?"
    r"|Terrace|Ter\.?|Close|Crescent|Cres\.?|Square|Sq\.?|Parkway|Pkwy\.?|Highway|Hwy\.?|Circle|Cir\.?|Trail|Row|Mews"
    r"|Grove|Gardens|Alley|Walk|Hill|Nagar|Marg|Colony"
)
_UNIT = r"(?:,?\s+(?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor|#)\.?\s*#?\s?\w{1,5})?"
# The town after the street: one to three capitalised words, perhaps a state and a postcode.
_TOWN = (
    rf"(?:,?\s*\n?\s*{_NAME}(?:\s{_NAME}){{0,2}}(?:,?\s+(?:[A-Z]{{2}}\b(?!\.)(?:\s+\d{{5}}(?:-\d{{4}})?)?"
    r"|[A-Z]{1,2}\d[\dA-Z]?\s?\d[A-Z]{2}|\d{5}(?:-\d{4})?))|,\s*\n?\s*"
    rf"{_NAME}(?:\s{_NAME}){{0,2}}(?=[\s.,;!?)]|$))?"
)
# 10969 Berlin, 1017 JL Amsterdam, 752 37 Uppsala, 00-316 Warszawa, 1000-205 Lisboa
_POSTCODE = r"(?:(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3})?|\d{4}\s?[A-Z]{2}|\d{3}\s\d{2}|\d{2}-\d{3})"
_EUROPEAN_TOWN = rf"(?:,?\s*\n?\s*{_POSTCODE}\s+{_NAME}(?:[\s-]{_NAME}){{0,2}})?"
_LINKS = r"(?:(?:de|des|du|del|della|delle|dei|degli|di|da|do|dos|das|la|las|los|le|les|el|l['’]|d['’])\s?)*"
_ROMANCE = (
    r"[Rr]ue|[Aa]venue|[Bb]oulevard|[Bb]d|[Pp]lace|[Cc]hemin|[Ii]mpasse|[Qq]uai|[Aa]ll[ée]e"
    r"|[Cc]alle|C/|[Aa]venida|Av\.?|Avda\.?|[Pp]laza|[Pp]aseo|[Cc]arrera|[Cc]amino"
    r"|[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso|[Vv]icolo|[Rr]ua|[Tt]ravessa|[Pp]ra[çc]a|[Ee]strada|[Ll]argo"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # 48 Pellham Crescent, 27b Quillfeather Lane, 1600 N. Main St Apt 4, Springfield, IL 62704
        rf"(?<![\w.$€£-]){_NUMBER},?\s+(?:{_NAME}\s+){{1,3}}(?:{_ENGLISH})(?![\w-]){_UNIT}{_TOWN}",
        # the same in lower case, for street words that mean nothing else
        r"(?<![\w.$€£-])\d{1,5}[a-z]?\s+(?:(?!(?:of|the|and|in|on|way|side|miles?|days?|hours?|years?)\b)[a-z'.-]+\s+){1,2}"
        r"(?:street|avenue|boulevard|ave|blvd|rd|crescent)(?![\w-])",
        # the same after words that say somebody lives there, for street words that mean much else
        r"(?i:(?<!\w)(?:live[sd]?|living|moved|address|adress|addy|home|house|flat|deliver\w*|ship\w*|sent?|mum|mom|parents)\b"
        r"[^.\n\d]{0,20}?(?:\s|:))(?P<address>\d{1,5}[a-zA-Z]?\s(?:(?!(?:of|the|and|in|on|miles?|days?|hours?|years?)\b)"
        r"[a-zA-Z'.-]+\s){1,2}(?i:lane|road|drive|court|terrace|close|place|way|grove|gardens|mews|street|st|ave|rd|ln|dr)(?![\w-]))",
        # Lindenstraße 12, Am Alten Weg 3a, 80331 München
        rf"(?<!\w)(?:[A-ZÄÖÜ][\wäöüß-]{{0,30}}(?:stra(?:ß|ss)e|str\.|weg|allee|gasse|platz|ufer|damm|straat|laan|gracht|plein|gatan|vägen)"
        rf"|(?:[A-ZÄÖÜ][\wäöüß-]{{0,30}}\s){{1,2}}(?:Straße|Strasse|Str\.|Weg|Allee|Platz))\s+\d{{1,4}}\s?[a-z]?(?!\w){_EUROPEAN_TOWN}",
        # lindenstr. 12, 10969 berlin: in lower case only where the street word is part of the name
        r"(?<!\w)[a-zäöüß-]{3,30}(?:stra(?:ß|ss)e|str\.?)\s+\d{1,4}\s?[a-z]?(?!\w)(?:,?\s+\d{5}\s+[^\W\d]+)?",
        # 12 bis, rue de la Paix, 75002 Paris
        rf"(?<![\w.-])\d{{1,4}}(?:\s?(?:bis|ter|quater))?,?\s+(?:{_ROMANCE})\s+{_LINKS}{_NAME}(?:[\s-]{_LINKS}{_NAME}){{0,3}}{_EUROPEAN_TOWN}",
        # Calle de Alcalá, 48; Via Garibaldi 7; Rua Augusta, nº 120
        rf"(?<!\w)(?:{_ROMANCE})\s*{_LINKS}{_NAME}(?:\s{_LINKS}{_NAME}){{0,3}},?\s*(?:n[.ºo°]{{1,2}}\s*|núm\.?\s*|numero\s+)?\d{{1,4}}\s?[a-zA-Z]?(?![\w.])(?:,?\s*\d[º°ªa-z]\w*)?{_EUROPEAN_TOWN}",
        # ul. Lipowa 8/12; Kossuth utca 12; Bağdat Caddesi No: 45
        rf"(?<!\w)(?:ul|al|pl|os)\.\s?{_NAME}(?:\s{_NAME}){{0,2}}\s\d{{1,4}}[a-zA-Z]?(?:\s?(?:/|m\.?)\s?\d{{1,4}})?{_EUROPEAN_TOWN}",
        rf"(?<!\w){_NAME}(?:\s{_NAME})?\s(?:utca|út|tér|körút)\s\d{{1,4}}\.?(?!\w)",
        rf"(?<!\w){_NAME}(?:\s{_NAME})?\s(?:Cad(?:desi|\.)|Sok(?:ağı|ak|\.)|Bulvarı)\s?(?:No:?\s?)?\d{{1,4}}(?:/\d{{1,4}})?",
        # ул. Ленина, д. 5; 新宿区西新宿2丁目8番1号
        r"(?<!\w)(?:ул(?:ица|\.)|просп(?:ект|\.)|пер(?:еулок|\.))\s?[А-ЯЁ][\w-]*(?:\s[А-ЯЁ][\w-]*)?,?\s+(?:д(?:ом|\.)\s?)?\d{1,4}(?:,?\s+кв(?:артира|\.)\s?\d{1,4})?",
        r"[一-鿿]{1,4}[都道府県市区町村][一-鿿ぁ-んァ-ヶ]{1,10}\d{1,3}(?:丁目|-)\d{1,3}(?:番(?:地)?|-)?\d{0,3}号?",
        r"[一-鿿]{2,8}(?:路|街|大道|胡同)\d{1,5}号",
    )
)


def addresses(view: View) -> Iterator[Span]:
    """Street addresses with a house number; a street or a town alone stays."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(view.text):
            group = "address" if "address" in pattern.groupindex else 0
            start = match.start(group)
            end = start + len(match[group].rstrip(" ,.\n"))
            yield view.span(start, end, "address", re.sub(r"\W+", " ", view.text[start:end]).casefold())
