"""What a model behind a server has cost the study so far: every response in the store, of any instrument."""

from __future__ import annotations

import json
from pathlib import Path

from study.server.limits import Usage
from study.server.settings import Server

_MARK = b'"server":{'


def spent(store: Path, server: Server) -> Usage:
    """Return what the responses of one server and model have cost.

    Parameters
    ----------
    store
        The folder of responses; those imported from other studies cost this one nothing.
    """
    mine = {path.stem for path in sorted((store / "instruments").glob("*.json")) if _asks(path, server)}
    requests = read = written = unknown = 0
    for segment in sorted((store / "segments").glob("*.jsonl")):
        with segment.open("rb") as lines:
            for line in lines:
                if _MARK not in line:  # of a model that ran here: most need not be parsed
                    continue
                response = json.loads(line)
                if response["instrument_id"] not in mine or "server" not in response:
                    continue
                requests += response["server"]["requests"]
                read += response["n_tokens"] or 0
                written += response["n_written"] or 0
                unknown += response["n_tokens"] is None or response["n_written"] is None
    return Usage(requests=requests, read=read, written=written, unknown=unknown)


def _asks(instrument: Path, server: Server) -> bool:
    model = json.loads(instrument.read_text(encoding="utf-8"))["model"].get("server") or {}
    return (model.get("url"), model.get("model")) == (server.url, server.model)
