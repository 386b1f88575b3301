"""What a suite file may say: Pydantic models, short forms written out, nothing unknown accepted."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from evalkit.suite.fields import Money, Name, Section, Temperature, Tokens, TopK, TopP, Variable
from evalkit.suite.gate_schema import GateSpec, ReportSpec
from evalkit.suite.matrix_schema import MatrixSpec, OverrideSpec, ThinkingSpec
from evalkit.suite.rows_schema import DatasetSpec, ExamplesSpec

LOCAL = "local"
LOCAL_MODEL = "smollm2-135m"


class Turn(Section):
    """One message of a conversation prompt; ``content`` is a template."""

    role: Literal["user", "assistant"]
    content: str


class PromptSpec(Section):
    """A prompt: a user turn (short form: a string), optionally a system text, or a list of turns.

    ``file`` names a template file beside the suite; its text becomes the user turn when the suite
    is read, so that a stored suite is self-contained (``origin`` then says which file it was).
    ``examples`` are rows the templates can show. ``images`` names columns that hold image
    files (paths beside the dataset) or image bytes; they go before the text of the last user turn.
    ``cache_prefix`` marks everything before the last user turn for the server's prompt cache.
    ``output_schema`` asks for JSON that fits a schema.
    """

    system: str | None = None
    user: str | None = None
    messages: tuple[Turn, ...] = ()
    file: str | None = None
    origin: str | None = None
    examples: ExamplesSpec | None = None
    images: tuple[str, ...] = ()
    stop_sequences: tuple[str, ...] = ()
    cache_prefix: Literal["5m", "1h"] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"user": value}
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("images"), str):
            value["images"] = [value["images"]]
        if isinstance(value.get("tool_choice"), str):
            value["tool_choice"] = {"type": value["tool_choice"]}
        if isinstance(value.get("cache_prefix"), bool):
            value["cache_prefix"] = "5m" if value["cache_prefix"] else None
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.tool_choice is not None and not self.tools:
            raise ValueError("tool_choice needs tools to choose from")
        has_prefix = self.system is not None or len(self.messages) > 1 or self.tools
        if self.cache_prefix and not has_prefix:
            raise ValueError("cache_prefix needs something before the last user turn to cache")
        return self

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        bodies = [self.user is not None, bool(self.messages), self.file is not None]
        if sum(bodies) != 1:
            raise ValueError("a prompt has exactly one of user, messages or file")
        if self.messages and self.messages[0].role != "user":
            raise ValueError("the first message must be the user's")
        return self


Rate = Money | Annotated[str, Field(pattern=r"^\d+(\.\d+)?x$")]


class PriceSpec(Section):
    """USD per million tokens, for models evalkit has no price for or that a gateway resells.

    What is not given is the list price's where evalkit knows the model. ``cache_read`` and
    ``cache_write`` (kept five minutes; ``cache_write_1h`` an hour) may be multiples of the price of
    input, such as ``0.1x``. ``batch`` multiplies the cost of batched requests.
    """

    input: Money | None = None
    output: Money | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    batch: Annotated[float, Field(gt=0, le=1)] | None = None


class CapabilitiesSpec(Section):
    """What a model accepts, for models evalkit does not know or that a gateway serves its own way.

    ``thinking`` lists ``off``, ``budget`` and ``adaptive`` as far as they are accepted.
    """

    thinking: tuple[Literal["off", "budget", "adaptive"], ...] | None = None
    efforts: tuple[Literal["low", "medium", "high", "xhigh", "max"], ...] | None = None
    min_budget: Tokens | None = None
    max_output_tokens: Tokens | None = None
    sampling: bool | None = None


def address_fault(base_url: str) -> str | None:
    """What keeps a text from being a server's address; None for one that is."""
    if "${" in base_url:
        return None  # what could not be filled in has been told of
    if not re.match(r"^https?://[^\s/?#]+", base_url):
        return f"base_url {base_url!r} is not an http(s) address"
    if "@" in base_url.split("/")[2]:
        return "base_url holds a user name or password; name the key's variable in api_key_env"
    if "?" in base_url or "#" in base_url:
        return "base_url is a server's address, without ? and #; see headers and api_key_env"
    return None


