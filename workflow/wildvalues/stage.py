"""What a stage is: a named function from files to files, declared once and run the same way by every caller.

A stage module holds `STAGE`, its declaration, and `run`, its function. The CLI, the parity test and the
documentation read the declaration; the Snakefile and dvc.yaml are compared with it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wildvalues.errors import InputError
from wildvalues.files import replacing

if TYPE_CHECKING:
    from wildvalues.params import Params

# The chain, in the order of the flow. One module, one rule, one DVC stage, one subcommand each.
STAGE_NAMES = (
    "ingest",
    "sample",
    "redact",
    "screen",
    "extract",
    "canonicalize",
    "embed",
    "cluster",
    "name",
    "edit",
    "assess",
    "analyze",
    "disclose",
    "validate",
    "plot",
    "release",
    "explore",
    "typeset",
    "trace",
)


@dataclass(frozen=True)
class Stage:
    """Declaration of a stage.

    Parameters
    ----------
    name
        Name of the rule, the subcommand, the DVC stage and the module.
    summary
        One sentence for ``--help``.
    reads, writes
        Option name -> conventional path, relative to the study folder. A path may be taken from the
        parameters with ``${section.key}``, the syntax DVC uses. An option named ``metrics`` is a JSON file
        of counts and shares without any text of a conversation.
    params
        Keys of ``params.yaml`` (a section or ``section.key``) on which the outputs depend.
    optional
        Of the options in `reads`, those whose file need not exist; the stage says what a missing one means.
    batches
        Whether its questions may go through Message Batches, so that it can be told to wait for them.
    """

    name: str
    summary: str
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    params: tuple[str, ...] = field(default=())
    optional: tuple[str, ...] = field(default=())
    batches: bool = False

    def command(self) -> str:
        """Return the command line that both engines run, with conventional paths."""
        options = [f"--{key.replace('_', '-')} {path}" for key, path in {**self.reads, **self.writes}.items()]
        return " ".join([f"wildvalues {self.name}", *options])


def load_stage(name: str) -> Stage:
    """Return the declaration of stage `name`."""
    stage: Stage = importlib.import_module(f"wildvalues.{name}").STAGE
    return stage


def run_stage(name: str, params: Params, paths: Mapping[str, Path]) -> None:
    """Run stage `name`; its outputs appear all together at the end or not at all.

    Parameters
    ----------
    paths
        Option name -> path, for every option in `reads` and `writes`.

    Raises
    ------
    InputError
        When an input that is not optional does not exist.
    """
    module = importlib.import_module(f"wildvalues.{name}")
    stage: Stage = module.STAGE
    for key in stage.reads:
        if key not in stage.optional and not paths[key].exists():
            setting = stage.reads[key].removeprefix("${").removesuffix("}")
            if setting != stage.reads[key]:
                raise InputError(f"{paths[key]}: no such file or folder; correct {setting} in params.yaml")
            raise InputError(
                f"{paths[key]}: this input of `wildvalues {name}` does not exist; "
                "run the stage that makes it (`snakemake --cores 8` runs all), or correct the path"
            )
    with contextlib.ExitStack() as stack:
        scratch = {
            key: stack.enter_context(replacing(paths[key], private=stage.writes[key].startswith("data/")))
            for key in stage.writes
        }
        module.run(params, **{key: paths[key] for key in stage.reads}, **scratch)
