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
from wildvalues.llm import estimating, models, prices, providers
from wildvalues.llm.downloads import megabytes
from wildvalues.llm.estimating import Sample, Total
from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.memo import Memo
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Request
from wildvalues.params import Params, load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import SCREENING

# The default embedded model on 2 cores, tokens a second; other models are slower or faster about as they are larger.
_READ_PER_S, _WRITTEN_PER_S, _MEASURED_MODEL = 64.0, 13.0, "qwen2.5-coder-1.5b-instruct"
# METHOD: 308,210 of 700,000 conversations were subjective.
_PUBLISHED_SUBJECTIVE = 0.44
# Clio (arXiv 2412.13678): dollars for 100,000 conversations of 1,000 tokens, of which $45 are for facets.
_CLIO_DOLLARS, _CLIO_TOKENS = 48.81, 1_000
_REFERENCE_MODEL = "claude-haiku-5-5"
_BYTES_OF_A_RECORD, _BYTES_OF_A_TOKEN = 260, 5


@click.command("estimate")
@click.option(
    "--conversations", type=click.Path(path_type=Path), help="Table to measure instead of the logs of params.yaml."
)
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option("--sampled", type=click.IntRange(min=2), default=100, show_default=True, help="Conversations to measure.")
@params_option
def command(conversations: Path | None, prompts: Path, sampled: int, params_file: Path) -> None:
    """Say what `screen` and `extract` will take: tokens, dollars, hours and disk; nothing is asked of a model."""
    params = load_params(params_file)
    source = str(conversations or params.ingest.input)
    frame = read_table(conversations) if conversations else _as_the_study_reads_them(params)
    if frame.empty:
        raise InputError(f"{source}: holds no conversation, so there is nothing to estimate")
    drawn = _drawn(frame, sampled)
    share, share_from, subjective = _subjective(frame)
    drawn_subjective = _drawn(subjective, sampled)
    groups = [request.facets for request in params.extract.requests]
    with _counter(params) as count_tokens, Memo(artefacts=_artefacts(params)) as memo:
        measure = _measurer(params, prompts, drawn, memo, count_tokens)
        screen = measure("screen", [[params.screen.facet]], [None], params.screen.prompt_chars)
        measure = _measurer(params, prompts, drawn_subjective, memo, count_tokens)
        named = [request.model for request in params.extract.requests]
        extract = measure("extract", groups, named, params.extract.prompt_chars)
        # For the comparison with Clio: the same facets, one a call and all in one call, whatever the study does.
        facets = [facet for group in groups for facet in group]
        separate = measure("", [[facet] for facet in facets], [None] * len(facets), params.extract.prompt_chars)
        together = measure("", [facets], [None], params.extract.prompt_chars)

    click.echo(f"{len(frame):,} conversations of {source}; measured: {len(drawn)}, for extract {len(drawn_subjective)}")
    click.echo(f"subjective: {share:.0%} ({share_from})")
    counts = {"screen": float(len(frame)), "extract": share * len(frame)}
    samples = [*screen, *extract]
    for sample in samples:
        _show_stage(sample, counts[sample.stage])
    if params.name.by == "model":
        facets_named = 3  # AI values, human values, tasks
        click.echo(f"\nname: about {facets_named * sum(params.cluster.levels):,} short calls more, not counted below")
    _show_money_and_time(params, samples, counts)
    _show_disk(params, samples, counts)
    _show_clio(params, separate[0], together[0])


def _measurer(
    params: Params,
    prompts: Path,
    turns: list[list[Turn]],
    memo: Memo,
    count_tokens: Callable[[Request], int] | None,
) -> Callable[[str, list[list[str]], list[str | None], int], list[Sample]]:
    def measure(stage: str, groups: list[list[str]], names: list[str | None], max_chars: int) -> list[Sample]:
        loaded = load_prompts(prompts, [facet for group in groups for facet in group])
        return estimating.measure(
            stage,
            turns,
            Interview(loaded, groups, max_chars=max_chars),
            [providers.model_id(params, name) for name in names],
            temperature=params.llm.temperature,
            memo=memo,
            count_tokens=count_tokens,
        )

    return measure


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
    """Yield the service's token counter when there is a key for it; counting is free of charge."""
    if params.llm.provider != "anthropic" or params.llm.base_url or not os.environ.get("ANTHROPIC_API_KEY"):
        yield None
        return
    from wildvalues.llm.errors import FatalError, TransientError
    from wildvalues.llm.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(params)

    def count(request: Request) -> int:
        try:
            return provider.count_tokens(request)
        except TransientError as error:
            raise FatalError(f"tokens cannot be counted now ({error}); try again later") from None

    yield count
    provider.close()


