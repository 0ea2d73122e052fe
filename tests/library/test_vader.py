"""VADER as installed and as published reproduces what is known of both, on all texts."""

from __future__ import annotations

import io
import re
import tarfile

import numpy as np
import pytest

from study.archives import open_member
from study.coders import vader
from study.errors import StudyError
from study_data import INNER, hutto_gilbert_units, vader_source_distribution


@pytest.fixture(scope="module")
def archive() -> bytes:
    return open_member(vader_source_distribution(), INNER)


def correlations(score) -> list[float]:
    """Pearson r with the file's mean: tweets, Amazon, films, New York Times."""
    units = hutto_gilbert_units()
    units["score"] = score(list(units["text"]))
    domains = units.groupby("domain", sort=False)
    return [float(np.corrcoef(rows["score"], rows["human_mean"])[0, 1]) for _, rows in domains]


def test_the_installed_package_correlates_as_is_known() -> None:
    assert correlations(vader.installed) == pytest.approx([0.872, 0.590, 0.427, 0.503], abs=0.0005)


def test_the_published_code_correlates_as_is_known(archive: bytes) -> None:
    found = correlations(lambda texts: vader.published(texts, archive))
    assert found == pytest.approx([0.8812, 0.5709, 0.4165, 0.4915], abs=0.00005)


def test_the_published_code_gives_the_scores_that_its_authors_printed(archive: bytes) -> None:
    readme = open_member(archive, "hutto_ICWSM_2014/_README_.txt").decode("cp1252")
    printed = readme[readme.index("--- output for the above example code ---") :]
    pairs = re.findall(
        r"^(\S.*?)\s*\n\s*\{.*'compound': (-?[\d.]+)", printed.replace("\r\n", "\n"), flags=re.MULTILINE
    )
    assert len(pairs) >= 10
    texts, scores = [text for text, _ in pairs], [float(score) for _, score in pairs]
    assert vader.published(texts, archive) == scores


def test_scores_by_hand(archive: bytes) -> None:
    # good: 1.9 in both lexicons; 1.9 / sqrt(1.9**2 + 15) = .4404
    assert vader.installed(["The book was good.", "", "table"]) == [0.4404, 0.0, 0.0]
    assert vader.published(["The book was good.", "", "table"], archive) == [0.4404, 0.0, 0.0]


def test_another_lexicon_is_refused() -> None:
    with pytest.raises(StudyError, match="not the expected one") as caught:
        vader.installed(["good"], lexicon_sha256="0" * 64)
    assert vader.LEXICON_SHA256 in str(caught.value)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vader, "VERSION", "3.2.1")
    with pytest.raises(StudyError, match=r"3\.2\.1"):
        vader.installed(["good"])


def test_other_code_of_2014_is_refused_before_it_runs() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for member in (vader.CODE_2014, vader.LEXICON_2014):
            info = tarfile.TarInfo(member)
            info.size = len(b"raise SystemExit")
            packed.addfile(info, io.BytesIO(b"raise SystemExit"))
    with pytest.raises(StudyError, match=r"vaderSentiment\.py is not the expected one"):
        vader.published(["good"], stream.getvalue())


def test_each_change_to_the_code_of_2014_must_fit(monkeypatch: pytest.MonkeyPatch, archive: bytes) -> None:
    monkeypatch.setattr(vader, "CHANGES", (*vader.CHANGES, ("no such line", "", 1)))
    with pytest.raises(StudyError, match="does not hold 'no such line'"):
        vader.published(["good"], archive)


def test_the_code_of_2014_runs_but_for_two_lines_as_it_was_published(archive: bytes) -> None:
    code = open_member(archive, vader.CODE_2014).decode("ascii").replace("\r\n", "\n")
    assert [code.count(old) for old, _, _ in vader.CHANGES] == [1, 1]
    assert code.count(vader.EXAMPLES_2014) == 1
