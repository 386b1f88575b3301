"""Verdicts that a judge gives in prose: the usual ways to say a grade or a preference."""

from __future__ import annotations

import re
import unicodedata

_TAG = re.compile(r"</?(?:b|i|p|em|strong|span|br|div|u|li|ul|h[1-6])\b[^<>]{0,60}>", re.IGNORECASE)
# A number that is not part of a longer one, of a date or of a range: of "3-4" neither is said.
_NUMBER = r"[-+]?\d+(?:[.,]\d+)?(?![.,]?\d)(?!\s*(?:[-–—]|to\b|or\b)\s*\d)"
_OF = r"\s*[*_`\])]*\s*(?:/|out\s+of|von|sur|de|из)\s*"
_SCORE = (
    r"(?:\b(?:score|rating|grade|points?|mark|bewertung|punktzahl|puntuaci[oó]n|calificaci[oó]n)\b"
    r"|评分|得分|分数|スコア|評価|点数|점수|оценка)"
)
_SAID_SCORE = re.compile(
    rf"{_SCORE}[*_`\"']*\s*(?:is|of|[:=\-–—])?\s*[*_`\"'\[(]*\s*({_NUMBER})(?:{_OF}({_NUMBER}))?",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"\b(?:give|rate|award|assign|grade|score)s?\s+(?:(?:it|this|the\s+answer|this\s+answer)\s+)?"
    rf"(?:an?\s+)?[*_`\"']*({_NUMBER})[*_`\"']*(?=\s*(?:[.,;!)]|$|because\b|since\b|for\b))",
    re.IGNORECASE | re.MULTILINE,
)
_OUT_OF = re.compile(rf"({_NUMBER}){_OF}({_NUMBER})", re.IGNORECASE)
_BOXED = re.compile(
    rf"\[\[\s*({_NUMBER})\s*\]\]|<(?:score|rating|grade)>\s*({_NUMBER})\s*</"
    rf"|\\boxed\{{\s*({_NUMBER})\s*\}}",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"^[*_`\s]*({_NUMBER})[*_`\s.]*$")
_LIMIT = re.compile(
    r"(?:max(?:imum)?|min(?:imum)?|possible|highest|lowest|passing)\W*$", re.IGNORECASE
)
# "The answer is right" may go on with what it is right about; "Answer: right" does not.
_VERDICT = re.compile(
    r"(?:\b(?:verdict|result|score|grade|better|winner)\b[*_`\"']*\s*(?:is|[:=\-–—])"
    r"|\banswer\b[*_`\"']*\s*[:=])\s*[*_`\"'\[(]*\s*(?:the\s+)?([A-Za-z]+)",
    re.IGNORECASE,
)
_WORD_ALONE = re.compile(r"^[*_`\s\[\"']*([A-Za-z]+)[*_`\s\]\"'.!]*$")
_PLACES = {
    **dict.fromkeys(("a", "1", "one"), "first"),
    **dict.fromkeys(("b", "2", "two"), "second"),
}
_NOUN = r"(?:answers?|responses?|options?|assistants?)"
_PLACE = rf"(?:{_NOUN}\s+(a|b|1|2|one|two)|(first|second)(?:\s+(?:{_NOUN}|one))?)"
_DEGREE = r"(?:clearly|slightly|much|overall|somewhat|far|a\s+bit|significantly|marginally)"
_PREFERENCES = (
    re.compile(r"\[\[\s*(a|b|c|first|second|tie)\s*\]\]", re.IGNORECASE),
    re.compile(
        rf"\b{_PLACE}\s+is\s+(?:{_DEGREE}\s+)*(?:the\s+)?(?:better|superior|stronger)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:prefer|choose|pick|favou?r|better(?:\s+answer)?(?:\s+is|\s*:)|"
        rf"(?:verdict|winner)(?:\s+is|\s*:))[*_`\"'\s]+(?:the\s+)?{_PLACE}\b",
        re.IGNORECASE,
    ),
)
_EQUAL = re.compile(
    rf"\b(?:it(?:'|’)?s|it\s+is)\s+(?:an?\s+)?(?:tie|draw)\b|\b(?:both|they|the\s+two|the)"
    rf"(?:\s+{_NOUN})?\s+are\s+(?:about\s+|roughly\s+)?(?:equal|equally|tied|the\s+same)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"(?:the\s+)?(?:{_PLACE}|(a|b|1|2|one|two))(?:\s+is\s+better)?", re.IGNORECASE)
_TIES = re.compile(
    r"(?:an?\s+)?(?:tie|tied|draw|both|neither|equal|equally\s+good|(?:the\s+)?same)", re.IGNORECASE
)


def plain(text: str) -> str:
    """A text without the markup and the typography that stand in the way of reading it."""
    return _TAG.sub("", unicodedata.normalize("NFKC", text))


def said_numbers(text: str, high: float, material: str = "") -> set[float]:
    """The different scores a text speaks of; one out of another number than ``high`` is none.

    Nor is one in words that stand in ``material``, which was quoted to the judge, unless it is all
    that it says.
    """
    for patterns in ((_BOXED,), (_SAID_SCORE, _GIVEN), (_OUT_OF,), (_ALONE,)):
        found = [match for pattern in patterns for match in pattern.finditer(text)]
        if found:
            return {
                number(value)
                for match in found
                if _is_own(match, material)
                for value, of in [_parts(match)]
                if of is None or abs(number(of) - high) < 1e-9
            }
    return set()


def stated_numbers(text: str, high: float, material: str = "") -> set[float]:
    """As :func:`said_numbers`, but only those that are called a score."""
    has_name = _BOXED.search(text) or _SAID_SCORE.search(text)
    return said_numbers(text, high, material) if has_name else set()


def _parts(match: re.Match[str]) -> tuple[str, str | None]:
    if match.re in (_SAID_SCORE, _OUT_OF):
        return match[1], match[2]
    return next(filter(None, match.groups())), None


def _is_own(match: re.Match[str], material: str) -> bool:
    """Whether these are the judge's own words for its own grade."""
    text, said = match.string, match.group()
    is_limit = _LIMIT.search(text[max(0, match.start() - 20) : match.start()])
    return not is_limit and (said not in material or said.strip() == text.strip())


def said_words(text: str, material: str = "") -> set[str]:
    """The different verdicts a text gives in a word, in lower case."""
    found = {match[1].lower() for match in _VERDICT.finditer(text) if _is_own(match, material)}
    alone = _WORD_ALONE.match(text.strip())
    return found or ({alone[1].lower()} if alone else set())


def said_preferences(text: str, material: str = "") -> set[str]:
    """The different preferences a text tells: ``first``, ``second``, ``tie``."""
    alone = preference(text)
    if alone:
        return {alone}
    found = {
        _place(next(filter(None, match.groups())))
        for pattern in _PREFERENCES
        for match in pattern.finditer(text)
        if _is_own(match, material)
    }
    if any(_is_own(match, material) for match in _EQUAL.finditer(text)):
        found.add("tie")
    return found


def preference(word: str) -> str | None:
    """``first``, ``second`` or ``tie`` for the usual names of them; None for anything else."""
    word = word.strip().strip("\"'*`_.![] \n")
    if _TIES.fullmatch(word):
        return "tie"
    match = _NAMED.fullmatch(word)
    return _place(next(filter(None, match.groups()))) if match else None


def _place(word: str) -> str:
    word = word.lower()
    return "tie" if word == "c" else _PLACES.get(word, word)


def number(text: str) -> float:
    """``4``, ``4.5``, ``4,5``."""
    return float(text.replace(",", "."))
