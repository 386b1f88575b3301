"""The simulated model: seeded answers whose rate of being right grows with thinking."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.server.answers import AnswerBook, Entry
from evalkit.server.backend import Answer, Call
from evalkit.server.catalogue import Model
from evalkit.server.examples import example, example_text
from evalkit.server.tokens import PromptCache, input_tokens, text_tokens
from evalkit.server.verdicts import verdict, verdict_schema, verdict_text

EFFORT_TOKENS = {"low": 1024, "medium": 4096, "high": 8192, "xhigh": 16384, "max": 32768}
_SKIPPED = {"low": 0.3, "medium": 0.1}
_SIGNATURE_START = "ErUB"
_THOUGHTS = (
    "Let me read the question again and list what is given.",
    "First I set up the quantities, then I combine them.",
    "That intermediate result looks plausible; let me check it.",
    "Checking the units and the arithmetic once more.",
    "An alternative way leads to the same figure.",
)
_WORKINGS = (
    "Working through it step by step, the quantities combine to {0}.",
    "Adding up what is given yields {0}.",
    "Taking each part in turn and putting them together gives {0}.",
)
_ENDINGS = ("The answer is {0}.", "#### {0}", "Answer: {0}")


@dataclass(frozen=True, slots=True)
class Skill:
    """How often answers are right: ``base + gain * (1 - 2^(-budget / half_tokens))``.

    ``effects`` add to it where a text occurs in the model's name, the system prompt or the last
    user turn. ``consistency`` is the share of draws decided by the question alone, which is then
    either within reach or not, whoever is asked and how often; the rest is decided anew each time.
    """

    base: float = 0.5
    gain: float = 0.4
    half_tokens: float = 2048.0
    consistency: float = 0.5
    effects: tuple[tuple[str, float], ...] = ()

    def at(self, budget_tokens: float, circumstances: str = "") -> float:
        """The probability of a right answer with that much thinking."""
        grown = self.base + self.gain * (1.0 - math.pow(2.0, -budget_tokens / self.half_tokens))
        added = sum(effect for text, effect in self.effects if text in circumstances)
        return min(1.0, max(0.0, grown + added))


@dataclass(frozen=True, slots=True)
class _Thought:
    budget_tokens: int
    used_tokens: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class _Saying:
    """The last block, its tokens, and why it ends."""

    block: Mapping[str, Any]
    tokens: int
    stop_reason: str
    stop_sequence: str | None = None


class Simulated:
    """A backend without a model: everything follows from the seed, the request and the draw.

    A prompt that says "only" gets the bare value, any other a sentence or two that end with it; a
    judge's question gets a verdict.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        skill: Skill | None = None,
        answers: AnswerBook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seed = seed
        self._skill = skill or Skill()
        self._book = answers or AnswerBook(())
        self._cache = PromptCache()
        self._clock = clock

    def count_tokens(self, body: Mapping[str, Any], model: Model) -> int:
        """Input tokens of a request body, by estimate."""
        return input_tokens(body, model)

    def answer(self, call: Call) -> Answer:
        """One answer; the same seed, request and draw yield the same one."""
        body, model = call.body, call.model
        luck = random.Random(f"{self._seed}:{call.digest}:{call.draw}")
        usage = self._cache.usage(body, model, self._clock(), call.begins_in_s)
        thought = _thought(body, model, luck)
        room, cut_reason = _room(body, model, usage)
        thinking_tokens = min(thought.used_tokens, room)
        blocks: list[Mapping[str, Any]] = []
        if thinking_tokens:
            blocks.append(_thinking_block(thought, luck))
        saying = _Saying({}, 0, cut_reason)
        if thought.used_tokens < room:
            saying = self._say(call, thought, room - thinking_tokens, luck)
            blocks.append(saying.block)
        is_cut = saying.stop_reason == "max_tokens"
        return Answer(
            id=f"msg_01{luck.getrandbits(112):028x}",
            model=model.id,
            blocks=tuple(blocks),
            stop_reason=cut_reason if is_cut else saying.stop_reason,
            stop_sequence=saying.stop_sequence,
            usage={
                **usage,
                "output_tokens": thinking_tokens + saying.tokens,
                "output_tokens_details": {"thinking_tokens": thinking_tokens},
                "server_tool_use": None,
                "service_tier": call.tier,
                "inference_geo": body.get("inference_geo", "global"),
            },
        )

    def _say(self, call: Call, thought: _Thought, room: int, luck: random.Random) -> _Saying:
        """What comes after thinking: a forced tool call, else text, as far as there is room."""
        tool = _forced_tool(call.body)
        if tool is not None:
            said = self._verdict(call, luck)
            block = {
                "type": "tool_use",
                "id": f"toolu_01{luck.getrandbits(88):022x}",
                "name": tool["name"],
                "input": said or example(tool.get("input_schema", {}), luck),
                "caller": {"type": "direct"},
            }
            return _Saying(block, min(room, text_tokens(str(block), call.model)), "tool_use")
        text = self._text(call, thought, luck)
        text, stop_sequence = _until_stop(text, call.body.get("stop_sequences") or ())
        stop_reason = "stop_sequence" if stop_sequence else "end_turn"
        tokens = max(1, text_tokens(text, call.model))
        if tokens > room:
            text = text[: int(room / call.model.tokens_per_character)]
            tokens, stop_reason, stop_sequence = room, "max_tokens", None
        block = {"type": "text", "text": text, "citations": None}
        return _Saying(block, tokens, stop_reason, stop_sequence)

    def _text(self, call: Call, thought: _Thought, luck: random.Random) -> str:
        body = call.body
        form = (body.get("output_config") or {}).get("format")
        said = self._verdict(call, luck)
        if said is not None:
            return verdict_text(said, luck, is_bound=bool(form))
        if form:
            return example_text(form.get("schema", {}), luck)
        prompt, system = _prompt_text(body), _text_of(body.get("system") or "")
        entry = self._book.find(prompt)
        if entry is None:
            value = str(luck.randint(1, 99))
        elif self._is_right(entry, thought, f"{call.model.id}\n{system}\n{prompt}", luck):
            value = entry.answer
        else:
            value = self._book.wrong_answer(entry, luck)
        if "only" in prompt or "only" in system:
            return value
        return f"{luck.choice(_WORKINGS).format(value)}\n\n{luck.choice(_ENDINGS).format(value)}"

    def _verdict(self, call: Call, luck: random.Random) -> dict[str, Any] | None:
        """What a judge's question gets; None for any other."""
        turns = "\n".join(_text_of(message["content"]) for message in call.body["messages"])
        asked = f"{_text_of(call.body.get('system') or '')}\n{turns}"
        schema = verdict_schema(call.body, asked)
        return None if schema is None else verdict(schema, turns, self._book, luck)

    def _is_right(
        self, entry: Entry, thought: _Thought, circumstances: str, luck: random.Random
    ) -> bool:
        by_question = random.Random(f"{self._seed}:{entry.question}").random()
        by_draw = luck.random()
        is_settled = luck.random() < self._skill.consistency
        chance = by_question if is_settled else by_draw
        return chance < self._skill.at(thought.budget_tokens, circumstances)