class ModelSpec(Section):
    """A model at an endpoint. Short form: the model id (``local`` is the embedded model)."""

    name: Name
    model: str = Field(min_length=1)
    provider: Literal["api", "local"] = "api"
    base_url: str | None = None
    auth: Literal["x-api-key", "bearer", "both", "none"] | None = None
    api_key_env: Variable | None = None
    api_key_cmd: str | None = None
    version: str = "2023-06-01"
    beta: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    stream: bool = True
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    metadata: dict[str, str] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    price: PriceSpec | None = None
    capabilities: CapabilitiesSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"model": value}
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if value.get("model") == LOCAL or (value.get("name") == LOCAL and "model" not in value):
            value.setdefault("provider", LOCAL)
        if value.get("provider") == LOCAL:
            value.setdefault("name", LOCAL)
            value["model"] = LOCAL_MODEL
        elif isinstance(value.get("model"), str):
            value["model"] = value["model"].strip()
            value.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", value["model"]).strip("-."))
        if isinstance(value.get("beta"), str):
            value["beta"] = [value["beta"]]
        return value

    @model_validator(mode="after")
    def _address(self) -> Self:
        told = None if self.base_url is None else address_fault(self.base_url)
        if told is not None:
            raise ValueError(told)
        for name, value in self.headers.items():
            if not re.match(r"^[!#-'*+.^_`|~0-9A-Za-z-]+$", name) or re.search(r"[\r\n\0]", value):
                raise ValueError(f"{name!r} is no header that can be sent")
        if self.api_key_env and self.api_key_cmd:
            raise ValueError("give api_key_env or api_key_cmd, not both")
        return self


class ScorerSpec(BaseModel):
    """A scorer by type, with its own options beside. Short form: the type.

    ``python: file.py:function`` names a user's own. ``reduce`` is what several samples of a case
    make together: their mean, whether any or all of ``k`` of them are right (pass@k, pass^k), or
    what the majority of k answers. Without ``k`` it is as many as there are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    name: Name
    reduce: Literal["mean", "any", "all", "majority"] = "mean"
    k: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"type": value}
        if isinstance(value, dict) and isinstance(value.get("python"), str):
            _, colon, name = value["python"].rpartition(":")
            value = {"type": "python", "name": name if colon else "python", **value}
        if isinstance(value, dict) and "type" in value:
            value = {"name": value["type"], **value}
        return value

    @model_validator(mode="after")
    def _reduces(self) -> Self:
        if self.k is not None and self.reduce == "mean":
            raise ValueError("k needs reduce: any, all or majority")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The scorer's own options."""
        return dict(self.model_extra or {})


class LimitsSpec(Section):
    """How fast to go, per endpoint; see ``evalkit.policies.Limits``."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"] = "auto"
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    input_tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    output_tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    connect_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    idle_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    total_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    max_response_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    max_failed_share: Annotated[float, Field(ge=0, le=1)] = 0.25


class RetriesSpec(Section):
    """How often one trial is tried; see ``evalkit.policies.Retries``."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    within_s: Annotated[float, Field(gt=0)] = 900.0


class BudgetSpec(Section):
    """Money: the hard cap, and the estimate from which ``run`` asks first."""

    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
    confirm_above_usd: Money = 1.0


class CacheSpec(Section):
    """Answers of earlier runs: ignored, used, or replaced. Short form: the mode.

    ``dir`` is where they are kept (default: ``~/.cache/evalkit``).
    """

    mode: Literal["off", "reuse", "refresh"] = "off"
    dir: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str | bool):
            value = {"mode": value}
        if isinstance(value, dict) and value.get("mode") is False:
            value = {**value, "mode": "off"}  # YAML reads a bare off as false
        return value


class Suite(Section):
    """A whole suite, as resolved: short forms written out, prompt files read in.

    ``templates`` are the texts that prompts include, by name; they are read in like prompt files.
    """

    name: Name
    description: str = ""
    dataset: DatasetSpec
    prompts: dict[Name, PromptSpec] = Field(min_length=1)
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    thinking: tuple[ThinkingSpec, ...] = Field(default=(ThinkingSpec(),), min_length=1)
    matrix: MatrixSpec = MatrixSpec()
    overrides: tuple[OverrideSpec, ...] = ()
    samples: Annotated[int, Field(ge=1, le=10_000)] = 1
    answer_tokens: Annotated[Tokens, Field(ge=1)] = 1024
    stop_sequences: tuple[str, ...] = ()
    scorers: tuple[ScorerSpec, ...] = ()
    allow_code: bool = False
    limits: LimitsSpec = LimitsSpec()
    retries: RetriesSpec = RetriesSpec()
    budget: BudgetSpec = BudgetSpec()
    cache: CacheSpec = CacheSpec()
    gate: GateSpec = GateSpec()
    report: ReportSpec = ReportSpec()
    templates: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("prompts"), str):
            value["prompts"] = {"prompt": value["prompts"]}
        for field in ("models", "thinking", "scorers", "overrides"):
            if value.get(field) is not None and not isinstance(value[field], list | tuple):
                value[field] = [value[field]]
        return value

    @field_validator("models", "scorers")
    @classmethod
    def _no_namesakes(cls, value: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        twins = _twins([item.name for item in value])
        if twins:
            raise ValueError(f"two {info.field_name} are both called {twins}; give one a name")
        return value

    @field_validator("thinking")
    @classmethod
    def _no_repetition(cls, value: tuple[ThinkingSpec, ...]) -> tuple[ThinkingSpec, ...]:
        twins = _twins([spec.setting().key for spec in value])
        if twins:
            raise ValueError(f"{twins} is there twice")
        return value


def _twins(names: list[str]) -> str:
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))
