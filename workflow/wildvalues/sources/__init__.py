"""Log formats: one module each, from records to conversations. `wildvalues sources` lists them."""

from __future__ import annotations

from pathlib import Path

from wildvalues.errors import ParamsError
from wildvalues.params import Ingest
from wildvalues.sources.base import Source
from wildvalues.sources.chatgpt_export import ChatGptExport
from wildvalues.sources.claude_export import ClaudeExport
from wildvalues.sources.hh_rlhf import HhRlhf
from wildvalues.sources.lmsys import Lmsys
from wildvalues.sources.native import Native
from wildvalues.sources.openai_messages import OpenAiMessages
from wildvalues.sources.sharegpt import ShareGpt
from wildvalues.sources.table import Table
from wildvalues.sources.wildchat import WildChat

# In the order detection prefers them: a layout that is a special case of another stands before it.
SOURCES: tuple[Source, ...] = (
    Native(),
    HhRlhf(),
    WildChat(),
    Lmsys(),
    ShareGpt(),
    ClaudeExport(),
    ChatGptExport(),
    OpenAiMessages(),
)


def candidates(params: Ingest, scratch: Path) -> tuple[Source, ...]:
    """Return the formats a file may be in: one when ``ingest.format`` or ``ingest.columns`` says so.

    Parameters
    ----------
    params
        The section ``ingest``.
    scratch
        A private folder for what a format must keep on disk while reading.

    Raises
    ------
    ParamsError
        When a table has no column mapping, or another format has one.
    """
    if params.columns is not None:
        if params.format not in ("auto", Table.name):
            raise ParamsError(
                f"params.yaml: ingest.columns: is for format table, but ingest.format is {params.format}; "
                "set the format to table or the columns to null"
            )
        return (Table(params.columns, scratch),)
    if params.format == "auto":
        return SOURCES
    if params.format == Table.name:
        raise ParamsError(
            "params.yaml: ingest.columns: format table needs it, for example {prompt: question, reply: answer}"
        )
    return tuple(source for source in SOURCES if source.name == params.format)
