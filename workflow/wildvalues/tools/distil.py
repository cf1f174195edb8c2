"""`wildvalues distil`: train the classifier on what the model said about part of the logs, to read the rest with."""

from __future__ import annotations

from pathlib import Path

import click

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_json, read_table, replacing, sha256_text
from wildvalues.llm.facets import PhraseFacet, Prompts, load_prompts
from wildvalues.params import Instrument, Params, load_params
from wildvalues.tables import ANNOTATIONS, CONVERSATIONS, SCREENING

_INTERIM, _METRICS = Path("data/interim"), Path("results/metrics")


@click.command("distil")
@click.option("--interim", type=click.Path(path_type=Path), default=_INTERIM, show_default=True, help="Study's tables.")
@click.option("--metrics", type=click.Path(path_type=Path), default=_METRICS, show_default=True, help="Their metrics.")
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option(
    "--weights", type=click.Path(path_type=Path), default=Path("data/instruments/distilled.npz"), show_default=True
)
@click.option(
    "--report", type=click.Path(path_type=Path), default=Path("data/instruments/distilled.md"), show_default=True
)
@params_option
def command(interim: Path, metrics: Path, prompts: Path, weights: Path, report: Path, params_file: Path) -> None:
    """Learn the closed facets from the model's answers, measure on a held-out half, and say what the rest will save.

    First run `screen` and `extract` with instrument model on a sample (`sample.size`, some thousands); then distil;
    then study all conversations with the weights it wrote and instrument cascade.
    """
    from wildvalues.instruments import classifier, distilling, training

    params = load_params(params_file)
    counts = {stage: read_json(metrics / f"{stage}.json") for stage in ("screen", "extract")}
    declared = load_prompts(prompts, _asked(params))
    learned = _learned(params, declared, counts["screen"])
    conversations = read_table(interim / "redacted.parquet", CONVERSATIONS.schema)
    by_model = distilling.labels_by_model(
        {name: declared.facets[name] for name in learned},
        read_table(interim / "screening.parquet", SCREENING.schema),
        read_table(interim / "annotations.parquet", ANNOTATIONS.schema),
    )
    readings = distilling.learnable(by_model)
    if not readings:
        raise InputError(
            f"{interim}: the model gave {', '.join(learned)} the same label almost everywhere, so there is nothing to "
            "tell apart; let it label more conversations (sample.size)"
        )
    model = params.embed.model
    facets = {name: declared.facets[name] for name in readings}
    examples = training.make_examples(conversations, readings, training.options_of(facets), model)
    ids = sha256_text("".join(f"{identity}\n" for identity in examples.ids))
    teacher = f"{params.llm.model} ({params.llm.provider})"
    trained = training.train(
        examples, model, [classifier.Labelled(f"labels by {teacher}", len(examples), ids)], by_source=False
    )
    remaining = max(0, len(read_table(interim / "conversations.parquet", CONVERSATIONS.schema)) - len(examples))
    costs = {stage: distilling.Cost.of(found) for stage, found in counts.items()}
    text = distilling.report(
        distilling.measure(examples, remaining, costs),
        teacher=teacher,
        labelled=len(examples),
        remaining=remaining,
        weights=weights.as_posix(),
    )
    with replacing(weights, private=True) as scratch:
        classifier.save(trained, scratch)
    with replacing(report, private=True) as scratch:
        scratch.write_text(text, "utf-8")
    click.echo(text)
    click.echo(f"{weights}: the weights; {report}: this report")


def _asked(params: Params) -> list[str]:
    return [params.screen.facet, *(facet for request in params.extract.requests for facet in request.facets)]


def _learned(params: Params, prompts: Prompts, screen: dict[str, int]) -> list[str]:
    """Return the facets whose labels are the model's own and can be learned.

    Raises
    ------
    InputError
        When the screening was not done by the model alone, or nothing was.
    """
    from wildvalues.instruments.dispatch import INSTRUMENTS
    from wildvalues.instruments.training import SCREENING as LEARNABLE
    from wildvalues.llm import providers
    from wildvalues.llm.planning import settled

    others = [name for name in INSTRUMENTS if name != "model" and screen.get(f"decided_by_{name}")]
    if others:
        raise InputError(
            f"the last screening was decided by {', '.join(others)} too, and what learns from itself learns nothing: "
            "set screen.instrument: model, run `wildvalues screen` and `wildvalues extract`, then distil"
        )
    asked: list[tuple[tuple[str, ...], Instrument]] = (
        [((params.screen.facet,), params.screen.instrument)] if params.screen.facet == LEARNABLE else []
    )
    asked += [((*request.facets,), request.instrument) for request in params.extract.requests]
    tells_words = providers.tells_words(params)
    found = []
    for facets, instrument in asked:
        if settled(facets, instrument, prompts, tells_words=tells_words) == "model":
            found += [name for name in facets if not isinstance(prompts.facets[name], PhraseFacet)]
    if not found:
        raise InputError(
            "no facet that a classifier can learn is read by instrument model; set screen.instrument: model in "
            "params.yaml, run `wildvalues screen` and `wildvalues extract` on a sample, then distil"
        )
    return found
