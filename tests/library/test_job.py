"""The command line of a rule's program is read off its signature; errors are one paragraph."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.job import parser, run, to_json


def program(
    corpus_file: Path,
    name: str,
    *,
    codings: list[Path],
    words: list[str],
    settings: dict,  # type: ignore[type-arg]
    rows: list[dict[str, int]] | None = None,
    n: int = 3,
    share: float | None = None,
    model: str | None = None,
    fast: bool = False,
    root: Path = Path(),
) -> None:
    """Do something.

    At length.
    """


def parsed(*argv: str) -> dict[str, Any]:
    return vars(parser(program).parse_args(argv))


REQUIRED = (
    "--corpus-file",
    "a b.csv",
    "--name",
    "x",
    "--codings",
    "1",
    "2",
    "--words",
    "--settings",
    '{"a": [1, null]}',
)


def test_every_kind_of_parameter_is_read() -> None:
    found = parsed(*REQUIRED, "--rows", '[{"a": 1}]', "--n", "7", "--share", "0.5", "--model", "m", "--fast")
    assert found == {
        "corpus_file": Path("a b.csv"),
        "name": "x",
        "codings": [Path("1"), Path("2")],
        "words": [],
        "settings": {"a": [1, None]},
        "rows": [{"a": 1}],
        "n": 7,
        "share": 0.5,
        "model": "m",
        "fast": True,
        "root": Path(),
    }


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_setting_arrives_as_it_was_and_can_stand_in_a_script(value: Any) -> None:
    found = parsed(*REQUIRED[:-1], to_json({"a": value, "b": "</script><!-- \\<"}))
    assert found["settings"] == {"a": value, "b": "</script><!-- \\<"}
    assert "<" not in to_json({"<": value})


def test_keys_keep_their_order_which_may_be_that_of_labels() -> None:
    text = to_json({"b": 1, "a": "Zoë"})
    assert text == '{"b": 1, "a": "Zoë"}'
    assert list(parsed(*REQUIRED[:-1], text)["settings"]) == ["b", "a"]


def test_defaults_are_those_of_the_signature() -> None:
    found = parsed(*REQUIRED)
    assert (found["n"], found["share"], found["model"], found["fast"]) == (3, None, None, False)
    assert found["rows"] is None
    assert parsed(*REQUIRED, "--no-fast")["fast"] is False


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "--corpus-file"),
        ((*REQUIRED[:-1], "{'a': 1}"), "this is not JSON"),
        ((*REQUIRED, "--n", "many"), "invalid int value"),
        ((*REQUIRED, "--unknown", "1"), "unrecognized arguments: --unknown"),
        ((*REQUIRED, "--roo", "x"), "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_refused(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*argv)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_the_help_is_the_first_line_of_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    text = capsys.readouterr().out
    assert "Do something." in text
    assert "At length" not in text


def test_a_required_switch_must_be_given() -> None:
    def switch(on: bool) -> None:
        pass

    with pytest.raises(SystemExit):
        parser(switch).parse_args([])
    assert parser(switch).parse_args(["--no-on"]).on is False


def test_values_reach_the_function(tmp_path: Path) -> None:
    def write(text: str, times: int, target: Path) -> None:
        target.write_text(text * times)

    run(write, ["--text", "\u00e9 'x'", "--times", "2", "--target", str(tmp_path / "out")])
    assert (tmp_path / "out").read_text() == "\u00e9 'x'" * 2


def failing(error: BaseException) -> Any:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StudyError("No row has a text.", file="data/x.csv"), "Error: data/x.csv: No row has a text.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "results/a.csv"),
            "Error: results/a.csv: No space left on device\n",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a"),
            "Error: a: No such file or directory\n",
        ),
    ],
)
def test_what_a_researcher_can_mend_is_one_paragraph(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing(error), [])
    assert caught.value.code == 1
    assert capsys.readouterr().err == message


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(failing(ZeroDivisionError()), [])


def test_an_interrupted_program_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing(KeyboardInterrupt()), [])
    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_json_of_any_script_arrives_whole() -> None:
    value = {"labels": ["\u4e2d", "no \u202e", 'quote " and \\']}
    argv = [*REQUIRED[:-1], json.dumps(value, ensure_ascii=False)]
    assert parsed(*argv)["settings"] == value
