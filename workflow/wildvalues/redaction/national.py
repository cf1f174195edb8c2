"""National identity, tax, health and insurance numbers, by shape, check digits and the words before them.

A shape that little else has, with check digits (python-stdnum), is enough by itself. Plain runs of digits count only
after a word that says what they are: one in ten or eleven of them has right check digits by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum import verhoeff
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.ie import pps
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_id

from wildvalues.redaction.numbers import digits
from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

Check = Callable[[str], bool]


def _four_digits(number: str) -> bool:
    """Say whether a document's number, whose check digits are not public, has enough digits to be one."""
    return sum(char.isdigit() for char in number) >= 4


def _aadhaar(number: str) -> bool:
    return bool(verhoeff.is_valid(digits(number)))


def _any(_: str) -> bool:
    return True


# By shape: nothing else is written like this and has such check digits.
_SHAPES: tuple[tuple[str, Check], ...] = (
    (r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])", lambda number: ssn.is_valid(number) or itin.is_valid(number)),
    (r"(?<!\w)\d{8}-?[A-Za-z](?!\w)", dni.is_valid),
    (r"(?<!\w)[XYZxyz]-?\d{7}-?[A-Za-z](?!\w)", nie.is_valid),
    (r"(?<!\w)[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z](?!\w)", codicefiscale.is_valid),
    (r"(?<!\w)[A-Za-z]{4}\d{6}[HMhm][A-Za-z]{5}[A-Za-z0-9]\d(?!\w)", curp.is_valid),
    (r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)", cpf.is_valid),
    (r"(?<![\w.])756\.\d{4}\.\d{4}\.\d{2}(?!\w)", ahv.is_valid),
    (r"(?<![\w.])\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\w)", nn.is_valid),
    (r"(?<!\w)[12] ?\d{2} ?[0-9]{2} ?\d[\dABab] ?\d{3} ?\d{3} ?\d{2}(?!\w)", nir.is_valid),
    (r"(?<![\w-])\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Za-z](?![\w-])", hetu.is_valid),
    (r"(?<![\w-])\d{6}[-+]\d{4}(?![\w-])", personnummer.is_valid),
    (r"(?<!\d)\d{17}[\dXx](?!\w)", ric.is_valid),
    (r"(?<![\w-])\d{6}-[1-8]\d{6}(?![\w-])", rrn.is_valid),
    # United Kingdom: national insurance, no check digit; India: Aadhaar in its groups of four, and PAN.
    (r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", _any),
    (r"(?<![\w-])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![\w-]| ?\d)", _aadhaar),
    (r"(?<!\w)[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z](?!\w)", _any),
)
# After a word that names them: (the word, the shape, the check).
_NAMED: tuple[tuple[str, str, Check], ...] = (
    (r"ssn|social security", r"\d{3}[- ]?\d{2}[- ]?\d{4}", _any),
    (r"\bsin|social insurance", r"\d{3}[- ]?\d{3}[- ]?\d{3}", sin.is_valid),
    (r"\btfn|tax file", r"\d{3} ?\d{3} ?\d{2,3}", tfn.is_valid),
    (r"\bnhs", r"\d{3}[- ]?\d{3}[- ]?\d{4}", nhs.is_valid),
    (r"\bppsn?", r"\d{7}[A-Za-z]{1,2}", pps.is_valid),
    (r"\bcpf", r"\d{11}", cpf.is_valid),
    (r"\bnif|contribuinte", r"\d{3} ?\d{3} ?\d{3}", nif.is_valid),
    (r"aadhaar|aadhar", r"\d{4} ?\d{4} ?\d{4}", _any),
    (r"steuer-?\s?id\w*|steuer(?:identifikations)?nummer|tax id", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid),
    (r"\bbsn|burgerservicenummer", r"\d{9}", bsn.is_valid),
    (r"pesel", r"\d{11}", pesel.is_valid),
    (r"\bcpr", r"\d{6}[- ]?\d{4}", cpr.is_valid),
    (r"\bcnp", r"\d{13}", cnp.is_valid),
    (r"rodn[ée] č[íi]slo|\brč", r"\d{6}/?\d{3,4}", rc.is_valid),
    (r"t\.?c\.? ?(?:kimlik)?|kimlik", r"\d{11}", tckimlik.is_valid),
    (r"personn?ummer|personnr", r"(?:\d{2})?\d{6}[-+]?\d{4}", personnummer.is_valid),
    (r"south african id|\bsa id|id number|identity number", r"\d{13}", za_id.is_valid),
    (
        r"passport|reisepass\w*|passeport|pasaporte|passaporto|paspoort\w*|pass(?:nummer|nr)|паспорт\w*"
        r"|driv(?:er'?s?|ing) licen[cs]e|führerschein\w*|permis de conduire|personalausweis\w*|carte d'identité"
        r"|green card|visa number",
        r"(?=[A-Z]*\d)[A-Z0-9]{6,12}",
        _four_digits,
    ),
)
# What may stand between the word and the number.
_BETWEEN = (
    r"\W{0,3}(?:(?:is|was|no|nr|num(?:ber)?|n[º°]|ist|lautet|est|es|é|code|klopt|er|är|:)\W{1,3}"
    r"|(?:number|nummer|numer|numero|número|numéro|номер)\W{0,3}){0,3}"
)
_PATTERNS = tuple((re.compile(shape), 0, check) for shape, check in _SHAPES) + tuple(
    (re.compile(rf"(?<![^\W_])(?:{word}){_BETWEEN}({shape})(?!\w)", re.I), 1, check) for word, shape, check in _NAMED
)


def national_ids(view: View) -> Iterator[Span]:
    """National identity, tax and insurance numbers of the countries with a shape or check digit of their own."""
    for pattern, group, check in _PATTERNS:
        for match in pattern.finditer(view.text):
            if check(match[group]):
                yield view.span(*match.span(group), "national_id", digits(match[group]))
