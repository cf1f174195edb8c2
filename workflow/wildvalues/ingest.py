"""Stage ingest: logs of any known format become one table of conversations, sorted by id.

Flow: files -> records (`sources.containers`) -> conversations (a module of `sources` each) -> dialogues
(`sources.dialogue`) -> a pile on disk sorted by id (`sources.spool`) -> duplicates settled (`sources.settle`) ->
Parquet. Nothing but one batch of rows is held in memory, and nothing depends on the order of files or lines.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from wildvalues.errors import InputError
from wildvalues.files import sha256_text, write_json, write_table
from wildvalues.params import Params
from wildvalues.progress import progress
from wildvalues.sources import candidates, fields, languages
from wildvalues.sources.base import Conversation, Reading, Record, RecordError, Source
from wildvalues.sources.containers import SUFFIXES, is_log, records
from wildvalues.sources.detect import detect
from wildvalues.sources.dialogue import Message, dialogue, writable
from wildvalues.sources.settle import Entry, settle
from wildvalues.sources.spool import Spool, open_spool
from wildvalues.sources.table_writer import ConversationWriter, as_row
from wildvalues.stage import Stage
from wildvalues.tables import REJECTS

STAGE = Stage(
    name="ingest",
    summary="Read conversation logs of any known format into one table.",
    reads={"input": "${ingest.input}"},
    writes={
        "conversations": "data/interim/conversations.parquet",
        "rejects": "data/interim/ingest_rejects.parquet",
        "metrics": "results/metrics/ingest.json",
    },
    params=("ingest",),
)

DEMO_SOURCE = "wildvalues-demo"
_log = logging.getLogger("wildvalues")


class Rejects:
    """Records that could not be used, in the order they were met."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def add(self, where: str, error: RecordError) -> None:
        """Note a record and why it is left out."""
        self.rows.append((where, writable(error.reason)[0], error.kind))

    def check(self, read: int, allowed: float) -> None:
        """Raise `InputError` when the share of rejects among `read` records is more than `allowed`."""
        if not self.rows or len(self.rows) <= allowed * read:
            return
        kinds = ", ".join(
            f"{count:,} {kind}" for kind, count in Counter(kind for _, _, kind in self.rows).most_common()
        )
        where, reason, _ = self.rows[0]
        raise InputError(
            f"{len(self.rows):,} of {read:,} records cannot be used ({kinds}), more than ingest.max_rejected_share "
            f"({allowed:g}) allows. The first: {where}: {reason}. Mend the input or raise that share"
        )

    def table(self) -> pd.DataFrame:
        """Return the rejects as a table."""
        columns = ["where", "reason", "kind"]
        return pd.DataFrame(self.rows, columns=columns, dtype="str").assign(stage=STAGE.name)


def run(params: Params, *, input: Path, conversations: Path, rejects: Path, metrics: Path) -> None:  # noqa: A002
    """Read the logs at `input`, a file or a folder.

    Raises
    ------
    InputError
        When nothing can be read, a file is damaged, its format is not recognised, or too many records are
        rejected.
    """
    files = _files(input, params.ingest.files)
    refused = Rejects()
    counts: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory(dir=conversations.parent, prefix=".ingest-") as scratch,
        open_spool(Path(scratch) / "conversations.sqlite") as spool,
    ):
        for reading in progress(_readings(files, params, Path(scratch), refused), label="ingest", unit=" records"):
            counts["records"] += 1
            _put(spool, reading, params, refused, counts)
        with ConversationWriter(conversations) as writer:
            for _, group in spool.groups():
                _take(writer, [_revived(text) for text in group], refused, counts)
    counts["records"] += sum(kind == "empty_file" for _, _, kind in refused.rows)
    if not counts["conversations"] and not refused.rows:
        raise InputError(f"{input}: holds no conversation; check ingest.input and ingest.files")
    refused.check(counts["records"], params.ingest.max_rejected_share)
    if not counts["conversations"]:
        where, reason, _ = refused.rows[0]
        raise InputError(f"{input}: not one conversation could be read. The first: {where}: {reason}")
    write_table(REJECTS.arrange(refused.table()), rejects, REJECTS.schema)
    by_kind = Counter(kind for _, _, kind in refused.rows)
    write_json(
        {
            "conversations": counts["conversations"],
            "rejected": len(refused.rows),
            "files": len(files),
            "demo_conversations": counts["demo_conversations"],
            "records": counts["records"],
            "duplicates_merged": counts["duplicates_merged"],
            "languages_detected": counts["languages_detected"],
            "languages_unknown": counts["languages_unknown"],
            "times_unreadable": counts["times_unreadable"],
            "changes": {key.removeprefix("changes."): counts[key] for key in counts if key.startswith("changes.")},
            "rejected_by_kind": dict(by_kind),
        },
        metrics,
    )
    _log.info("ingest: %s conversations, %s rejects", f"{counts['conversations']:,}", f"{len(refused.rows):,}")


