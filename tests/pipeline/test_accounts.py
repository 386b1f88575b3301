"""What attempts mean for the money of a run, over several sittings."""

from __future__ import annotations

import asyncio

import pytest
from builders import a_request, a_response, a_trial
from fakes import FakeClient

from evalkit.client.account import AccountedClient
from evalkit.errors import EXIT_BUDGET, ApiError, StoreError
from evalkit.messages.pricing import find_price
from evalkit.pipeline.accounts import Accounts, Held
from evalkit.pipeline.circuit import Circuit
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Stop
from evalkit.store.held import HELD, read_held, write_held

MODEL = "claude-haiku-4-5"
WORST_USD = 950 * 5e-6


def accounts(folder, cap: float | None = 1.0) -> Accounts:
    ledger = Ledger({MODEL: find_price(MODEL)}, cap, doubtful_usd=read_held(folder))
    return Accounts(ledger, Held(folder, ledger), Circuit(50), Stop())


def client(all_accounts: Accounts, *outcomes) -> AccountedClient:
    return AccountedClient(FakeClient(*outcomes), all_accounts.of(MODEL))


def request():
    return a_request(max_tokens=950)


async def test_an_attempt_is_on_disk_before_it_goes(tmp_path):
    kept: list[float] = []

    class Wire(FakeClient):
        async def send(self, request, on_start=None):
            kept.append(read_held(tmp_path))
            return a_response()

    several = accounts(tmp_path)
    account = several.of(MODEL)
    for _ in range(3):
        await AccountedClient(Wire(), account).send(request())
    assert all(usd >= WORST_USD for usd in kept)
    # What came of all of them is known: nothing is in doubt.
    several.held.settle()
    assert not (tmp_path / HELD).exists()


async def test_what_is_given_up_is_in_doubt_in_the_next_sitting(tmp_path):
    class Silent(FakeClient):
        async def send(self, request, on_start=None):
            await asyncio.Event().wait()

    before = accounts(tmp_path)
    account = before.of(MODEL)
    tasks = [asyncio.create_task(AccountedClient(Silent(), account).send(request()))]
    tasks += [asyncio.create_task(AccountedClient(Silent(), account).send(request()))]
    await asyncio.sleep(0.1)
    # Killed here, at least both are known of.
    assert 2 * WORST_USD <= read_held(tmp_path) <= 3 * WORST_USD
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    before.held.settle()
    after = accounts(tmp_path)
    assert after.ledger.doubtful_usd == pytest.approx(2 * WORST_USD, rel=0.05)
    # Nothing is counted twice by a sitting in which all goes well.
    await client(after).send(request())
    after.held.settle()
    assert read_held(tmp_path) == after.ledger.doubtful_usd == before.ledger.doubtful_usd


async def test_a_cap_counts_what_was_in_doubt_before(tmp_path):
    write_held(tmp_path, 0.007)
    several = accounts(tmp_path, cap=0.01)
    assert not several.ledger.reserve(a_trial(1, request=request()))
    cut = ApiError("stream_cut", "the stream ended", status=200)
    with pytest.raises(ApiError):
        await client(several, cut).send(request())
    assert several.stop.reason is not None
    assert several.stop.reason.exit_code == EXIT_BUDGET
    assert "in doubt" in several.stop.reason.message


async def test_nothing_goes_where_it_cannot_be_kept(tmp_path):
    several = accounts(tmp_path / "gone")
    wire = FakeClient()
    with pytest.raises(StoreError):
        await AccountedClient(wire, several.of(MODEL)).send(request())
    assert not wire.requests
    assert several.ledger.held_usd == 0


def test_a_damaged_amount_is_told_of(tmp_path):
    (tmp_path / HELD).write_text("{}")
    with pytest.raises(StoreError, match=r"held\.json: cannot be read"):
        read_held(tmp_path)
