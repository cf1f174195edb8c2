"""`wildvalues lexicon`: scale and shares of `workflow/prompts/lexicon.yaml`, from labels and what the model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import replacing
from wildvalues.params import Embed, Params, load_params
from wildvalues.tools.train import labelled_ids, read_logs

if TYPE_CHECKING:
    import pandas as pd

    from wildvalues.instruments.fitting import Answered, Fitted
    from wildvalues.llm.facets import Prompts
    from wildvalues.validation.facets import Section
    from wildvalues.validation.gold import Gold

FACETS = ("ai_values", "human_values")
# Six coefficients need some hundred pairs that fit; conversations have about three each.
_FEWEST = 40

_HEAD = """\
# Names of values that the instrument `probe` chooses from. Written for this project, from no list of values.
# After each name: the share of labelled conversations in which a value like it was found (cosine of names at least
# {similarity:g} by {model}), in the order of `shares`. Scale and shares are fitted by `wildvalues lexicon` on
# {count} labelled conversations; features in the order of wildvalues.instruments.naming_words.Scale.
"""


@click.command("lexicon")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labels in the gold schema; repeat for several files. Default: instruments.labels.",
)
@click.option(
    "--conversations",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Logs that hold the labelled conversations, any format; repeat. Default: ingest.input.",
)
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option("--write/--measure-only", default=True, show_default=True, help="Write lexicon.yaml of --prompts anew.")
@params_option
def command(
    labels: tuple[Path, ...], conversations: tuple[Path, ...], prompts: Path, write: bool, params_file: Path
) -> None:
    """Fit the lexicon of the instrument `probe` to labelled conversations.

    Asks the model the probes about those labelled subjective (from the memo where it was asked before), prints how well
    their values are found by what the other sources teach, and writes what all of them teach. `embed.model` and
    `validate.similarity` say which names mean the same.
    """
    from wildvalues.instruments import fitting
    from wildvalues.llm.facets import ListFacet, load_prompts
    from wildvalues.taxonomy.vectors import encode
    from wildvalues.validation.facets import Resampling
    from wildvalues.validation.gold import read_gold

    params = load_params(params_file)
    files = labels or (Path(params.instruments.labels),)
    loaded = load_prompts(prompts, list(FACETS))
    if loaded.lexicon is None:
        raise InputError(f"{prompts}: no list facet has probes, so there is no lexicon to fit")
    wanted = labelled_ids(files)
    frame = read_logs(conversations or (Path(params.ingest.input),), params, wanted)
    gold = {name: one for path in files for name, one in read_gold(path).items()}
    answered = _answers(frame, gold, loaded, params)

    def judge(strings: Sequence[str]) -> np.ndarray:
        return encode(strings, params.embed)

    similarity = params.validation.similarity
    space = fitting.Space.of(list(loaded.lexicon.names), answered, lambda strings: encode(strings, Embed()))
    same = {facet: fitting.alike(space.names, answered.labels[facet], judge, similarity) for facet in answered.labels}
    most = {facet: one.max_items for facet, one in loaded.facets.items() if isinstance(one, ListFacet)}
    how = Resampling(params.analyze.bootstrap, params.study.seed)
    sections = fitting.measure(answered, space, same, most, judge, similarity, how)
    click.echo(_table(sections))
    if write:
        fitted = fitting.fit(answered, space, same, FACETS[0])
        target = prompts / "lexicon.yaml"
        with replacing(target) as scratch:
            scratch.write_text(_as_yaml(space.names, fitted, len(answered), params), "utf-8")
        click.echo(f"{target}: fitted to {len(answered):,} labelled conversations")


def _answers(frame: pd.DataFrame, gold: Mapping[str, Gold], prompts: Prompts, params: Params) -> Answered:
    from wildvalues.instruments import probe
    from wildvalues.instruments.fitting import Answered
    from wildvalues.llm.probing import words_of
    from wildvalues.llm.transcript import turns_of
    from wildvalues.llm.usage import Usage

    used = [
        name
        for name in sorted(frame["conversation_id"])
        if gold[name].subjective is not False and gold[name].ai_values is not None
    ]
    frame = frame.set_index("conversation_id")
    turns = {name: turns_of(frame.loc[name, "messages"]) for name in used}
    found, rejected = probe.ask(
        turns, FACETS, prompts, {}, None, params, params.extract.prompt_chars, "lexicon", Usage()
    )
    used = [name for name in used if name not in rejected]
    if len(used) < _FEWEST:
        raise InputError(
            f"only {len(used)} subjective conversations have both a text and a label; a lexicon needs at least "
            f"{_FEWEST}: give the labels of these conversations, or the conversations of these labels"
        )
    words: dict[str, list[list[Mapping[str, float]]]] = {facet: [] for facet in FACETS}
    for (facet, _), answers in found.items():
        words[facet].append([words_of(answers[name]) for name in used])
    labels = {facet: [gold[name].names(facet) or [] for name in used] for facet in FACETS}
    sources = frame.loc[used, "source"].fillna("").to_numpy(dtype=object)
    return Answered(used, sources, words, labels)


def _table(sections: Mapping[str, Section]) -> str:
    lines = [
        "| facet | conversations | precision | recall | F1 (95 % interval) | F1 by chance |",
        "|---|---|---|---|---|---|",
    ]
    for facet, section in sections.items():
        precision, recall, f1, low, high, chance = (
            "not defined" if section.get(key) is None else f"{section[key]:.3f}"
            for key in ("precision", "recall", "f1", "f1_low", "f1_high", "chance_f1")
        )
        lines.append(f"| {facet} | {section['n']} | {precision} | {recall} | {f1} ({low} to {high}) | {chance} |")
    return "\n".join(lines)


def _as_yaml(names: Sequence[str], fitted: Fitted, count: int, params: Params) -> str:
    def row(numbers: Sequence[float]) -> str:
        return "[" + ", ".join(f"{round(float(number), 4) + 0.0:g}" for number in numbers) + "]"

    scale = fitted.scale
    lines = [
        _HEAD.format(similarity=params.validation.similarity, model=params.embed.model, count=count).rstrip(),
        "scale:",
        f"  coefficients: {row(scale.coefficients)}",
        f"  centre: {row(scale.centre)}",
        f"  spread: {row(scale.spread)}",
        f"  intercept: {scale.intercept:.4f}",
        f"shares: [{', '.join(fitted.shares)}]",
        "names:",
    ]
    shares = [fitted.shares[facet] for facet in fitted.shares]
    lines += [f"  {name}: {row([share[at] for share in shares])}" for at, name in enumerate(names)]
    return "\n".join(lines) + "\n"
