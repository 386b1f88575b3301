"""What hostile code tries: all of it ends with a reason, and nothing is left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

import evalkit.scorers.sandbox as package
from evalkit.scorers.sandbox.sandbox import Bounds, find_isolation, run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fences are Linux's")

BOUNDS = Bounds(timeout_s=15.0, memory_mb=300, processes=24, files_mb=8, output_kb=256)
LATE = "took longer than 1 s"
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.wait()
"""
DEAF = """
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: time.sleep(1)
"""
TRIES = {
    "fork bomb": (
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        "had more than 24 processes",
    ),
    "many daemons": (
        "import os\nwhile True:\n  try: os.fork() or os.setsid()\n  except OSError: pass",
        "had more than 24 processes",
    ),
    "memory": ("x = []\nwhile True: x.append(bytearray(10**7))", "exit 1"),
    "memory of many": (
        "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(9 * 10**7)\ntime.sleep(9)",
        "used more than 300 MB",
    ),
    "endless output": ("while True: print('x' * 1000)", "wrote more than 256 kB"),
    "endless errors": ("import os\nwhile True: os.write(2, b'x' * 9999)", "wrote more than 256 kB"),
    "endless verdict": (
        "import os\nwhile True: os.write(3, b'x' * 9999)",
        "told more than its tests have to tell",
    ),
    "a large file": ("f = open('big', 'wb')\nwhile True: f.write(b'x' * 10**6)", "exit 1"),
    "a daemon": (DAEMON, "exit 0"),
    "no folder": ("import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)", "exit 0"),
    "recursion": ("def f(): f()\nf()", "exit 1"),
    "leaving": ("import sys; sys.exit(0)", "exit 0"),
    "closing everything": ("import os\nos.closerange(0, 256)", "exit 0"),
    "sleep": ("import time; time.sleep(99)", LATE),
    "deaf to signals": (DEAF, LATE),
    "stopping itself": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", LATE),
    "no rights": ("import os\nos.mkdir('a'); open('a/b', 'w'); os.chmod('a', 0)", "exit 0"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "signal 11"),
}


def how(ending):
    if ending.killed:
        return ending.killed
    if os.WIFSIGNALED(ending.status):
        return f"signal {os.WTERMSIG(ending.status)}"
    return f"exit {os.WEXITSTATUS(ending.status)}"


def alive(token):
    """Processes whose command line has the token; forked ones keep it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.fixture
def folder(monkeypatch):
    """Where the sandbox makes its folders; open to all, as /tmp is."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def token():
    return f"token-{os.getpid()}-{time.monotonic_ns()}"


SYSTEM_PYTHON = next(
    filter(os.path.exists, ("/usr/bin/python3", "/usr/local/bin/python3")), sys.executable
)
"""An interpreter that a stranger may read: root's runs without fences become one."""


def python_for(level):
    return None if level == "full" or os.getuid() != 0 else SYSTEM_PYTHON


def is_offered(level):
    """Whether this machine has such fences."""
    return run_python("", "", BOUNDS, isolation=level, python=python_for(level)).trouble is None


BEST, WHY_NO_BETTER = find_isolation()
WORSE = [one for one in ("partial", "limits") if one != BEST and is_offered(one)]


@pytest.fixture(params=[BEST, *(pytest.param(one, marks=pytest.mark.slow) for one in WORSE)])
def run(request, folder, token):
    """Runs code at the best level this machine offers and, in slow tests, at those below it."""
    python = python_for(request.param)

    def run(source, bounds=BOUNDS):
        return run_python(
            f"# {token}\n{source}", "", bounds, isolation=request.param, python=python
        )

    run.level = request.param
    return run


def test_there_are_fences_and_it_is_said_why_they_are_no_better():
    assert BEST is not None, WHY_NO_BETTER
    assert bool(WHY_NO_BETTER) == (BEST != "full")


@pytest.mark.parametrize("name", TRIES)
def test_ends_with_a_reason_and_leaves_nothing(name, run, folder, token):
    source, reason = TRIES[name]
    ending = run(source, replace(BOUNDS, timeout_s=1.0) if reason == LATE else BOUNDS)
    assert ending.trouble is None
    assert how(ending) == reason
    assert alive(token) == []
    assert list(folder.iterdir()) == []


