"""The words before and after a name that say it is somebody's: introductions, signatures, titles, relations.

The languages are those of the demo corpus and of common logs.
"""

from __future__ import annotations

import re

from wildvalues.redaction import relations
from wildvalues.redaction.names import words

_PART = r"(?:[^\W\d_a-zа-яё](?:[\w'’]|\.(?=\w)){0,30}(?:-[^\W\d_]\w{0,30}){0,3}|[A-Z]\.)"
_LINK = r"(?:(?:van der|van den|van|von|de la|de|del|della|di|da|dos|bin|al|el|la|le)\s)?"
FULL = rf"{_PART}(?:[ ]{_LINK}{_PART}){{0,3}}"
TWO = rf"{_PART}(?:[ ]{_LINK}{_PART}){{1,3}}"
# As people type it: lower case, one or two words.
_TYPED = r"[^\W\d_]{2,20}(?:-[^\W\d_]{2,20})?(?:[ ][^\W\d_]{2,20})?"
# Scripts without spaces between words: names have no word boundary there.
UNSPACED = re.compile(r"[一-鿿ぁ-んァ-ヶ가-힣]")
_CJK = r"[一-鿿ぁ-んァ-ヶー]{2,8}?"

_TITLES = (
    r"Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Herr|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Srta|Signora?|Sig|Dott"
    r"|Dott\.ssa|Senhora?|Dona|Doña|Meneer|Mevrouw|Pan|Pani"
)
TITLE = re.compile(rf"(?:{_TITLES})\.?")
# Cues in front of a capitalised name.
_BEFORE_CAPITALS = (
    r"(?i:my name(?:['’]s| is| was)|(?:his|her|their|full|legal|maiden|user|first|last) name(?:['’]s| is)|name\s*[:=]"
    r"|people call me|just call me|call me|you can call me|this is(?= [^\W\d_a-z]\w+ (?:speaking|here|from|calling)\b)"
    r"|signed|sincerely|kind regards|best regards|warm regards|regards|best wishes|yours truly|cheers|xoxo"
    r"|sign it(?: as| with)?|(?:attn|patient|tenant|applicant|contact person|ansprechpartner(?:in)?)(?=:)"
    r"|ich hei(?:ß|ss)e|mein name ist|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|(?:viele|liebe) gr(?:ü|ue)(?:ß|ss)e"
    r"|je m['’]appelle|mon nom est|cordialement|me llamo|mi nombre es|un saludo|atentamente|saludos"
    r"|mi chiamo|il mio nome è|cordiali saluti|(?:o )?meu nome é|me chamo|chamo-me|atenciosamente"
    r"|ik heet|mijn naam is|met vriendelijke groet|jag heter|mitt namn är|jeg hedder|jeg heter|nazywam się|mam na imię"
    r"|benim adım|adım|nama saya|mera naam"
    r"|меня зовут|моё имя|мое имя)[\s,:–—-]{1,4}"
)
_SPEAKER = r"i['’]?m|i am|ich bin|je suis|moi c['’]est|soy|sono|eu sou|sou|jag är|ik ben|ja jestem|jestem|я"
_GREETING = r"dear|hi|hello|hey|hallo|liebe[rs]?|cher|chère|querid[oa]|estimad[oa]|car[oa]|prezad[oa]|beste"
# What follows a name in a block of contact details.
_CONTACT = (
    rf"(?:\w{{3,9}}:?\s)?\+\d|\d{{1,5}}[a-z]?\s(?:{_PART}\s){{1,3}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Crescent|Drive)\b"
)
# (pattern, whether the first word must be a common given name too, because the cue is weak)
PATTERNS: tuple[tuple[re.Pattern[str], bool], ...] = (
    (re.compile(rf"(?<!\w){_BEFORE_CAPITALS}(?P<name>{FULL})(?!\w)"), False),
    (re.compile(rf"(?<!\w)(?:{_TITLES})\.?[ ](?P<name>{FULL})(?!\w)"), False),
    (
        re.compile(
            rf"(?<!\w)(?i:my|our|his|her|their)\s(?:\w+\s)?(?i:{relations.ENGLISH})(?:,|\s(?i:named|called|is))?\s"
            rf"(?P<name>{FULL})(?!\w)"
        ),
        False,
    ),
    (
        re.compile(
            rf"(?<!\w)(?i:{relations.ENGLISH}|guy|girl|woman|man|person|someone|lady)\s(?i:named|called)\s(?P<name>{FULL})(?!\w)"
        ),
        False,
    ),
    (re.compile(rf"(?<!\w)(?i:{relations.CAPITALS_ARE_NAMES}),?\s(?P<name>{FULL})(?!\w)"), False),
    (re.compile(rf"(?<!\w)(?i:{relations.GERMAN}),?\s(?P<name>{FULL})(?!\w)"), True),
    (re.compile(rf"(?<!\w)(?i:{relations.KIN})\s(?P<name>{FULL})(?!\w)"), False),
    (re.compile(rf"(?<!\w)(?i:on|in|at|from)\s(?i:my|our)\s\w+,\s(?P<name>{TWO})(?=,)"), False),
    # my son (Caspian, 5)
    (
        re.compile(rf"(?<!\w)(?i:my|our)\s(?i:{relations.ENGLISH})\s\((?P<name>{FULL}),\s(?=\d|(?i:born|aged?|who)\b)"),
        False,
    ),
    (re.compile(rf"(?:^|\n|[\"“„«'‘])\s*(?i:{_GREETING})\s(?P<name>{FULL})\s*(?:[,!:]|\n)"), False),
    (re.compile(rf"(?<!\w)(?i:{_SPEAKER})\s(?P<name>{FULL})(?!\w)"), True),
    (
        re.compile(rf"(?:^|\n)\s*(?i:from|to|cc|bcc|von|an|de|para|à)\s*:\s*(?P<name>{TWO})(?=\s*(?:[<\[(,;\n]|$))"),
        False,
    ),
    (re.compile(rf"(?<!\w)(?i:to|cc|von|an|de|para|à)\s*:\s*(?P<name>{TWO})(?=\s*(?:[<\[(,;\n]|$))"), True),
    # 10:42 Tamsin: u coming?
    (
        re.compile(rf"(?:^|\n)\s*\[?\d{{1,2}}[:.]\d\d(?:[:.]\d\d)?(?:\s?[APap][Mm])?\]?\s?[-–]?\s?(?P<name>{FULL}):\s"),
        False,
    ),
    (re.compile(rf"(?<!\w)(?P<name>{TWO})\s*(?=[<(]\s*[\w.+-]+@)"), False),
    (re.compile(rf"(?<!\w)(?P<name>{TWO})\s*[,;\n–-]\s*(?={_CONTACT})"), False),
    (re.compile(rf"\n\s*[-–—~]\s?(?P<name>{FULL})\s*$"), True),
    (re.compile(r"(?:我叫|我的名字是|我的名字叫|我名叫)(?P<name>[一-鿿]{2,4}?)(?=[，。,.！!\s]|今|是|来|$)"), False),
    (re.compile(rf"(?:私の名前は|名前は)(?P<name>{_CJK})(?:です|と申|といい|だ)"), False),
    (re.compile(r"(?:제 이름은|저는)\s?(?P<name>[가-힣]{2,4}?)(?:이?라고|입니다|이에요|예요)"), False),
    (re.compile(r"मेरा नाम\s(?P<name>[ऀ-ॿ]+(?:\s[ऀ-ॿ]+)?)\sहै"), False),
    (re.compile(r"(?:اسمي|إسمي)\s(?P<name>[؀-ۿ]+)"), False),
)
# "my name is jonas and ..." in lower case.
TYPED_CUE = re.compile(
    r"(?<!\w)(?i:my name(?:['’]s| is)|my names|me llamo|ich hei(?:ß|ss)e|je m['’]appelle|mi chiamo|me chamo|ik heet)\s"
    rf"(?P<name>{_TYPED})"
)
TYPED_TITLE = re.compile(r"(?<!\w)(?:mr|mrs|herr|frau|prof|officer)\.?\s(?P<name>[^\W\d_A-Z]{3,20})(?!\w)")
# "mr right" and his like are no people.
NO_TITLE = words("robot beast bean right darcy president whippy potato wonderful fantastic clean wick")
TYPED_END = re.compile(
    r"[ ](?i:and|but|i|im|from|so|or|und|y|et|e|en|aus|de|the|my|is|was|not|who|with|what|can|please)$"
)
