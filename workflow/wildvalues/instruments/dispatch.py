"""Which instrument answers a group of facets: the one place where ``instrument`` of ``params.yaml`` is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from wildvalues.instruments import cascade, classifier
from wildvalues.instruments.labels import read_labels
from wildvalues.instruments.prevalence import Probabilities
from wildvalues.llm.facets import ListFacet, Prompts, Reading
from wildvalues.llm.types import Rejected
from wildvalues.params import Instrument

MODEL: Instrument = "model"
# Every instrument that can have decided a reading, for metrics.
INSTRUMENTS: tuple[str, ...] = (MODEL, "probe", "classifier", "labels")


@dataclass(frozen=True)
class Question:
    """Facets read off a conversation together, by which instrument, and the model when it is not the default."""

    facets: tuple[str, ...]
    instrument: Instrument = MODEL
    model: str | None = None


@dataclass(frozen=True)
class Bench:
    """What the instruments of a stage work on and with.

    Parameters
    ----------
    conversations
        Rows ``conversation_id``, ``source`` and ``messages``.
    prompts
        The facets' declarations: their kinds and options.
    weights
        File of the trained classifier (``instruments.weights``).
    labels
        File of annotations that exist already (``instruments.labels``).
    wanted_error
        Error up to which a cascade lets the classifier decide (``instruments.wanted_error``).
    """

    conversations: pd.DataFrame
    prompts: Prompts
    weights: Path
    labels: Path
    wanted_error: float

    @cached_property
    def classifier(self) -> classifier.Classifier:
        """The trained classifier."""
        return classifier.load(self.weights)

    @cached_property
    def scores(self) -> dict[str, Probabilities]:
        """Each head's probabilities for the conversations; they are embedded once for all questions."""
        return self.classifier.scores(self.conversations)


@dataclass(frozen=True)
class Decided:
    """What an instrument decided by itself; conversations without a reading are left to the language model.

    Parameters
    ----------
    by
        The instrument, as metrics name it (``decided_by_<instrument>``).
    readings
        Conversation id -> what was read, or why nothing could be.
    """

    by: str
    readings: Mapping[str, Reading | Rejected] = field(default_factory=dict)


def decide(question: Question, bench: Bench) -> Decided:
    """Let the instrument of a group of facets decide what it can without the language model.

    Raises
    ------
    InputError
        When the instrument's file cannot be used for these facets.
    """
    match question.instrument:
        case "model" | "probe" | "auto":  # what asks a language model is done by the caller, for all questions at once
            return Decided(MODEL)
        case "labels":
            facets = {name: bench.prompts.facets[name] for name in question.facets}
            return Decided("labels", read_labels(bench.labels).readings(bench.conversations, facets))
        case "classifier":
            return Decided("classifier", _classified(question, bench, sure_only=False))
        case "cascade":
            return Decided("classifier", _classified(question, bench, sure_only=True))


def _classified(question: Question, bench: Bench, *, sure_only: bool) -> dict[str, Reading]:
    """Return the classifier's readings, with `sure_only` those within its bounds for the wanted error."""
    facets = {name: bench.prompts.facets[name] for name in question.facets}
    heads = cascade.heads_for(facets, bench.classifier, sure_only=sure_only)
    return cascade.readings(
        bench.conversations["conversation_id"].tolist(),
        {name: bench.scores[name] for name in heads},
        heads,
        bench.wanted_error if sure_only else None,
    )


def without_values(question: Question, bench: Bench) -> dict[str, frozenset[str]]:
    """Return, for list facets that the weights know, the conversations in which the classifier finds no value.

    Names can always be found, so the instrument `probe` leaves to the classifier whether there is something to name.
    """
    found: dict[str, frozenset[str]] = {}
    ids = bench.conversations["conversation_id"].to_numpy()
    for name in question.facets:
        if isinstance(bench.prompts.facets[name], ListFacet) and name in bench.classifier.heads:
            none = bench.scores[name].argmax(axis=1) == classifier.PRESENCE.index("none")
            found[name] = frozenset(ids[none].tolist())
    return found