def _files(path: Path, pattern: str) -> list[tuple[Path, str]]:
    """Return (file, name for messages) of every log, by name."""
    if not path.is_dir():
        return [(path, path.name)]
    present = sorted(each for each in path.glob(pattern) if each.is_file())
    named = [(each, each.relative_to(path).as_posix()) for each in present]
    logs = [(each, name) for each, name in named if is_log(name)]
    skipped = [name for _, name in named if not is_log(name)]
    if not logs:
        found = f"only {', '.join(skipped[:5])}" if skipped else "no file at all"
        raise InputError(
            f"{path}: no log in this folder: {found} matches ingest.files ({pattern!r}); "
            f"put files there that end in {', '.join(SUFFIXES)} (text also .gz or .zst), or correct ingest.input"
        )
    if skipped:
        _log.info("ingest: left out, since they are no logs (%d): %s", len(skipped), ", ".join(skipped[:5]))
    return logs


def _readings(
    files: list[tuple[Path, str]], params: Params, scratch: Path, refused: Rejects
) -> Iterator[tuple[Source, Reading]]:
    """Read every file with its source; files of one source are read as one, since a table may span files."""
    known = candidates(params.ingest, scratch)
    by_source: dict[str, tuple[Source, list[tuple[Path, str]]]] = {}
    for path, name in files:
        if next(records(path, name), None) is None:
            refused.add(name, RecordError("empty_file", "the file holds no record"))
            continue
        source = known[0] if len(known) == 1 else detect(name, records(path, name), known)
        by_source.setdefault(source.name, (source, []))[1].append((path, name))
    for source, members in by_source.values():
        _log.info("ingest: %d files as %s", len(members), source.name)
        for reading in source.read(_all_records(members, source)):
            yield source, reading


def _all_records(files: list[tuple[Path, str]], source: Source) -> Iterator[Record]:
    for path, name in files:
        yield from records(path, name, source.columns)


def _put(spool: Spool, found: tuple[Source, Reading], params: Params, refused: Rejects, counts: Counter[str]) -> None:
    """Clean one conversation and put it on the pile, or note why not."""
    source, reading = found
    try:
        if isinstance(reading.value, RecordError):
            raise reading.value
        messages, changes = dialogue(reading.value.turns, max_chars=params.ingest.max_message_chars)
    except RecordError as error:
        refused.add(reading.where, error)
        return
    counts.update({f"changes.{key}": count for key, count in changes.items()})
    entry = _entry(reading.value, messages, source.name, reading.where, counts)
    spool.add(entry.conversation_id, json.dumps(asdict(entry), ensure_ascii=False))


def _entry(found: Conversation, messages: tuple[Message, ...], source: str, where: str, counts: Counter[str]) -> Entry:
    started = None if found.started_at is None else fields.instant(found.started_at)
    counts["times_unreadable"] += found.started_at is not None and started is None
    language = languages.code(found.language)
    if language is None:
        said = {
            role: "\n".join(message.content for message in messages if message.role == role)
            for role in ("user", "assistant")
        }
        language = languages.detect(said["user"], said["assistant"])
        counts["languages_detected" if language else "languages_unknown"] += 1
    about = {
        "source": _clean(found.source) or source,
        "model": _clean(found.model),
        "user_id": _clean(found.user_id),
        "started_at": started.isoformat() if started else None,
    }
    identity = _clean(found.conversation_id)
    if identity is None:
        # Two people may say the same words; whatever tells them apart is part of the id.
        content = json.dumps([about, [[message.role, message.content] for message in messages]], sort_keys=True)
        identity = f"{about['source']}-{sha256_text(content)[:20]}"
    return Entry(
        conversation_id=identity,
        source=str(about["source"]),
        language=language,
        model=about["model"],
        user_id=about["user_id"],
        started_at=about["started_at"],
        messages=messages,
        where=where,
    )


def _take(writer: ConversationWriter, group: list[Entry], refused: Rejects, counts: Counter[str]) -> None:
    """Write the conversation of one id, or reject all that claim the id."""
    settled = settle(group)
    if settled.kept is not None:
        writer.write(as_row(settled.kept))
        counts["conversations"] += 1
        counts["demo_conversations"] += settled.kept.source == DEMO_SOURCE
    counts["duplicates_merged"] += settled.merged
    for entry in settled.rejected:
        other = min(each.where for each in settled.rejected if each is not entry)
        refused.add(entry.where, RecordError("duplicate_id", f"the same id with other content stands at {other}"))


def _revived(text: str) -> Entry:
    value = json.loads(text)
    return Entry(**{**value, "messages": tuple(Message(**message) for message in value["messages"])})


def _clean(value: str | None) -> str | None:
    return None if value is None else writable(value)[0]
