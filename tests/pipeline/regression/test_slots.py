"""Slots of schedules: when a job was due, and what was missed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from evalkit.errors import UsageError
from evalkit.pipeline.regression.slots import parse_cron, parse_every

NOW = datetime(2026, 11, 25, 14, 37, 12, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("* * * * *", "2026-11-25T14:37"),
        ("*/15 * * * *", "2026-11-25T14:30"),
        ("0 6 * * *", "2026-11-25T06:00"),
        ("0 18 * * 1-5", "2026-11-24T18:00"),
        ("0 6 * * sun", "2026-11-22T06:00"),
        ("0 6 * * 7", "2026-11-22T06:00"),
        ("30 2 1 * *", "2026-11-01T02:30"),
        ("0 0 13 * 5", "2026-11-20T00:00"),  # either the 13th or a Friday
        ("15 3 29 feb *", "2024-02-29T03:15"),
        ("@daily", "2026-11-25T00:00"),
        ("5,35 8-10/2 * nov mon,wed", "2026-11-25T10:35"),
    ],
)
def test_the_last_moment_it_was_due(cron: str, due: str) -> None:
    assert parse_cron(cron).due(NOW).isoformat(timespec="minutes") == due + "+00:00"


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("45 minutes", "2026-11-25T14:15"),
        ("30m", "2026-11-25T14:30"),
        ("6h", "2026-11-25T12:00"),
        ("1d", "2026-11-25T00:00"),
    ],
)
def test_intervals(text: str, due: str) -> None:
    assert parse_every(text).due(NOW).isoformat(timespec="minutes") == due + "+00:00"


def test_missed_slots() -> None:
    daily, weekdays = parse_every("1d"), parse_cron("0 6 * * 1-5")
    last = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)  # a Friday
    assert weekdays.missed(last, weekdays.due(NOW)) == 2
    assert weekdays.missed(datetime(2026, 11, 24, 6, tzinfo=UTC), weekdays.due(NOW)) == 0
    start = datetime(2026, 11, 22, tzinfo=UTC)
    assert daily.missed(start, daily.due(NOW)) == 2


@pytest.mark.parametrize(
    ("every", "cron"),
    [("15m", "*/15 * * * *"), ("1h", "0 * * * *"), ("6h", "0 */6 * * *"), ("1w", "0 0 * * 4")],
)
def test_an_interval_as_cron_is_due_at_the_same_moments(every: str, cron: str) -> None:
    assert parse_every(every).cron() == cron
    assert parse_cron(cron).due(NOW) == parse_every(every).due(NOW)


@pytest.mark.parametrize(
    "text", ["", "* * * *", "61 * * * *", "* * 0 * *", "x * * * *", "5-1 * * * *"]
)
def test_bad_expressions_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_cron(text)


@pytest.mark.parametrize("text", ["", "0d", "1y", "d", "-1h", "1month", "1x"])
def test_bad_intervals_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no interval"):
        parse_every(text)
    with pytest.raises(UsageError, match="no cron line"):
        parse_every("7h").cron()


def test_what_is_never_due_is_said() -> None:
    with pytest.raises(UsageError, match="never due"):
        parse_cron("0 0 31 feb *").due(NOW)


@pytest.fixture
def london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The rules themselves, so that no database of time zones is needed.
    monkeypatch.setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("london")
def test_each_morning_is_a_slot_of_its_own_when_clocks_are_changed() -> None:
    """A crontab's 6:00 is another moment of UTC from one day to the next, twice a year."""
    local = parse_cron("0 6 * * *", is_local=True)
    spring = [datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in ((28, 6), (29, 5), (30, 5))]
    autumn = [
        datetime(2026, 10, day, hour, tzinfo=UTC) for day, hour in ((24, 5), (25, 6), (26, 6))
    ]
    for mornings in (spring, autumn):
        assert [local.due(moment) for moment in mornings] == mornings
        assert local.missed(mornings[0], mornings[2]) == 1
        # The same slot all day long.
        assert local.due(mornings[1].replace(hour=22)) == mornings[1]
    assert local.due(spring[1]).isoformat(timespec="minutes") == "2026-03-29T06:00+01:00"
