"""The scorer of answers that choose among lettered options."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.scorers.number import find_number
from evalkit.types import Case, Response, Score

_LETTERS = "ABCDEFGHIJ"
_ANSWER = (
    r"(?i:answer|ans|respuesta|antwort|réponse|risposta|resposta|ответ"
    r"|(?:correct|right|best|final)[ ](?:option|choice))"
)
# What takes a choice back ("B is wrong", "B can't be right") or leaves it open ("A or B").
_WRONG = (
    r"(?![*_`\"')\]]*[ ](?:(?i:is|are|was|seems|looks)[ ](?:(?i:also|clearly|just|obviously)[ ])?"
    r"(?i:not|wrong|false|incorrect|out|impossible|unlikely|tempting|eliminated|ruled)\b"
    r"|(?i:isn|wasn|can|could|doesn)(?:['’]t|not)\b))"
)
_OPEN = r"(?![*_`\"')\]]*[ ](?i:or|and)[ ][(*_]*[A-J]\b)"
# A capital, or a small letter with only signs behind it ("the answer is a mystery" has none).
_LETTER = (
    rf"[*_`\"'(\[]*+(?:([A-J])(?!\w|['’]\w){_WRONG}{_OPEN}"
    r"|([a-j])(?=[)\].,;:!*_\"'`}]*+[ \t]*$))"
)
_SAYS = (
    r"(?i:is|are|would be|should be|must be|has to be|es|ist|est|è|é)?"
    r"(?i:[ ]not[ ]\(?[A-J]\)?,?[ ]but)?"
)
_LINKS = r"[\s:=*_\"'>`-]*+"
_ALONE = r"[ \t*_`#(\[{<>=→•-]*+(?:\d+[.)][ ])?[(*_]*+([A-J])[*_`)\]}>.!?:]*"
_ITEM = r"[ \t*_`]*+\(?([A-J])(?:[).:]|[*_]*[ ][-–—][ ])"
# From the surest sign of a choice to the weakest; within one kind the last counts.
_LAYOUTS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*\(?([A-J])\b",
        rf"\b{_ANSWER}\b{_LINKS}{_SAYS}{_LINKS}(?:(?i:option|choice)\s+)?{_LETTER}",
        r"(?:答案|正解|选|選)[^A-Za-z\n]{0,6}([A-J])(?![A-Za-z])",
        r"####\s*\(?([A-J])\b",
        rf"^(?i:correct|right|best|choice|final)[ ]*:[ ]*{_LETTER}",
        r"\b([A-J])[)\]*_]*+ (?i:is|must be|would be) (?i:the )?(?i:correct|right|best|answer)\b",
        rf"\A\s*{_ALONE}[ \t]*$",
        rf"\A\s*{_ITEM}",
        rf"\b(?i:option|choice)\b{_LINKS}{_SAYS}{_LINKS}{_LETTER}",
        rf"^{_ALONE}[ \t]*$",
        rf"\b(?i:choose|select|pick|go(?:ing)? with|left with|it['’]?s|it is)[ ]+{_LETTER}",
    )
)
# One such line chooses; several, with different letters, only list what there is to choose from.
_LISTED = re.compile(rf"^{_ITEM}", re.MULTILINE)
_LISTS = (rf"\A\s*{_ITEM}", _LISTED.pattern)
_WEAK = (
    re.compile(r"\*\*\(?([A-J])[).:]?(?=\W)"),
    re.compile(r"[(\[]([A-J])[)\]]"),
    re.compile(r"^[ \t`\"'(]*+([a-j])[`\"').]*+[ \t]*$", re.MULTILINE),
)
# "A" may be a word, and "I" is one; a letter after "not" is none that is chosen.
_NAMED = re.compile(rf"(?<![\w'’.])([B-HJ](?![\w'’+#])|A(?=[.,;:!)]|[ ]or[ ]|$)){_WRONG}")
_NOT = re.compile(r"\b(?i:not|neither|nor|isn['’]t|can['’]t be|eliminate[sd]?)[ ]+\(?[A-J]\b")


def find_letter(text: str, n_choices: int = 10) -> str | None:
    """The letter (A to J) an answer chooses, or None; ``n_choices`` bounds the letters."""
    text, known = _plain(text), _LETTERS[:n_choices]
    listed = {match[1] for match in _LISTED.finditer(text)}
    for layout in (*_LAYOUTS, _LISTED, *_WEAK):
        if layout.pattern in _LISTS and len(listed) > 1:
            continue
        found = [one for match in layout.finditer(text) if (one := _chosen(match)) in known]
        if found:
            return found[-1]
    return None


def _named_last(text: str, n_choices: int) -> str | None:
    """The only letter that the end of an answer names, where nothing surer is to be found."""
    clauses = [part for part in re.split(r"[.;\n](?=\s|$)", text) if part.strip()]
    if not clauses:
        return None
    clause = _NOT.sub("", clauses[-1].strip(" *_`") + ".")
    named = {match[1] for match in _NAMED.finditer(clause)} & set(_LETTERS[:n_choices])
    return named.pop() if len(named) == 1 else None


def _without_list(text: str) -> str:
    """A text without the lines that only list what there is to choose from."""
    lines = text.splitlines()
    listed = [line for line in lines if _LISTED.match(line)]
    return "\n".join(line for line in lines if line not in listed) if len(listed) > 1 else text


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _chosen(match: re.Match[str]) -> str:
    return str(match[match.lastindex or 0]).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice:
    """Right when the answer chooses the target, by letter or by an option's text.

    ``choices`` names the column with the options: a list of texts, or letters with texts. The
    target is a letter, an option's text, or (where ``choices`` is given) a place from 0.
    """

    name: str = "multiple_choice"
    choices: str | None = None
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        options = _options(case.inputs.get(self.choices)) if self.choices else _Options({}, {})
        target = options.letter_of(case.target)
        if target is None:
            stray = f"the target {case.target!r} is none of the choices"
            return Score(self.name, None, reason=stray)
        letter = options.chosen(response.text)
        if letter is None:
            return Score(self.name, 0.0, reason="no choice in the answer")
        reason = None if letter == target else f"expected {target}"
        return Score(self.name, float(letter == target), answer=letter, reason=reason)


@dataclass(frozen=True, slots=True)
class _Options:
    """What there is to choose from: ``texts`` by letter, and letters by ``labels`` (A, or 1)."""

    texts: Mapping[str, str]
    labels: Mapping[str, str]

    def letter_of(self, target: str) -> str | None:
        """The letter of a target: an option's text, its label, a letter, or a place from 0."""
        plain = target.strip().strip("().").upper()
        for letter, text in self.texts.items():
            if text.strip().casefold() == target.strip().casefold():
                return letter
        if plain in self.labels:
            return self.labels[plain]
        if plain in (self.texts or _LETTERS) and len(plain) == 1:
            return plain
        if not self.labels and plain.isdecimal() and int(plain) < len(self.texts):
            return list(self.texts)[int(plain)]
        return None

    def chosen(self, answer: str) -> str | None:
        """The letter an answer chooses: by letter, by number where options have them, by text."""
        most = len(self.texts) or len(_LETTERS)
        letter = find_letter(answer, most)
        if letter is None and self.labels and all(label.isdecimal() for label in self.labels):
            number = find_number(answer)
            letter = self.labels.get(str(number)) if number is not None else None
        rest = _without_list(_plain(answer))
        return letter or self._by_text(rest) or _named_last(rest, most)

    def _by_text(self, answer: str) -> str | None:
        """The option whose text the answer gives: after its mark, at its end, else anywhere."""
        marks = list(re.finditer(rf"\b{_ANSWER}\b", answer))
        ends = [answer[marks[-1].end() :].partition("\n")[0]] if marks else []
        ends += [part for part in re.split(r"[.\n](?=\s|$)", answer) if part.strip()][-1:]
        found = (self._named_in(part.casefold()) for part in (*ends, answer))
        return next((letter for letter in found if letter), None)

    def _named_in(self, folded: str) -> str | None:
        """The one option that stands in a text; None if several do (unless one holds all)."""
        found = [letter for letter, option in self.texts.items() if _has_words(folded, option)]
        if not found:
            return None
        longest = max(found, key=lambda letter: len(self.texts[letter]))
        held = self.texts[longest].casefold()
        return longest if all(self.texts[letter].casefold() in held for letter in found) else None


def _options(column: object) -> _Options:
    if isinstance(column, Mapping):
        if isinstance(column.get("text"), list) and isinstance(column.get("label"), list):
            column = dict(zip(map(str, column["label"]), column["text"], strict=False))
        labels = [str(label).strip().upper() for label in column]
        letters = labels if all(label in [*_LETTERS] for label in labels) else _LETTERS
        pairs = list(zip(letters, column.values(), strict=False))
        return _Options(
            {letter: str(text) for letter, text in pairs}, dict(zip(labels, letters, strict=False))
        )
    if isinstance(column, Sequence) and not isinstance(column, str):
        return _Options(dict(zip(_LETTERS, map(str, column), strict=False)), {})
    raise ValueError(f"the choices are a list of texts, found {column!r}")


def _has_words(folded: str, option: str) -> bool:
    wanted = re.escape(option.strip().casefold())
    return bool(wanted) and re.search(rf"(?<!\w){wanted}(?!\w)", folded) is not None
