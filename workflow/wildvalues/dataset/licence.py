"""What a licence identifier stands for, and the note that goes with the files."""

from __future__ import annotations

# SPDX identifier -> name and deed, for the licences open data is usually given.
_KNOWN = {
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": (
        "Creative Commons Attribution-ShareAlike 4.0 International",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0 International",
        "https://creativecommons.org/licenses/by-nc/4.0/",
    ),
    "CC0-1.0": ("Creative Commons Zero 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "ODC-By-1.0": ("Open Data Commons Attribution License 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
}


def licence_name(identifier: str) -> str:
    """Return the licence's full name, or its identifier when it is not one of the usual ones."""
    return _KNOWN.get(identifier, (identifier, ""))[0]


def licence_url(identifier: str) -> str:
    """Return where the licence can be read."""
    return _KNOWN[identifier][1] if identifier in _KNOWN else f"https://spdx.org/licenses/{identifier}.html"


def licence_note(identifier: str, title: str, authors: list[str]) -> str:
    """Return the text of ``LICENSE.txt``."""
    return (
        f"{title}\nby {', '.join(authors)}\n\n"
        f"The files of this dataset are made available under {licence_name(identifier)} ({identifier}).\n"
        f"The full text is at {licence_url(identifier)}\n\n"
        "The licence covers the aggregate tables in this folder. It says nothing about the conversations they were\n"
        "counted from, which are not part of this dataset, nor about the software, which has its own licence.\n"
    )
