"""The estimate in words and figures, with what it assumes."""

from __future__ import annotations

from collections.abc import Callable

import click

from wildvalues.llm import estimating, ledger, models, prices
from wildvalues.llm.downloads import megabytes
from wildvalues.llm.estimating import Measured, Sample, Total
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.types import Message, Request
from wildvalues.params import Params

# Longest answer about a cluster's name (`taxonomy.naming_prompt`).
NAME_TOKENS = 160
# The default embedded model on 2 cores, tokens a second; other models are slower or faster about as they are larger.
_READ_PER_S, _WRITTEN_PER_S, _MEASURED_MODEL = 64.0, 13.0, "qwen2.5-coder-1.5b-instruct"
# A hosted model: seconds before the first token, tokens a second. Assumed; rate limits of the account may be lower.
_WAIT_S, _HOSTED_PER_S = 1.5, 80.0
# Clio (arXiv 2412.13678): dollars for 100,000 conversations of 1,000 tokens: facets, names of clusters, hierarchy.
_CLIO_PARTS, _CLIO_DOLLARS, _CLIO_TOKENS, _CLIO_CONVERSATIONS = (45.0, 3.75, 0.06), 48.81, 1_000, 100_000
_REFERENCE_MODEL = "claude-haiku-5-5"
_BYTES_OF_A_RECORD, _BYTES_OF_A_TOKEN = 260, 5


def probe(model: str) -> Request:
    """Return the shortest request, to see whether a server counts tokens."""
    return Request(model, (Message("user", "?"),), max_tokens=1)


def show_stage(params: Params, sample: Sample, conversations: float) -> None:
    """Print calls, tokens and dollars of a stage with one model."""
    calls = conversations * len(sample.conversations[0])
    read = estimating.total(sample, conversations, sample.read)
    written = estimating.total(sample, conversations, sample.written)
    how = "measured" if sample.written_share[1] else "assumed where no answer is recorded"
    click.echo(f"\n{sample.stage} with {_shown(sample.model)}")
    click.echo(f"  calls           {calls:,.0f}, of which the memo answers about {sample.answered_share:.0%}")
    click.echo(f"  tokens to read  {read.text()}; {sample.scale[1]}")
    click.echo(f"  tokens written  {written.text()}; {how}")
    price = prices.price_of(params, sample.model)
    if price is None:
        click.echo(f"  dollars         unknown: {_ask_for_price(sample.model)}")
    elif price.output > 0:
        live, cached, batch = _dollars(sample, conversations, price)
        click.echo(f"  dollars         {live.text(',.2f', '$')}; cached {cached.text(',.2f', '$')}")
        click.echo(f"  in batches      {batch.text(',.2f', '$')}")


def show_whole(params: Params, samples: list[Sample], counts: dict[str, float]) -> None:
    """Print dollars, hours and disk of the whole study."""
    click.echo("")
    nothing = Total(0.0)
    if params.llm.provider == "anthropic":
        _show_dollars(params, samples, counts)
        seconds = nothing
        for sample in samples:
            seconds += estimating.total(sample, counts[sample.stage], _hosted_seconds(sample))
        hours = seconds * (1 / 3600 / params.llm.concurrency)
        click.echo(
            f"hours live        {hours.text(',.2f')} with {params.llm.concurrency} calls in flight of "
            f"{_WAIT_S:g} s and {_HOSTED_PER_S:g} tokens a second (assumed), within your rate limits"
        )
        click.echo("hours in batches  24 at most for each stage, most often less than 1")
    elif params.llm.provider == "embedded":
        hours = nothing
        for sample in samples:
            slower = _relative_size(sample.model)
            of = estimating.seconds(sample, _READ_PER_S / slower, _WRITTEN_PER_S / slower)
            hours += estimating.total(sample, counts[sample.stage], of) * (1 / 3600)
        click.echo(f"hours on 2 cores  {hours.text(',.2f')}; no dollars: the model runs on this machine")
    else:
        click.echo(f"nothing to pay: llm.provider is {params.llm.provider}")
    _show_disk(params, samples, counts)


