"""Asking facets of many conversations: shared by the stages `screen` and `extract`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wildvalues.errors import TooManyRejectsError
from wildvalues.llm import providers
from wildvalues.llm.facets import Interview, Item, Prompts, Reading, load_prompts
from wildvalues.llm.memo import Memo
from wildvalues.llm.runner import answer_all
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Answer, Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params

logger = logging.getLogger("wildvalues")


@dataclass(frozen=True)
class Row:
    """An item of one conversation; `score` is the margin of a chosen option over the runner-up, in nats."""

    conversation_id: str
    item: Item
    score: float | None = None


@dataclass(frozen=True)
class Annotated:
    """What was read off a set of conversations.

    Parameters
    ----------
    items
        Items of the conversations for which every request was answered, by conversation and facet.
    rejects
        Rows of the rejects table.
    ungrounded
        Values dropped because their quote is not in the conversation.
    usage
        Calls and tokens, the same whether an answer was live or recorded.
    """

    items: list[Row]
    rejects: pd.DataFrame
    ungrounded: int
    usage: Mapping[str, int]
    prompts: Prompts


def annotate(
    conversations: pd.DataFrame,
    groups: Sequence[Sequence[str]],
    models: Sequence[str | None],
    *,
    params: Params,
    prompts: Path,
    max_chars: int,
    ground: bool,
    stage: str,
) -> Annotated:
    """Ask each group of facets of each conversation.

    Parameters
    ----------
    conversations
        Rows of `tables.CONVERSATIONS`.
    groups
        Facets answered together by one request.
    models
        Model of each group; None takes ``llm.model``.

    Raises
    ------
    InputError
        When a prompt file is missing or invalid.
    """
    facets = [facet for group in groups for facet in group]
    loaded = load_prompts(prompts, facets)
    interview = Interview(loaded, groups, max_chars=max_chars)
    model_ids = [providers.model_id(params, model) for model in models]
    ordered = conversations.sort_values("conversation_id")
    turns: dict[str, list[Turn]] = {}

    def requests() -> Iterator[tuple[str, Request]]:
        # All questions about one conversation in a row, so that its text is read once.
        for conversation_id, messages in zip(ordered["conversation_id"], ordered["messages"], strict=True):
            turns[conversation_id] = turns_of(messages)
            for group, model in enumerate(model_ids):
                request = interview.request(
                    turns[conversation_id], group, model=model, temperature=params.llm.temperature
                )
                yield f"{group}:{conversation_id}", request

    usage = Usage()
    readings: dict[str, list[Reading]] = {}
    rejects: list[dict[str, str]] = []
    with (
        Memo(artefacts=[Path(place) for place in params.llm.replay]) as memo,
        providers.Lazy(params) as provider_factory,
    ):
        for key, answer in answer_all(
            requests(),
            provider_factory=provider_factory,
            memo=memo,
            params=params,
            label=stage,
            total=len(ordered) * len(groups),
            usage=usage,
        ):
            group, conversation_id = int(key.partition(":")[0]), key.partition(":")[2]
            reading: Reading | Rejected
            if isinstance(answer, Answer):
                reading = interview.read(answer, turns[conversation_id], group, ground=ground)
            else:
                reading = answer
            if isinstance(reading, Rejected):
                where = f"{conversation_id} ({', '.join(groups[group])})"
                rejects.append({"stage": stage, "where": where, "reason": reading.reason, "kind": reading.kind})
                readings.setdefault(conversation_id, [])
            else:
                readings.setdefault(conversation_id, []).append(reading)
            if group == len(groups) - 1:
                del turns[conversation_id]
    logger.info("%s: %s", stage, usage.summary())

    complete = {key: found for key, found in readings.items() if len(found) == len(groups)}
    return Annotated(
        items=[Row(key, item) for key, found in complete.items() for reading in found for item in reading.items],
        rejects=pd.DataFrame(rejects, columns=["stage", "where", "reason", "kind"]),
        ungrounded=sum(reading.ungrounded for found in complete.values() for reading in found),
        usage={"calls": usage.calls, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        prompts=loaded,
    )


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
