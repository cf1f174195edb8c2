"""`wildvalues estimate`: tokens, dollars, hours and disk of a study, before it runs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pandas as pd

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_table, sha256_text
from wildvalues.llm import estimating, providers
from wildvalues.llm.estimating import Measured, Sample, local_tokens
from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.memo import Memo
from wildvalues.llm.planning import StagePlan, plan, probed, regrouped
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Request
from wildvalues.params import Params, load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import SCREENING, VOCABULARY
from wildvalues.taxonomy.hierarchy import level_sizes
from wildvalues.tools import estimate_report as report

# METHOD: 308,210 of 700,000 conversations were subjective.
_PUBLISHED_SUBJECTIVE = 0.44
# A member's or outsider's name in the question for a cluster's name, and the words around it.
_CHARS_OF_A_NAME = 22
_NAMED_FACETS = 3
# METHOD: 3,307 AI values; taken for every facet until there is a vocabulary.
_PUBLISHED_VALUES = 3_307


@click.command("estimate")
@click.option(
    "--conversations", type=click.Path(path_type=Path), help="Table to measure instead of the logs of params.yaml."
)
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option("--sampled", type=click.IntRange(min=2), default=100, show_default=True, help="Conversations to measure.")
@params_option
def command(conversations: Path | None, prompts: Path, sampled: int, params_file: Path) -> None:
    """Say what a study will take: tokens, dollars, hours and disk; nothing is asked of a model."""
    params = load_params(params_file)
    source = str(conversations or params.ingest.input)
    frame = read_table(conversations) if conversations else _as_the_study_reads_them(params)
    if frame.empty:
        raise InputError(f"{source}: holds no conversation, so there is nothing to estimate")
    drawn = _drawn(frame, sampled)
    share, share_from, subjective = _subjective(frame)
    drawn_subjective = _drawn(subjective, sampled)
    tells_words = providers.tells_words(params)
    screening, extraction = (
        probed(
            stage, load_prompts(prompts, [name for group in stage.groups for name in group]), tells_words=tells_words
        )
        for stage in plan(params)
    )
    with _counter(params) as count_tokens, Memo(artefacts=_artefacts(params)) as memo:

        def measure(stage: StagePlan, turns: list[list[Turn]]) -> list[Sample]:
            loaded = load_prompts(prompts, [facet for group in stage.groups for facet in group])
            return estimating.measure(
                stage,
                turns,
                Interview(loaded, stage.groups, max_chars=stage.max_chars),
                loaded,
                [providers.model_id(params, call.model) for call in stage.asked],
                temperature=params.llm.temperature,
                memo=memo,
                count_tokens=count_tokens,
            )

        samples = [*measure(screening, drawn), *measure(extraction, drawn_subjective)]
        # For the comparison with Clio: the same facets, one a call and all in one call, whatever the study does.
        facets = [facet for group in extraction.groups for facet in group]
        separate = measure(regrouped(params, [[facet] for facet in facets]), drawn_subjective)
        together = measure(regrouped(params, [facets]), drawn_subjective)
    counts = {"screen": float(len(frame)), "extract": share * len(frame)}
    values, clusters = _in_trees(params)
    if params.cluster.method == "clio":
        # One question for each value and cluster to place; proposals and names of clusters are a small part beside it.
        counts["cluster"] = float(values + clusters)
        samples.append(_placing(params, prompts))
    asked_per_cluster = (params.name.by == "model") + (params.name.audit == "model")
    if asked_per_cluster:
        counts["name"] = float(asked_per_cluster * clusters)
        samples.append(_naming(params, prompts))

    click.echo(f"{len(frame):,} conversations of {source}; measured: {len(drawn)}, for extract {len(drawn_subjective)}")
    click.echo(f"subjective: {share:.0%} ({share_from})")
    for stage in (screening, extraction):
        for call in stage.calls:
            if not call.per_conversation:
                click.echo(f"\n{stage.stage}: {', '.join(call.facets)}: no call, answered by {call.instrument}")
    for sample in samples:
        report.show_stage(params, sample, counts[sample.stage])
    report.show_whole(params, samples, counts)
    report.show_clio(params, separate, together)


def _in_trees(params: Params) -> tuple[int, int]:
    """Return how many values and clusters the trees of all facets hold: counted, or as many as in the published one."""
    path = Path("data/interim/vocabulary.parquet")
    if path.exists():
        sizes = read_table(path, VOCABULARY.schema)["facet"].value_counts().tolist()
    else:
        sizes = [_PUBLISHED_VALUES] * _NAMED_FACETS
    return sum(sizes), sum(sum(level_sizes(params.cluster.levels, size)) for size in sizes)


def _placing(params: Params, prompts: Path) -> Sample:
    """Return the questions for a value's place among the groups of a level."""
    from wildvalues.taxonomy.clio_prompt import LETTERS, load_prompt

    prompt = load_prompt(prompts)
    question = local_tokens(prompt.assign) + local_tokens("x" * (1 + len(LETTERS)) * _CHARS_OF_A_NAME)
    one = Measured(local_tokens(prompt.system), 0.0, question, 1, True)
    return Sample("cluster", providers.model_id(params), [[one]])


