"""Studies for tests of the statistics and the gate: annotations by hand, from gold labels, or at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wildvalues import analyze
from wildvalues.analysis.study import Study, build_study
from wildvalues.files import write_json, write_table
from wildvalues.params import Params
from wildvalues.tables import ANNOTATIONS, ASSESSED, CONVERSATIONS, EDITS, EMBEDDINGS, MENTIONS, TAXONOMY

SHARED_GOLD = Path(__file__).parents[2] / "shared" / "data" / "gold" / "annotations.jsonl"
DEMO = Path(__file__).parents[1] / "data" / "demo"

# Few resamples: tests of the bootstrap itself are in test_statistics_shares.py.
QUICK = Params.model_validate({"analyze": {"bootstrap": 10}})


@dataclass(frozen=True)
class Annotated:
    """One conversation as a test writes it."""

    ai: Sequence[str] = ()
    human: Sequence[str] = ()
    task: str | None = "give advice"
    response: str | None = "no_values"
    user: str | None = None
    model: str | None = None
    language: str | None = "en"
    day: str | None = None
    explicit: Mapping[str, bool] = field(default_factory=dict)


def tables(
    conversations: Sequence[Annotated], trees: Mapping[str, Sequence[Mapping[str, str]]] | None = None
) -> dict[str, pd.DataFrame]:
    """Return the five tables `analyze` reads; `trees` maps a facet to child -> cluster name, finest level first."""
    ids = [f"c{index:05d}" for index in range(len(conversations))]
    screened = pd.DataFrame(
        {
            "conversation_id": ids,
            "source": "test",
            "language": [one.language for one in conversations],
            "model": [one.model for one in conversations],
            "user_id": [one.user for one in conversations],
            "started_at": pd.to_datetime([one.day for one in conversations], utc=True),
            "messages": [[{"role": "user", "content": "SECRET TEXT"}, {"role": "assistant", "content": "SECRET REPLY"}]]
            * len(conversations),
        }
    )
    annotations, mentions = [], []
    for conversation_id, one in zip(ids, conversations, strict=True):
        labels: dict[str, Sequence[str]] = {
            "ai_values": one.ai,
            "human_values": one.human,
            "task": [one.task] if one.task else [],
            "response_type": [one.response] if one.response else [],
        }
        for facet, given in labels.items():
            rows = [(rank + 1, label) for rank, label in enumerate(given)] or [(0, None)]
            annotations += [
                (conversation_id, facet, rank, label, None, one.explicit.get(label) if label else None, None)
                for rank, label in rows
            ]
            if facet != "response_type":
                mentions += [
                    (conversation_id, facet, label, one.explicit.get(label) if facet == "ai_values" else None)
                    for label in sorted(set(given))
                ]
    mention_table = pd.DataFrame(mentions, columns=MENTIONS.schema.names)
    return {
        "screened": screened,
        "annotations": pd.DataFrame(annotations, columns=ANNOTATIONS.schema.names),
        "mentions": mention_table,
        "taxonomy": taxonomy(mention_table, trees or {}),
        "embeddings": embeddings(mention_table),
    }


def taxonomy(mentions: pd.DataFrame, trees: Mapping[str, Sequence[Mapping[str, str]]]) -> pd.DataFrame:
    """Return the tree that `trees` describes, or two alphabetical levels for a facet it leaves out."""
    rows = []
    for facet in ("ai_values", "human_values", "task"):
        values = sorted(mentions.loc[mentions["facet"] == facet, "value"].unique())
        steps = trees.get(
            facet,
            ({value: f"{value[:2]} things" for value in values}, {f"{v[:2]} things": f"{v[:1]} realm" for v in values}),
        )
        below = {value: (value, [value]) for value in values}
        for level in range(len(steps) + 1):
            above: dict[str, list[str]] = {}
            if level < len(steps):
                for name, (_, members) in below.items():
                    if name in steps[level]:
                        above.setdefault(steps[level][name], []).extend(members)
            ids = {
                name: f"{facet}:l{level + 1}:{hashlib.sha256(chr(10).join(sorted(members)).encode()).hexdigest()[:12]}"
                for name, members in above.items()
            }
            for name, (node, members) in below.items():
                parent = ids.get(steps[level].get(name, "")) if level < len(steps) else None
                text = "" if level == 0 else f"Values such as {', '.join(sorted(members)[:3])}."
                rows.append((facet, level, node, parent, len(members), name, text, 1.0))
            below = {name: (ids[name], members) for name, members in above.items()}
    return pd.DataFrame(rows, columns=TAXONOMY.schema.names)


def embeddings(mentions: pd.DataFrame, dimensions: int = 24) -> pd.DataFrame:
    """Return a fixed pseudo-random unit vector for each distinct value."""
    distinct = mentions[["facet", "value"]].drop_duplicates().sort_values(["facet", "value"])
    vectors = []
    for value in distinct["value"]:
        seed = int.from_bytes(hashlib.sha256(value.encode()).digest()[:4])
        vector = np.random.default_rng(seed).normal(size=dimensions)
        vectors.append((vector / np.linalg.norm(vector)).astype(np.float32))
    return distinct.assign(vector=pd.Series(vectors, index=distinct.index, dtype=object))


def study_of(
    conversations: Sequence[Annotated], trees: Mapping[str, Sequence[Mapping[str, str]]] | None = None
) -> Study:
    """Return the assembled study of hand-written conversations."""
    given = tables(conversations, trees)
    return build_study(given["screened"], given["annotations"], given["mentions"], given["taxonomy"])


def write_study(given: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, Path]:
    """Write the tables, and metrics of the earlier stages, where `analyze` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "screened": CONVERSATIONS,
        "annotations": ANNOTATIONS,
        "mentions": MENTIONS,
        "taxonomy": TAXONOMY,
        "embeddings": EMBEDDINGS,
    }
    paths = {}
    for name, table in kinds.items():
        paths[name] = folder / f"{name}.parquet"
        # pandas gives an empty column of lists a type that Arrow does not take.
        frame = given[name][table.schema.names] if len(given[name]) else table.schema.empty_table()
        write_table(frame, paths[name], table.schema)
    paths["assessed"] = folder / "assessed"
    paths["edits"] = folder / "edits.parquet"
    write_table(given.get("edits", EDITS.schema.empty_table()), paths["edits"], EDITS.schema)
    paths["assessed"].mkdir(exist_ok=True)
    for name, table in ASSESSED.items():
        frame = given.get(name, table.schema.empty_table())
        write_table(frame, paths["assessed"] / f"{name}.parquet", table.schema)
    for stage in analyze.METRICS_OF:
        paths[f"{stage}_metrics"] = folder / f"{stage}.json"
        write_json({"conversations": len(given["screened"]), "demo_conversations": 0}, paths[f"{stage}_metrics"])
    return paths


