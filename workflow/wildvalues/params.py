"""The typed model of ``params.yaml``: every knob of a study, its type, its range and its default.

The JSON schema in ``workflow/schemas/params.schema.json`` is generated from this module (`wildvalues schema`).
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema, model_validator

from wildvalues.errors import ParamsError

PARAMS_FILE = Path("params.yaml")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the parameter file: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Study(Section):
    """What the study is called and the seed of every random choice."""

    title: str = "Values in these conversations"
    authors: list[str] = Field(default=["Anonymous"], min_length=1)
    corpus: str = Field(default="the conversations of this study", description="how the paper names the corpus")
    seed: Count = 1


class ColumnMapping(Section):
    """Columns of a table in which each row is one message or one whole exchange."""

    conversation_id: str | None = None
    prompt: str | None = Field(default=None, description="column with the user's text (one exchange a row)")
    reply: str | None = Field(default=None, description="column with the assistant's text (one exchange a row)")
    role: str | None = Field(default=None, description="column with the speaker (one message a row)")
    content: str | None = Field(default=None, description="column with the text (one message a row)")
    language: str | None = None
    model: str | None = None
    user_id: str | None = None
    started_at: str | None = None

    @model_validator(mode="after")
    def _one_layout(self) -> ColumnMapping:
        exchange = self.prompt is not None and self.reply is not None
        message = self.role is not None and self.content is not None and self.conversation_id is not None
        if exchange == message:
            raise ValueError("give either `prompt` and `reply`, or `conversation_id`, `role` and `content`")
        return self


SourceFormat = Literal[
    "auto",
    "wildvalues",
    "hh-rlhf",
    "wildchat",
    "lmsys",
    "sharegpt",
    "openai",
    "claude-export",
    "chatgpt-export",
    "table",
]


class Ingest(Section):
    """Where the logs are and how to read them."""

    input: str = "data/demo/conversations.jsonl"
    files: str = Field(default="**/*", description="glob below `input` when it is a folder")
    format: SourceFormat = "auto"
    columns: ColumnMapping | None = None
    max_message_chars: Positive = 200_000
    max_rejected_share: Share = 0.05


class Sample(Section):
    """Which conversations the study is about."""

    size: Positive | None = Field(default=None, description="null keeps all")
    since: str | None = Field(default=None, description="first day, ISO 8601, inclusive")
    until: str | None = Field(default=None, description="last day, ISO 8601, inclusive")
    languages: list[str] | None = None
    models: list[str] | None = None
    max_per_user: Positive | None = None
    deduplicate: bool = True


RedactionKind = Literal[
    "email",
    "phone",
    "card",
    "iban",
    "ip",
    "url_credentials",
    "api_key",
    "national_id",
    "address",
    "person",
    "username",
    "date_of_birth",
]


class Redact(Section):
    """What is masked before any model reads the text."""

    kinds: list[RedactionKind] = [
        "email",
        "phone",
        "card",
        "iban",
        "ip",
        "url_credentials",
        "api_key",
        "national_id",
        "address",
        "person",
    ]
    regions: list[str] = Field(
        default=["US", "GB", "DE", "FR", "ES", "IT", "BR", "IN"], description="for phone numbers"
    )
    model: Literal["rampart"] | None = Field(
        default=None, description="finds names and addresses that no rule does; offline, needs onnxruntime"
    )


# How a facet is read off a conversation (`wildvalues.instruments`).
Instrument = Literal["auto", "model", "probe", "classifier", "cascade", "labels"]


class Screen(Section):
    """The subjectivity filter."""

    facet: str = "subjectivity"
    instrument: Instrument = "model"
    cut_off: Share = 0.5
    prompt_chars: Positive = Field(default=6_000, description="longest conversation shown to the model, characters")


class FacetRequest(Section):
    """Facets read together: by which instrument, and for a model by which when not the default."""

    facets: list[str] = Field(min_length=1)
    instrument: Instrument = "model"
    model: str | None = None


class Extract(Section):
    """Which facets are read off each subjective conversation, and in which calls."""

    requests: list[FacetRequest] = [
        FacetRequest(facets=["ai_values"]),
        FacetRequest(facets=["human_values"]),
        FacetRequest(facets=["response_type"]),
        FacetRequest(facets=["task"]),
    ]
    prompt_chars: Positive = Field(default=6_000, description="longest conversation shown to the model, characters")
    ground_quotes: bool = True


class Instruments(Section):
    """What instruments other than the language model work with."""

    weights: str = Field(default="workflow/instruments/default.npz", description="classifier, by `wildvalues train`")
    labels: str = Field(default="data/demo/gold.jsonl", description="annotations, one conversation a line")
    wanted_error: Share = Field(default=0.05, description="error up to which a cascade's classifier decides")


class Canonicalize(Section):
    """How spellings of one value are merged."""

    merge_spelling: bool = True
    merge_word_order: bool = True
    merge_same_root: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="least cosine of names with the same words up to their endings; null merges none"
    )
    merge_similarity: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="least cosine of any two names; null merges none"
    )
    merge_difference: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.65, description="least cosine of the words in which two names differ that share one"
    )
    ask_model: bool = Field(default=False, description="the language model has the last word on each near-synonym")
    vetoes: str = Field(default="data/curation/vetoes.yaml", description="names to keep apart and to join, by hand")
    min_conversations: Positive = 1


class Embed(Section):
    """The embedding model."""

    model: str = "all-MiniLM-L6-v2"
    batch_size: Positive = 64


def _level(given: Any) -> int | float:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return given
    if isinstance(given, float) and 0 < given < 1:
        return given
    raise ValueError("give a whole number of clusters, or a share of the distinct values between 0 and 1, such as 0.08")


# Clusters of a level: so many, or this share of the distinct values.
Level = Annotated[
    int | float,
    PlainValidator(_level),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ]
        }
    ),
]


class Cluster(Section):
    """The hierarchy over the values of a facet."""

    method: Literal["kmeans", "clio", "hdbscan"] = "kmeans"
    levels: list[Level] = Field(
        default=[40, 12, 4], min_length=1, max_length=4, description="clusters, or shares of the distinct values"
    )
    weight_by_frequency: bool = False
    components: Positive | None = Field(default=None, description="principal components that k-means works in")
    restarts: Positive = 10
    neighbourhood: Annotated[int, Field(ge=4, le=80)] = Field(default=40, description="clio: items named together")
    seed: Count = 1

    @model_validator(mode="after")
    def _decreasing(self) -> Cluster:
        # A number and a share can only be compared once the values are counted (`taxonomy.hierarchy.level_sizes`).
        pairs = zip(self.levels, self.levels[1:], strict=False)
        if any(a <= b for a, b in pairs if (a >= 1) == (b >= 1)):
            raise ValueError(f"levels must decrease from the finest to the coarsest, found {self.levels}")
        return self


class Assess(Section):
    """How the trees are tried: what is built again, and how often."""

    methods: list[Literal["kmeans", "hdbscan"]] = Field(
        default=["kmeans"], description="methods beside the study's own"
    )
    models: list[str] = Field(
        default=["all-MiniLM-L6-v2", "character-ngrams"], description="embedding models beside the study's own"
    )
    seeds: Positive = Field(default=5, description="seeds of each method and model")
    draws: Count = Field(default=5, description="trees of other conversations, of each kind")
    max_values: Positive = Field(default=5_000, description="above this a sample of the values is built again")


class Name(Section):
    """How clusters get their names."""

    by: Literal["model", "centre"] = "centre"
    members: Positive = 12
    contrast: Count = 6
    look_alike: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=0.85, description="cosine from which two names of a level are asked for again, side by side"
    )
    audit: Literal["embedding", "model"] = "embedding"


class Edit(Section):
    """What a person changed about the named trees."""

    file: str = Field(default="data/curation/edits.yaml", description="move, rename, merge, split, drop")
    stale: Literal["error", "report"] = Field(default="error", description="an edit whose target is gone")


class Analyze(Section):
    """Statistics."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    min_count: Count = Field(default=3, description="conversations with the value, and with the context, for a test")
    min_context: Positive = Field(default=8, description="conversations a context needs to enter the variation table")
    bootstrap: Count = Field(default=500, description="resamples for intervals by user")
    near_universal: Share = Field(default=0.8, description="a value of more than this share is not contrasted; 1: all")


