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
from evalkit.server.tokens import PromptCache, input_tokens

EFFORT_TOKENS = {"low": 1024, "medium": 4096, "high": 8192, "xhigh": 16384, "max": 32768}
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

    ``consistency`` is the share of draws decided by the question alone, in all of which a question
    is either within the model's reach or not; the rest is decided anew in each draw.
    """

    base: float = 0.5
    gain: float = 0.4
    half_tokens: float = 2048.0
    consistency: float = 0.5

    def at(self, budget_tokens: float) -> float:
        """The probability of a right answer with that much thinking."""
        return self.base + self.gain * (1.0 - math.pow(2.0, -budget_tokens / self.half_tokens))


@dataclass(frozen=True, slots=True)
class _Thought:
    budget_tokens: int
    used_tokens: int
    is_shown: bool


class Simulated:
    """A backend without a model: everything follows from the seed, the request and the draw."""

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
        usage = self._cache.usage(body, model, self._clock())
        thought = _thought(body, model, luck)
        room = body.get("max_tokens", model.max_output_tokens)
        blocks: list[Mapping[str, Any]] = []
        stop: tuple[str, str | None] = ("end_turn", None)
        thinking_tokens = min(thought.used_tokens, room)
        if thinking_tokens:
            blocks.append(_thinking_block(thought, luck))
        output_tokens = thinking_tokens
        if thought.used_tokens >= room:
            stop = ("max_tokens", None)
        else:
            block, stop, tokens = self._say(call, thought, room - thinking_tokens, luck)
            blocks.append(block)
            output_tokens += tokens
        return Answer(
            id=f"msg_01{luck.getrandbits(112):028x}",
            model=model.id,
            blocks=tuple(blocks),
            stop_reason=stop[0],
            stop_sequence=stop[1],
            usage={
                **usage,
                "output_tokens": output_tokens,
                "output_tokens_details": {"thinking_tokens": thinking_tokens},
                "server_tool_use": None,
                "service_tier": call.tier,
                "inference_geo": body.get("inference_geo", "global"),
            },
        )

    def _say(
        self, call: Call, thought: _Thought, room: int, luck: random.Random
    ) -> tuple[Mapping[str, Any], tuple[str, str | None], int]:
        """The last block, why it ends there, and its tokens."""
        body = call.body
        tool = _forced_tool(body)
        if tool is not None:
            block = {
                "type": "tool_use",
                "id": f"toolu_01{luck.getrandbits(88):022x}",
                "name": tool["name"],
                "input": example(tool.get("input_schema", {}), luck),
                "caller": {"type": "direct"},
            }
            return block, ("tool_use", None), min(room, 40)
        text = self._text(call, thought, luck)
        text, stop_sequence = _until_stop(text, body.get("stop_sequences") or ())
        stop = ("stop_sequence", stop_sequence) if stop_sequence else ("end_turn", None)
        per_character = call.model.tokens_per_character
        tokens = max(1, math.ceil(len(text) * per_character))
        if tokens > room:
            text, tokens, stop = text[: int(room / per_character)], room, ("max_tokens", None)
        return {"type": "text", "text": text, "citations": None}, stop, tokens

    def _text(self, call: Call, thought: _Thought, luck: random.Random) -> str:
        body = call.body
        schema = (body.get("output_config") or {}).get("format")
        if schema:
            return example_text(schema.get("schema", {}), luck)
        prompt = _prompt_text(body)
        entry = self._book.find(prompt)
        if entry is None:
            value = str(luck.randint(1, 99))
        elif self._is_right(entry, thought, luck):
            value = entry.answer
        else:
            value = self._book.wrong_answer(entry, luck)
        if "only" in prompt or "only" in _system_text(body):
            return value
        return f"{luck.choice(_WORKINGS).format(value)}\n\n{luck.choice(_ENDINGS).format(value)}"

    def _is_right(self, entry: Entry, thought: _Thought, luck: random.Random) -> bool:
        by_question = random.Random(f"{self._seed}:{entry.question}").random()
        by_draw = luck.random()
        is_settled = luck.random() < self._skill.consistency
        chance = by_question if is_settled else by_draw
        return chance < self._skill.at(thought.budget_tokens)


def _thought(body: Mapping[str, Any], model: Model, luck: random.Random) -> _Thought:
    """How much is thought: about the budget, or what the effort amounts to."""
    thinking = body.get("thinking") or {}
    kind = thinking.get("type") or ("adaptive" if model.thinks_by_itself else "disabled")
    if kind in ("disabled", "between_tools"):
        return _Thought(0, 0, is_shown=False)
    effort = (body.get("output_config") or {}).get("effort") or model.default_effort
    budget = thinking["budget_tokens"] if kind == "enabled" else EFFORT_TOKENS[effort]
    used = max(1, int(budget * min(1.06, luck.lognormvariate(-0.7, 0.45))))
    display = thinking.get("display") or ("summarized" if model.shows_thinking else "omitted")
    return _Thought(budget, used, is_shown=display != "omitted")


def _thinking_block(thought: _Thought, luck: random.Random) -> dict[str, Any]:
    count = 2 + min(3, thought.used_tokens // 2048)
    text = " ".join(luck.sample(_THOUGHTS, count)) if thought.is_shown else ""
    seal = hashlib.blake2b(f"{luck.random()}{text}".encode(), digest_size=60).digest()
    return {"type": "thinking", "thinking": text, "signature": _SEAL + _b64(seal)}


_SEAL = "ErUB"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


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


def _system_text(body: Mapping[str, Any]) -> str:
    return _text_of(body.get("system") or "")


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")
