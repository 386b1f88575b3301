"""Choose the worked examples of the local model's thinking template, then measure the choice.

Run by hand on a machine with nothing else to do (about 30 and 8 minutes on one core)::

    evalkit local-model fetch
    python tests/benchmarks/choose_thinking_template.py choose   # on datasets/arithmetic_dev.jsonl
    python tests/benchmarks/choose_thinking_template.py report   # on datasets/arithmetic.jsonl

``choose`` tries every list of examples in ``thinking_candidates.json`` on the development set, with
two prompts and two budgets, at temperature 0. The rule was fixed before the first answer was seen:
most right answers over the four cells together; on a tie the list with fewer examples, then the
one that stands first in the file. ``report`` runs the shipped template on the other set, once.
Both write what they found beside this file, with Wilson 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from evalkit.server.local import THINKING_TEMPLATE, LocalServer, local_server

HERE = Path(__file__).parent
DATASETS = HERE.parents[1] / "datasets"
PROMPTS = {"plain": "{}", "number": "{}\nAnswer with a single number."}
ANSWER_TOKENS = 256
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
EXAMPLES = re.compile(r"(set examples = )\[.*?\n\]", re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """The answers of one prompt at one thinking budget (0: off)."""

    prompt: str
    budget_tokens: int
    right: int
    n: int
    low: float
    high: float
    empty: int
    cut: int
    mean_output_tokens: float
    seconds: float


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATASETS / f"{name}.jsonl").read_text().splitlines()]


def answer(server: LocalServer, question: str, budget: int) -> dict[str, Any]:
    """The server's answer, whole; budget 0 means that thinking is off."""
    body: dict[str, Any] = {
        "model": server.model,
        "max_tokens": ANSWER_TOKENS + budget,
        "temperature": 0,
        "messages": [{"role": "user", "content": question}],
        "chat_template_kwargs": {"enable_thinking": budget > 0},
    }
    if budget:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    request = urllib.request.Request(
        f"{server.base_url}/v1/messages",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with DIRECT.open(request, timeout=300) as response:
        answered: dict[str, Any] = json.load(response)
        return answered


def text_of(answered: dict[str, Any]) -> str:
    return "".join(block.get("text", "") for block in answered["content"])


def is_right(text: str, target: str) -> bool:
    """Whether the last number in the text is the target."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return bool(numbers) and float(numbers[-1]) == float(target)


def measure(
    server: LocalServer, rows: list[dict[str, Any]], prompt: str, budget: int, answers: Path
) -> Cell:
    """Ask every question once; the answers are appended to a file, to be read by people."""
    started = time.monotonic()
    with ThreadPoolExecutor(server.slots) as pool:
        answered = list(
            pool.map(
                lambda row: answer(server, PROMPTS[prompt].format(row["question"]), budget), rows
            )
        )
    seconds = time.monotonic() - started
    verdicts = [is_right(text_of(a), row["answer"]) for a, row in zip(answered, rows, strict=True)]
    with answers.open("a") as file:
        for row, got, verdict in zip(rows, answered, verdicts, strict=True):
            line = {"id": row["id"], "prompt": prompt, "budget": budget, "right": verdict}
            file.write(
                json.dumps(line | {"target": row["answer"], "content": got["content"]}) + "\n"
            )
    interval = binomtest(sum(verdicts), len(rows)).proportion_ci(method="wilson")
    return Cell(
        prompt,
        budget,
        sum(verdicts),
        len(rows),
        round(interval.low, 3),
        round(interval.high, 3),
        empty=sum(not text_of(got).strip() for got in answered),
        cut=sum(got["stop_reason"] == "max_tokens" for got in answered),
        mean_output_tokens=round(
            sum(got["usage"]["output_tokens"] for got in answered) / len(answered), 1
        ),
        seconds=round(seconds, 1),
    )


def template_with(examples: list[dict[str, str]], folder: Path) -> Path:
    """The shipped template with other worked examples."""
    written = ",\n".join("  " + json.dumps(example) for example in examples)
    shipped = THINKING_TEMPLATE.read_text()
    text = EXAMPLES.sub(lambda match: f"{match[1]}[\n{written}\n]", shipped, count=1)
    path = folder / "candidate.jinja"
    path.write_text(text)
    return path


def measured(
    template: Path, rows: list[dict[str, Any]], budgets: tuple[int, ...], answers: Path
) -> Iterator[Cell]:
    with local_server(template=template, threads=1, slots=2) as server:
        for prompt in PROMPTS:
            for budget in budgets:
                cell = measure(server, rows, prompt, budget, answers)
                print(
                    f"  {prompt:7} {budget:4}  {cell.right:2}/{cell.n}  "
                    f"[{cell.low:.0%}, {cell.high:.0%}]  empty {cell.empty}  cut {cell.cut}  "
                    f"{cell.mean_output_tokens:.0f} tokens  {cell.seconds:.0f} s",
                    flush=True,
                )
                yield cell


def choose(answers: Path) -> None:
    rows = cases("arithmetic_dev")
    candidates = json.loads((HERE / "thinking_candidates.json").read_text())
    found: dict[str, list[Cell]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, examples in candidates.items():
            print(name)
            template = template_with(examples, Path(folder))
            found[name] = list(measured(template, rows, (32, 64), answers))
    winner = min(found, key=lambda name: (-total_right(found[name]), len(candidates[name])))
    outcome = {
        "dataset": "arithmetic_dev",
        "winner": winner,
        "right_in_all": {name: total_right(cells) for name, cells in found.items()},
        "cells": {name: [asdict(cell) for cell in cells] for name, cells in found.items()},
    }
    write("thinking_choice.json", outcome)
    print("winner:", winner, outcome["right_in_all"])


def total_right(cells: list[Cell]) -> int:
    return sum(cell.right for cell in cells)


def report(answers: Path) -> None:
    cells = list(measured(THINKING_TEMPLATE, cases("arithmetic"), (0, 8, 32, 128), answers))
    write(
        "thinking_report.json",
        {"dataset": "arithmetic", "cells": [asdict(cell) for cell in cells]},
    )


def write(name: str, outcome: dict[str, Any]) -> None:
    (HERE / name).write_text(json.dumps(outcome, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=("choose", "report"))
    parser.add_argument("--answers", type=Path, default=Path("answers.jsonl"), help="to read them")
    arguments = parser.parse_args()
    {"choose": choose, "report": report}[arguments.step](arguments.answers)
