"""Choosing conversations: the steps of `sample`, each a filter on what is known of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from wildvalues.errors import InputError, ParamsError
from wildvalues.params import Sample

_SPACE = re.compile(r"\s+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def text_key(messages: Iterable[Mapping[str, str]], model: str | None) -> str:
    """Return a key that two conversations share when they say the same, but for case, width and spacing.

    The model is part of the key: the same words from two models are two observations, and comparisons of models
    on equal prompts need both.
    """
    digest = hashlib.sha256((model or "").encode())
    for message in messages:
        plain = _SPACE.sub(" ", unicodedata.normalize("NFKC", message["content"]).casefold()).strip()
        digest.update(f"\0{message['role']}\0{plain}".encode())
    return digest.hexdigest()


def rank(seed: int, conversation_id: str) -> str:
    """Return a conversation's place in the random order of `seed`; small ones are drawn first."""
    return hashlib.sha256(f"{seed}:{conversation_id}".encode()).hexdigest()


@dataclass(frozen=True)
class Step:
    """What a filter is called in metrics and messages, and how many conversations it removed."""

    name: str
    removed: int


def choose(frame: pd.DataFrame, params: Sample, seed: int) -> tuple[pd.DataFrame, list[Step]]:
    """Apply the filters of the section ``sample`` in order.

    Parameters
    ----------
    frame
        One conversation a row, columns ``conversation_id, language, model, user_id, started_at, text_key``; the
        id is unique.
    params
        The filters.
    seed
        Seed of every random choice.

    Returns
    -------
    tuple
        The rows that stay, sorted by id, and the steps taken.

    Raises
    ------
    InputError
        When nothing is left, or a filter needs what no conversation has.
    ParamsError
        When a day is no date or the window ends before it begins.
    """
    filters: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = []
    if params.since is not None or params.until is not None:
        since, until = window(params.since, params.until)
        _need(frame, "started_at", "sample.since and sample.until", "tells when it began")
        filters.append(("outside_window", lambda rows: _within(rows, since, until)))
    if params.languages is not None:
        languages = [language.casefold() for language in params.languages]
        _need(frame, "language", "sample.languages", "has a known language")
        filters.append(("other_language", lambda rows: rows[rows["language"].isin(languages)]))
    if params.models is not None:
        models = params.models
        _need(frame, "model", "sample.models", "names its model")
        filters.append(("other_model", lambda rows: rows[rows["model"].isin(models)]))
    if params.deduplicate:
        filters.append(("duplicates", lambda rows: rows.drop_duplicates("text_key", keep="first")))
    if params.max_per_user is not None:
        most = params.max_per_user
        _need(frame, "user_id", "sample.max_per_user", "names its user")
        filters.append(("over_user_cap", lambda rows: _cap(rows, most, seed)))
    if params.size is not None:
        size = params.size
        filters.append(("not_drawn", lambda rows: _draw(rows, size, seed)))
    left = frame.sort_values("conversation_id", kind="stable")
    steps: list[Step] = []
    for name, keep in filters:
        before = len(left)
        left = keep(left)
        steps.append(Step(name, before - len(left)))
    if left.empty:
        story = ", ".join(f"{step.removed:,} {step.name.replace('_', ' ')}" for step in steps if step.removed)
        raise InputError(
            f"the sample is empty: of {len(frame):,} conversations were removed {story or 'none'}"
            f"{_offer(frame, params)}; widen the section `sample` of params.yaml"
        )
    return left, steps


def window(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the first moment inside the window and the first one after it, in UTC.

    A day means the whole day; a time of day means that moment.
    """
    start = _moment("since", since)
    end = _moment("until", until)
    if end is not None and until is not None:
        end += timedelta(days=1) if _DAY.fullmatch(until.strip()) else timedelta(microseconds=1)
    if start is not None and end is not None and start >= end:
        raise ParamsError(f"params.yaml: sample.until: {until} is before sample.since ({since})")
    return start, end


def _moment(key: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ParamsError(f"params.yaml: sample.{key}: found {value!r}; write a day such as 2026-03-02") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _need(frame: pd.DataFrame, column: str, keys: str, what: str) -> None:
    if len(frame) and frame[column].isna().all():
        raise InputError(f"params.yaml: {keys} cannot be applied, since no conversation {what}; set it to null")


def _within(rows: pd.DataFrame, since: datetime | None, until: datetime | None) -> pd.DataFrame:
    inside = rows["started_at"].notna()
    if since is not None:
        inside &= rows["started_at"] >= since
    if until is not None:
        inside &= rows["started_at"] < until
    return rows[inside]


def _cap(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Keep `most` conversations of each user; those of unknown users all stay, since nobody can be counted."""
    order = rows.assign(rank=[rank(seed, each) for each in rows["conversation_id"]]).sort_values("rank")
    place = order.groupby("user_id", dropna=True).cumcount()
    kept = order[(place < most) | order["user_id"].isna()]
    return rows.loc[rows.index.isin(kept.index)]


def _draw(rows: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    ranks = pd.Series([rank(seed, each) for each in rows["conversation_id"]], index=rows.index, dtype="str")
    drawn = ranks.sort_values().index[:size]
    return rows.loc[rows.index.isin(drawn)]


def _offer(frame: pd.DataFrame, params: Sample) -> str:
    """Return what the corpus does have, for each filter that may have been set wrongly."""
    parts = []
    times = frame["started_at"].dropna()
    if (params.since or params.until) and len(times):
        parts.append(f"they run from {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}")
    for name, column, given in (("languages", "language", params.languages), ("models", "model", params.models)):
        if given is not None:
            parts.append(f"{name} there are {', '.join(frame[column].value_counts().index[:8])}")
    return f" ({'; '.join(parts)})" if parts else ""
