"""The model card of a classifier: what it was trained on, how to train it again, how far it is to be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wildvalues.instruments import measuring
from wildvalues.instruments.classifier import PRESENCE, Classifier, Labelled
from wildvalues.instruments.measuring import Judged
from wildvalues.instruments.prevalence import MIN_CORPUS
from wildvalues.instruments.training import Examples, seen_by, tuning_half
from wildvalues.validation.facets import Section

_ABOUT = """\
A softmax regression for each closed facet on unit vectors of what the user says and of what the assistant says
(the mean of up to four passages each, by the embedding model below). It needs no language model and no network.
Its file holds coefficients, and what it said about conversations it was not trained on; no text, no id, no pickle.
Embedding is what it costs: about 20 conversations a second on one core, ten hours for 700,000, once for all facets of a
stage; the regressions themselves read over 100,000 a second.

Sources differ in how common a label is. Without labels the shares of a corpus are estimated from the probabilities
themselves and half of the correction is applied, for each source of at least {corpus} conversations
(`wildvalues/instruments/prevalence.py`). So the label of a conversation depends a little on the corpus it is in.
"""
_MEASURED = """\
The strength of the ridge, the vectors and the half step were chosen on the conversations whose id has a sha256 that
begins with an even digit. Everything below is of the others, with 95 % bootstrap intervals. *Known sources*: trained
on the first half. *New source*: each source by a classifier trained on the other sources only, which is what your own
logs are to these weights. *As trained*: without the adaptation to the source.
"""
_LIMITS = """\
- The labels it learned from are an instrument's, read by a language model under a guide, not the truth; people agree
  less with one another than two such readings do.
- The embedding model knows English best.
- A new kind of log can be unlike all sources here. Label a hundred of your own conversations, or let the model label
  some thousands (`wildvalues distil`), and train on those before you rely on it.
- A cascade's bounds come from conversations of left-out sources; on a source unlike them the error is not the wanted
  one. The tables above say how far it was off here.
"""


def model_card(examples: Examples, classifier: Classifier, command: str, tests: Sequence[Labelled] = ()) -> str:
    """Return the card as Markdown, everything in it measured now.

    Parameters
    ----------
    examples
        Those trained on, and those only to be measured on.
    tests
        The files of labels only to be measured on.
    command
        The command that trained the classifier, as a reader may type it.
    """
    return "\n".join([*_head(examples, classifier, command, tests), *_measures(examples), "## Limits\n", _LIMITS])


def _head(examples: Examples, classifier: Classifier, command: str, tests: Sequence[Labelled]) -> Iterator[str]:
    yield "# Classifier of conversations: model card\n"
    yield _ABOUT.format(corpus=MIN_CORPUS)
    yield f"Trained, measured and described by\n\n```sh\n{command}\n```\n"
    embedded = classifier.embedding
    yield f"Embedding model: {embedded.name}, sha256 `{embedded.sha256}`.\n"
    yield _labels("labels trained on", classifier.trained_on)
    if tests:
        yield _labels("labels only measured on, as a new source", tests)
    sources = [(source, f"{count:,}") for source, count in sorted(classifier.sources.items())]
    yield _table(("source trained on", "conversations"), sources)
    half = int(tuning_half(examples.ids).sum())
    yield f"## How good it is\n\n{_MEASURED}"
    yield f"{half:,} conversations are in the first half, {len(examples) - half:,} in the other.\n"


def _measures(examples: Examples) -> Iterator[str]:
    for facet, target in examples.targets.items():
        yield f"### {facet}\n"
        if target.options == PRESENCE:
            yield "Whether there is any value, not which.\n"
        known, new = measuring.within(examples, facet), measuring.across(examples, facet)
        rows = [
            _row("known sources", measuring.agreement(known)),
            _row("known sources, as trained", measuring.agreement(known, adapt=False)),
            _row("new source", measuring.agreement(new)),
            _row("new source, as trained", measuring.agreement(new, adapt=False)),
        ]
        sure = [known, new]
        if not (among := seen_by(examples, facet)).all():
            sure = [measure(examples, facet, among=among) for measure in (measuring.within, measuring.across)]
            names = ("subjective only, known sources", "subjective only, new source")
            rows += [_row(name, measuring.agreement(one)) for name, one in zip(names, sure, strict=True)]
        yield _table(("", "n", "accuracy", "kappa", "macro F1"), rows)
        yield f"Right in each source as a new one (share of `{target.options[0]}` by its labels):\n"
        yield _table(
            ("source", "n", f"share {target.options[0]}", "as trained", "adapted"),
            [(s, f"{n:,}", f"{p:.2f}", f"{a:.2f}", f"{b:.2f}") for s, n, p, a, b in measuring.by_source(new)],
        )
        yield _cascades(sure, only_subjective=sure[0] is not known)


def _cascades(judged: Sequence[Judged], *, only_subjective: bool) -> str:
    among = " among subjective conversations" if only_subjective else ""
    rows = [
        (f"{wanted:.2f}", *(_decided(*one) for one in ((share, error), (other_share, other_error))))
        for (wanted, share, error), (_, other_share, other_error) in zip(*map(measuring.sureness, judged), strict=True)
    ]
    title = f"As a cascade{among}: the share it decides itself, and its error there.\n\n"
    return title + _table(("`wanted_error`", "known sources", "new source"), rows)


def _decided(share: float, error: float | None) -> str:
    return "decides nothing" if error is None else f"decides {share:.0%}, error {error:.3f}"


def _row(name: str, section: Section) -> tuple[str, ...]:
    return (
        name,
        f"{section['n']:,}",
        *(measuring.interval(section, measure) for measure in ("accuracy", "kappa", "macro_f1")),
    )


def _labels(title: str, files: Sequence[Labelled]) -> str:
    rows = [(one.file, f"{one.conversations:,}", f"`{one.ids_sha256}`") for one in files]
    return _table((title, "conversations", "sha256 of their ids"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