def _show_dollars(params: Params, samples: list[Sample], counts: dict[str, float]) -> None:
    priced = [(sample, price) for sample in samples if (price := prices.price_of(params, sample.model)) is not None]
    unknown = sorted({sample.model for sample in samples} - {sample.model for sample, _ in priced})
    if unknown:
        click.echo(f"dollars           unknown: {'; '.join(_ask_for_price(model) for model in unknown)}")
        return
    live, cached, batch = Total(0.0), Total(0.0), Total(0.0)
    for sample, price in priced:
        of_live, of_cached, of_batch = _dollars(sample, counts[sample.stage], price)
        live, cached, batch = live + of_live, cached + of_cached, batch + of_batch
    listed = prices.price_file()
    click.echo(f"dollars live      {live.text(',.2f', '$')}; with every prompt-cache hit {cached.text(',.2f', '$')}")
    click.echo(f"dollars in batch  {batch.text(',.2f', '$')}; cache hits make it less, and are not certain there")
    own = sorted({sample.model for sample in samples} & set(params.llm.prices))
    click.echo(
        f"prices            of {listed['date']}, {listed['source']}" + (f"; own for {', '.join(own)}" if own else "")
    )
    spent, budget = ledger.read().charged, params.llm.budget_usd
    if budget is not None:
        high = live.interval[1] if not params.llm.batch else batch.interval[1]
        enough = "enough" if spent + high <= budget else "perhaps too little"
        click.echo(f"llm.budget_usd    ${budget:,.2f}, of which ${spent:,.2f} are spent in this folder: {enough}")


def show_clio(params: Params, separate: list[Sample], together: list[Sample]) -> None:
    """Print the facets' cost for 100,000 conversations beside Clio's, in Clio's length and in the study's."""
    if not separate or not separate[0].requests:
        return
    name, price = _price_for_comparison(params, separate[0].model)
    click.echo(f"\nfacets of {_CLIO_CONVERSATIONS:,} conversations with {name}")
    own = sum(found[0].conversation for found in separate[0].conversations) / len(separate[0].conversations)
    own *= separate[0].scale[0]
    for tokens, what in ((_CLIO_TOKENS, "Clio's assumption"), (own, "mean of yours")):
        click.echo(f"  {f'{tokens:,.0f} tokens each, {what}':<44}{'live':>10}{'cached':>10}{'in batch':>10}")
        for label, samples in (("one call a facet", separate), ("all facets in one call", together)):
            costs = _dollars(estimating.assuming(samples[0], tokens), _CLIO_CONVERSATIONS, price)
            click.echo(f"    {label:<42}" + "".join(f"{f'${cost.value:,.2f}':>10}" for cost in costs))
        if tokens == _CLIO_TOKENS:
            parts = "facets ${:,.2f}, names ${:,.2f}, hierarchy ${:,.2f}".format(*_CLIO_PARTS)
            click.echo(f"    {f'Clio, published ({parts})':<58} ${_CLIO_DOLLARS:,.2f}")


def _dollars(sample: Sample, conversations: float, price: ModelPrice) -> tuple[Total, Total, Total]:
    """Return dollars live, live with every prompt-cache hit, and in batches without any."""
    live = estimating.total(sample, conversations, estimating.dollars(sample, price))
    cached = estimating.total(sample, conversations, estimating.dollars_with_cache(sample, price))
    return live, cached, live * price.batch


def _hosted_seconds(sample: Sample) -> Callable[[Measured], float]:
    return lambda one: _WAIT_S + sample.written(one) / _HOSTED_PER_S


def _ask_for_price(model: str) -> str:
    return (
        f"the price of {model} is not known; add it under llm.prices in params.yaml, "
        f"for example `prices: {{{model}: {{input: 3, output: 15}}}}` (dollars for a million tokens)"
    )


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
    kept = Total(0.0)
    for sample in samples:
        written = estimating.total(sample, counts[sample.stage], sample.written) * _BYTES_OF_A_TOKEN
        kept += written + estimating.total(sample, counts[sample.stage], lambda _: _BYTES_OF_A_RECORD)
    low, high = (megabytes(int(bound)) for bound in kept.interval)
    text = f"disk              {megabytes(int(kept.value))} of answers ({low} to {high})"
    entry = models.registry().get(params.llm.model)
    if params.llm.provider == "embedded" and entry is not None and not models.place_of(params.llm.model).exists():
        text += f", {megabytes(entry.size)} of weights to download"
    click.echo(text)


def _price_for_comparison(params: Params, model: str) -> tuple[str, ModelPrice]:
    if params.llm.provider == "anthropic" and (price := prices.price_of(params, model)) is not None:
        return model, price
    llm = params.llm.model_copy(update={"provider": "anthropic", "base_url": None})
    price = prices.price_of(params.model_copy(update={"llm": llm}), _REFERENCE_MODEL)
    assert price is not None
    return f"{_REFERENCE_MODEL} (for comparison)", price
