"""The process that holds the local model. Run as a file by ``local.py``, never imported by it.

It needs nothing but ``xllamacpp``, says ``READY <url>`` on stdout once requests are welcome, and
lives as long as its stdin is open: when whoever started it ends, even by SIGKILL, the pipe closes.
Then it leaves by ``os._exit``: the library's own shutdown waits for running requests.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

BUDGET_MESSAGE = "... So I answer now."
"""Put before ``</think>`` where the budget cuts a thought; without it the model thinks on aloud."""

PROMPT_CACHE_MIB = 256
"""The library's own default lets memory grow by gigabytes over a few hundred prompts."""


def leave_with_parent() -> None:
    """Wait until stdin closes, then end this process at once."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


def parameters(library: Any, settings: dict[str, Any]) -> Any:
    """The server's settings as the library wants them."""
    params = library.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["model"]}
    params.hostnames, params.port = [settings["host"]], settings["port"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.ui, params.verbosity = False, 1
    params.use_jinja, params.chat_template = True, settings["template"]
    params.enable_reasoning = 0  # a request switches thinking on, not the template
    params.sampling.reasoning_budget_message = BUDGET_MESSAGE
    return params


def main() -> None:
    """Serve until stdin closes; ``argv[1]`` holds the settings as JSON."""
    settings = json.loads(sys.argv[1])
    watcher = threading.Thread(target=leave_with_parent, daemon=True)
    watcher.start()
    try:
        import xllamacpp

        server = xllamacpp.Server(parameters(xllamacpp, settings))
    except (ImportError, RuntimeError) as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(1)  # an ordinary end: the library's log thread writes the cause first
    print("READY", server.listening_address, flush=True)
    watcher.join()


if __name__ == "__main__":
    main()
