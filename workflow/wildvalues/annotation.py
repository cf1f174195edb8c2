"""Asking facets of many conversations: shared by the stages `screen` and `extract`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wildvalues.errors import InputError, TooManyRejectsError
from wildvalues.instruments import probe
from wildvalues.instruments.dispatch import INSTRUMENTS, MODEL, Bench, Question, decide, without_values
from wildvalues.llm import providers
from wildvalues.llm.batching import answer_ahead
from wildvalues.llm.facets import Interview, Item, Prompts, Reading, load_prompts
from wildvalues.llm.last_runs import remember
from wildvalues.llm.memo import Memo
from wildvalues.llm.planning import settled
from wildvalues.llm.runner import answer_all
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Answer, Rejected, Request
from wildvalues.llm.usage import Usage, rejections
from wildvalues.params import Params

logger = logging.getLogger("wildvalues")

# Ids of the conversations that calibrate a model begin with this (`wildvalues.calibration`).
ANCHOR = "anchor:"


@dataclass(frozen=True)
class Row:
    """An item of one conversation; `score` is the margin of a chosen option over the runner-up, in nats."""

    conversation_id: str
    item: Item
    score: float | None = None
    decided_by: str = MODEL


@dataclass(frozen=True)
class Annotated:
    """What was read off a set of conversations.

    Parameters
    ----------
    items
        Items of the conversations for which every question was answered, by conversation and facet.
    rejects
        Rows of the rejects table.
    ungrounded
        Values dropped because their quote is not in the conversation.
    usage
        Calls, tokens, dollars and rejects by kind, the same whether an answer was live or recorded.
    decided
        Readings of conversations by each instrument: ``decided_by_model``, ``decided_by_labels`` ...
    """

    items: list[Row]
    rejects: pd.DataFrame
    ungrounded: int
    usage: Mapping[str, Any]
    prompts: Prompts
    decided: Mapping[str, int] = field(default_factory=dict)


def annotate(
    conversations: pd.DataFrame,
    questions: Sequence[Question],
    *,
    params: Params,
    prompts: Path,
    weights: Path,
    labels: Path,
    max_chars: int,
    ground: bool,
    stage: str,
    anchors: pd.DataFrame | None = None,
) -> Annotated:
    """Answer each question about each conversation, by its own instrument.

    Parameters
    ----------
    conversations
        Rows of `tables.CONVERSATIONS`.
    questions
        Groups of facets, each with its instrument.
    weights, labels
        The trained classifier, and annotations that exist already.
    anchors
        Rows ``conversation_id`` and ``messages`` to calibrate the model on: asked of it too, if anything is.

    Raises
    ------
    InputError
        When a prompt file, or the file of an instrument, is missing or invalid.
    """
    loaded = load_prompts(prompts, [facet for question in questions for facet in question.facets])
    tells_words = providers.tells_words(params)
    questions = [
        replace(one, instrument=settled(one.facets, one.instrument, loaded, tells_words=tells_words))
        for one in questions
    ]
    if not tells_words and any(question.instrument == "probe" for question in questions):
        raise InputError(
            f"instrument probe: it weighs the model's next words, which llm.provider {params.llm.provider} does not "
            "tell; use instrument auto or model"
        )
    bench = Bench(
        conversations.sort_values("conversation_id"), loaded, weights, labels, params.instruments.wanted_error
    )
    decided = [decide(question, bench) for question in questions]
    found: dict[tuple[int, str], tuple[str, Reading | Rejected]] = {
        (group, identity): (given.by, reading)
        for group, given in enumerate(decided)
        for identity, reading in given.readings.items()
    }
    usage = Usage()
    for group, read in _probe(conversations, questions, bench, params, max_chars, stage, usage):
        for identity, part in read.items():
            known = found.get((group, identity))
            found[group, identity] = ("probe", _joined(known[1] if known else None, part))
    # A conversation without one of its facets is left out as a whole: nothing more is asked about it.
    lost = {identity for (_, identity), (_, reading) in found.items() if isinstance(reading, Rejected)}
    asked = conversations.loc[~conversations["conversation_id"].isin(lost), ["conversation_id", "messages"]]
    open_still = [any((g, one) not in found for g in range(len(questions))) for one in asked["conversation_id"]]
    asked = asked.loc[np.array(open_still, dtype=bool)]
    if anchors is not None and len(asked):
        asked = pd.concat([asked, anchors])
    # Asked in the words of all questions, so that another instrument for one facet changes no other's request.
    interview = Interview(loaded, [question.facets for question in questions], max_chars=max_chars)
    answers = _ask_model(
        asked, questions, interview, leave=found.keys(), params=params, ground=ground, stage=stage, usage=usage
    )
    found |= {key: (MODEL, reading) for key, reading in answers.items()}
    if usage.calls:
        logger.info("%s: %s", stage, usage.summary())
    remember(stage, usage)

    rejects: list[dict[str, str]] = []
    rows: list[Row] = []
    ungrounded = 0
    by: Counter[str] = Counter()
    for identity in sorted({*conversations["conversation_id"], *asked["conversation_id"]}):
        whole: list[tuple[str, Reading]] = []
        for group, question in enumerate(questions):
            instrument, reading = found.get((group, identity), (MODEL, None))
            if isinstance(reading, Rejected):
                where = f"{identity} ({', '.join(question.facets)})"
                rejects.append({"stage": stage, "where": where, "reason": reading.reason, "kind": reading.kind})
            elif reading is not None:
                by[instrument] += not identity.startswith(ANCHOR)
                whole.append((instrument, reading))
        if len(whole) == len(questions):
            rows += [Row(identity, item, decided_by=name) for name, reading in whole for item in reading.items]
            ungrounded += sum(reading.ungrounded for _, reading in whole)
    return Annotated(
        items=rows,
        rejects=pd.DataFrame(rejects, columns=["stage", "where", "reason", "kind"]),
        ungrounded=ungrounded,
        usage={**usage.metrics(), **rejections(Counter(reject["kind"] for reject in rejects))},
        prompts=loaded,
        decided={f"decided_by_{name}": by[name] for name in INSTRUMENTS},
    )


def _probe(
    conversations: pd.DataFrame,
    questions: Sequence[Question],
    bench: Bench,
    params: Params,
    max_chars: int,
    stage: str,
    usage: Usage,
) -> Iterator[tuple[int, Mapping[str, Reading | Rejected]]]:
    """Yield the readings of each facet that is read by probes, with the number of its question."""
    groups = [group for group, question in enumerate(questions) if question.instrument == "probe"]
    for model in sorted({questions[group].model or "" for group in groups}):
        mine = [group for group in groups if (questions[group].model or "") == model]
        facets = {facet: group for group in mine for facet in questions[group].facets}
        none_found: dict[str, frozenset[str]] = {}
        for group in mine:
            none_found |= without_values(questions[group], bench)
        found = probe.readings(
            conversations,
            list(facets),
            bench.prompts,
            none_found=none_found,
            model=model or None,
            params=params,
            max_chars=max_chars,
            stage=stage,
            usage=usage,
        )
        for facet, read in found.items():
            yield facets[facet], read


def _joined(known: Reading | Rejected | None, more: Reading | Rejected) -> Reading | Rejected:
    """Return what two facets of one question were read as, together."""
    if known is None or isinstance(known, Rejected):
        return known or more
    if isinstance(more, Rejected):
        return more
    return Reading((*known.items, *more.items), known.ungrounded + more.ungrounded)


def _ask_model(
    conversations: pd.DataFrame,
    questions: Sequence[Question],
    interview: Interview,
    *,
    leave: Container[tuple[int, str]],
    params: Params,
    ground: bool,
    stage: str,
    usage: Usage,
) -> dict[tuple[int, str], Reading | Rejected]:
    """Return the model's readings by number of the question and conversation, but those to `leave`."""
    if conversations.empty:
        return {}
    ordered = conversations.sort_values("conversation_id")
    groups = {
        identity: [group for group in range(len(questions)) if (group, identity) not in leave]
        for identity in ordered["conversation_id"]
    }
    used = {group for asked in groups.values() for group in asked}
    model_ids = {group: providers.model_id(params, questions[group].model) for group in sorted(used)}
    turns: dict[str, list[Turn]] = {}

    def requests(kept: dict[str, list[Turn]] | None) -> Iterator[tuple[str, Request]]:
        # All questions about one conversation in a row, so that its text is read once.
        for conversation_id, messages in zip(ordered["conversation_id"], ordered["messages"], strict=True):
            said = turns_of(messages)
            if kept is not None and groups[conversation_id]:
                kept[conversation_id] = said
            for group in groups[conversation_id]:
                request = interview.request(said, group, model=model_ids[group], temperature=params.llm.temperature)
                yield f"{group}:{conversation_id}", request

    rejected = answer_ahead(lambda: (one for _, one in requests(None)), params=params, stage=stage, usage=usage)
    found: dict[tuple[int, str], Reading | Rejected] = {}
    with (
        Memo(artefacts=[Path(place) for place in params.llm.replay]) as memo,
        providers.Lazy(params, rejected=rejected) as provider_factory,
    ):
        for key, answer in answer_all(
            requests(turns),
            provider_factory=provider_factory,
            memo=memo,
            params=params,
            label=stage,
            total=sum(map(len, groups.values())),
            usage=usage,
        ):
            group, conversation_id = int(key.partition(":")[0]), key.partition(":")[2]
            if isinstance(answer, Answer):
                reading = interview.read(answer, turns[conversation_id], group, ground=ground)
            else:
                reading = answer
            found[group, conversation_id] = reading
            if group == groups[conversation_id][-1]:
                del turns[conversation_id]
    return found


def check_rejects(annotated: Annotated, total: int, params: Params, stage: str) -> None:
    """Stop the stage when too many conversations got no usable answer.

    Raises
    ------
    TooManyRejectsError
        With the most frequent reason.
    """
    rejected = annotated.rejects["where"].nunique()
    if total and rejected > params.llm.max_failed_share * total:
        reason = annotated.rejects["reason"].value_counts().index[0]
        raise TooManyRejectsError(
            f"{stage}: {rejected} of {total} conversations got no usable answer, most often because: {reason}; "
            "mend that and run again (finished answers are kept), or raise llm.max_failed_share"
        )
