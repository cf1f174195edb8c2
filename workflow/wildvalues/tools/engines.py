"""Snakemake and DVC side by side: compare them with the stages' declarations, and hand a finished run over."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from wildvalues.errors import InputError, WildvaluesError
from wildvalues.params import PARAMS_FILE
from wildvalues.stage import STAGE_NAMES, Stage, load_stage

# Where the logs are: a file, or a folder that people write to.
_LOGS = "${ingest.input}"


def value_at(params: Mapping[str, Any], key: str) -> Any:
    """Return the value at ``section`` or ``section.key``; None where the file leaves it to its default."""
    found: Any = params
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def changed_keys(config: Mapping[str, Any]) -> list[str]:
    """Return the keys in which Snakemake's `config` differs from ``params.yaml``, as ``key=value``."""
    on_disk = yaml.safe_load(PARAMS_FILE.read_text("utf-8")) or {}
    return [f"{key}={value}" for key, value in sorted(_flatten(config).items()) if _flatten(on_disk).get(key) != value]


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


# --- parity -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineStage:
    """A stage as an engine's file spells it out."""

    name: str
    command: str
    inputs: frozenset[str]
    outputs: frozenset[str]
    params: frozenset[str]


def declared(stage: Stage) -> EngineStage:
    """Return what both engines' files should say about `stage`."""
    return EngineStage(
        stage.name,
        stage.command(),
        frozenset(stage.reads.values()),
        frozenset(stage.writes.values()),
        frozenset(stage.params),
    )


def in_dvc(path: Path) -> dict[str, EngineStage]:
    """Return the stages of a dvc.yaml."""
    stages = yaml.safe_load(path.read_text("utf-8"))["stages"]
    found = {}
    for name, entry in stages.items():
        outs = [
            next(iter(out)) if isinstance(out, dict) else out
            for key in ("outs", "metrics", "plots")
            for out in entry.get(key, [])
        ]
        found[name] = EngineStage(
            name,
            " ".join(entry["cmd"].split()),
            frozenset(entry.get("deps", [])),
            frozenset(outs),
            frozenset(entry.get("params", [])),
        )
    return found


def in_snakemake(rules: Path) -> dict[str, EngineStage]:
    """Return the stages that the rule files in a folder spell out.

    The rule files are plain enough to be read as text: named inputs and outputs that are quoted paths (or a folder
    given through `files_below`), ``**keys(...)`` and one command.
    """
    found = {}
    for file in sorted(rules.glob("*.smk")):
        for match in re.finditer(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)+)", file.read_text("utf-8"), re.MULTILINE):
            name, body = match[1], match[2]
            inputs = _named_paths(_section(body, "input"))
            outputs = _named_paths(_section(body, "output"))
            places = {f"{{input.{key}}}": path for key, path in inputs.items()}
            places |= {f"{{params.{key}}}": path for key, path in inputs.items()}
            places |= {f"{{output.{key}}}": path for key, path in outputs.items()}
            command = " ".join(re.findall(r'"([^"]*)"', _section(body, "shell")))
            for placeholder, path in places.items():
                command = command.replace(placeholder, path)
            keys = re.search(r"\*\*keys\(([^)]*)\)", body, re.DOTALL)
            found[name] = EngineStage(
                name,
                " ".join(command.replace("WILDVALUES_LOG={log} ", "").split()),
                frozenset(inputs.values()),
                frozenset(outputs.values()),
                frozenset(re.findall(r'"([^"]+)"', keys[1]) if keys else ()),
            )
    return found


