"""A real server of OpenAI's protocol: llama-cpp-python's, with the embedded model, a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from library.embedded import UNPACKED, model_file

ALIAS = "smollm2"
"""The name of the model at the server."""

PROGRAM = """
import ctypes, runpy, signal, sys
if sys.platform == "linux":  # it ends when the tests are killed
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
"""

PATIENCE = 120.0
"""Seconds for the server to load the model on a busy machine."""


@contextlib.contextmanager
def llama_server(
    folder: Path, *, key: str | None = None, context: int = 2048, probabilities: bool = True
) -> Iterator[str]:
    """Run a server as long as the context lasts, and yield its address (`http://127.0.0.1:PORT/v1`).

    Parameters
    ----------
    folder
        Is to hold the server's log.
    key
        The only one that it accepts; None for a server that wants none.
    probabilities
        Whether it can say how probable its tokens are.
    """
    port = _free_port()
    log = folder / f"llama-server-{port}.log"
    command = [sys.executable, "-c", PROGRAM, "--model", str(model_file(UNPACKED))]
    command += ["--model_alias", ALIAS, "--n_ctx", str(context), "--logits_all", str(probabilities).lower()]
    command += ["--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | ({"API_KEY": key} if key is not None else {})
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=environment)
    try:
        _wait(server, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, f"the server has ended: {log.read_text(errors='replace')[-3000:]}"
        try:
            opener.open(f"http://127.0.0.1:{port}/v1/models", timeout=10).close()
            return
        except urllib.error.HTTPError:
            return  # it wants its key
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer in {PATIENCE} s: {log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
