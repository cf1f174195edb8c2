"""Text that LaTeX sets as it stands: escaping for any Unicode, macros and tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquoteright{}",
    "`": r"\textasciigrave{}",
    # Two of them would make a dash.
    "-": r"-{}",
    # Two of either would make a turned mark of Spanish.
    "?": r"?{}",
    "!": r"!{}",
    ",": r",{}",
}
_SYMBOLS = {
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‐": "-{}",
    "‑": "-{}",
    "−": r"\ensuremath{-}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "„": r"\quotedblbase{}",
    "‚": r"\quotesinglbase{}",
    "…": r"\textellipsis{}",
    "⁄": "/",
    "ς": r"\ensuremath{\varsigma}",
    "•": r"\textbullet{}",
    "·": r"\textperiodcentered{}",
    "→": r"\ensuremath{\to}",
    "←": r"\ensuremath{\leftarrow}",
    "×": r"\texttimes{}",
    "±": r"\textpm{}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≠": r"\ensuremath{\ne}",
    "≈": r"\ensuremath{\approx}",
    "∞": r"\ensuremath{\infty}",
    "°": r"\textdegree{}",
    "€": r"\texteuro{}",
    "£": r"\textsterling{}",
    "¥": r"\textyen{}",
    "§": r"\textsection{}",
    "©": r"\textcopyright{}",
    "®": r"\textregistered{}",
    "™": r"\texttrademark{}",
    "«": r"\guillemotleft{}",
    "»": r"\guillemotright{}",
    "¿": r"\textquestiondown{}",
    "¡": r"\textexclamdown{}",
}
# What the T1 encoding of the paper's type holds beyond ASCII, so that it can stand as it is.
_T1_LETTERS = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďĐđĘęĚěĞğĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž"
)
# Letters that look like Latin ones have no command of their own; accented ones lose their accent.
_LATIN_LOOK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))
_GREEK = frozenset("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ")
# A small frame in the place of a character that the paper's type lacks; the CSV tables hold the true name.
UNSET = r"\wvunset{}"


# Characters after which a word without a break may still be broken, or it would run into the next column.
_LONGEST_RUN = 24


def escape(text: str) -> str:
    """Return LaTeX that sets `text` on one line, whatever characters it holds."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(_set(character) for character in text)


def _set(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if (character.isascii() and character.isprintable()) or character in _T1_LETTERS:
        return character
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if character in _LATIN_LOOK:
        return _LATIN_LOOK[character]
    if character in _GREEK:
        name = unicodedata.name(character).rpartition(" ")[2].lower().replace("lamda", "lambda")
        return rf"\ensuremath{{\{name.capitalize() if character.isupper() else name}}}"
    if unicodedata.category(character)[0] in "CM" or unicodedata.category(character) in ("Zl", "Zp"):
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if plain == character:
        return UNSET
    return "".join(_set(part) for part in plain)


def elided(text: str, most: int = 60) -> str:
    """Escape `text` after cutting it to `most` characters: no cell of a table may be wider than its column."""
    short = text if len(text) <= most else text[: most - 1].rstrip() + "…"
    return " ".join(
        r"\allowbreak{}".join(escape(word[i : i + _LONGEST_RUN]) for i in range(0, len(word), _LONGEST_RUN))
        for word in short.split()
    )


def code(text: str) -> str:
    """Set an identifier in typewriter type, with leave to break after its punctuation."""
    broken = escape(text)
    for mark in (r"\_", "/", ":", ".", "-{}"):
        broken = broken.replace(mark, mark + r"\allowbreak{}")
    return rf"\texttt{{{broken}}}"


def commands(texts: Mapping[str, str], flags: Mapping[str, bool]) -> str:
    r"""Write macros ``\wv<Name>`` and switches ``\ifwv<Name>``, sorted by name.

    Parameters
    ----------
    texts
        Macro name without its prefix -> LaTeX.
    flags
        Switch name without its prefix -> whether it is on.
    """
    lines = [f"\\newcommand{{\\wv{name}}}{{{texts[name]}}}" for name in sorted(texts)]
    lines += [f"\\newif\\ifwv{name} \\wv{name}{'true' if flags[name] else 'false'}" for name in sorted(flags)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Column:
    """A column of a table: header and alignment: ``l``, ``r``, ``X`` for the rest of the line, or `wide`."""

    header: str
    align: str = "r"


def wide(share: float) -> str:
    """Return the alignment of text that breaks within a share of the line."""
    return rf">{{\raggedright\arraybackslash}}p{{{share:g}\linewidth}}"


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    absent: str,
    *,
    across_pages: bool = False,
    heads: frozenset[int] = frozenset(),
) -> str:
    r"""Write a table of cells that are LaTeX already; a sentence stands for a table without rows.

    Parameters
    ----------
    across_pages
        Let the table break across pages, with its header repeated; the source defines ``\wvtablecaption``.
    heads
        Rows after which the page may not break.
    """
    if not rows:
        return f"\\wvabsent{{{escape(absent)}}}\n"
    header = " & ".join(rf"\textit{{{escape(column.header)}}}" if column.header else "" for column in columns) + r" \\"
    body = "\n".join(" & ".join(cells) + (r" \\*" if number in heads else r" \\") for number, cells in enumerate(rows))
    kinds = "".join(column.align for column in columns)
    if across_pages:
        return (
            f"\\begin{{longtable}}{{@{{}}{kinds}@{{}}}}\n\\wvtablecaption\\\\\n\\toprule\n{header}\n\\midrule\n"
            f"\\endfirsthead\n\\toprule\n{header}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n"
        )
    widths = kinds.replace("X", r">{\raggedright\arraybackslash}X")
    start, end = (r"\begin{tabularx}{\linewidth}", "tabularx") if "X" in kinds else (r"\begin{tabular}", "tabular")
    return f"{start}{{@{{}}{widths}@{{}}}}\n\\toprule\n{header}\n\\midrule\n{body}\n\\bottomrule\n\\end{{{end}}}\n"
