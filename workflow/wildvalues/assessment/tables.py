"""The three tables of the assessment: quality by level, sensitivity to choices, and how firmly each value sits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from wildvalues.assessment.margins import margins
from wildvalues.assessment.partitions import Labels
from wildvalues.assessment.stability import REBUILT, Run, agreement_by_level, moved_by_level, rebuilt, stability
from wildvalues.assessment.subjects import Level, Subject
from wildvalues.params import Params

# Silhouettes need all pairs; above this a seeded sample of values stands for the rest.
SILHOUETTE_SAMPLE = 5_000

Encode = Callable[[str, Sequence[str]], NDArray[np.floating]]


@dataclass(frozen=True)
class Assessment:
    """Rows of one facet for the three tables."""

    quality: pd.DataFrame
    sensitivity: pd.DataFrame
    margins: pd.DataFrame


def assess_facet(
    subject: Subject, machine: Sequence[Level], final: Sequence[Level], params: Params, encode: Encode
) -> Assessment:
    """Assess the tree of one facet.

    Parameters
    ----------
    machine
        The levels as clustering made them, which chance and choices can be tried on.
    final
        The levels as published, after any edit.
    encode
        Gives the vectors of names under an embedding model.
    """
    knobs = params.assess
    tried = subject.sampled(knobs.max_values, params.cluster.seed)
    reference = _reference(subject, tried, machine, params)
    runs = _runs(tried, params, encode) if reference else []
    own = [run for run in runs if run.own and run.seed != params.cluster.seed]
    least = params.canonicalize.min_conversations
    held = stability(
        tried,
        reference,
        [run.run for run in own],
        params.cluster,
        draws=knobs.draws,
        least=least,
        seed=params.study.seed,
    )
    quality = pd.DataFrame([_quality(subject, level, params.cluster.seed) for level in final])
    holds = pd.DataFrame(
        [
            {"level": level, **{f"{name}{end}": number for name, end, number in _named(asdict(one))}}
            for level, one in enumerate(held, start=1)
        ]
    )
    if len(quality) and len(holds):
        quality = quality.merge(holds, on="level", how="left")
    sensitivity = [row for run in runs for row in _sensitivity(tried, reference, run, params.cluster.seed)]
    sits = [row for level in final for row in _margins(subject, level)]
    return Assessment(
        *(pd.DataFrame(rows).assign(facet=subject.facet) for rows in (quality, sensitivity, sits)),
    )


def _reference(subject: Subject, tried: Subject, machine: Sequence[Level], params: Params) -> list[Labels]:
    if len(tried.values) == len(subject.values) or params.cluster.method not in REBUILT:
        row = {value: i for i, value in enumerate(subject.values)}
        rows = [row[value] for value in tried.values]
        return [level.labels[rows] for level in machine]
    return rebuilt(tried, params.cluster).labels


@dataclass(frozen=True)
class _Variant:
    method: str
    model: str
    seed: int
    own: bool
    vectors: NDArray[np.floating]
    run: Run


def _runs(tried: Subject, params: Params, encode: Encode) -> list[_Variant]:
    knobs, cluster = params.assess, params.cluster
    methods = list(dict.fromkeys([method for method in (cluster.method, *knobs.methods) if method in REBUILT]))
    found = []
    for model in dict.fromkeys([params.embed.model, *knobs.models]):
        vectors = tried.vectors if model == params.embed.model else encode(model, tried.values)
        for method in methods:
            for seed in range(cluster.seed, cluster.seed + knobs.seeds):
                own = model == params.embed.model and method == cluster.method
                changed = cluster.model_copy(update={"method": method, "seed": seed})
                run = rebuilt(tried, changed, vectors=vectors)
                found.append(_Variant(method, model, seed, own, vectors, run))
    return found


def _named(held: dict[str, dict[str, float | None]]) -> list[tuple[str, str, float | None]]:
    names = {"seeds": "ami_seeds", "resampled": "ami_resampled", "less": "moved_less", "more": "moved_more"}
    ends = {"mean": "", "low": "_low", "high": "_high"}
    return [(names[kind], ends[end], number) for kind, spread in held.items() for end, number in spread.items()]


def _quality(subject: Subject, level: Level, seed: int) -> dict[str, Any]:
    sizes = np.bincount(level.labels[level.labels >= 0], minlength=len(level.ids))
    low, median, high = np.quantile(sizes, [0.25, 0.5, 0.75]) if len(sizes) else (None, None, None)
    sits = margins(subject.vectors, level.labels).margin
    known = sits[~np.isnan(sits)]
    return {
        "level": level.level,
        "n_values": len(level.labels),
        "n_clusters": len(level.ids),
        "size_low": low,
        "size_median": median,
        "size_high": high,
        "largest_share": round(float(sizes.max() / sizes.sum()), 6) if sizes.sum() else None,
        "unclustered": _unclustered(level.labels),
        "silhouette": cosine_silhouette(subject.vectors, level.labels, seed),
        "misplaced": round(float(np.mean(known < 0)), 6) if len(known) else None,
    }


def _sensitivity(tried: Subject, reference: Sequence[Labels], variant: _Variant, seed: int) -> list[dict[str, Any]]:
    agreed, moved = agreement_by_level(reference, variant.run), moved_by_level(reference, variant.run)
    return [
        {
            "level": level,
            "method": variant.method,
            "model": variant.model,
            "seed": variant.seed,
            "own": variant.own and variant.seed == seed,
            "n_values": len(tried.values),
            "n_clusters": int(labels.max(initial=-1)) + 1,
            "unclustered": _unclustered(labels),
            "silhouette": cosine_silhouette(variant.vectors, labels, seed),
            "ami": None if ami is None else round(ami, 6),
            "moved": None if away is None else round(away, 6),
        }
        for level, (labels, ami, away) in enumerate(zip(variant.run.labels, agreed, moved, strict=False), start=1)
    ]


def _margins(subject: Subject, level: Level) -> list[dict[str, Any]]:
    sits = margins(subject.vectors, level.labels)
    return [
        {
            "level": level.level,
            "node_id": subject.values[i],
            "cluster_id": level.ids[level.labels[i]],
            "next_id": level.ids[sits.next_group[i]],
            "margin": float(sits.margin[i]),
        }
        for i in np.flatnonzero(~np.isnan(sits.margin))
    ]


def _unclustered(labels: Labels) -> float:
    return round(float(np.mean(labels < 0)), 6) if len(labels) else 0.0


def cosine_silhouette(vectors: NDArray[np.floating], labels: Labels, seed: int) -> float | None:
    """Return the mean silhouette by cosine distance (Rousseeuw 1987) of what is grouped.

    Above 5,000 values a seeded sample stands for the rest. None with fewer than two groups, or nothing but singles.
    """
    from sklearn.metrics import silhouette_score

    taken = np.flatnonzero(labels >= 0)
    if len(taken) > SILHOUETTE_SAMPLE:
        taken = np.sort(np.random.default_rng(seed).choice(taken, SILHOUETTE_SAMPLE, replace=False))
    if not 2 <= len(np.unique(labels[taken])) < len(taken):
        return None
    with threadpool_limits(limits=1):
        points = np.asarray(vectors[taken], dtype=np.float64)
        return round(float(silhouette_score(points, labels[taken], metric="cosine")), 6)
