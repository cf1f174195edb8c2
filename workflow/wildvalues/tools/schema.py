"""`wildvalues schema`: the JSON schema of params.yaml, for editors, generated from the typed model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wildvalues.params import Params

SCHEMA_FILE = Path("workflow/schemas/params.schema.json")


def schema_text() -> str:
    """Return the schema as it stands in `SCHEMA_FILE`."""
    schema = Params.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


@click.command("schema", help="Write the JSON schema of params.yaml for editors.")
@click.option("--output", type=click.Path(path_type=Path), default=SCHEMA_FILE, show_default=True)
def command(output: Path) -> None:
    """Run `wildvalues schema`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(schema_text(), "utf-8")
