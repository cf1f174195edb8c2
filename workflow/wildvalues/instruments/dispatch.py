"""Which instrument answers a group of facets: the one place where ``instrument`` of ``params.yaml`` is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from wildvalues.instruments.labels import read_labels
from wildvalues.llm.facets import Prompts, Reading
from wildvalues.llm.types import Rejected
from wildvalues.params import Instrument

MODEL: Instrument = "model"
# Every instrument that can have decided a reading, for metrics.
INSTRUMENTS: tuple[str, ...] = (MODEL, "labels")


@dataclass(frozen=True)
class Question:
    """Facets read off a conversation together, by which instrument, and the model when it is not the default."""

    facets: tuple[str, ...]
    instrument: Instrument = MODEL
    model: str | None = None


@dataclass(frozen=True)
class Bench:
    """What the instruments of a stage work with.

    Parameters
    ----------
    prompts
        The facets' declarations: their kinds and options.
    labels
        File of annotations that exist already (``instruments.labels``).
    """

    prompts: Prompts
    labels: Path


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


def decide(question: Question, conversations: pd.DataFrame, bench: Bench) -> Decided:
    """Let the instrument of a group of facets decide what it can without the language model.

    Parameters
    ----------
    conversations
        Rows ``conversation_id`` and ``messages``.

    Raises
    ------
    InputError
        When the instrument's file cannot be used for these facets.
    """
    match question.instrument:
        case "model":
            return Decided(MODEL)
        case "labels":
            facets = {name: bench.prompts.facets[name] for name in question.facets}
            return Decided("labels", read_labels(bench.labels).readings(conversations, facets))
