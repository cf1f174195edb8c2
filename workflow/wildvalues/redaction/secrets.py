"""Addresses of mail and keys to machines: e-mail, URLs with credentials, API keys and tokens."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w@])")
# Between a scheme and an @ stands a user, not the start of an address.
_IN_URL = re.compile(r"://[^\s/@]*$")
# "jane (at) example (dot) com" and the like.
_SPELLED = re.compile(
    r"(?<![\w.+%-])([\w.+%-]{2,64})\s*[\[({]\s*at\s*[\])}]\s*((?:[\w-]+\s*(?:[\[({]\s*dot\s*[\])}]|\.)\s*)+[a-z]{2,24})(?!\w)",
    re.I,
)
# "jane dot doe at example dot com": a dot before the "at", or a word for mail in front, since "look at" is no address.
_SPOKEN = re.compile(
    r"(?:(?:e-?mail|mail|addy|address|reach me|write me|contact)\b[^\n@]{0,25}?[ :])?"
    r"(?<![\w.+-])(?P<address>[\w.+-]{1,64}(?: dot [\w+-]{1,40}){0,4} at [\w-]{1,60}(?: dot [\w-]{1,60}){0,4}"
    r" dot [a-z]{2,6})(?!\w)",
    re.I,
)
_URL_CREDENTIALS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://([^\s/@:'\"<>]{1,80}:[^\s/@'\"<>]{1,200})@(?=[\w\[])", re.I)
_URL_TOKEN = re.compile(
    r"[?&;](?:access_?token|auth|api_?key|apikey|key|token|secret|password|passwd|pwd|sig|signature)=([^\s&#'\"<>]{6,})",
    re.I,
)
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"sk-(?:ant-|proj-|or-|live-|test-)?[A-Za-z0-9_-]{16,}"
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abposr]-[A-Za-z0-9-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}"
    r"|pypi-[\w-]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[a-f0-9]{40,}|EAA[A-Za-z0-9]{40,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|\d{8,10}:AA[\w-]{30,}"
    r")(?![A-Za-z0-9_-])"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)
# A word that says "secret", then something that looks like one.
_CUED = re.compile(
    r"(?<![^\W_])(?:api[_ -]?key|access[_ -]?key|secret(?:[_ -]?(?:access[_ -]?)?key)?|auth[_ -]?token"
    r"|access[_ -]?token|token|bearer|client[_ -]?secret|(?:password|passcode|passphrase|passwd|passwort|pwd"
    r"|pw|pin|mot de passe|mdp|contraseña|clave(?: \w+)?|senha|wachtwoord|lösenord|hasło|şifre\w*|пароль"
    r"|密码|パスワード)"
    r"(?: (?:for|to|of|für|pour|de|para|от) (?:\w+ ){0,3}\w+)?)"
    r"[\"'`]?\s{0,2}(?:[:=]|=>|\bis\b|\bist\b|\best\b|\bes\b|\bé\b|\bè\b|是|は|(?<=bearer)\s|(?<=\bpw)\s)\s{0,2}"
    r"[\"'`]?([^\s\"'`<>,;()\[\]{}]{6,200})",
    re.I,
)
_LONG = re.compile(r"(?<![\w/+=.-])[A-Za-z0-9_+/-]{28,}={0,2}(?![\w/+=-])")


def emails(view: View) -> Iterator[Span]:
    """E-mail addresses, also those written with (at) and (dot)."""
    for start, end, address in emails_in(view.text):
        yield view.span(start, end, "email", address)


def emails_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and plain spelling of the e-mail addresses in a text."""
    for match in _EMAIL.finditer(text):
        if _IN_URL.search(text, max(0, match.start() - 200), match.start()):
            continue
        yield *match.span(), match[0].casefold()
    for match in _SPOKEN.finditer(text):
        if match.start() == match.start("address") and " dot " not in match["address"].partition(" at ")[0]:
            continue
        yield *match.span("address"), re.sub(r" (dot|at) ", lambda m: ".@"[m[1] == "at"], match["address"]).casefold()
    for match in _SPELLED.finditer(text):
        domain = re.sub(r"\s*[\[({]\s*dot\s*[\])}]\s*", ".", match[2], flags=re.I)
        yield *match.span(), re.sub(r"\s", "", f"{match[1]}@{domain}").casefold()


def url_credentials(view: View) -> Iterator[Span]:
    """User and password in a URL, and secrets in its query; the rest of the URL stays."""
    for pattern in (_URL_CREDENTIALS, _URL_TOKEN):
        for match in pattern.finditer(view.text):
            yield view.span(*match.span(1), "url_credentials", match[1])


def api_keys(view: View) -> Iterator[Span]:
    """Keys of known shape, private keys, what stands after "password:" and the like, and long random strings."""
    for pattern in (_KNOWN, _PRIVATE_KEY):
        for match in pattern.finditer(view.text):
            yield view.span(*match.span(), "api_key", match[0])
    for match in _CUED.finditer(view.text):
        value = match[1].rstrip(".!?:*")
        if len(value) >= 6 and _mixed(value):
            yield view.span(match.start(1), match.start(1) + len(value), "api_key", value)
    for match in _LONG.finditer(view.text):
        if _random(match[0]):
            yield view.span(*match.span(), "api_key", match[0])


def _mixed(value: str) -> bool:
    """Say whether a string is no plain word: a digit or sign in it, and no call, path or variable."""
    if value.startswith(("$", "<", "{", "process.", "os.", "env")) or "(" in value:
        return False
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _random(value: str) -> bool:
    """Say whether a long string is a token rather than a path, an identifier or a word in capitals."""
    kinds = (str.isupper, str.islower, str.isdigit)
    counts = [sum(kind(c) for c in value) for kind in kinds]
    if min(counts) < 3 or value.count("/") > 2:
        return False
    # Words change class rarely, random strings at nearly every second character.
    classes = [next((i for i, kind in enumerate(kinds) if kind(c)), 3) for c in value]
    changes = sum(a != b for a, b in pairwise(classes))
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())
    return changes > len(value) / 3.5 and entropy > 3.8
