from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end_shell import DATASET, KEY, Shell
from servers import RunningServer, simulated_server


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with simulated_server("--answers", DATASET, "--api-key", KEY) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, server: RunningServer) -> Shell:
    server.reset()
    server.log_path.write_text("")
    return Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY=KEY)