def _show_stage(sample: Sample, conversations: float) -> None:
    per_token, measured = sample.chars_per_token
    ratio = f"{per_token:.2f} characters a token{'' if measured else ', assumed'}"
    read = estimating.total(sample, conversations, lambda one: one.chars / per_token)
    written = estimating.total(sample, conversations, sample.written)
    calls = conversations * len(sample.conversations[0])
    how = "measured" if sample.written_share[1] else "assumed where no answer is recorded"
    click.echo(f"\n{sample.stage} with {_shown(sample.model)}")
    click.echo(f"  calls           {calls:,.0f}, of which the memo answers about {sample.answered_share:.0%}")
    click.echo(f"  tokens to read  {read.text()}; {ratio}")
    click.echo(f"  tokens written  {written.text()}; {how}")


def _show_money_and_time(params: Params, samples: list[Sample], counts: dict[str, float]) -> None:
    if params.llm.provider == "embedded":
        hours = Total(0.0, 0.0)
        for sample in samples:
            slower = _relative_size(sample.model)
            of = estimating.seconds(sample, _READ_PER_S / slower, _WRITTEN_PER_S / slower)
            hours += estimating.total(sample, counts[sample.stage], estimating.scaled(of, 1 / 3600))
        click.echo(f"\nhours on 2 cores  {hours.text(',.2f')}; no dollars: the model runs on this machine")
        return
    if params.llm.provider != "anthropic":
        click.echo(f"\nnothing to pay: llm.provider is {params.llm.provider}")
        return
    live, cached, batch = Total(0.0, 0.0), Total(0.0, 0.0), Total(0.0, 0.0)
    for sample in samples:
        price = prices.price_of(params, sample.model)
        if price is None:
            click.echo(f"\ndollars: the price of {sample.model} is not known; add it under llm.prices in params.yaml")
            return
        count = counts[sample.stage]
        live += estimating.total(sample, count, estimating.dollars(sample, price))
        cached += estimating.total(sample, count, estimating.dollars_with_cache(sample, price))
        batch += estimating.total(sample, count, estimating.scaled(estimating.dollars(sample, price), price.batch))
    listed = prices.price_file()
    click.echo(f"\ndollars live      {live.text(',.2f', '$')}; with every prompt-cache hit {cached.text(',.2f', '$')}")
    click.echo(f"dollars in batch  {batch.text(',.2f', '$')}; prices of {listed['date']}, {listed['source']}")


def _shown(model: str) -> str:
    """Return the registry's name of weights, else the id's beginning."""
    names = [name for name, entry in models.registry().items() if model == f"sha256:{entry.sha256}"]
    return names[0] if names else model[:40]


def _relative_size(model: str) -> float:
    known = models.registry()
    for entry in known.values():
        if model == f"sha256:{entry.sha256}":
            return entry.size / known[_MEASURED_MODEL].size
    return 1.0


def _show_disk(params: Params, samples: list[Sample], counts: dict[str, float]) -> None:
    memo_bytes = Total(0.0, 0.0)
    for sample in samples:
        texts = estimating.scaled(sample.written, _BYTES_OF_A_TOKEN)
        memo_bytes += estimating.total(sample, counts[sample.stage], texts)
        memo_bytes += estimating.total(sample, counts[sample.stage], lambda _: _BYTES_OF_A_RECORD)
    text = f"disk              {megabytes(int(memo_bytes.value))} of answers"
    entry = models.registry().get(params.llm.model)
    if params.llm.provider == "embedded" and entry is not None and not models.place_of(params.llm.model).exists():
        text += f", {megabytes(entry.size)} of weights to download"
    click.echo(text)


def _show_clio(params: Params, separate: Sample, together: Sample) -> None:
    name, price = _price_for_comparison(params, separate.model)
    click.echo(f"\nfacets of 100,000 conversations with {name}, nothing cached, live (half in batch)")
    click.echo(f"{'':<28}{'your lengths':>14}{f'{_CLIO_TOKENS:,} tokens':>16}")
    for label, sample in (("one call a facet", separate), ("all facets in one call", together)):
        own = estimating.per_hundred_thousand(sample, price)
        assumed = estimating.per_hundred_thousand(sample, price, _CLIO_TOKENS)
        click.echo(f"  {label:<26}{f'${own:,.2f}':>14}{f'${assumed:,.2f}':>16}")
    click.echo(f"  {'Clio, published':<26}{'':>14}{f'${_CLIO_DOLLARS:,.2f}':>16}")


def _price_for_comparison(params: Params, model: str) -> tuple[str, ModelPrice]:
    if params.llm.provider == "anthropic" and (price := prices.price_of(params, model)) is not None:
        return model, price
    llm = params.llm.model_copy(update={"provider": "anthropic", "base_url": None})
    price = prices.price_of(params.model_copy(update={"llm": llm}), _REFERENCE_MODEL)
    assert price is not None
    return f"{_REFERENCE_MODEL} (for comparison)", price
