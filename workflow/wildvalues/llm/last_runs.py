"""How each stage's last run went: from the memo, from the model, dollars spent this time.

Outputs must be equal for equal inputs, so none of this is in them. It lies in ``.wildvalues/last_runs.json`` of the
study folder, beside the ledger, for the closing summary.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from filelock import FileLock

from wildvalues.files import replacing
from wildvalues.llm.ledger import FOLDER
from wildvalues.llm.usage import Usage

_logger = logging.getLogger("wildvalues")


def remember(stage: str, usage: Usage, folder: Path = FOLDER) -> None:
    """Keep how a run went, in the place of the stage's run before; a folder that cannot be written is no obstacle."""
    path = folder.absolute() / "last_runs.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", "utf-8")
        # Stages that run at once each keep theirs.
        with FileLock(path.with_suffix(".lock")), replacing(path) as scratch:
            found = {**last_runs(folder), stage: usage.this_time()}
            scratch.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
    except OSError as error:
        _logger.warning("%s: not written (%s), so `wildvalues summary` lacks this run", path, error.strerror)


def last_runs(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return stage -> `Usage.this_time` of its last run; nothing where that cannot be read."""
    try:
        found = json.loads((folder / "last_runs.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {stage: run for stage, run in found.items() if isinstance(run, dict)} if isinstance(found, dict) else {}