def _naming(params: Params, prompts: Path) -> Sample:
    """Return the questions for clusters' names: all alike, so that one stands for them."""
    from wildvalues.taxonomy.naming_prompt import load_prompt

    prompt = load_prompt(prompts)
    names = (params.name.members + params.name.contrast) * _CHARS_OF_A_NAME
    question = local_tokens(prompt.question + prompt.parts) + local_tokens("x" * names)
    one = Measured(local_tokens(prompt.system), 0.0, question, report.NAME_TOKENS, False)
    return Sample("name", providers.model_id(params), [[one]])


def _as_the_study_reads_them(params: Params) -> pd.DataFrame:
    """Read, sample and redact the logs in a folder that is deleted again.

    What lies in ``data/interim`` may be of other logs or other parameters. These stages ask no model.
    """
    with tempfile.TemporaryDirectory(prefix="wildvalues-estimate-") as place:
        for name in ("ingest", "sample", "redact"):
            stage = load_stage(name)
            paths = {key: Path(place, Path(where).name) for key, where in {**stage.reads, **stage.writes}.items()}
            run_stage(name, params, {**paths, "input": Path(params.ingest.input)} if name == "ingest" else paths)
        return read_table(Path(place, "redacted.parquet"))


def _drawn(frame: pd.DataFrame, size: int) -> list[list[Turn]]:
    """Draw conversations by the hash of their id: at random, and the same ones each time."""
    order = frame["conversation_id"].map(sha256_text).argsort(kind="stable")
    return [turns_of(messages) for messages in frame.iloc[order[:size]]["messages"]]


def _subjective(frame: pd.DataFrame) -> tuple[float, str, pd.DataFrame]:
    """Return the share of subjective conversations, where it is from, and those to draw from for `extract`."""
    path = Path("data/interim/screening.parquet")
    if path.exists():
        screening = read_table(path, SCREENING.schema)
        screening = screening[screening["conversation_id"].isin(frame["conversation_id"])]
        kept = frame[frame["conversation_id"].isin(screening.loc[screening["subjective"], "conversation_id"])]
        if len(kept):
            return float(screening["subjective"].mean()), f"measured in {path}, {len(screening):,} of them", kept
    return _PUBLISHED_SUBJECTIVE, "the published study's; `screen` will tell", frame


def _artefacts(params: Params) -> list[Path]:
    return [Path(place) for place in params.llm.replay if Path(place).exists()]


@contextlib.contextmanager
def _counter(params: Params) -> Iterator[Callable[[Request], int] | None]:
    """Yield the service's token counter when there is a key for it; counting is free of charge.

    A server of one's own may have the endpoint too; where it has not, the local count is used and said.
    """
    if params.llm.provider != "anthropic" or not (params.llm.base_url or os.environ.get("ANTHROPIC_API_KEY")):
        yield None
        return
    from wildvalues.llm.errors import FatalError, ItemError, TransientError
    from wildvalues.llm.providers.anthropic import AnthropicProvider

    with contextlib.closing(AnthropicProvider(params)) as provider:
        own_server = params.llm.base_url is not None
        try:
            provider.count_tokens(report.probe(providers.model_id(params)))
        except (FatalError, ItemError, TransientError) as error:
            if own_server:
                click.echo(f"{params.llm.base_url} does not count tokens; they are counted here")
                yield None
                return
            raise FatalError(f"tokens cannot be counted now ({error}); try again later") from None

        def count(request: Request) -> int:
            try:
                return provider.count_tokens(request)
            except (ItemError, TransientError) as error:
                raise FatalError(f"tokens cannot be counted now ({error}); try again later") from None

        yield count
