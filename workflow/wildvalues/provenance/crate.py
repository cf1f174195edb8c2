"""The RO-Crate of a study: which stage made which published file, from what, with which parameters and at what cost.

Follows the Workflow Run RO-Crate profile (https://w3id.org/ro/wfrun/workflow/0.5) on RO-Crate 1.1. Names of
files are relative to the folder of the record. The record holds no clock: when and where a study ran is not part of
what it found, and would make two equal runs differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from wildvalues.dataset.checksums import files_below
from wildvalues.dataset.facts import is_demo
from wildvalues.dataset.licence import licence_name, licence_url
from wildvalues.files import sha256_file
from wildvalues.params import Params
from wildvalues.provenance.parameters import published_parameters, stage_parameters
from wildvalues.provenance.software import models, packages
from wildvalues.results import Results
from wildvalues.stage import Stage

_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_FORMATS = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
}
_COSTS = ("calls", "input_tokens", "output_tokens")


class Record:
    """Builds the graph; every entity has an id of its own making, never a random one."""

    def __init__(self, params: Params, tables: Results) -> None:
        self._params = params
        self._tables = tables
        self._published = published_parameters(params)
        self._crate = ROCrate(gen_preview=False, version="1.1")
        self._crate.metadata.extra_contexts.append(_TERMS)
        # rocrate writes the time of day here.
        del self._crate.root_dataset["datePublished"]
        self._folders: dict[str, Any] = {}

    def _add(self, identifier: str, kind: str | list[str], /, **properties: Any) -> Any:
        given = {key: value for key, value in properties.items() if value not in (None, "", [])}
        return self._crate.add(ContextEntity(self._crate, identifier, {"@type": kind, **given}))

    def file(self, label: str, path: Path, **properties: Any) -> Any:
        """Describe a file by its content."""
        return self._add(
            label,
            "File",
            name=properties.pop("name", path.name),
            encodingFormat=_FORMATS.get(path.suffix),
            contentSize=str(path.stat().st_size),
            sha256=sha256_file(path),
            **properties,
        )

    def folder(self, conventional: str, label: str, path: Path, *, whole: bool = False) -> Any:
        """Describe a folder and each file in it; with `whole`, only how many files there are.

        Parameters
        ----------
        conventional
            The path the stages' declarations use for it.
        """
        paths = files_below(path)
        parts = [] if whole else [self.file(f"{label}{item.relative_to(path).as_posix()}", item) for item in paths]
        count = f"{len(paths)} files, each with its checksum in SHA256SUMS" if whole else None
        name = conventional.rpartition("/")[2]
        self._folders[conventional] = self._add(label, "Dataset", name=name, description=count, hasPart=parts)
        return self._folders[conventional]

    def published(self, conventional: str, entity: Any) -> None:
        """Remember a single published file under the path the declarations use."""
        self._folders[conventional] = entity

    def people(self) -> list[Any]:
        """Describe the authors."""
        names = self._params.study.authors
        return [self._add(f"#author-{place}", "Person", name=name) for place, name in enumerate(names, start=1)]

    def workflow(self) -> Any:
        """Describe the workflow, its software and its models."""
        software = [
            self._add(
                f"#software-{package.name}",
                "SoftwareApplication",
                name=package.name,
                softwareVersion=package.version,
                url=package.url,
            )
            for package in packages()
        ]
        used = [
            self._add(
                f"#{model.role.replace(' ', '-')}",
                "SoftwareApplication",
                name=model.name,
                description=f"the {model.role} of this study",
                identifier=f"sha256:{model.sha256}" if model.sha256 else None,
                sha256=model.sha256,
                license=model.licence,
            )
            for model in models(self._published["llm"]["model"], self._published["embed"]["model"])
        ]
        language = self._add(
            "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
            "ComputerLanguage",
            name="Snakemake",
            identifier={"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            url={"@id": "https://snakemake.readthedocs.io"},
        )
        return self._add(
            "../../Snakefile",
            ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            name="wildvalues",
            description="From conversation logs to tables, figures, dataset, page and paper.",
            programmingLanguage=language,
            softwareRequirements=[*software, *used],
            citation="https://arxiv.org/abs/2504.15236",
        )

    def action(self, stage: Stage) -> Any:
        """Describe what one stage did: tool, parameters, published inputs and outputs, calls and counts."""
        tool = self._add(f"#tool-{stage.name}", "SoftwareApplication", name=f"wildvalues {stage.name}")
        knobs = [
            self._value(f"#parameter-{stage.name}-{key}", key, value)
            for key, value in stage_parameters(stage, self._published).items()
        ]
        rows = self._tables["pipeline"]
        counts = rows[(rows["stage"] == stage.name) & rows["value"].notna()].sort_values("metric")
        numbers = {row.metric: _whole(row.value) for row in _named(counts)}
        return self._add(
            f"#{stage.name}",
            "CreateAction",
            name=stage.name,
            description=stage.summary,
            instrument=[tool, *([self._crate.get("#language-model")] if "calls" in numbers else [])],
            object=[*self._known(stage.reads), *knobs],
            result=self._known(stage.writes),
            resourceUsage=[
                self._value(f"#cost-{stage.name}-{key}", key, numbers[key]) for key in _COSTS if key in numbers
            ],
            additionalProperty=[
                self._value(f"#count-{stage.name}-{key}", key, number)
                for key, number in numbers.items()
                if key not in _COSTS
            ],
            actionStatus="http://schema.org/CompletedActionStatus",
        )

    def _known(self, places: Mapping[str, str]) -> list[Any]:
        return [self._folders[place] for place in places.values() if place in self._folders]

    def _value(self, identifier: str, name: str, value: Any) -> Any:
        shown = value if isinstance(value, str | int | float) and not isinstance(value, bool) else _as_text(value)
        return self._add(identifier.replace(" ", "-"), "PropertyValue", name=name, value=shown)

    def finish(self, stages: Iterable[Stage], workflow: Any, parts: list[Any]) -> dict[str, Any]:
        """Describe the run and the root, and return the JSON-LD document."""
        actions = [self.action(stage) for stage in stages]
        run = self._add(
            "#run",
            "CreateAction",
            name=f"Run of wildvalues: {self._params.study.title}",
            instrument=workflow,
            object=[self._crate.get("params.yaml"), self._folders["workflow/prompts"]],
            result=[entity for place, entity in self._folders.items() if place.startswith("results/")],
            actionStatus="http://schema.org/CompletedActionStatus",
        )
        licence = self._params.release.licence
        licensed = self._add(licence_url(licence), "CreativeWork", name=licence_name(licence))
        profiles = [self._add(url, "CreativeWork", name=url.split("/ro/")[-1]) for url in _PROFILES]
        mark = "Demonstration data, not findings. " if is_demo(self._tables) else ""
        root = self._crate.root_dataset
        root["name"] = self._params.study.title
        root["description"] = f"{mark}Provenance of a study of the values in {self._params.study.corpus}."
        root["author"] = self.people()
        root["license"] = licensed
        root["conformsTo"] = profiles
        root["mainEntity"] = workflow
        root["hasPart"] = [workflow, *parts]
        root["mentions"] = [run, *actions]
        document: dict[str, Any] = self._crate.metadata.generate()
        document["@graph"].sort(key=lambda entity: (entity["@id"] != "ro-crate-metadata.json", entity["@id"]))
        return document


def _named(frame: Any) -> Any:
    return frame.itertuples(index=False)


def _whole(number: float) -> int | float:
    return int(number) if float(number).is_integer() else float(number)


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
