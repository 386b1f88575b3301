"""A sentence for every key of a judge, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JUDGE_DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "JudgeSpec": {
        "model": "Who judges: a name in models, a model id, a mapping as in models, or several.",
        "rubric": "What makes an answer good; a text or a file.",
        "scale": "The grades: 1-5, binary, or what grades mean.",
        "criteria": "Several things, by name, each graded by itself on the scale.",
        "reference": "true shows the target, a template something else of the row.",
        "pairwise": "Whose answer to compare with, in both orders, instead of grading.",
        "votes": "Draws of each model.",
        "combine": "How all verdicts on an answer become one grade.",
        "thinking": "How much the judge may think.",
        "max_tokens": "Tokens a verdict may use; room for thinking comes on top.",
        "temperature": "Sampling temperature of the judge; not sent unless given.",
        "prompt": "Templates in place of the judge's own.",
        "task": "Template of what the judge is told was asked; default: the prompt as it was sent.",
        "see_thinking": "Whether the judge is shown what the model thought.",
        "structure": "How a verdict is asked for; auto goes by what the model accepts.",
        "label": "Column of human grades to check the judge against.",
    },
    "ScaleSpec": {
        "low": "The worst grade.",
        "high": "The best grade.",
        "levels": "What some grades mean.",
    },
    "CriterionSpec": {
        "rubric": "What makes an answer good in this respect.",
        "weight": "How much it counts beside the others.",
    },
    "PairwiseSpec": {
        "variant": "A variant's key, or a prompt's name for the same model and thinking.",
        "run": "A stored run to take the other answer from: a path, name, id or @baseline.",
        "ties": "Whether the judge may say that neither is better.",
    },
    "TextSpec": {"text": "The text.", "file": "File that holds it, beside the suite."},
    "JudgePromptSpec": {"system": "The system prompt.", "user": "The user turn."},
}
JUDGE_EXAMPLES: Mapping[tuple[str, str], list[Any]] = {
    ("JudgeSpec", "model"): ["claude-sonnet-4-6", ["claude-sonnet-4-6", "claude-haiku-4-5"]],
    ("JudgeSpec", "rubric"): ["Is the reasoning easy to follow?", {"file": "prompts/rubric.md"}],
    ("JudgeSpec", "scale"): ["1-5", "binary"],
    ("JudgeSpec", "criteria"): [{"facts": {"rubric": "Is it true?", "weight": 2}}],
    ("JudgeSpec", "pairwise"): ["plain", {"run": "latest"}],
}
