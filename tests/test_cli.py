"""The command line: every stage and tool is there, and a mistake is one sentence and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from small_study import command, make_study
from wildvalues.cli import TOOLS, commands, fill
from wildvalues.params import Params
from wildvalues.stage import STAGE_NAMES, load_stage


def test_help_lists_every_stage_in_order_and_every_tool() -> None:
    shown = CliRunner().invoke(commands, ["--help"]).output
    places = [shown.index(f"  {name} ") for name in (*STAGE_NAMES, *TOOLS)]
    assert places == sorted(places)


@pytest.mark.parametrize("name", STAGE_NAMES)
def test_every_stage_has_an_option_for_each_file_and_a_function_that_takes_them(name: str) -> None:
    import importlib
    import inspect

    stage = load_stage(name)
    shown = CliRunner().invoke(commands, [name, "--help"]).output
    for key in (*stage.reads, *stage.writes):
        assert f"--{key.replace('_', '-')}" in shown
    function = importlib.import_module(f"wildvalues.{name}").run
    inspect.signature(function).bind(Params(), **{key: Path(key) for key in (*stage.reads, *stage.writes)})


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_explains_itself(name: str) -> None:
    done = CliRunner().invoke(commands, [name, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 3


def test_a_path_from_the_parameters_is_filled_in_as_dvc_does() -> None:
    assert fill("${ingest.input}", Params()) == Params().ingest.input
    assert fill("${validate.gold}", Params()) == Params().validation.gold


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cluster"], "data/interim/embeddings.parquet: this input of `wildvalues cluster` does not exist"),
        (["cluster", "--params", "absent.yaml"], "absent.yaml: no such file"),
        (["clustr"], "No such command 'clustr'"),
        (["ingest", "--input", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = command(make_study(tmp_path), "wildvalues", *words, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_starts_without_loading_a_model_library() -> None:
    loaded = "import sys, wildvalues.cli as c; c.commands.list_commands(None); print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    for heavy in ("'torch'", "'xllamacpp'", "'sklearn'", "'matplotlib'", "'anthropic'"):
        assert heavy not in modules
