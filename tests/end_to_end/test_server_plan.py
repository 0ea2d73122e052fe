"""Which rules ask models behind servers, of coders and of experiments; nothing is asked here."""

from __future__ import annotations

from pathlib import Path

import pytest

from end_to_end.studies import generate, planned, settings, write_settings

pytestmark = pytest.mark.slow


def test_servers_have_rules_of_their_own(tmp_path: Path) -> None:
    study = generate(tmp_path, "blank")
    changed = settings(study)
    [local] = changed["models"]
    [coder] = [name for name, keys in changed["coders"].items() if keys["type"] == "llm"]
    [codebook] = [path.stem for path in (study / "config/codebooks").glob("*.yaml")]
    # A name may begin another one, and have dots in it.
    served = {"url": "http://127.0.0.1:1/v1", "model": "m"}
    changed["models"] |= {name: {"server": dict(served)} for name in ("far", "far-4.1", "far-4.1.mini")}
    experiment = {"question": "Which?", "coder": coder, "codebook": codebook, "texts": "all"}
    write_settings(study, changed)
    assert {"ask", "costs"} <= planned(study)
    assert "ask_server" not in planned(study)
    changed["coders"]["hosted"] = {"type": "llm", "model": "far-4.1"}
    changed["experiments"] = {
        "servers": experiment | {"factors": {"model": ["far", "far-4.1.mini"]}},
        "both": experiment | {"factors": {"model": [local, "far-4.1"]}},
    }
    write_settings(study, changed)
    assert {"ask", "ask_server", "ask_trials", "ask_server_trials", "costs"} <= planned(study)
    for name in ("far", "far-4.1.mini"):
        rules = planned(study, f"results/index/experiments/servers.{name}.csv")
        assert "ask_server_trials" in rules
        assert not {"ask_trials", "ask"} & rules
    rules = planned(study, f"results/index/experiments/both.{local}.csv")
    assert "ask_trials" in rules
    assert "ask_server_trials" not in rules
