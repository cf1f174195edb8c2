"""Instrument `probe`: values named from the probabilities of a language model's next word.

For each facet the model is asked its probes (`wildvalues.llm.probing`), all about one conversation in a row. What it
would say next, less what it says on average in this corpus, is mapped to the names of the lexicon. The quote is the
sentence of the speaker that comes nearest to the name; it shows where to look and proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.errors import InputError
from wildvalues.instruments.naming_words import Scale, choose_names, score_names
from wildvalues.llm import providers
from wildvalues.llm.facets import Item, ListFacet, Prompts, Reading
from wildvalues.llm.memo import Memo
from wildvalues.llm.probing import probe_request, probes_of, words_of
from wildvalues.llm.runner import answer_all
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Answer, Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Embed, Params

# Fewer conversations than this say too little about the words that a model favours; as in `calibration.MIN_CORPUS`.
MIN_CORPUS = 20
# Names less likely than this are not reported.
AT_LEAST = 0.12
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_QUOTE_CHARS = (12, 160)
_STEM = 5

_Distribution = Mapping[str, float]


def readings(
    conversations: pd.DataFrame,
    facets: Sequence[str],
    prompts: Prompts,
    *,
    none_found: Mapping[str, frozenset[str]],
    model: str | None,
    params: Params,
    max_chars: int,
    stage: str,
    usage: Usage,
) -> dict[str, dict[str, Reading | Rejected]]:
    """Return, for each facet, what was read off each conversation.

    Parameters
    ----------
    conversations
        Rows ``conversation_id`` and ``messages``.
    none_found
        For a facet, conversations in which another instrument finds no value at all; they are not asked about.
    model
        Model to ask; None takes ``llm.model``.

    Raises
    ------
    InputError
        When a facet has no probes, or there is no lexicon.
    """
    for facet in facets:
        if not getattr(prompts.facets[facet], "probes", {}):
            raise InputError(
                f"instrument probe: {facet}.yaml has no probes; read {facet} with another instrument, or write some "
                "(workflow/prompts/README.md)"
            )
    turns = {
        one: turns_of(said)
        for one, said in zip(conversations["conversation_id"], conversations["messages"], strict=True)
    }
    found, rejected = ask(turns, facets, prompts, none_found, model, params, max_chars, stage, usage)
    result: dict[str, dict[str, Reading | Rejected]] = {}
    for facet in facets:
        declared = prompts.facets[facet]
        ids = [one for one in sorted(turns) if one not in rejected and one not in none_found.get(facet, frozenset())]
        result[facet] = dict(rejected.items())
        result[facet] |= {
            one: Reading((Item(facet, 0, None),), 0)
            for one in none_found.get(facet, frozenset())
            if one in turns and one not in rejected
        }
        answers = [[found[facet, name][one] for one in ids] for name in getattr(declared, "probes", {})]
        if isinstance(declared, ListFacet) and ids:
            result[facet] |= _named(facet, declared, prompts, ids, answers, turns)
    return result


def ask(
    turns: Mapping[str, list[Turn]],
    facets: Sequence[str],
    prompts: Prompts,
    none_found: Mapping[str, frozenset[str]],
    model: str | None,
    params: Params,
    max_chars: int,
    stage: str,
    usage: Usage,
) -> tuple[dict[tuple[str, str], dict[str, Answer]], dict[str, Rejected]]:
    """Return the answers by facet and probe, then by conversation; and the conversations that cannot be answered."""
    asked = list(probes_of(prompts, facets))
    model_id = providers.model_id(params, model)
    pairs = [
        (number, one)
        for one in sorted(turns)
        for number, probe in enumerate(asked)
        if one not in none_found.get(probe.facet, frozenset())
    ]

    def requests() -> Iterator[tuple[str, Request]]:
        for number, one in pairs:
            yield (
                f"{number}:{one}",
                probe_request(
                    asked[number],
                    turns[one],
                    system=prompts.reader.probe_system.strip(),
                    model=model_id,
                    temperature=params.llm.temperature,
                    max_chars=max_chars,
                ),
            )

    found: dict[tuple[str, str], dict[str, Answer]] = {(probe.facet, probe.name): {} for probe in asked}
    rejected: dict[str, Rejected] = {}
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
            total=len(pairs),
            usage=usage,
        ):
            number, one = int(key.partition(":")[0]), key.partition(":")[2]
            if isinstance(answer, Rejected):
                rejected.setdefault(one, answer)
            else:
                found[asked[number].facet, asked[number].name][one] = answer
    return found, rejected


def _named(
    facet: str,
    declared: ListFacet,
    prompts: Prompts,
    ids: Sequence[str],
    answers: Sequence[Sequence[Answer]],
    turns: Mapping[str, list[Turn]],
) -> dict[str, Reading | Rejected]:
    from wildvalues.taxonomy.vectors import encode

    lexicon = prompts.lexicon
    assert lexicon is not None
    names = list(lexicon.names)
    priors = np.array([lexicon.names[name][lexicon.shares.index(facet)] for name in names])
    words: list[list[_Distribution]] = [[words_of(answer) for answer in probe] for probe in answers]
    distinct = sorted({word for probe in words for one in probe for word in one})
    vectors = dict(zip(distinct, encode(distinct, Embed()), strict=True))
    name_vectors = np.asarray(encode(names, Embed()))
    fits = score_names(words, vectors, name_vectors, priors, scale_of(lexicon.scale), centred=len(ids) >= MIN_CORPUS)
    alike = name_vectors.astype(float) @ name_vectors.astype(float).T
    taken = [choose_names(row, alike, most=declared.max_items, at_least=AT_LEAST) for row in np.round(fits, 6)]

    sentences = {one: _sentences(turns[one], declared.speaker) for one in ids}
    texts = sorted({text for mine in sentences.values() for text in mine})
    text_vectors = dict(zip(texts, encode(texts, Embed()), strict=True))
    result: dict[str, Reading | Rejected] = {}
    for row, one in enumerate(ids):
        if not sentences[one]:
            result[one] = Reading((Item(facet, 0, None),), len(taken[row]))
            continue
        near = np.stack([text_vectors[text] for text in sentences[one]])
        quotes = [sentences[one][int(np.round(near @ name_vectors[name], 5).argmax())] for name in taken[row]]
        result[one] = Reading(
            tuple(
                Item(facet, rank, names[name], quote, _says(names[name], quote) if declared.explicit else None)
                for rank, (name, quote) in enumerate(zip(taken[row], quotes, strict=True))
            ),
            0,
        )
    return result


def scale_of(written: Mapping[str, float | Sequence[float]]) -> Scale:
    """Return the fitted scale of a lexicon file."""

    def numbers(key: str) -> tuple[float, ...]:
        value = written[key]
        return tuple(value) if isinstance(value, Sequence) else (value,)

    (intercept,) = numbers("intercept")
    return Scale(numbers("coefficients"), numbers("centre"), numbers("spread"), intercept)


def _sentences(turns: Sequence[Turn], speaker: str) -> list[str]:
    """Return passages of a speaker that can be quoted: sentences, the long ones cut at a word."""
    shortest, longest = _QUOTE_CHARS
    found = []
    for turn in turns:
        if turn.role == speaker:
            for match in _SENTENCE.finditer(turn.text):
                text = match.group().strip()
                if len(text) > longest:
                    text = text[:longest].rsplit(" ", 1)[0]
                if len(text) >= shortest:
                    found.append(text)
    if not found:
        found = [turn.text.strip()[:longest] for turn in turns if turn.role == speaker and turn.text.strip()]
    return found


def _says(name: str, quote: str) -> bool:
    """Say whether a passage states the value outright: it holds the stem of one of the name's longer words."""
    folded = quote.casefold()
    return any(word[:_STEM] in folded for word in name.split() if len(word) >= _STEM)


def vectors_of(names: Sequence[str]) -> NDArray[np.float32]:
    """Return the unit vectors of names by the embedding model that the lexicon was fitted with."""
    from wildvalues.taxonomy.vectors import encode

    return np.asarray(encode(list(names), Embed()))
