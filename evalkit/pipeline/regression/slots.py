"""Schedules: which slot of time a run belongs to, and how many slots nothing ran in.

A slot is the moment a run was due, so that a command started twice for one slot gives one result.
Times are UTC; a cron expression may count in the machine's time instead, as cron itself does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evalkit.errors import UsageError

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONG = ("min", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks")
_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {name: number for number, name in [*enumerate(_DAYS), *enumerate(_MONTHS, start=1)]}
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_FURTHEST_DAYS = 366 * 5


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed interval, counted from midnight UTC of 1970-01-01 (a Thursday)."""

    seconds: int

    def due(self, now: datetime) -> datetime:
        """The last moment at or before ``now`` at which it was due."""
        since = int(now.timestamp())
        return datetime.fromtimestamp(since - since % self.seconds, UTC)

    def missed(self, last: datetime, slot: datetime) -> int:
        """How many slots lie between two."""
        return max(0, round((slot - last).total_seconds() / self.seconds) - 1)

    def cron(self) -> str:
        """As a cron expression. Raises UsageError for an interval that cron cannot say."""
        minutes, rest = divmod(self.seconds, 60)
        if rest == 0 and minutes < 60 and 60 % minutes == 0:
            return f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
        hours, rest = divmod(self.seconds, 3600)
        if rest == 0 and hours < 24 and 24 % hours == 0:
            return f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
        if self.seconds == 86400:
            return "0 0 * * *"
        if self.seconds == 7 * 86400:
            return "0 0 * * 4"
        raise UsageError(
            f"no cron line says every {self.seconds} seconds",
            "Intervals that divide an hour or a day, 1d, or 1w; or give --cron.",
        )


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields; ``is_local``: of the machine's clock on the wall."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either: bool
    is_local: bool = False

    def cron(self) -> str:
        """The expression itself."""
        return self.text

    def is_due(self, day: datetime) -> bool:
        """Whether anything is due on a day: cron takes either day field where both are set."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.is_either else (in_month and in_week)

    def due(self, now: datetime) -> datetime:
        """The last moment at or before ``now`` at which it was due."""
        for moment in self._before(self._on_the_wall(now)):
            return self._of_the_wall(moment)
        raise UsageError(f"'{self.text}' is never due", "Check day and month.")

    def missed(self, last: datetime, slot: datetime) -> int:
        """How many slots lie between two."""
        count, since = 0, self._on_the_wall(last)
        for moment in self._before(self._on_the_wall(slot) - timedelta(minutes=1)):
            if moment <= since or count >= 1000:
                break
            count += 1
        return count

    def _on_the_wall(self, moment: datetime) -> datetime:
        return moment.astimezone(None if self.is_local else UTC).replace(tzinfo=None)

    def _of_the_wall(self, moment: datetime) -> datetime:
        """The moment at which the clock shows that, with the offset of that day."""
        return moment.astimezone() if self.is_local else moment.replace(tzinfo=UTC)

    def _before(self, now: datetime) -> Iterator[datetime]:
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for back in range(_FURTHEST_DAYS):
            today = day - timedelta(days=back)
            if not self.is_due(today):
                continue
            for hour in sorted(self.hours, reverse=True):
                for minute in sorted(self.minutes, reverse=True):
                    moment = today.replace(hour=hour, minute=minute)
                    if moment <= now:
                        yield moment


Schedule = Every | Cron


def parse_every(text: str) -> Every:
    """``15m``, ``6h``, ``1d``, ``1w``. Raises UsageError."""
    match = re.fullmatch(r"\s*(\d+)\s*([a-z]+)\s*", text.lower())
    unit = match[2] if match else ""
    if match is None or int(match[1]) == 0 or unit not in (*_UNITS, *_LONG):
        raise UsageError(f"'{text}' is no interval", "For example 30m, 6h, 1d or 1w.")
    return Every(int(match[1]) * _UNITS[unit[0]])


def parse_cron(text: str, *, is_local: bool = False) -> Cron:
    """Five fields, or ``@daily`` and the like. Raises UsageError that names the field at fault."""
    plain = _MACROS.get(text.strip().lower(), text).strip()
    fields = plain.split()
    if len(fields) != len(_FIELDS):
        raise UsageError(
            f"'{text}' has {len(fields)} fields; a cron expression has five",
            "Minute, hour, day of the month, month, day of the week: '0 6 * * 1-5'.",
        )
    sets = [_field(text, one, *about) for one, about in zip(fields, _FIELDS, strict=True)]
    weekdays = frozenset(number % 7 for number in sets[4])
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(" ".join(fields), sets[0], sets[1], sets[2], sets[3], weekdays, either, is_local)


def _field(whole: str, text: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            start = low if span == "*" else _number(first)
            end = high if span == "*" or (step and not dash) else _number(last if dash else first)
            every = int(step) if step else 1
        except ValueError:
            raise _bad(whole, part, name) from None
        if not (low <= start <= end <= high and every >= 1):
            raise _bad(whole, part, name)
        found.update(range(start, end + 1, every))
    return frozenset(found)


def _number(text: str) -> int:
    return _NAMES[text.lower()] if text.lower() in _NAMES else int(text)


def _bad(whole: str, part: str, name: str) -> UsageError:
    return UsageError(f"'{whole}': '{part}' is no {name}", "Five fields, as in '0 6 * * 1-5'.")