class Disclose(Section):
    """The gate between private tables and published ones."""

    min_conversations: Positive = 3
    min_users: Positive = 2
    round_to: Positive = 1


class Validate(Section):
    """Gold labels to hold the instrument against."""

    gold: str = "data/demo/gold.jsonl"
    similarity: Share = 0.6


class Plot(Section):
    """Figures."""

    top_values: Positive = 20
    contexts: Positive = 6
    values_per_context: Positive = 5


class Release(Section):
    """The open dataset."""

    name: str = "wildvalues-demo"
    licence: str = "CC-BY-4.0"


class Price(Section):
    """US dollars for a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class Llm(Section):
    """Language models. Only the first group changes answers; the rest says how calls are made."""

    provider: Literal["embedded", "anthropic", "replay", "simulated"] = "embedded"
    model: str = "qwen2.5-coder-1.5b-instruct"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    replay: list[str] = Field(default=["data/demo/answers.jsonl.zst"], description="recorded answers to look up first")
    max_failed_share: Share = 0.05
    base_url: str | None = None
    structured_output: Literal["auto", "schema", "prompt"] = "auto"
    concurrency: Positive = 8
    timeout_s: Positive = 120
    max_retries: Count = 6
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    batch: bool = False
    prices: dict[str, Price] = {}


class Params(Section):
    """The whole of ``params.yaml``."""

    study: Study = Study()
    ingest: Ingest = Ingest()
    sample: Sample = Sample()
    redact: Redact = Redact()
    screen: Screen = Screen()
    extract: Extract = Extract()
    instruments: Instruments = Instruments()
    canonicalize: Canonicalize = Canonicalize()
    embed: Embed = Embed()
    cluster: Cluster = Cluster()
    name: Name = Name()
    assess: Assess = Assess()
    edit: Edit = Edit()
    analyze: Analyze = Analyze()
    disclose: Disclose = Disclose()
    # pydantic's BaseModel owns the attribute names `validate` and `json`, so the section needs an alias.
    validation: Validate = Field(default=Validate(), alias="validate")
    plot: Plot = Plot()
    release: Release = Release()
    llm: Llm = Llm()


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    ParamsError
        When the file is missing, is not YAML, or holds a key or value the model does not allow. The message
        names the key's path, what was given, what is allowed and, for a wrong key, the nearest valid one.
    """
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run from the study folder, or give --params FILE") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ParamsError(f"{path}: expected sections with keys, found {type(raw).__name__}")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise ParamsError("\n".join(_explain(path, problem) for problem in error.errors())) from None


def _explain(path: Path, problem: Any) -> str:
    location = tuple(problem["loc"])
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if problem["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"allowed here: {', '.join(known)}"
        return f"{path}: {where}: there is no such key; {hint}"
    given = problem["input"]
    shown = f"found {given!r}; " if not isinstance(given, dict) else ""
    return f"{path}: {where}: {shown}{problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Params
    for part in location:
        if isinstance(part, int):
            continue
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                candidate = _model_of(field.annotation)
                if candidate is None:
                    return []
                model = candidate
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
