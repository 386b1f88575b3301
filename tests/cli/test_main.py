"""The command line's end: a fault of ours must never look like a verdict."""

from __future__ import annotations

import pytest

from evalkit.cli import main
from evalkit.errors import EXIT_FAULT, EXIT_GATE_FAILED


def test_a_fault_of_ours_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object, **options: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(main, "cli", breaks)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == EXIT_FAULT != EXIT_GATE_FAILED
    told = capsys.readouterr().err
    assert "RuntimeError: a bug" in told
    assert "fault of evalkit" in told