def _section(body: str, name: str) -> str:
    match = re.search(rf"^    {name}:(.*?)(?=^    \w+:|\Z)", body, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def _named_paths(section: str) -> dict[str, str]:
    paths = {}
    for name, value in re.findall(r"^ {8}(\w+)=(.*?),?$", re.sub(r"\(\s+", "(", section), re.MULTILINE):
        setting = re.search(r'config\["(\w+)"\]\["(\w+)"\]', value)
        quoted = re.search(r'"([^"]+)"', value)
        if setting:
            paths[name] = f"${{{setting[1]}.{setting[2]}}}"
        elif quoted:
            paths[name] = quoted[1]
    return paths


def dvc_fragment(stage: Stage) -> str:
    """Return the entry of dvc.yaml that matches the declaration, ready to paste."""
    entry: dict[str, Any] = {"cmd": stage.command(), "deps": list(stage.reads.values())}
    if stage.params:
        entry["params"] = list(stage.params)
    outs = [path for path in stage.writes.values() if not path.startswith("results/metrics/")]
    metrics = [path for path in stage.writes.values() if path.startswith("results/metrics/")]
    if outs:
        entry["outs"] = outs
    if metrics:
        entry["metrics"] = metrics
    return yaml.safe_dump({stage.name: entry}, sort_keys=False, width=1000)


def snakemake_fragment(stage: Stage) -> str:
    """Return the rule that matches the declaration, ready to paste."""
    by_params = [key for key, path in stage.reads.items() if path == _LOGS or key in stage.optional]
    options = [
        f"--{key.replace('_', '-')} {f'{{params.{key}}}' if key in stage.optional else _source(key, path)}"
        for key, path in stage.reads.items()
    ]
    options += [f"--{key.replace('_', '-')} {{output.{key}}}" for key in stage.writes]
    lines = [f"rule {stage.name}:", "    input:"]
    lines += [
        f"        {key}={f'if_there({_folder(path)})' if key in stage.optional else _spelled(path)},"
        for key, path in stage.reads.items()
    ]
    lines += ["    output:"]
    lines += [f"        {key}={_spelled_output(path)}," for key, path in stage.writes.items()]
    lines += ["    params:"]
    lines += [f"        {key}=lambda wildcards: {_folder(stage.reads[key])}," for key in by_params]
    lines += [f"        **keys({', '.join(repr(key) for key in stage.params)}),".replace("'", '"')]
    lines += ["    log:", f'        "logs/{stage.name}.log",', "    conda:"]
    lines += [f'        "../../envs/{"tex" if stage.name == "typeset" else "core"}.yaml"', "    benchmark:"]
    lines += [f'        "logs/benchmarks/{stage.name}.tsv"', "    message:", f'        "{stage.summary}"']
    lines += ["    shell:", f'        "WILDVALUES_LOG={{log}} wildvalues {stage.name} "']
    lines += [f'        "{option} "' for option in options[:-1]]
    return "\n".join([*lines, f'        "{options[-1]}"', ""])


def _is_folder_input(path: str) -> bool:
    """Folders that people write to: their files are the inputs, and the command gets the folder."""
    return path == "workflow/prompts" or path == "paper/source" or path == _LOGS


def _source(key: str, path: str) -> str:
    if not _is_folder_input(path):
        return f"{{input.{key}}}"
    return f"{{params.{key}}}" if path.startswith("$") else path


def _folder(path: str) -> str:
    setting = re.fullmatch(r"\$\{(\w+)\.(\w+)\}", path)
    return f'config["{setting[1]}"]["{setting[2]}"]' if setting else f'"{path}"'


def _spelled(path: str) -> str:
    if path == _LOGS:
        return f'files_below({_folder(path)}, config["ingest"]["files"])'
    return f"files_below({_folder(path)})" if _is_folder_input(path) else _folder(path)


def _spelled_output(path: str) -> str:
    return f'"{path}"' if Path(path).suffix else f'directory("{path}")'


def differences(folder: Path) -> list[str]:
    """Return what the engines' files in `folder` say otherwise than the stages' declarations, with the fix."""
    problems = []
    engines = {
        "dvc.yaml": (in_dvc(folder / "dvc.yaml"), dvc_fragment),
        "workflow/rules": (in_snakemake(folder / "workflow/rules"), snakemake_fragment),
    }
    for file, (stages, fragment) in engines.items():
        for name in STAGE_NAMES:
            stage = load_stage(name)
            wanted, given = declared(stage), stages.get(name)
            if given != wanted:
                said = "is missing" if given is None else _difference(wanted, given)
                problems.append(f"{file}: {name}: {said}; paste this instead:\n{fragment(stage)}")
        problems += [f"{file}: {name}: there is no such stage; remove it" for name in stages if name not in STAGE_NAMES]
    return problems


def _difference(wanted: EngineStage, given: EngineStage) -> str:
    for part in ("inputs", "outputs", "params"):
        want, have = getattr(wanted, part), getattr(given, part)
        if want != have:
            return f"{part} lack {sorted(want - have)} and have {sorted(have - want)} too many"
    return f"the command is `{given.command}`"


# --- hand-shakes ------------------------------------------------------------------------------------------


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], text=True, capture_output=True, check=False)


@click.group("engines", help="Compare Snakemake and DVC, or hand a finished run from one to the other.")
def command() -> None:
    """Group of `wildvalues engines`."""


@command.command(help="Say where Snakefile, dvc.yaml and the stages disagree, with the fragment to paste.")
def check() -> None:
    """Run `wildvalues engines check`."""
    problems = differences(Path())
    if problems:
        raise InputError("\n".join(problems))
    click.echo("Snakefile, dvc.yaml and the stages agree.")


@command.command(help="After Snakemake: let DVC remember what is on disk, so that `dvc status` is clean.")
def adopt() -> None:
    """Run `wildvalues engines adopt`."""
    done = _run("dvc", "commit", "--force")
    if done.returncode:
        raise WildvaluesError(f"dvc commit failed: {done.stderr.strip().splitlines()[-1]}")
    _expect_clean_dvc()
    click.echo("DVC has adopted the run: `dvc status` is clean; commit dvc.lock to version it.")


@command.command(help="After clone, pull or `dvc repro`: tell Snakemake that what is on disk is current.")
def sync() -> None:
    """Run `wildvalues engines sync`."""
    _expect_clean_dvc()
    done = _run("snakemake", "--touch", "--cores", "1", "--quiet", "all")
    if done.returncode:
        raise WildvaluesError(f"snakemake --touch failed: {done.stderr.strip().splitlines()[-1]}")
    click.echo("Snakemake agrees that everything is current.")


def _expect_clean_dvc() -> None:
    status = _run("dvc", "status", "--json")
    if status.returncode or status.stdout.strip() not in ("{}", ""):
        raise WildvaluesError("dvc status is not clean: run `dvc repro` or `dvc pull` first; `dvc status` says why")
