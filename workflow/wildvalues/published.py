"""The published study's headline figures, as ``data/reference/published.yaml`` holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError

Measure = Literal["subjective", "with_human_value", "ai_value", "human_value", "response_type", "mirroring"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where the figures come from."""

    study: str
    citation: str
    url: str
    corpus: str


class Figure(_Part):
    """One percentage: of what, how much, of how many conversations (where that is known), and how surely."""

    measure: Measure
    name: str
    percent: float = Field(ge=0, le=100)
    base: int | None = Field(default=None, ge=1)
    certain: bool

    @property
    def share(self) -> float:
        """The percentage as a share."""
        return self.percent / 100


class Published(_Part):
    """The headline figures of one published study."""

    source: Source
    caveat: str
    figures: tuple[Figure, ...]


NOTHING = Published(source=Source(study="", citation="", url="", corpus=""), caveat="", figures=())


def load_published(path: Path) -> Published:
    """Read and check a file of published figures.

    Raises
    ------
    InputError
        When it cannot be read, or lacks something, or holds a percentage beyond 0 to 100.
    """
    try:
        return Published.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; it comes with the repository: `git checkout -- {path}`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path}: {where}: {first['msg']}; see the figures that come with the repository") from None
