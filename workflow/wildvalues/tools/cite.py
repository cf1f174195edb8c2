"""``wildvalues cite``: how to cite this exact study, the software and the study it repeats, as text or BibTeX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from wildvalues import __version__
from wildvalues.dataset.checksums import SUMS_FILE
from wildvalues.dataset.facts import is_demo
from wildvalues.errors import InputError
from wildvalues.files import read_json, sha256_file
from wildvalues.results import read_results

ORIGINAL_AUTHORS = (
    ("Saffron", "Huang"),
    ("Esin", "Durmus"),
    ("Miles", "McCain"),
    ("Kunal", "Handa"),
    ("Alex", "Tamkin"),
    ("Jerry", "Hong"),
    ("Michael", "Stern"),
    ("Arushi", "Somani"),
    ("Xiuruo", "Zhang"),
    ("Deep", "Ganguli"),
)
ORIGINAL_TITLE = "Values in the Wild: Discovering and Analyzing Values in Real-World Language Model Interactions"
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_"},
    }
)


@dataclass(frozen=True)
class Study:
    """What a citation of a study needs; `digest` is the sha256 of the dataset's checksum list."""

    title: str
    authors: tuple[str, ...]
    name: str
    licence: str
    digest: str
    demo: bool


def read_study(dataset: Path) -> Study:
    """Read the facts off a dataset, once its files are seen to be those its checksums were made of.

    Raises
    ------
    InputError
        When the dataset is missing, or a file was changed, added to the list or removed since it was made.
    """
    sums = dataset / SUMS_FILE
    if not sums.is_file():
        raise InputError(f"{sums}: no such file; run `wildvalues release` first, or name the folder with --dataset")
    for number, line in enumerate(sums.read_text("utf-8").splitlines(), start=1):
        digest, _, label = line.partition("  ")
        if not label:
            raise InputError(f"{sums}:{number}: not a line of checksums; run `wildvalues release` again")
        path = dataset / label
        if not path.is_file() or sha256_file(path) != digest:
            state = "was changed" if path.is_file() else "is gone"
            raise InputError(f"{path}: {state} since the dataset was made; run `wildvalues release` again, then cite")
    described = read_json(dataset / "croissant.json")
    return Study(
        title=described["alternateName"],
        authors=tuple(person["name"] for person in described["creator"]),
        name=described["name"],
        licence=described["license"],
        digest=sha256_file(sums),
        demo=is_demo(read_results(dataset)),
    )


def as_text(study: Study) -> str:
    """Return the three citations as plain text."""
    mark = " Demonstration data, not findings." if study.demo else ""
    *others, last = [f"{family}, {given[0]}." for given, family in ORIGINAL_AUTHORS]
    return (
        "This study\n"
        f"  {', '.join(study.authors)}. {study.title} [Data set {study.name}]. Version sha256:{study.digest}."
        f" {study.licence}.{mark}\n\n"
        "The software\n"
        f"  wildvalues contributors. wildvalues (version {__version__}) [Computer software].\n\n"
        "The study whose method it repeats\n"
        f"  {', '.join(others)}, & {last} (2025). {ORIGINAL_TITLE}. Conference on Language Modeling (COLM 2025)."
        " arXiv:2504.15236.\n"
    )


def as_bibtex(study: Study) -> str:
    """Return the three citations as BibTeX; a study has no year until it is deposited somewhere."""
    mark = "Demonstration data, not findings. " if study.demo else ""
    return (
        _entry(
            "misc",
            f"wildvalues-study-{study.digest[:12]}",
            author=" and ".join(f"{{{_escape(author)}}}" for author in study.authors),
            title=f"{{{_escape(study.title)}}}",
            howpublished=f"Data set {_escape(study.name)}",
            version=f"sha256:{study.digest}",
            note=f"{mark}Checksum list sha256 {study.digest}. Licence: \\url{{{study.licence}}}",
        )
        + "\n"
        + _entry(
            "software",
            f"wildvalues-{__version__}",
            author="{wildvalues contributors}",
            title="{wildvalues}",
            version=__version__,
            license="MIT",
        )
        + "\n"
        + _entry(
            "inproceedings",
            "huang2025values",
            author=" and ".join(f"{family}, {given}" for given, family in ORIGINAL_AUTHORS),
            title=f"{{{ORIGINAL_TITLE}}}",
            booktitle="Conference on Language Modeling (COLM)",
            year="2025",
            eprint="2504.15236",
            archiveprefix="arXiv",
        )
    )


def _entry(kind: str, key: str, **fields: str) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}}}\n"


def _escape(text: str) -> str:
    return text.translate(_LATEX)


@click.command(name="cite", help="How to cite this exact study, the software and the original study.")
@click.option("--dataset", type=click.Path(path_type=Path), default=Path("results/dataset"), show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "bibtex", "both"]), default="both", show_default=True)
def command(dataset: Path, form: str) -> None:
    """Print the citations."""
    study = read_study(dataset)
    parts = {"text": [as_text], "bibtex": [as_bibtex], "both": [as_text, as_bibtex]}[form]
    click.echo("\n".join(make(study) for make in parts), nl=False)