def told(run, source):
    """What the source, which calls tell(), told."""
    ending = run(f"import os\ndef tell(x): os.write(3, (str(x) + '\\n').encode())\n{source}")
    assert ending.trouble is None
    return ending.told.splitlines()


def test_no_keys_no_files_no_signals_no_network(run, folder, token, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    secret = folder / "secret.env"
    secret.write_text("KEY=1")
    secret.chmod(0o600)
    victim = subprocess.Popen(["sleep", "30"])
    try:
        lines = told(
            run,
            f"""
tell("secret" in str(os.environ).lower())
def attempt(work, *given):
    try: tell(work(*given))
    except OSError as error: tell(type(error).__name__)
attempt(lambda: open({str(secret)!r}).read())
attempt(lambda: open({str(secret)!r}, "w").write("x"))
attempt(lambda: open("/proc/{os.getpid()}/environ").read())
attempt(os.kill, {victim.pid}, 9)
attempt(os.kill, {os.getpid()}, 9)
import socket
attempt(lambda: socket.create_connection(("127.0.0.1", 9), 1))
attempt(lambda: open({str(folder / "new")!r}, "w").write("x"))
""",
        )
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
    assert lines[0] == "False"
    assert set(lines[1:6]) <= {"FileNotFoundError", "PermissionError", "ProcessLookupError"}
    network = {"full": "OSError", "partial": "PermissionError", "limits": "ConnectionRefusedError"}
    assert lines[6] == network[run.level]
    assert secret.read_text() == "KEY=1"
    if run.level != "limits":
        assert lines[7] in ("FileNotFoundError", "PermissionError")
        assert [path.name for path in folder.iterdir()] == ["secret.env"]


def test_it_ends_with_evalkit(token, folder):
    """Evalkit is killed while code runs: the supervisor notices, and nothing goes on."""
    program = (
        "from evalkit.scorers.sandbox.sandbox import *\n"
        f"run_python('''# {token}\n{DAEMON}\nimport time; time.sleep(60)''', '',"
        f" Bounds(timeout_s=60), isolation={find_isolation()[0]!r})"
    )
    env = {**os.environ, "TMPDIR": str(folder)}
    evalkit = subprocess.Popen([sys.executable, "-c", program], env=env)
    deadline = time.monotonic() + 30
    while len(alive(token)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(alive(token)) >= 3
    evalkit.send_signal(signal.SIGKILL)
    evalkit.wait()
    while alive(token) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(token) == []


def test_fences_need_no_rights(folder):
    """Run by an ordinary user, in a user namespace where there are any."""
    home = Path(package.__file__).parents[2]
    for name in ("__init__.py", "scorers/__init__.py"):
        (folder / "evalkit" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / name, folder / "evalkit" / name)
    shutil.copytree(home / "scorers/sandbox", folder / "evalkit/scorers/sandbox")
    victim = subprocess.Popen(["sleep", "60"])
    program = (
        "import json\nfrom evalkit.scorers.sandbox.sandbox import *\n"
        "bounds = Bounds(timeout_s=15, processes=8)\n"
        "level, why = find_isolation()\n"
        "ends = [run_python(source, '', bounds, isolation=level) for source in ["
        "'import os; os.write(3, str(os.listdir(\"/\")).encode())',"
        "'import os\\nwhile True:\\n  try: os.fork()\\n  except OSError: pass',"
        f"'import os; os.kill({victim.pid}, 9)']]\n"
        "print(json.dumps([level, why] + [[e.told, e.killed, e.status] for e in ends]))"
    )
    stranger = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", program],
            env={"PYTHONPATH": str(folder)},
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            **stranger,
        )
        level, why, world, bomb, kill = json.loads(done.stdout)
        assert bomb[1] == "had more than 8 processes"
        assert bool(why) == (level != "full")
        if level == "full":
            assert "home" not in world[0]
            assert "proc" in world[0]
        if level != "limits" or stranger:
            assert kill[2] != 0
            assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_root_without_fences_is_refused(folder, monkeypatch):
    """Whoever runs this: the refusal comes before anything is run."""
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    monkeypatch.setattr("evalkit.scorers.sandbox.sandbox._needed_by", lambda _: [str(hidden)])
    ending = run_python("print(1)", "", BOUNDS, isolation="limits")
    if os.getuid() == 0:
        assert "as root without fences" in ending.trouble
    else:
        assert ending.trouble is None
