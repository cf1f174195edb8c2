"""Published tables of a study that never was: coherent ids and counts, invented names, any size.

The tables are counted from simulated conversations, so that totals, bases and trees agree with one another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from wildvalues.files import write_csv, write_json
from wildvalues.tables import RESPONSE_TYPES, RESULTS

_NOUNS = (
    "candour patience thrift courage neatness kindness caution curiosity fairness loyalty modesty precision "
    "hospitality perseverance solidarity playfulness punctuality gratitude independence consent clarity frugality "
    "stewardship tolerance craftsmanship remembrance foresight humour sobriety generosity privacy calm duty "
    "inventiveness accountability tact diligence restraint belonging dignity safety openness wonder discipline "
    "harmony rigour trust usefulness"
)
_MODIFIERS = (
    "mutual everyday scholarly civic quiet professional shared practical emotional creative personal collective "
    "ecological financial historical parental medical digital artistic linguistic cultural spiritual physical legal "
    "local long-term self-directed evidence-based community team neighbourly steadfast measured informed gentle "
    "critical public domestic rural urban maritime culinary athletic musical technical editorial narrative seasonal "
    "institutional intergenerational procedural methodical relational moral playful strategic tactical sincere open "
    "early careful deep plain sound brave warm lasting timely modest global"
)
NOUNS, MODIFIERS = _NOUNS.split(), _MODIFIERS.split()
TOP_NAMES = ("Practical standards", "Ways of knowing", "Living together", "Keeping from harm", "Personal growth")
VERBS = ("advise on", "draft", "explain", "plan", "review", "compare", "role-play", "summarise", "debate", "improve")
TOPICS = (
    "a family quarrel",
    "a village history",
    "a job application",
    "a garden for a balcony",
    "ethics of surveillance",
    "a short story",
    "a sleep routine",
    "code for a small website",
    "an online shop's wording",
    "a savings plan",
    "a school debate",
    "a care home visit",
)


@dataclass
class Tree:
    """Nodes of one facet: `nodes` has facet, level, node_id, parent_id, name; `hits[level]` is conversation x node."""

    facet: str
    nodes: pd.DataFrame
    hits: dict[int, np.ndarray]

    def level(self, level: int) -> pd.DataFrame:
        return self.nodes[self.nodes["level"] == level].reset_index(drop=True)


def write_synthetic_results(
    folder: Path,
    *,
    n_values: int = 120,
    seed: int = 0,
    users: bool = True,
    models: int = 3,
    demo: bool = True,
    human: bool = True,
) -> None:
    """Write ``results/tables/*.csv`` and ``results/metrics/{validation,disclose}.json`` below `folder`.

    Parameters
    ----------
    n_values
        Distinct AI values; human values and tasks follow from it. 0 leaves every table of values empty.
    users
        Whether users are known; without them every `n_users` is null.
    models
        Distinct models, 0 when the logs name none.
    demo
        Whether the corpus counts as a demonstration.
    human
        Whether any user states a value.
    """
    rng = np.random.default_rng(seed)
    n = 420 if n_values else 0
    user = np.minimum(rng.zipf(1.6, n), 90) + rng.integers(0, 40, n) if users else None
    n_tasks = min(len(VERBS) * len(TOPICS), max(4, n_values // 4)) if n_values else 0
    n_human = max(3, n_values // 3) if human and n_values else 0
    topic = rng.integers(0, max(1, n_tasks), n)
    trees = {
        "ai_values": _grow("ai_values", _value_names(n_values, rng), _hits(n, n_values, 4.0, topic, rng), rng),
        "human_values": _grow("human_values", _value_names(n_human, rng), _hits(n, n_human, 0.8, topic, rng), rng),
        "task": _grow("task", _task_names(n_tasks, rng), np.eye(max(1, n_tasks), dtype=bool)[topic][:, :n_tasks], rng),
    }
    with_human = trees["human_values"].hits[0].any(axis=1)
    response = rng.choice(7, n, p=[0.27, 0.16, 0.1, 0.09, 0.05, 0.05, 0.28])
    model = rng.integers(0, models, n) if models else None
    facets: dict[str, Tree] = dict(trees)
    facets["response_type"] = _flat("response_type", list(RESPONSE_TYPES), response, n)
    if model is not None:
        facets["model"] = _flat("model", [f"aster-{i + 1}" for i in range(models)], model, n)

    tables: dict[str, pd.DataFrame] = {
        "taxonomy": pd.concat([_taxonomy(tree, user) for tree in trees.values()]),
        "frequencies": pd.concat([_frequencies(tree, user) for tree in trees.values()]),
        "response_types": pd.concat(
            [
                _shares(response, np.ones(n, dtype=bool), user).assign(denominator="subjective"),
                _shares(response, with_human, user).assign(denominator="with_human_value"),
            ]
        ),
        "mirroring": _mirroring(n, response, with_human, user, rng),
        "variation": _variation(trees, user),
        "models": pd.concat(
            [_shares(response, model == i, user).assign(model=f"aster-{i + 1}") for i in range(models)] or [_empty()]
        ),
        "contrasts": _contrasts(trees["ai_values"], response, model, user),
        "concentration": _concentration(trees),
        "explicitness": _explicitness(trees["ai_values"], response, user, rng),
        **_assessment(trees, n, user),
        "edits": _edits(n_values),
        "pipeline": _pipeline(n, trees, demo, users),
    }
    tables["contrast_tests"] = _contrast_tests(tables["contrasts"])
    tables["associations"], tables["association_tests"] = _associations(facets, user)
    out = folder / "results" / "tables"
    out.mkdir(parents=True, exist_ok=True)
    for name, table in RESULTS.items():
        frame = tables[name].reindex(columns=table.schema.names)
        for field in table.schema:
            if str(field.type) == "int64":
                frame[field.name] = frame[field.name].astype("Float64").astype("Int64")
        write_csv(table.arrange(frame), out / f"{name}.csv")
    metrics = folder / "results" / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    write_json(synthetic_validation(60 if n else 0), metrics / "validation.json")
    disclosed: dict[str, int] = {"min_conversations": 3, "min_users": 2, "withheld_names": 1}
    for name in RESULTS:
        disclosed[f"published_{name}"] = len(tables[name])
        disclosed[f"suppressed_{name}"] = 17 if name == "associations" and n else 0
    write_json(disclosed, metrics / "disclose.json")


def synthetic_validation(n: int) -> dict[str, object]:
    """Return a ``validation.json`` over `n` gold conversations (0: no label covers the study)."""
    found: dict[str, object] = {"n": n, "gold_conversations": 80}
    if n == 0:
        return found
    for facet, measures in {
        "subjectivity": {"accuracy": 0.85, "precision": 0.88, "recall": 0.9, "kappa": 0.66},
        "ai_values": {"precision": 0.52, "recall": 0.44, "f1": 0.476},
        "human_values": {"precision": 0.41, "recall": 0.38, "f1": 0.394},
        "response_type": {"accuracy": 0.47, "kappa": 0.33},
        "task": {"accuracy": 0.63},
    }.items():
        size = n if facet == "subjectivity" else round(n * 0.7)
        section: dict[str, float] = {"n": size}
        for measure, value in measures.items():
            half = 1.96 * float(np.sqrt(value * (1 - value) / size))
            section |= {
                measure: value,
                f"{measure}_low": round(max(0, value - half), 4),
                f"{measure}_high": round(min(1, value + half), 4),
            }
        found[facet] = section | _errors(facet, size)
    return found


def _edits(n_values: int) -> pd.DataFrame:
    """Two edits by hand, one of them without a result; none where there are no values."""
    found = [
        ("rename", "ai_values", 1, NOUNS[0], f"{NOUNS[0]} in all things", "says what it holds"),
        ("drop", "ai_values", 0, NOUNS[1], None, "a topic, not a value"),
    ]
    columns = ["operation", "facet", "level", "target", "result", "reason"]
    frame = pd.DataFrame(found if n_values else [], columns=columns)
    return frame.assign(number=range(1, len(frame) + 1))


def _errors(facet: str, n: int) -> dict[str, object]:
    """Return confusion counts of a closed facet, and its shares as found and corrected."""
    labels = {"subjectivity": ("subjective", "factual"), "human_values": ("some", "none")}.get(facet, ())
    labels = RESPONSE_TYPES if facet == "response_type" else labels
    counts = {
        f"n_gold_{gold}_found_{called}": max(1, (n * (6 if gold == called else 1)) // (len(labels) * (len(labels) + 5)))
        for gold in labels
        for called in labels
    }
    shares = {
        label: {
            "n_found": n // len(labels),
            "found": 1 / len(labels),
            # An instrument that never finds the last label leaves its share open.
            **dict.fromkeys(
                ("corrected", "corrected_low", "corrected_high"), None if label == labels[-1] else 1 / len(labels)
            ),
        }
        for label in labels
    }
    return counts | ({"shares": shares} if labels else {})


# --- the simulated study ----------------------------------------------------------------------------------


def _value_names(n: int, rng: np.random.Generator) -> list[str]:
    pairs = [f"{modifier} {noun}" for noun in NOUNS for modifier in MODIFIERS]
    names = NOUNS + [pairs[i] for i in rng.permutation(len(pairs))]
    if n > len(names):
        raise ValueError(f"at most {len(names)} value names can be invented, asked for {n}")
    return names[:n]


def _task_names(n: int, rng: np.random.Generator) -> list[str]:
    pairs = [f"{verb} {topic}" for verb in VERBS for topic in TOPICS]
    return [pairs[i] for i in rng.permutation(len(pairs))[:n]]


def _hits(n: int, k: int, mean: float, topic: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Conversation x value: Zipf-like rates, and some values bound to some topics."""
    if n == 0 or k == 0:
        return np.zeros((n, k), dtype=bool)
    rate = 1 / (np.arange(k) + 3) ** 0.8
    rate = np.minimum(rate / rate.sum() * mean, 0.6)
    lift = np.exp(rng.normal(0, 1.3, (int(topic.max()) + 1, k)))
    hits = rng.random((n, k)) < np.minimum(rate * lift[topic], 0.95)
    hits[rng.integers(0, n, (4, k)), np.arange(k)] = True
    return hits


def _grow(facet: str, names: list[str], hits: np.ndarray, rng: np.random.Generator) -> Tree:
    sizes: list[int] = []
    size = len(names)
    while len(sizes) < 3 and (size := size // 5) >= 2:
        sizes.append(size)
    if not sizes and names:
        sizes = [min(2, len(names))]
    level_ids, level_names, level_hits = names, names, hits
    rows: list[pd.DataFrame] = []
    all_hits = {0: hits}
    leaves = [[name] for name in names]
    centre = rng.normal(0, 4, (sizes[0] if sizes else 1, 2))
    for level, size in enumerate(sizes, start=1):
        parent = np.sort(np.concatenate([np.arange(size), rng.integers(0, size, len(level_ids) - size)]))
        rng.shuffle(parent)
        members = [[leaf for i in np.flatnonzero(parent == j) for leaf in leaves[i]] for j in range(size)]
        ids = [
            f"{facet}:l{level}:{hashlib.sha256(chr(10).join(sorted(group)).encode()).hexdigest()[:12]}"
            for group in members
        ]
        if level == len(sizes) and size <= len(TOP_NAMES):
            labels = [f"{name}{' of people' if facet == 'human_values' else ''}" for name in TOP_NAMES[:size]]
        elif facet == "task":
            labels = [f"{group[0]} and similar requests" for group in members]
        else:
            labels = [
                f"{group[0].capitalize()} and related {('ideals', 'aims', 'norms')[level - 1]}" for group in members
            ]
        rows.append(_nodes(facet, level - 1, level_ids, level_names, [ids[j] for j in parent], leaves))
        if level == 1:
            rows[0][["x", "y"]] = centre[parent] + rng.normal(0, 0.7, (len(parent), 2))
        level_hits = np.stack([level_hits[:, parent == j].any(axis=1) for j in range(size)], axis=1)
        all_hits[level] = level_hits
        level_ids, level_names, leaves = ids, labels, members
    rows.append(_nodes(facet, len(sizes), level_ids, level_names, [None] * len(level_ids), leaves))
    return Tree(facet, pd.concat(rows, ignore_index=True), all_hits)


def _nodes(
    facet: str, level: int, ids: list[str], names: list[str], parents: list[str | None], leaves: list[list[str]]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "facet": facet,
            "level": level,
            "node_id": pd.Series(ids, dtype=object),
            "parent_id": pd.Series(parents, dtype=object),
            "name": pd.Series(names, dtype=object),
            "description": "" if level == 0 else [f"Among others: {', '.join(group[:3])}." for group in leaves],
            "n_values": pd.Series([len(group) for group in leaves], dtype="int64"),
            "x": np.nan,
            "y": np.nan,
        }
    )


def _flat(facet: str, names: list[str], code: np.ndarray, n: int) -> Tree:
    hits = np.eye(len(names), dtype=bool)[code] if n else np.zeros((0, len(names)), dtype=bool)
    return Tree(facet, _nodes(facet, 0, names, names, [None] * len(names), [[x] for x in names]), {0: hits})


# --- counting ---------------------------------------------------------------------------------------------


def _wilson(count: np.ndarray, base: np.ndarray | int) -> pd.DataFrame:
    count, base = np.asarray(count, float), np.maximum(np.asarray(base, float), 1)
    z = 1.959964
    share = count / base
    middle = (share + z * z / 2 / base) / (1 + z * z / base)
    half = z / (1 + z * z / base) * np.sqrt(share * (1 - share) / base + z * z / 4 / base**2)
    return pd.DataFrame({"share": share, "share_low": np.maximum(0, middle - half), "share_high": middle + half})


def _users(hits: np.ndarray, user: np.ndarray | None) -> list[int | None]:
    return [None if user is None else len(np.unique(user[hits[:, j]])) for j in range(hits.shape[1])]


def _mentions(tree: Tree, level: int) -> np.ndarray:
    """Mentions of a node: conversations of every value below it, added up."""
    below = pd.Series(tree.hits[0].sum(axis=0), index=tree.level(0)["node_id"])
    parent = tree.nodes.set_index("node_id")["parent_id"]
    for _ in range(level):
        below = below.groupby(parent.reindex(below.index).to_numpy()).sum()
    return below.reindex(tree.level(level)["node_id"]).to_numpy()


def _frequencies(tree: Tree, user: np.ndarray | None) -> pd.DataFrame:
    parts = []
    total = max(1, int(tree.hits[0].sum()))
    for level, hits in tree.hits.items():
        counts = hits.sum(axis=0)
        part = pd.concat([tree.level(level), _wilson(counts, len(hits))], axis=1)
        part["n_conversations"], part["n_base"], part["n_users"] = counts, len(hits), _users(hits, user)
        part["n_mentions"] = _mentions(tree, level)
        part["share_mentions"] = part["n_mentions"] / total
        if user is not None:
            part["user_low"] = np.maximum(0, part["share"] - 1.3 * (part["share"] - part["share_low"]))
            part["user_high"] = np.minimum(1, part["share"] + 1.3 * (part["share_high"] - part["share"]))
        part["mention_low"], part["mention_high"] = 0.8 * part["share_mentions"], 1.2 * part["share_mentions"]
        parts.append(part)
    return pd.concat(parts)


def _taxonomy(tree: Tree, user: np.ndarray | None) -> pd.DataFrame:
    nodes = _frequencies(tree, user).drop(columns=["share", "share_low", "share_high"])
    fit = [int(hashlib.sha256(node.encode()).hexdigest(), 16) % 21 / 20 for node in nodes["node_id"]]
    return nodes.assign(fit=np.where(nodes["level"] > 0, fit, np.nan))


def _shares(response: np.ndarray, within: np.ndarray, user: np.ndarray | None) -> pd.DataFrame:
    hits = (response[:, None] == np.arange(7)) & within[:, None]
    base = int(within.sum())
    part = _wilson(hits.sum(axis=0), base).assign(response_type=RESPONSE_TYPES, n_base=base)
    part["n_conversations"], part["n_users"] = hits.sum(axis=0), _users(hits, user)
    return part if base else part.iloc[:0]


def _empty() -> pd.DataFrame:
    return pd.DataFrame({"model": pd.Series(dtype=object), "response_type": pd.Series(dtype=object)})


def _mirroring(
    n: int, response: np.ndarray, with_human: np.ndarray, user: np.ndarray | None, rng: np.random.Generator
) -> pd.DataFrame:
    parts = [_empty()]
    chance = np.array([0.34, 0.24, 0.15, 0.18, 0.1, 0.06, 0.12])
    for matched, lift in (("value", 1.0), ("level_1", 1.6)):
        same = with_human & (rng.random(n) < lift * chance[response])
        for code, kind in [*enumerate(RESPONSE_TYPES), (None, "all")]:
            within = with_human if code is None else with_human & (response == code)
            if not within.any():
                continue
            part = _wilson(np.array([(same & within).sum()]), int(within.sum()))
            part = part.assign(matched=matched, response_type=kind, n_base=int(within.sum()))
            part["n_conversations"] = int((same & within).sum())
            part["n_users"] = _users((same & within)[:, None], user)
            part["expected"], part["p"] = 0.06 * lift, 0.004
            parts.append(part)
    return pd.concat(parts)


def _variation(trees: dict[str, Tree], user: np.ndarray | None) -> pd.DataFrame:
    values, tasks = trees["ai_values"], trees["task"]
    parts = [pd.DataFrame({"facet": pd.Series(dtype=object), "node_id": pd.Series(dtype=object)})]
    for context_level in [level for level in tasks.hits if level > 0]:
        contexts = tasks.hits[context_level]
        sizes = contexts.sum(axis=0)
        contexts, sizes = contexts[:, sizes >= 8], sizes[sizes >= 8]
        if len(sizes) < 2:
            continue
        for level, hits in values.hits.items():
            rates = contexts.T.astype(float) @ hits / sizes[:, None]
            mean = rates.mean(axis=0)
            part = values.level(level)[["facet", "level", "node_id", "name"]].copy()
            part["context_level"], part["n_contexts"] = context_level, len(sizes)
            part["n_conversations"], part["n_users"] = hits.sum(axis=0), _users(hits, user)
            part["mean_rate"], part["cv"] = mean, rates.std(axis=0) / np.maximum(mean, 1e-9)
            part["cv_low"], part["cv_high"] = part["cv"] * 0.8, part["cv"] * 1.25
            part["cv_expected"] = np.sqrt(((1 - mean)[None, :] / np.maximum(mean, 1e-9) / sizes[:, None]).mean(axis=0))
            part["cv_corrected"] = np.sqrt(np.maximum(0, part["cv"] ** 2 - part["cv_expected"] ** 2))
            parts.append(part)
    return pd.concat(parts)


def _contrasts(tree: Tree, response: np.ndarray, model: np.ndarray | None, user: np.ndarray | None) -> pd.DataFrame:
    """Each model against the others in each AI value and response type, within tasks and within prompts."""
    outcomes = [(tree.level(level), hits) for level, hits in tree.hits.items()]
    kinds = pd.DataFrame({"facet": "response_type", "level": 0, "node_id": RESPONSE_TYPES, "name": RESPONSE_TYPES})
    outcomes.append((kinds, response[:, None] == np.arange(7)))
    parts = [pd.DataFrame({"comparison": pd.Series(dtype=object), "node_id": pd.Series(dtype=object)})]
    codes = [] if model is None or len(np.unique(model)) < 2 else np.unique(model)
    for code in codes:
        for nodes, hits in outcomes:
            inside = model == code
            a, b = hits[inside].sum(axis=0), hits[~inside].sum(axis=0)
            c, d = inside.sum() - a, (~inside).sum() - b
            ratio = (a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5))
            half = 1.96 * np.sqrt(1 / (a + 0.5) + 1 / (b + 0.5) + 1 / (c + 0.5) + 1 / (d + 0.5))
            p = 2 * norm.sf(np.abs(np.log(ratio)) / half * 1.96)
            part = nodes[["facet", "level", "node_id", "name"]].assign(
                comparison="model",
                group_id=f"aster-{code + 1}",
                n_conversations=a,
                n_users=_users(hits & inside[:, None], user),
                n_with=a + b,
                n_group=int(inside.sum()),
                n=len(hits),
                n_strata=9,
                odds_crude=ratio,
                odds_ratio=ratio,
                odds_low=ratio * np.exp(-half),
                odds_high=ratio * np.exp(half),
                p=p,
                p_bonferroni=np.minimum(1, p * len(nodes) * len(codes)),
                q=np.minimum(1, 3 * p),
                p_homogeneity=0.4,
                difference=a / inside.sum() - b / (~inside).sum(),
                p_difference=p,
            )
            part["difference_low"], part["difference_high"] = part["difference"] - 0.08, part["difference"] + 0.08
            part["significant"] = part["p_bonferroni"] <= 0.05
            part = part[part["n_conversations"] >= 3]
            parts += [part.assign(design="task"), part.assign(design="prompt", p_homogeneity=np.nan)]
    return pd.concat(parts)


def _contrast_tests(contrasts: pd.DataFrame) -> pd.DataFrame:
    key = ["comparison", "design", "facet", "level", "node_id", "name"]
    if contrasts.empty:
        return pd.DataFrame(columns=key)
    found = contrasts.groupby(key, as_index=False)["p"].min()
    found = found[contrasts.groupby(key).size().to_numpy() > 2]
    return found.assign(n_groups=3, chi2=chi2.isf(found["p"], 2), dof=2, q=np.minimum(1, 2 * found["p"]))


def _concentration(trees: dict[str, Tree]) -> pd.DataFrame:
    rows = []
    for facet in ("ai_values", "human_values"):
        for level, hits in trees[facet].hits.items():
            counts = np.sort(hits.sum(axis=0))[::-1].astype(float)
            if not counts.sum():
                continue
            share = counts / counts.sum()
            bits = -(share[share > 0] * np.log2(share[share > 0])).sum()
            found = {"gini": 0.5, "entropy": bits, "effective_number": 2**bits, "top_1": share[0]}
            found |= {f"top_{k}": share[:k].sum() for k in (5, 10, 100) if k < len(counts)}
            if level == 0:
                found |= {"exponent": 2.1, "tail_from": 4.0, "tail_distance": 0.05}
            rows += [
                (facet, level, measure, len(counts), value, 0.9 * value, min(1.1 * value, 1) if value < 1 else value)
                for measure, value in found.items()
            ]
    return pd.DataFrame(rows, columns=RESULTS["concentration"].schema.names)


def _explicitness(tree: Tree, response: np.ndarray, user: np.ndarray | None, rng: np.random.Generator) -> pd.DataFrame:
    conversation, _value = np.nonzero(tree.hits[0])
    stated = rng.random(len(conversation)) < 0.15 + 0.08 * response[conversation]
    top = max(tree.hits)
    groups = [("all", "all", "all", np.ones(len(conversation), dtype=bool))]
    groups += [("response_type", kind, kind, response[conversation] == i) for i, kind in enumerate(RESPONSE_TYPES)]
    groups += [
        ("cluster", node.node_id, node.name, tree.hits[top][conversation, j])
        for j, node in enumerate(tree.level(top).itertuples(index=False))
    ]
    parts = [pd.DataFrame({"by": pd.Series(dtype=object), "group_id": pd.Series(dtype=object)})]
    for by, group_id, name, mask in groups:
        if not mask.any():
            continue
        part = _wilson(np.array([(stated & mask).sum()]), int(mask.sum()))
        part = part.assign(by=by, group_id=group_id, name=name, n_base=int(mask.sum()))
        part["n_conversations"] = len(np.unique(conversation[mask]))
        part["n_users"] = None if user is None else len(np.unique(user[conversation[mask]]))
        parts.append(part)
    return pd.concat(parts)


def _associations(facets: dict[str, Tree], user: np.ndarray | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = [("ai_values", column) for column in ("task", "human_values", "response_type", "model")]
    pairs += [("human_values", "response_type"), ("task", "response_type")]
    cells, tests = [], []
    for row_facet, column_facet in pairs:
        if column_facet not in facets:
            continue
        rows, columns = facets[row_facet], facets[column_facet]
        for row_level, a in rows.hits.items():
            for column_level, b in columns.hits.items():
                found = _cells(rows.level(row_level), columns.level(column_level), a, b, user)
                if found is None:
                    continue
                place = {
                    "row_facet": row_facet,
                    "row_level": row_level,
                    "column_facet": column_facet,
                    "column_level": column_level,
                }
                cells.append(found[0].assign(**place))
                tests.append({**place, **found[1], "n_significant": int(found[0]["significant"].sum())})
    keys = {"row_id": pd.Series(dtype=object), "row_facet": pd.Series(dtype=object)}
    return pd.concat(cells or [pd.DataFrame(keys)]), pd.DataFrame(tests)


def _cells(
    rows: pd.DataFrame, columns: pd.DataFrame, a: np.ndarray, b: np.ndarray, user: np.ndarray | None
) -> tuple[pd.DataFrame, dict[str, float]] | None:
    n = len(a)
    observed = a.T.astype(int) @ b
    if n == 0 or observed.size == 0:
        return None
    row_total, column_total = a.sum(axis=0), b.sum(axis=0)
    expected = np.outer(row_total, column_total) / n
    spread = expected * np.outer(1 - row_total / n, 1 - column_total / n)
    residual = (observed - expected) / np.sqrt(np.maximum(spread, 1e-9))
    n_tests = observed.size
    p = 2 * norm.sf(np.abs(residual))
    threshold = float(norm.isf(0.05 / 2 / n_tests))
    i, j = np.nonzero((observed >= 3) & (spread > 1e-9))
    log_odds = np.log(
        (observed + 0.5)
        * (n - row_total[:, None] - column_total[None, :] + observed + 0.5)
        / ((row_total[:, None] - observed + 0.5) * (column_total[None, :] - observed + 0.5))
    )[i, j]
    cells = pd.DataFrame(
        {
            "row_id": rows["node_id"].to_numpy()[i],
            "row_name": rows["name"].to_numpy()[i],
            "column_id": columns["node_id"].to_numpy()[j],
            "column_name": columns["name"].to_numpy()[j],
            "observed": observed[i, j],
            "n_users": [
                None if user is None else len(np.unique(user[a[:, r] & b[:, c]])) for r, c in zip(i, j, strict=True)
            ],
            "expected": expected[i, j],
            "row_total": row_total[i],
            "column_total": column_total[j],
            "n": n,
            "residual": residual[i, j],
            "p": p[i, j],
            "p_bonferroni": np.minimum(1, p[i, j] * n_tests),
            "q": np.minimum(1, p[i, j] * n_tests / 4),
            "odds_ratio": np.exp(log_odds),
            "odds_low": np.exp(log_odds - 0.9),
            "odds_high": np.exp(log_odds + 0.9),
            "significant": np.abs(residual[i, j]) > threshold,
        }
    )
    statistic = float(((observed - expected) ** 2 / np.maximum(expected, 1e-9)).sum())
    dof = max(1, (observed.shape[0] - 1) * (observed.shape[1] - 1))
    return cells, {
        "n": n,
        "n_rows": observed.shape[0],
        "n_columns": observed.shape[1],
        "n_tests": n_tests,
        "chi2": statistic,
        "dof": dof,
        "p": float(chi2.sf(statistic, dof)),
        "cramers_v": float(np.sqrt(statistic / n / max(1, min(observed.shape) - 1))),
        "cramers_v_corrected": float(
            np.sqrt(max(0.0, statistic / n - dof / (n - 1)) / max(1, min(observed.shape) - 1))
        ),
        "threshold": threshold,
    }


def _assessment(trees: dict[str, Tree], n: int, user: np.ndarray | None) -> dict[str, pd.DataFrame]:
    """What `assess` would say: less firm towards the top, and least of all from letters alone."""
    quality, sensitivity, misfits = [], [], []
    for facet, tree in trees.items():
        stands = {"facet": facet, "n_conversations": n, "n_users": None if user is None else len(np.unique(user))}
        values = tree.level(0)
        for level in sorted(tree.hits)[1:]:
            clusters = tree.level(level)
            spreads = {
                f"{name}{end}": value + shift
                for name, value in {
                    "ami_seeds": 0.8 - 0.1 * level,
                    "ami_resampled": 0.75 - 0.1 * level,
                    "moved_less": 0.1 * level,
                    "moved_more": 0.09 * level,
                }.items()
                for end, shift in {"": 0.0, "_low": -0.05, "_high": 0.06}.items()
            }
            size = len(values) / len(clusters)
            shape = {"n_values": len(values), "n_clusters": len(clusters), "unclustered": 0.0, "silhouette": 0.11}
            sizes = {"size_low": size / 2, "size_median": size, "size_high": 1.5 * size, "largest_share": 0.3}
            quality.append({**stands, "level": level, **shape, **sizes, "misplaced": 0.08, **spreads})
            for model, ami in (("all-MiniLM-L6-v2", 0.7), ("character-ngrams", 0.4)):
                sensitivity += [
                    {
                        **stands,
                        "level": level,
                        "method": "kmeans",
                        "model": model,
                        "seed": seed,
                        "own": seed == 1 and ami > 0.5,
                        **shape,
                        "ami": 1.0 if seed == 1 and ami > 0.5 else ami - 0.1 * level + 0.02 * seed,
                        "moved": 0.0 if seed == 1 and ami > 0.5 else 0.2 * level,
                    }
                    for seed in (1, 2, 3)
                ]
            if len(clusters) > 1:
                own, other = clusters.iloc[0], clusters.iloc[1]
                misfits += [
                    {
                        "facet": facet,
                        "level": level,
                        "node_id": value,
                        "name": value,
                        "cluster_id": own["node_id"],
                        "cluster_name": own["name"],
                        "next_id": other["node_id"],
                        "next_name": other["name"],
                        "margin": 0.01 * rank - 0.02,
                        "n_conversations": 4,
                        "n_users": None if user is None else 3,
                    }
                    for rank, value in enumerate(values["node_id"][:5])
                ]
    found = {"quality": quality, "sensitivity": sensitivity, "misfits": misfits}
    return {name: pd.DataFrame(rows) if rows else _empty() for name, rows in found.items()}


def _pipeline(n: int, trees: dict[str, Tree], demo: bool, users: bool) -> pd.DataFrame:
    read = 2 * n + 37
    metrics: dict[str, dict[str, float]] = {
        "ingest": {
            "conversations": read,
            "rejected": 3,
            "files": 1,
            "demo_conversations": read if demo else 0,
        },
        "sample": {"conversations": read - 9, "duplicates": 9, "users": 112 if users else 0},
        "redact": {
            "conversations_with_redactions": 21,
            "redactions": 11,
            "redactions_email": 11,
            "redactions_person": 23,
        },
        "screen": {
            "conversations": read - 9,
            "subjective": n + 2,
            "rejected": 2,
            "calls": read - 9,
            "input_tokens": 700 * read,
            "output_tokens": read,
        },
        "extract": {
            "conversations": n,
            "rejected": 2,
            "calls": 4 * n,
            "input_tokens": 4 * 900 * n,
            "output_tokens": 4 * 60 * n,
            "batch_calls": n,
            "cache_read_tokens": 4 * 500 * n,
            "dollars": 1.25,
            "rejected_by_refused": 2,
            "ungrounded": 31,
            "ai_values": int(trees["ai_values"].hits[0].sum()) + 40,
            "human_values": int(trees["human_values"].hits[0].sum()) + 11,
        },
        "canonicalize": {},
        "cluster": {},
        "name": {"calls": 0},
    }
    for facet, tree in trees.items():
        metrics["canonicalize"] |= {
            f"values_{facet}": tree.hits[0].shape[1],
            f"merged_{facet}": 7,
            f"dropped_{facet}": 0,
        }
        for level in sorted(tree.hits)[1:]:
            metrics["cluster"] |= {
                f"clusters_{facet}_{level}": tree.hits[level].shape[1],
                f"silhouette_{facet}_{level}": 0.11,
            }
    return pd.DataFrame(
        [(stage, metric, float(value)) for stage, group in metrics.items() for metric, value in group.items()],
        columns=["stage", "metric", "value"],
    )