def run_analyze(given: Mapping[str, pd.DataFrame], folder: Path, params: Params | None = None) -> Path:
    """Run the stage on the tables and return its folder of results."""
    processed = folder / "processed"
    analyze.run(params or QUICK, **write_study(given, folder / "interim"), processed=processed)
    return processed


def from_gold(labels: Path, conversations: Path | None = None) -> list[Annotated]:
    """Return the subjective conversations of a gold file, with metadata where a corpus gives them."""
    known: dict[str, dict[str, Any]] = {}
    if conversations is not None:
        known = {one["conversation_id"]: one for one in _lines(conversations)}
    found = []
    for one in _lines(labels):
        if not one["subjective"]:
            continue
        about = known.get(one["conversation_id"], {})
        found.append(
            Annotated(
                ai=list(dict.fromkeys(value["value"] for value in one["ai_values"])),
                human=list(dict.fromkeys(value["value"] for value in one["human_values"])),
                task=one["task"],
                response=one["response_type"],
                user=about.get("user_id"),
                model=about.get("model"),
                language=one["language"],
                day=about.get("started_at"),
                explicit={value["value"]: value["explicit"] for value in one["ai_values"]},
            )
        )
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def random_study(seed: int, n: int = 60, *, users: bool = True, values: int = 14) -> list[Annotated]:
    """Return conversations with a long tail of values, tied to task and response type only by chance."""
    rng = np.random.default_rng(seed)
    names = [f"{a}{b} value" for a in "abc" for b in "dghk"] + ["care", "candour", "courage"]
    names = names[:values]
    weight = 1 / np.arange(1, len(names) + 1)
    tasks = ["ask help", "ask code", "bake bread", "book trip", "cook", "call home", "dance"]
    responses = ["strong_support", "mild_support", "reframing", "strong_resistance", "no_values"]
    found = []
    for _ in range(n):
        pick = lambda most: list(  # noqa: E731
            rng.choice(names, size=rng.integers(0, most), replace=False, p=weight / weight.sum())
        )
        ai = pick(4)
        found.append(
            Annotated(
                ai=ai,
                human=pick(3),
                task=str(rng.choice(tasks, p=np.array([8, 6, 4, 3, 2, 1, 1]) / 25)),
                response=str(rng.choice(responses, p=[0.4, 0.3, 0.2, 0.05, 0.05])),
                user=f"u{rng.integers(0, max(3, n // 4))}" if users and rng.random() < 0.95 else None,
                model=str(rng.choice(["m1", "m2", "m3"], p=[0.6, 0.35, 0.05])),
                language=str(rng.choice(["en", "es"], p=[0.95, 0.05])),
                day=f"2026-03-{rng.integers(2, 29):02d}T10:00:00Z",
                explicit={value: bool(rng.random() < 0.4) for value in ai},
            )
        )
    return found