def _room(body: Mapping[str, Any], model: Model, usage: Mapping[str, Any]) -> tuple[int, str]:
    """How many output tokens fit, and the stop reason of an answer that needs more."""
    asked: int = body["max_tokens"]
    prompt = (
        usage["input_tokens"]
        + usage["cache_creation_input_tokens"]
        + usage["cache_read_input_tokens"]
    )
    left = max(0, model.context_tokens - prompt)
    if left < asked:
        return left, "model_context_window_exceeded"
    return asked, "max_tokens"


def _thought(body: Mapping[str, Any], model: Model, luck: random.Random) -> _Thought:
    """How much is thought: about the budget, or what the effort amounts to, or nothing."""
    thinking = body.get("thinking") or {}
    kind = thinking.get("type") or ("adaptive" if model.thinks_by_itself else "disabled")
    if kind in ("disabled", "between_tools"):
        return _Thought(0, 0, is_shown=False)
    effort = (body.get("output_config") or {}).get("effort") or model.default_effort
    budget = thinking["budget_tokens"] if kind == "enabled" else EFFORT_TOKENS[effort]
    used = max(1, int(budget * min(1.06, luck.lognormvariate(-0.7, 0.45))))
    if kind == "adaptive" and luck.random() < _SKIPPED.get(effort, 0.0):
        used = 0
    display = thinking.get("display") or ("summarized" if model.shows_thinking else "omitted")
    return _Thought(budget, used, is_shown=display != "omitted")


def _thinking_block(thought: _Thought, luck: random.Random) -> dict[str, Any]:
    count = 2 + min(3, thought.used_tokens // 2048)
    text = " ".join(luck.sample(_THOUGHTS, count)) if thought.is_shown else ""
    seal = hashlib.blake2b(f"{luck.random()}{text}".encode(), digest_size=60).digest()
    signature = _SIGNATURE_START + base64.b64encode(seal).decode()
    return {"type": "thinking", "thinking": text, "signature": signature}


def _forced_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choice = body.get("tool_choice") or {}
    tools: list[Mapping[str, Any]] = body.get("tools") or []
    if choice.get("type") == "any" and tools:
        return tools[0]
    if choice.get("type") == "tool":
        return next((tool for tool in tools if tool["name"] == choice["name"]), None)
    return None


def _until_stop(text: str, stops: Any) -> tuple[str, str | None]:
    """The text up to the stop sequence that comes first, and that sequence."""
    hits = [(text.index(stop), stop) for stop in stops if stop in text]
    if not hits:
        return text, None
    place, stop = min(hits)
    return text[:place], stop


def _prompt_text(body: Mapping[str, Any]) -> str:
    """The last user turn as text."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            return _text_of(message["content"])
    return ""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")
