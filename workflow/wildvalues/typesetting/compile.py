"""Running LaTeX in a scratch folder, so that equal sources give equal bytes and failures give one sentence."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wildvalues.errors import InputError

INSTALL = "apt-get install latexmk texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended lmodern"
FAILED_LOG = Path("logs/typeset-latex.log")
_MAIN = "paper/source/main.tex"
_SECONDS = 300
log = logging.getLogger("wildvalues")


def compile_pdf(parts: Mapping[str, Path], pdf: Path, *, failed_log: Path = FAILED_LOG) -> None:
    """Set the paper and write it to `pdf`.

    Parameters
    ----------
    parts
        Place in the scratch study folder -> folder to copy there; ``paper/source`` holds ``main.tex``.
    failed_log
        Where LaTeX's log is kept if it fails.

    Raises
    ------
    InputError
        When LaTeX or one of its packages is missing, or LaTeX stops with an error.
    """
    missing = [tool for tool in ("latexmk", "pdflatex") if shutil.which(tool) is None]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} not found: the paper needs LaTeX; install it with `{INSTALL}` and run again"
        )
    with tempfile.TemporaryDirectory(prefix="wildvalues-paper-") as name:
        scratch = Path(name)
        for place, folder in parts.items():
            shutil.copytree(folder, scratch / place)
        main = scratch / _MAIN
        if not main.is_file():
            raise InputError(
                f"{parts.get('paper/source')}: holds no main.tex; restore it with `git checkout paper/source`"
            )
        output = _latexmk(main)
        made = main.with_suffix(".pdf")
        if output is not None or not made.exists():
            raise InputError(_explain(main.with_suffix(".log"), output or "", failed_log))
        shutil.copyfile(made, pdf)


def _latexmk(main: Path) -> str | None:
    """Run latexmk; return what it printed when it failed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TEX", "BIB", "LATEX"))}
    environment |= {
        "SOURCE_DATE_EPOCH": "0",
        "FORCE_SOURCE_DATE": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "max_print_line": "1000",
    }
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", main.name]
    try:
        done = subprocess.run(
            command,
            cwd=main.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"! LaTeX did not finish in {_SECONDS} seconds."
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def _explain(log_file: Path, output: str, failed_log: Path) -> str:
    text = log_file.read_text("utf-8", "replace") if log_file.exists() else output
    failed_log.parent.mkdir(parents=True, exist_ok=True)
    failed_log.write_text(text, "utf-8")
    first = re.search(r"^! (.+)$", text, re.MULTILINE)
    problem = first[1].strip() if first else "latexmk failed without a LaTeX error"
    line = re.search(r"^l\.(\d+)", text[first.end() :], re.MULTILINE) if first else None
    where = f" (line {line[1]} of the file being read)" if line else ""
    absent = re.search(r"File `([^']+\.(?:sty|cls|def|tfm|fd))' not found", problem)
    advice = f"install it with `{INSTALL}`" if absent else "mend paper/source"
    return (
        f"LaTeX stopped: {problem}{where}; the log is kept in {failed_log}; {advice} and run `wildvalues typeset` again"
    )
