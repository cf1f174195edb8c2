"""The command line: one subcommand a stage, made from the stage's declaration, and a few tools beside them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wildvalues import __version__
from wildvalues.errors import WAIT_VARIABLE, WildvaluesError
from wildvalues.params import PARAMS_FILE, Params, load_params
from wildvalues.stage import STAGE_NAMES, Stage, load_stage, run_stage

# Subcommands that are no stage: name -> module that holds a click command named `command`.
TOOLS = {
    "agreement": "wildvalues.tools.agreement",
    "cite": "wildvalues.tools.cite",
    "compare": "wildvalues.tools.compare",
    "distil": "wildvalues.tools.distil",
    "engines": "wildvalues.tools.engines",
    "estimate": "wildvalues.tools.estimate",
    "fetch": "wildvalues.tools.fetch",
    "lexicon": "wildvalues.tools.lexicon",
    "memo": "wildvalues.tools.memo",
    "model": "wildvalues.tools.model",
    "planted": "wildvalues.tools.planted",
    "schema": "wildvalues.tools.schema",
    "sources": "wildvalues.tools.sources",
    "summary": "wildvalues.tools.summary",
    "synonyms": "wildvalues.tools.synonyms",
    "trail": "wildvalues.tools.trail",
    "train": "wildvalues.tools.train",
}


class _Commands(click.Group):
    """Loads a subcommand's module only when it is asked for: torch and llama.cpp are slow to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*STAGE_NAMES, *TOOLS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in STAGE_NAMES:
            return _stage_command(load_stage(cmd_name))
        if cmd_name in TOOLS:
            import importlib

            command: click.Command = importlib.import_module(TOOLS[cmd_name]).command
            return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in (("Stages, in order", STAGE_NAMES), ("Tools", tuple(TOOLS))):
            with formatter.section(title):
                rows = [
                    (name, command.get_short_help_str(90)) for name in names if (command := self.get_command(ctx, name))
                ]
                formatter.write_dl(rows)


def fill(template: str, params: Params) -> str:
    """Replace ``${section.key}`` in `template` by the parameter's value, as DVC does."""

    def value(match: re.Match[str]) -> str:
        found: Any = params.model_dump(by_alias=True)
        for part in match[1].split("."):
            found = found[part]
        return str(found)

    return re.sub(r"\$\{([\w.]+)\}", value, template)


def _stage_command(stage: Stage) -> click.Command:
    places = {**stage.reads, **stage.writes}

    def callback(params_file: Path, wait: bool = False, **given: Path | None) -> None:
        params = load_params(params_file)
        if wait:
            os.environ[WAIT_VARIABLE] = "1"
        with _logging_to(os.environ.get("WILDVALUES_LOG")):
            run_stage(stage.name, params, {key: given[key] or Path(fill(places[key], params)) for key in places})

    options = [
        click.Option([f"--{key.replace('_', '-')}", key], type=click.Path(path_type=Path), help=f"default: {place}")
        for key, place in places.items()
    ]
    if stage.batches:
        waits = f"stay until Message Batches are answered (or set {WAIT_VARIABLE}=1)"
        options.append(click.Option(["--wait"], is_flag=True, help=waits))
    return click.Command(stage.name, callback=callback, params=[_params_option(), *options], help=stage.summary)


def _params_option() -> click.Option:
    return click.Option(
        ["--params", "params_file"], type=click.Path(path_type=Path), default=PARAMS_FILE, help="default: params.yaml"
    )


def params_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a tool's command with ``--params FILE``, passed on as `params_file`."""
    return click.option(
        "--params", "params_file", type=click.Path(path_type=Path), default=PARAMS_FILE, help="default: params.yaml"
    )(function)


@contextlib.contextmanager
def _logging_to(path: str | None) -> Any:
    """Send log records to stderr, and to the file an engine names in WILDVALUES_LOG."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
    logger = logging.getLogger("wildvalues")
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    try:
        yield
    except WildvaluesError as error:
        if path:
            with Path(path).open("a", encoding="utf-8") as handle:
                handle.write(f"{error}\n")
        raise
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Study which values an assistant's replies express, from conversation logs to a paper."""


def main() -> None:
    """Run the command line; a problem the user can mend is one sentence and exit code 2, never a traceback."""
    try:
        commands(standalone_mode=False)
    except WildvaluesError as error:
        click.echo(f"wildvalues: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("wildvalues: stopped; finished answers are kept, run the same command again to go on", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
