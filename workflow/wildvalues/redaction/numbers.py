"""Numbers that identify: cards, bank accounts, internet addresses, telephones."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

import phonenumbers
from stdnum import iban, luhn

from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

_CARD = re.compile(r"(?<![\w.+-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-]|\.\d)")
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?!\w)")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.]*:)(?!\w)")
_VERSION_BEFORE = re.compile(
    r"(?:\bv|version|release|build|firmware|kernel|driver|update|patch|\w==|>=|<=|~=)[\s:=]*$", re.I
)
# Networks inside houses and firms, the same everywhere (RFC 1918, 3927), and public name servers everybody types.
_NOBODYS = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fe80::/10",
            "8.8.8.8",
            "8.8.4.4",
            "1.1.1.1",
        ),
    )
)
# Something that could be a telephone number; only texts with one go through the slow matcher.
_PHONE_LIKE = re.compile(r"\+?\(?\d(?:[ ().\-/\u00a0]{0,2}\d){6,}")
_PHONE_CUE = re.compile(
    r"(?:phone|tel|call|text|number|mobile|cell|whatsapp|sms|fax|ring|reach|contact|ruf|nummer|handy|telefon|t[ée]l"
    r"|num[ée]ro|appel|portable|m[óo]vil|celular|ll[aá]ma|numero|chiam|cellulare|liga|телефон|номер|电话|電話|手机|फोन|मोबाइल)"
    r"[^\d\n]{0,30}$",
    re.I,
)
# Words that announce nothing else: after them a number of possible length will do, whether or not its range is in use.
_PHONE_SAID = re.compile(
    r"(?:phone|tel|call|mobile|cell|whatsapp|sms|fax|landline|handy\w*|telefon\w*|téléphone|portable|móvil|celular|cellulare"
    r"|telemóvel|zap|mobiel|mobil|\bhp|телефон\w*|电话|手机号?|電話(?:番号)?|휴대폰|전화(?:번호)?|मोबाइल|फोन)\.?"
    r"(?: (?:number|nummer|no|num|is|ist|nr|me|at|on|in|uk|us|est|es))*[^\d\w\n]{0,6}"
    r"(?:(?:is|ist|は|是|est|es|é|è)[ :]{0,2})?$",
    re.I,
)
_DATE = re.compile(r"(?:\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4})(?:\D|$)")
_NOT_PHONE_BEFORE = re.compile(
    r"(?:[$€£¥₹#=*/^<>]|\b(?:isbn|issn|doi|arxiv|order|invoice|ticket|port|pid|id)\b\W{0,3}(?:no\W{0,2})?)\s*$", re.I
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d\s*[-–/ ]\s*(?:1[5-9]|20)\d\d$")
# Digits in one run are as often an order number as a telephone; a separator or a cue decides.
_SEPARATED = re.compile(r"\d[\s().\-/]+\d")


def digits(text: str) -> str:
    """Return the letters and digits of a number, upper case: the key by which two spellings are one."""
    return re.sub(r"\W", "", text).upper()


def cards(view: View) -> Iterator[Span]:
    """Payment cards: 13 to 19 digits with a valid Luhn check digit and an issuer's first digit."""
    for match in _CARD.finditer(view.text):
        number = digits(match[0])
        if 13 <= len(number) <= 19 and len(set(number)) > 1 and luhn.is_valid(number):
            yield view.span(*match.span(), "card", number)


def ibans(view: View) -> Iterator[Span]:
    """International bank account numbers: country's structure and the check digits mod 97."""
    for match in _IBAN.finditer(view.text):
        # Words after the number look like more of it: try shorter until the check digits are right.
        for end in range(match.end(), match.start() + 14, -1):
            number = digits(view.text[match.start() : end])
            whole = view.text[end - 1].isalnum() and not view.text[end : end + 1].isalnum()
            if whole and len(number) >= 15 and iban.is_valid(number, check_country=False):
                yield view.span(match.start(), end, "iban", number)
                break


def ip_addresses(view: View) -> Iterator[Span]:
    """Internet addresses of hosts; not loopback, private networks, netmasks or version numbers."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(view.text):
            before = view.text[max(0, match.start() - 20) : match.start()]
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if address.is_loopback or address.is_unspecified or address.is_multicast or match[0].startswith("255."):
                continue
            if any(address.version == network.version and address in network for network in _NOBODYS):
                continue
            # "::" and "1::" are C++ and slices far more often than addresses.
            if address.version == 6 and len(match[0].replace(":", "")) < 4:
                continue
            if address.version == 4 and _VERSION_BEFORE.search(before):
                continue
            yield view.span(*match.span(), "ip", str(address))


def phones(view: View, regions: Sequence[str]) -> Iterator[Span]:
    """Telephone numbers that are valid somewhere: with ``+``, or in the national format of one of `regions`."""
    for like in _PHONE_LIKE.finditer(view.text):
        found = _phone_in(view.text, like.start(), like.end(), regions)
        if found is not None:
            start, end, key = found
            yield view.span(start, end, "phone", key)


def _phone_in(text: str, start: int, end: int, regions: Sequence[str]) -> tuple[int, int, str] | None:
    candidate = text[start:end]
    before, after = text[max(0, start - 40) : start], text[end : end + 2]
    if not candidate.startswith(("+", "00")):
        if before[-1:].isalnum() or before[-1:] in "._-" or after[:1].isalpha() or _NOT_PHONE_BEFORE.search(before):
            return None
        if re.match(r"\.\d|[%€£$=*^]", after) or _DATE.search(candidate) or _YEARS.match(candidate):
            return None
        if _tabular(candidate) or text[max(0, start - 2) : start].endswith("."):
            return None
        if not _SEPARATED.search(candidate) and not _PHONE_CUE.search(before):
            return None
    places = (None, *regions) if candidate.startswith("+") else tuple(regions)
    found = _matched(candidate, places, phonenumbers.Leniency.VALID)
    # With the country's code, or after a word for a telephone, the range may be one not given out (yet): then the
    # whole stretch has to be one number of possible length.
    if found is None and (candidate.startswith("+") or (len(digits(candidate)) >= 8 and _PHONE_SAID.search(before))):
        found = _matched(candidate, places, phonenumbers.Leniency.POSSIBLE)
        found = found if found and digits(candidate[found[0] : found[1]]) == digits(candidate) else None
    return (start + found[0], start + found[1], found[2]) if found else None


def _matched(candidate: str, regions: Sequence[str | None], leniency: int) -> tuple[int, int, str] | None:
    for region in regions:
        for match in phonenumbers.PhoneNumberMatcher(candidate, region, leniency=leniency):
            key = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
            return match.start, match.end, key
    return None


def _tabular(candidate: str) -> bool:
    """Say whether digits are rather decimals, versions or a row of a table than groups of one number."""
    if re.fullmatch(r"\d{1,3}(?:\.\d{1,5}){2,3}", candidate) or "  " in candidate:
        return True
    if re.search(r"\d\.\d", candidate) and (" " in candidate or candidate.count(".") < 2):
        return True
    groups: list[str] = re.findall(r"\d+", candidate)
    return sum(len(group) == 1 for group in groups) > 1 or len(groups) > 6
