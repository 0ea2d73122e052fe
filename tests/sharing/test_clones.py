"""A study that was pushed to a remote has nothing to do in a clone, wherever the clone is."""

from __future__ import annotations

from end_to_end.studies import contents, run
from sharing.ten_clones import Cloned


def test_ten_of_ten_clones_have_nothing_to_do(clones: list[Cloned]) -> None:
    assert len(clones) == 10
    assert len({one.server for one in clones}) == 5
    done = [one for one in clones if "Nothing to be done" in one.said]
    assert len(done) == 10, [one.server for one in clones if one not in done]


def test_they_have_the_same_results_and_git_sees_no_change(clones: list[Cloned]) -> None:
    first = contents(clones[0].folder / "results")
    assert len(first) > 40
    for one in clones:
        assert contents(one.folder / "results") == first, one.server
        assert run(one.folder, "git", "status", "--porcelain").stdout == "", one.server
