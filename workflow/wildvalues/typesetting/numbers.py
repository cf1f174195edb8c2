"""Every number and name the paper's sentences use, as macros; and the switches by which its text adapts."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from wildvalues.figures import associations, variation
from wildvalues.results import records
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.typesetting import calls, contrasts, firmness
from wildvalues.typesetting.latex import code, escape
from wildvalues.typesetting.study import Study
from wildvalues.wording import count, decimal, enumeration, percent, plural, words

NAMED = 5  # values that a sentence names


_CLUSTER_METHODS = {
    "kmeans": "hierarchical $k$-means",
    "clio": "groups that a language model proposes and fills, after Clio",
    "hdbscan": "HDBSCAN",
}


def _level(size: float) -> str:
    return count(size) if size >= 1 else f"{percent(size)} of the values"


def macros(study: Study) -> dict[str, str]:
    """Return macro name -> LaTeX for the whole paper."""
    found = {**_study(study), **_flow(study), **_method(study), **_results(study), **_disclosed(study)}
    return {**found, **calls.macros(study), **contrasts.macros(study), **firmness.macros(study)}


def flags(study: Study) -> dict[str, bool]:
    """Return switch name -> whether the study has the thing."""
    frequencies = study.tables["frequencies"]
    facets = set(frequencies.loc[frequencies["level"] == 0, "facet"])
    return {
        "Demo": study.demo,
        "Embedded": study.params.llm.provider in ("embedded", "replay"),
        "Simulated": study.params.llm.provider == "simulated",
        "HasAi": "ai_values" in facets,
        "HasHuman": "human_values" in facets,
        "HasUsers": study.has_users,
        "HasModels": study.n_models > 1,
        "HasGold": not study.agreement.empty,
        "HasEdits": bool(study.metric("edit", "applied")),
        "HasSynonyms": bool(
            (study.metric("canonicalize", "merged_by_same_root") or 0)
            + (study.metric("canonicalize", "merged_by_near_synonym") or 0)
        ),
        "HasTree": len(study.material.levels("ai_values")) > 1,
        "HasMirroring": not study.tables["mirroring"].empty,
        "HasVariation": not variation.chosen(study.material).empty,
        "HasExplicit": not study.tables["explicitness"].empty,
        "HasResponses": not study.tables["response_types"].empty,
        "HasAssociations": any(
            len(associations.selected(study.material, facet, 1)) for facet in ("task", "human_values")
        ),
        "HasTaskExamples": not associations.selected(study.material, "task", 1).empty,
        "HasHumanExamples": not associations.selected(study.material, "human_values", 1).empty,
        "HasMirrorKinds": not _mirror_kinds(study.tables["mirroring"]).empty,
        "HasExplicitKinds": bool((study.tables["explicitness"]["by"] == "response_type").any()),
        "HasModelShares": bool((study.tables["models"]["response_type"] == "strong_support").sum() > 1),
        "HasTaskTest": study.test("task") is not None,
        "HasHumanTest": study.test("human_values") is not None,
        **calls.flags(study),
        **contrasts.flags(study),
        **firmness.flags(study),
        "NamedByModel": bool(study.metric("name", "calls")),
        "Rounded": study.params.disclose.round_to > 1,
        "Grounded": study.params.extract.ground_quotes,
    }


def _study(study: Study) -> dict[str, str]:
    about = study.params.study
    return {
        "Title": escape(about.title),
        "Authors": r" \and ".join(escape(author) for author in about.authors),
        "Corpus": escape(about.corpus),
        "Seed": str(about.seed),
    }


def _flow(study: Study) -> dict[str, str]:
    judged, subjective = study.metric("screen", "conversations"), study.metric("screen", "subjective")
    annotated = study.metric("extract", "conversations")
    ai = study.metric("extract", "ai_values")
    numbers = {
        "Read": ("ingest", "conversations"),
        "Unreadable": ("ingest", "rejected"),
        "Sampled": ("sample", "conversations"),
        "Duplicates": ("sample", "duplicates"),
        "Users": ("sample", "users"),
        "Redacted": ("redact", "conversations_with_redactions"),
        "Redactions": ("redact", "redactions"),
        "Judged": ("screen", "conversations"),
        "Subjective": ("screen", "subjective"),
        "ScreenRejected": ("screen", "rejected"),
        "Annotated": ("extract", "conversations"),
        "ExtractRejected": ("extract", "rejected"),
        "Ungrounded": ("extract", "ungrounded"),
        "AiFound": ("extract", "ai_values"),
        "HumanFound": ("extract", "human_values"),
        "AiDistinct": ("canonicalize", "values_ai_values"),
        "HumanDistinct": ("canonicalize", "values_human_values"),
        "TaskDistinct": ("canonicalize", "values_task"),
        "AiMerged": ("canonicalize", "merged_ai_values"),
        "MergedRoot": ("canonicalize", "merged_by_same_root"),
        "MergedNear": ("canonicalize", "merged_by_near_synonym"),
        "Edits": ("edit", "applied"),
        "EditsStale": ("edit", "stale"),
        "EditsDropped": ("edit", "dropped_values"),
        "AiDropped": ("canonicalize", "dropped_ai_values"),
    }
    return {name: escape(study.counted(*place)) for name, place in numbers.items()} | {
        "Files": plural(study.metric("ingest", "files") or 0, "input file"),
        "SubjectiveShare": escape(percent(subjective / judged if judged and subjective is not None else None)),
        "AiPerConversation": escape(decimal(ai / annotated if annotated and ai is not None else None, 1)),
        "Base": count(study.material.n_subjective),
    }


def _method(study: Study) -> dict[str, str]:
    params = study.params
    facets = [facet for request in params.extract.requests for facet in request.facets]
    models = {params.llm.model, *(request.model for request in params.extract.requests if request.model)}
    return {
        "Provider": code(params.llm.provider),
        "Model": code(params.llm.model),
        "AllModels": enumeration([code(model) for model in sorted(models)]),
        "Prompts": enumeration([code(name) for name in [params.screen.facet, *facets]]),
        "Requests": plural(len(params.extract.requests), "request"),
        "CutOff": decimal(params.screen.cut_off),
        "PromptChars": count(max(params.screen.prompt_chars, params.extract.prompt_chars)),
        "EmbedModel": code(params.embed.model),
        "ClusterMethod": _CLUSTER_METHODS[params.cluster.method],
        "ClusterLevels": escape(" → ".join(_level(level) for level in params.cluster.levels)),
        "ClusterSeed": str(params.cluster.seed),
        "Alpha": f"{params.analyze.alpha:g}",
        "Confidence": "95",
        "MinCount": count(params.analyze.min_count),
        "MinContext": count(params.analyze.min_context),
        "Bootstrap": count(params.analyze.bootstrap),
        "MinConversations": count(params.disclose.min_conversations),
        "MinUsers": count(params.disclose.min_users),
        "RoundTo": count(params.disclose.round_to),
        "TopValues": count(params.plot.top_values),
    }


def _results(study: Study) -> dict[str, str]:
    material = study.material
    ai, human = material.nodes("ai_values", 0), material.nodes("human_values", 0)
    levels = material.levels("ai_values")
    tops = material.nodes("ai_values", levels[-1]) if len(levels) > 1 else ai.iloc[:0]
    return {
        "AiPublished": count(len(ai)),
        "HumanPublished": count(len(human)),
        "TaskPublished": count(len(material.nodes("task", 0))),
        "TopAi": _ranked(ai, "share"),
        "TopHuman": _ranked(human, "share"),
        "TreeSizes": escape(" → ".join(count(len(material.nodes("ai_values", level))) for level in levels)),
        "TopClusters": _ranked(tops.sort_values("share_mentions", ascending=False, kind="stable"), "share_mentions"),
        "TopClusterCount": count(len(tops)),
        **_responses(study.tables["response_types"]),
        **_tests(study),
        **_contexts(study),
        **_mirroring(study.tables["mirroring"]),
        **_explicit(study.tables["explicitness"]),
        **_models(study),
        **_agreement(study),
    }


def _ranked(table: pd.DataFrame, column: str) -> str:
    return enumeration(
        [
            rf"\textit{{{escape(row.name)}}} ({escape(percent(getattr(row, column)))}\,\%)"
            for row in records(table.head(NAMED))
        ]
    )


def _interval(row: Any | None) -> str:
    if row is None:
        return r"\emph{too few to publish}"
    return escape(f"{percent(row.share)} % ({percent(row.share_low)}–{percent(row.share_high)})").replace(
        r" \%", r"\,\%"
    )


def _first(table: pd.DataFrame, **where: str) -> Any | None:
    for column, value in where.items():
        table = table[table[column] == value]
    return next(records(table), None)


def _responses(table: pd.DataFrame) -> dict[str, str]:
    names = {
        "strong_support": "StrongSupport",
        "mild_support": "MildSupport",
        "neutral_acknowledgment": "Neutral",
        "reframing": "Reframing",
        "mild_resistance": "MildResistance",
        "strong_resistance": "StrongResistance",
        "no_values": "NoValues",
    }
    found = {
        macro: _interval(_first(table, denominator="subjective", response_type=kind)) for kind, macro in names.items()
    }
    with_human = table.loc[table["denominator"] == "with_human_value", "n_base"]
    return found | {"WithHuman": count(None if with_human.empty else int(with_human.max()))}


def _tests(study: Study) -> dict[str, str]:
    found: dict[str, str] = {}
    for facet, name in (("task", "Task"), ("human_values", "Human")):
        test = study.test(facet)
        found |= {
            f"{name}Tests": count(None if test is None else test["n_tests"]),
            f"{name}Significant": count(None if test is None else test["n_significant"]),
            f"{name}Threshold": escape(decimal(None if test is None else test["threshold"])),
            f"{name}Cramer": _strength(None if test is None else test["cramers_v"]),
        }
    return found


def _strength(cramers_v: float | None) -> str:
    """Write a clause on the strength of a whole table; nothing where the table has none."""
    known = cramers_v is not None and math.isfinite(cramers_v)
    return f" (Cram\\'er's $V={decimal(cramers_v)}$)" if known else ""


def _contexts(study: Study) -> dict[str, str]:
    found: dict[str, str] = {}
    for facet, name in (("task", "TaskExamples"), ("human_values", "HumanExamples")):
        rows = associations.selected(study.material, facet, NAMED - 2)
        first = rows.drop_duplicates("column_id") if len(rows) else rows
        found[name] = enumeration(
            [
                rf"\textit{{{escape(row.row_name)}}} with \enquote{{{escape(row.column_name)}}} "
                rf"($r={escape(decimal(row.residual, 1))}$)"
                for row in records(first)
            ]
        )
    table = variation.chosen(study.material)
    for part, name in (("steady", "Steady"), ("varying", "Varying")):
        rows = table[table["part"] == part] if len(table) else table
        rows = rows.head(NAMED - 2) if part == "steady" else rows.tail(NAMED - 2).iloc[::-1]
        found[name] = enumeration(
            [
                rf"\textit{{{escape(row.name)}}} "
                f"({escape(decimal(row.cv))}, by chance {escape(decimal(row.cv_expected))})"
                for row in records(rows)
            ]
        )
    found["Contexts"] = count(table["n_contexts"].max() if len(table) else None)
    return found


def _mirror_kinds(table: pd.DataFrame) -> pd.DataFrame:
    kinds = table[(table["matched"] == "value") & table["response_type"].isin(RESPONSE_TYPES)]
    return kinds.sort_values(["share", "response_type"], ascending=[False, True], kind="stable")


def _mirroring(table: pd.DataFrame) -> dict[str, str]:
    overall = _first(table, matched="value", response_type="all")
    highest = next(records(_mirror_kinds(table)), None)
    return {
        "Mirrored": _interval(overall),
        "MirrorBase": count(None if overall is None else overall.n_base),
        "MirrorChance": escape(percent(None if overall is None else overall.expected)),
        "MirrorMost": escape(words(highest.response_type)) if highest else escape(percent(None)),
        "MirrorMostShare": _interval(highest),
    }


def _explicit(table: pd.DataFrame) -> dict[str, str]:
    overall = _first(table, by="all")
    kinds = table[table["by"] == "response_type"]
    kinds = kinds.sort_values(["share", "group_id"], ascending=[False, True], kind="stable")
    highest = next(records(kinds), None)
    return {
        "Explicit": _interval(overall),
        "ExplicitBase": count(None if overall is None else overall.n_base),
        "ExplicitMost": escape(words(highest.group_id)) if highest else escape(percent(None)),
        "ExplicitMostShare": _interval(highest),
    }


def _models(study: Study) -> dict[str, str]:
    table = study.tables["models"]
    strong = table[table["response_type"] == "strong_support"]
    strong = strong.sort_values(["share", "model"], ascending=[False, True], kind="stable")
    rows = list(records(strong))
    most, least = (rows[0], rows[-1]) if rows else (None, None)
    absence = {0: "the logs name no model", 1: "all published conversations are with one model"}
    return {
        "ModelCount": count(study.n_models),
        "ModelsAbsence": absence.get(study.n_models, ""),
        "ModelMost": escape(most.model) if most else escape(percent(None)),
        "ModelMostShare": _interval(most),
        "ModelLeast": escape(least.model) if least else escape(percent(None)),
        "ModelLeastShare": _interval(least),
    }


def _agreement(study: Study) -> dict[str, str]:
    table = study.agreement
    best = {"subjectivity": "accuracy", "ai_values": "precision", "human_values": "precision"}
    parts = []
    for facet, rows in table.groupby("facet", sort=False):
        wanted = best.get(str(facet), "accuracy")
        row = next(records(rows[rows["measure"] == wanted]), None) or next(records(rows))
        measure = words(row.measure).replace("f1", "F1")
        names = {"subjectivity": "the subjectivity filter", "task": "tasks", "response_type": "response types"}
        parts.append(
            escape(
                f"{decimal(row.value)} {measure} ({decimal(row.value_low)} to {decimal(row.value_high)}) for "
                f"{names.get(row.facet, words(row.facet).replace('ai ', 'AI '))}"
            )
        )
    sizes = table["n"].dropna()
    return {
        "Agreement": enumeration(parts),
        "GoldBase": count(study.validation.get("n") or (sizes.max() if len(sizes) else None)),
    }


def _disclosed(study: Study) -> dict[str, str]:
    def added(prefix: str) -> float:
        return sum(float(number) for key, number in study.disclosure.items() if key.startswith(prefix) and number)

    return {
        "Published": count(added("published_")),
        "Suppressed": count(added("suppressed_")),
        "Withheld": plural(study.disclosure.get("withheld_names") or 0, "name"),
    }
