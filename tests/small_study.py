"""A study folder small enough to run whole in a test: the demo corpus, the simulated model, both engines."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
_FILES = (
    "Snakefile",
    "dvc.yaml",
    "params.yaml",
    "data/demo/conversations.jsonl",
    "data/demo/gold.jsonl",
    "data/reference/published.yaml",
)
_FOLDERS = (
    "data/curation",
    "workflow/instruments",
    "envs",
    "workflow/rules",
    "workflow/report",
    "workflow/prompts",
    "profiles",
    "paper/source",
)

SMALL: dict[str, Any] = {
    "sample.size": 40,
    "cluster.levels": [8, 3],
    "analyze.bootstrap": 50,
    "disclose.min_conversations": 2,
    "disclose.min_users": 1,
    # A simulated model is asked; what `auto` stands for is tested apart.
    "screen.instrument": "model",
    "extract.requests": [{"facets": [facet]} for facet in ("ai_values", "human_values", "response_type", "task")],
    "llm.provider": "simulated",
    "llm.model": "small",
    "llm.replay": [],
}


def make_study(folder: Path, **changes: Any) -> Path:
    """Lay out a study in `folder`, with `changes` to its parameters (``section__key=value``)."""
    for name in (*_FILES, *_FOLDERS):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    set_params(folder, **{key.replace(".", "__"): value for key, value in SMALL.items()})
    set_params(folder, **changes)
    return folder


def set_params(folder: Path, **changes: Any) -> None:
    """Change parameters of a study, as a user would in an editor."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text("utf-8"))
    for key, value in changes.items():
        section, _, name = key.partition("__")
        params[section][name] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with a memo of the folder's own and this interpreter's commands first."""
    # The interpreter itself, not a resolved link: a virtual environment's commands lie beside the link.
    commands = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "WILDVALUES_MEMO": str(folder / "memo"),
        "OMP_NUM_THREADS": "1",
    }


def command(folder: Path, *words: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a study folder; with `check`, a failure shows the command's own words."""
    done = subprocess.run(
        words, cwd=folder, env={**environment(folder), **variables}, text=True, capture_output=True, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done


def with_dvc(folder: Path) -> Path:
    """Make a study folder a git repository with DVC, everything committed."""
    (folder / ".gitignore").write_text(
        "/data/interim/\n/data/processed/\n/results/\n/paper/build/\n/paper/main.pdf\n/logs/\n/memo/\n.snakemake/\n",
        "utf-8",
    )
    shutil.copy(ROOT / ".dvcignore", folder / ".dvcignore")
    command(folder, "git", "init", "--quiet")
    command(folder, "dvc", "init", "--quiet")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    for key, value in (("user.name", "A. Tester"), ("user.email", "tester@example.org")):
        command(folder, "git", "config", key, value)
    command(folder, "git", "add", "--all")
    command(folder, "git", "commit", "--quiet", "--message", "A small study")
    return folder


def hashes(folder: Path, *places: str) -> dict[str, str]:
    """Return the sha256 of every file below `places`, without the engines' own marks."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in places
        for path in sorted((folder / place).rglob("*") if (folder / place).is_dir() else [folder / place])
        if path.is_file() and path.name not in (".snakemake_timestamp", ".gitignore")
    }


PRODUCTS = ("data/interim", "data/processed", "results", "paper/build")
