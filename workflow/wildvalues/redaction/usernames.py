"""User names: handles, gamer tags and account names, by their form and by the words before them.

A name on a network is as good as an e-mail address to find somebody by. What looks like one in code (decorators, npm
scopes, variables) is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wildvalues.redaction.names import NEVER_NAMES, words
from wildvalues.redaction.spans import Span
from wildvalues.redaction.views import View

_PLATFORM = (
    r"discord|insta(?:gram)?|ig|snap(?:chat)?|tik ?tok|twitter|telegram|tg|reddit|steam|psn|xbox|twitch|you ?tube"
    r"|valorant|roblox|fortnite|minecraft|bluesky|mastodon|kik|onlyfans|soundcloud|bereal|epic games|league|github"
    r"|gitlab|dota|доте"
)
_NOUN = (
    r"user ?names?|user ?id|user|log ?in|logged in as|handles?|nick(?:name)?s?|screen ?names?|gamer ?tags?"
    r"|battle ?tags?|ign|alias|account(?: name)?|acc|pseudo|identifiant|nom d['’]utilisateur|usuario|nombre de usuario"
    r"|benutzer(?:name)?|nutzername|utente|usuário|gebruikersnaam|användarnamn|kullanıcı adı|ник(?:нейм)?|логин"
    r"|ユーザー名|用户名|아이디"
)
_HANDLE = r"@?[^\W\d_.][\w.-]{1,30}[\w](?:#\w{2,6})?|@?\d{1,4}[^\W\d][\w.-]{1,30}|@?_[\w.-]{2,30}"
_JOIN = (
    r"(?:[\"'`]?\s?(?::|=|=>|\bis\b|\bname\b|\bhandle\b|\buser ?name\b|\btag\b|\bauf\b|\bist\b|c['’]est|\best\b|\bes\b"
    r"|\bè\b|\bé\b|\bon \w+ is\b|['’]s\b|\bin \w+ is\b|\bв \w+\b|-|–|@(?=\s)|は|是)\s?)"
)
_BY_NOUN = re.compile(
    rf"(?<![\w.@/])(?:(?P<platform>{_PLATFORM})|{_NOUN})(?P<join>{_JOIN}{{0,3}})[ \t]?[\"'`]?(?<=[\s\"'`:=@])"
    rf"(?P<handle>{_HANDLE})(?![\w(/\[])(?!\.\w)",
    re.I,
)
# "@name" by itself, when it looks like no decorator, scope or word that calls everybody.
_AT = re.compile(r"(?<![\w.@/+\]-])@(?P<handle>[^\W\d][\w.]{1,29}\w|\d{1,4}[^\W\d]\w{2,29})(?![\w(/@-])(?!\.\w)")
_SOCIAL = re.compile(
    rf"(?<!\w)(?:{_PLATFORM}|follow\w*|dm|dms|tag(?:ged)?|by|from|perfil|profile|bio|folg\w*|scammed|blocked"
    r"|commented|posted)(?!\w)",
    re.I,
)
_REDDIT = re.compile(r"(?<![\w/.])/?u/(?P<handle>[\w-]{3,20})(?![\w/])")
_PROFILE = re.compile(
    r"(?<![\w.])(?:www\.)?(?:instagram\.com|twitter\.com|x\.com|tiktok\.com|twitch\.tv|t\.me|facebook\.com|linkedin\.com/in"
    r"|snapchat\.com/add|reddit\.com/u(?:ser)?|soundcloud\.com|steamcommunity\.com/id|(?P<code>git(?:hub|lab)\.com))"
    r"/@?(?P<handle>[\w.-]{3,40}\w)",
    re.I,
)
_NO_PROFILE = words(
    """
    reel reels explore watch search hashtag home login share sharer groups pages events directory settings about
    help intent status stories marketplace features pricing topics orgs download user video videos channel
    """
)
_CALLS_ALL = words(
    """
    everyone here channel all mod mods admin admins media import param params return returns override deprecated
    property staticmethod classmethod dataclass test before after entity component autowired nullable font-face
    keyframes charset supports todo see link throws author since version example gmail hotmail yahoo outlook
    """
)
# What is said about user names, and what code puts where one would stand.
ACCOUNT_WORDS = words(
    """
    required taken invalid already wrong incorrect correct available unavailable unknown empty missing null none
    true false undefined admin root guest test string str int text varchar char required. field error errors name
    names input value changed blocked banned locked disabled suspended hacked inactive working showing still being
    too long short only also there like cool good bad better something anything fine public private visible and or
    but for with from that this interface experience agent agents management manager data story stories guide
    manual profile page settings account accounts permission permissions group groups role roles service services
    feedback research base password passwort pass email mail token screen button form attempt attempts issue
    issues problem prompt details credentials session sessions count list table model class object info system
    systems
    """
)
_PARTS = words(
    """
    user users name names id ids key keys token tokens url uri api bot client secret auth login session data type
    types field get set is has new old to from by of the my app web db sql json xml http https py js ts com org
    net io config env var list map str int max min count index self this request response form model admin page
    test dev prod local server host port path file dir email mail password pass pw account profile settings info
    role group manager service created updated at on code error status state value default custom first last full
    display screen
    """
)


def usernames(view: View) -> Iterator[Span]:
    """Yield handles after a word for one, "@name" in company, and names in profile addresses."""
    text = view.text
    for match in _BY_NOUN.finditer(text):
        said = bool(match["join"].strip(" \t\"'`"))
        if _stands(match["handle"], said=said, platform=bool(match["platform"])):
            yield _span(view, match)
    for match in _AT.finditer(text):
        around = text[max(0, match.start() - 30) : match.start()] + " " + text[match.end() : match.end() + 30]
        plain = match["handle"].casefold()
        if plain not in _CALLS_ALL and (_looks(match["handle"]) or _SOCIAL.search(around)):
            yield view.span(match.start(), match.end(), "username", plain)
    for match in _REDDIT.finditer(text):
        yield view.span(*match.span(), "username", match["handle"].casefold())
    for match in _PROFILE.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()] + text[match.end() : match.end() + 40]
        own = re.search(r"(?<!\w)(?:my|mine|i|im|me)(?!\w)", before, re.I)
        if match["handle"].casefold() not in _NO_PROFILE and (match["code"] is None or own):
            yield _span(view, match)


def _span(view: View, match: re.Match[str]) -> Span:
    end = match.start("handle") + len(match["handle"].rstrip(".-"))
    return view.span(match.start("handle"), end, "username", match["handle"].lstrip("@").rstrip(".-").casefold())


def _stands(handle: str, *, said: bool, platform: bool) -> bool:
    """Say whether what follows a word for a user name is one: by its look, or any word where it is said to be."""
    plain = handle.lstrip("@").casefold().rstrip(".-")
    if plain in ACCOUNT_WORDS or plain in NEVER_NAMES or re.fullmatch(r"v?[\d.]+", plain):
        return False
    if set(re.split(r"[_.-]", plain)) <= _PARTS:
        return False
    if handle.startswith("@") or _looks(handle):
        return True
    camel = re.search(r"[a-z][A-Z]", handle) is not None
    return said and (camel or not platform) and len(plain) >= 4


def _looks(handle: str) -> bool:
    """Say whether a word looks like no word: digits, underscores, dots inside or a tag's number."""
    plain = handle.lstrip("@").rstrip(".-")
    return bool(re.search(r"[^\W\d_].*[\d_#]|\d+[^\W\d_]|\w\.\w|^_", plain)) and not re.fullmatch(
        r"\d+(?:st|nd|rd|th|k|x|h)", plain
    )
