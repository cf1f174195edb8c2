"""Croissant metadata: the dataset described to machines (MLCommons Croissant 1.0, JSON-LD)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from wildvalues.dataset.dictionary import meanings
from wildvalues.dataset.licence import licence_url
from wildvalues.files import sha256_file
from wildvalues.params import Params
from wildvalues.tables import RESULTS

# The context of the specification, which validators compare term by term.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float", pa.bool_(): "sc:Boolean"}
_FORMATS = {"csv": "text/csv", "parquet": "application/x-parquet"}
_STUDY = (
    "Huang et al. (2025): Values in the Wild: Discovering and Analyzing Values in Real-World Language Model "
    "Interactions. arXiv:2504.15236"
)


def croissant(params: Params, folder: Path, files: Mapping[str, pa.Schema], *, demo: bool) -> dict[str, Any]:
    """Describe the data files of `folder`; each has one record set, read from its Parquet file where it has one.

    Parameters
    ----------
    files
        File name -> schema.

    Notes
    -----
    `datePublished` is left out: the folder does not know when it will be published, and a clock would change
    its bytes.
    """
    stems = sorted({name.rpartition(".")[0] for name in files})
    mark = "Demonstration data, not findings. " if demo else ""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": params.release.name,
        "description": (
            f"{mark}Aggregate counts of the values that an assistant's replies demonstrated in {params.study.corpus}: "
            "frequencies, taxonomy, and associations with tasks, users' values and kinds of reply."
        ),
        "alternateName": params.study.title,
        "creator": [{"@type": "sc:Person", "name": author} for author in params.study.authors],
        "license": licence_url(params.release.licence),
        "isBasedOn": "https://arxiv.org/abs/2504.15236",
        "citeAs": _STUDY,
        "isLiveDataset": False,
        "keywords": ["values", "language models", "human-AI interaction", "taxonomy"],
        "distribution": [_file(folder, name) for name in sorted(files)],
        "recordSet": [_records(stem, files) for stem in stems],
    }


def _file(folder: Path, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": meanings().title(name.rpartition(".")[0]),
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": _FORMATS[name.rpartition(".")[2]],
        "sha256": sha256_file(folder / name),
    }


def _records(stem: str, files: Mapping[str, pa.Schema]) -> dict[str, Any]:
    name = f"{stem}.parquet" if f"{stem}.parquet" in files else f"{stem}.csv"
    schema = files[name]
    key = RESULTS[stem].key if stem in RESULTS else None
    record: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": stem,
        "name": stem,
        "description": f"{meanings().title(stem)}. One row is {meanings().row(stem)}.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{stem}/{field.name}",
                "name": field.name,
                "description": meanings().column(stem, field.name),
                "dataType": _TYPES[field.type],
                "source": {"fileObject": {"@id": name}, "extract": {"column": field.name}},
            }
            for field in schema
        ],
    }
    if key is not None:
        record["key"] = [{"@id": f"{stem}/{column}"} for column in key]
    return record
