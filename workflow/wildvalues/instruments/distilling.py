"""What a language model said about some of a study's conversations, learned by the classifier for the rest of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from wildvalues.instruments import measuring
from wildvalues.instruments.classifier import PRESENCE
from wildvalues.instruments.measuring import Judged
from wildvalues.instruments.training import SCREENING, Examples, seen_by
from wildvalues.llm.facets import ChoiceFacet, ListFacet, PhraseFacet
from wildvalues.validation.facets import Section

# Conversations that need to have the second most common label, for a facet to be learned.
_FEWEST = 20


@dataclass(frozen=True)
class Cost:
    """What the model's answers took in a stage, for one call.

    Parameters
    ----------
    dollars
        None where the price is not known; 0 for a model on this machine.
    """

    tokens: float
    dollars: float | None

    @staticmethod
    def of(metrics: Mapping[str, float | None]) -> Cost:
        """Return the mean cost of a call from a stage's metrics."""
        calls = metrics.get("calls") or 0
        if not calls:
            return Cost(0.0, None)
        dollars = metrics.get("dollars")
        tokens = (metrics.get("input_tokens") or 0) + (metrics.get("output_tokens") or 0)
        return Cost(tokens / calls, None if dollars is None else dollars / calls)


@dataclass(frozen=True)
class Distilled:
    """How a facet's head does on conversations that the model labelled and it did not see.

    Parameters
    ----------
    agreement
        With the model's labels: accuracy, kappa and macro F1 with intervals.
    remaining
        Conversations that the model has not been asked about, as many as are expected to be asked.
    """

    facet: str
    judged: Judged
    agreement: Section
    remaining: float
    cost: Cost

    def savings(self) -> Iterator[tuple[float, float, float | None, float, float | None]]:
        """Yield wanted error, share decided, error there, tokens and dollars saved on the remaining conversations."""
        for wanted, share, error in measuring.sureness(self.judged):
            spared = share * self.remaining
            dollars = None if self.cost.dollars is None else spared * self.cost.dollars
            yield wanted, share, error, spared * self.cost.tokens, dollars


def labels_by_model(
    facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet], screening: pd.DataFrame, annotations: pd.DataFrame
) -> dict[str, dict[str, str | None]]:
    """Return the option of each facet by conversation, as the study's tables have it.

    Parameters
    ----------
    facets
        Those to learn; `training.SCREENING` is read off the screening.
    """
    found: dict[str, dict[str, str | None]] = {}
    for name, facet in facets.items():
        if name == SCREENING and isinstance(facet, ChoiceFacet):
            first, second = facet.options
            judged = zip(screening["conversation_id"], screening["subjective"], strict=True)
            found[name] = {str(identity): first if yes else second for identity, yes in judged}
            continue
        rows = annotations[(annotations["facet"] == name) & (annotations["rank"] == 0)]
        read = {str(i): label for i, label in zip(rows["conversation_id"], rows["label"], strict=True)}
        if isinstance(facet, ChoiceFacet):
            found[name] = {i: str(label) for i, label in read.items()}
        else:
            found[name] = {i: PRESENCE[not isinstance(label, str)] for i, label in read.items()}
    return found


def learnable(readings: Mapping[str, Mapping[str, str | None]]) -> dict[str, Mapping[str, str | None]]:
    """Return the facets of which two labels at least are common: of the others there is nothing to tell apart."""
    found = {}
    for name, labels in readings.items():
        common = Counter(labels.values()).most_common(2)
        if len(common) == 2 and common[1][1] >= _FEWEST:
            found[name] = labels
    return found


def measure(examples: Examples, remaining: float, costs: Mapping[str, Cost]) -> list[Distilled]:
    """Measure each head on the half of the conversations that it is not trained on here.

    Parameters
    ----------
    remaining
        Conversations of the logs that are not labelled yet.
    costs
        Cost of a call of the stages ``screen`` and ``extract``.
    """
    found = []
    for facet in examples.targets:
        among = seen_by(examples, facet)
        judged = measuring.within(examples, facet, among=among, by_source=False)
        is_screening = facet == SCREENING
        found.append(
            Distilled(
                facet,
                judged,
                measuring.agreement(judged),
                remaining * (1.0 if is_screening else float(among.mean())),
                costs["screen" if is_screening else "extract"],
            )
        )
    return found


def report(found: list[Distilled], *, teacher: str, labelled: int, remaining: int, weights: str) -> str:
    """Return the report as Markdown: error, share decided by each, tokens and dollars saved."""
    lines = [
        "# Distilled classifier",
        "",
        f"Trained on what {teacher} said about {labelled:,} conversations of this study; {remaining:,} more are in the",
        "logs. Measured against the model's own labels on the half that was not trained on (told by a hash of the id),",
        "with 95 % bootstrap intervals; the weights themselves are trained on both halves.",
        "",
        "| facet | n | agrees with the model | kappa | macro F1 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found:
        cells = [measuring.interval(one.agreement, name) for name in ("accuracy", "kappa", "macro_f1")]
        lines.append(f"| {' | '.join([one.facet, f'{len(one.judged):,}', *cells])} |")
    lines += [
        "",
        "As a cascade on the conversations that remain:",
        "",
        "| facet | `wanted_error` | classifier decides | its error | model decides | tokens saved | dollars saved |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        for wanted, share, error, tokens, dollars in one.savings():
            shown = "–" if error is None else f"{error:.3f}"
            saved = "price unknown" if dollars is None else f"${dollars:,.2f}"
            lines.append(
                f"| {one.facet} | {wanted:.2f} | {share:.0%} | {shown} | {1 - share:.0%} | {tokens:,.0f} | {saved} |"
            )
    lines += [
        "",
        f"To use it, set in params.yaml `instruments.weights: {weights}` and `instrument: cascade` (or `classifier`)",
        "where the facet is asked, and study all conversations. Answers of the model are kept and not paid again.",
        "",
    ]
    return "\n".join(lines)
