"""``evalkit score``: what it says where it cannot do its work."""

from stored_runs import a_run

from evalkit.cli.main import run_command
from evalkit.scorers.user import as_score


def test_an_interrupt_says_what_is_kept_and_how_to_go_on(tmp_path, monkeypatch, capsys):
    run = a_run(tmp_path, "r1", {"off": [1.0]})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("evalkit.pipeline.score.rescore_run", interrupted)
    assert run_command(["score", str(run.path)]) == 130
    told = capsys.readouterr().err
    assert "old ones or all new" in told
    assert f"evalkit score {run.path}" in told


def test_what_floating_point_adds_to_a_whole_is_forgiven():
    assert as_score("mine", 1.0000000000000002).value == 1.0
    assert as_score("mine", -1e-12).value == 0.0
    assert as_score("mine", 1.000001).value is None
    assert as_score("mine", 5.0000000001, (1.0, 5.0)).value == 1.0
