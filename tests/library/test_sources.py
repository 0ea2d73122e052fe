"""Downloads are identified by their content; a wrong one leaves nothing behind."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import sources
from study.errors import StudyError
from study_data import REQUIREMENT, SHA256, vader_source_distribution

CONTENT = b"id,text\n1,hello\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64

BACKEND = """
import pathlib

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, "tiny_texts-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: tiny-texts\\nVersion: 1.0\\n")
    return info.name
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a folder on this machine; return its address."""
    folder = tmp_path / "served"
    (folder / "other").mkdir(parents=True)
    (folder / "texts.csv").write_bytes(CONTENT)
    (folder / "other" / "texts.csv").write_bytes(b"id,text\n2,other\n")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=folder)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sources.MIRROR, raising=False)


@pytest.fixture
def source_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a source distribution where pip finds it without network; return its sha256."""
    members = {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-texts\nVersion: 1.0\n",
        "texts.csv": CONTENT,
    }
    folder = tmp_path / "packages"
    folder.mkdir()
    path = folder / "tiny_texts-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"tiny_texts-1.0/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_address_is_downloaded_and_checked(server: str, tmp_path: Path) -> None:
    target = tmp_path / "corpus" / "source" / "x.csv"
    sources.fetch({"url": f"{server}/texts.csv", "sha256": DIGEST.upper()}, target)
    assert target.read_bytes() == CONTENT


def test_another_content_is_refused_and_leaves_nothing_behind(server: str, tmp_path: Path) -> None:
    target = tmp_path / "source" / "x.csv"
    with pytest.raises(StudyError) as caught:
        sources.fetch({"url": f"{server}/texts.csv", "sha256": WRONG}, target)
    assert DIGEST in str(caught.value)
    assert WRONG in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_a_file_that_was_there_before_survives_a_failed_download(server: str, tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_bytes(b"earlier")
    with pytest.raises(StudyError):
        sources.fetch({"url": f"{server}/texts.csv", "sha256": WRONG}, target)
    assert target.read_bytes() == b"earlier"


def test_a_dead_address_says_what_to_do(server: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="could not be downloaded") as caught:
        sources.fetch({"url": f"{server}/gone.csv", "sha256": DIGEST}, tmp_path / "x.csv")
    assert "STUDY_MIRROR" in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "sftp://example.org/x"])
def test_only_web_addresses_are_downloaded(url: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="https://"):
        sources.fetch({"url": url, "sha256": DIGEST}, tmp_path / "x")


@pytest.mark.parametrize("digest", [None, "", "abc", "g" * 64])
def test_a_download_without_sha256_is_refused(digest: str | None, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="needs the sha256"):
        sources.fetch({"url": "https://example.org/x.csv", "sha256": digest}, tmp_path / "x")


def test_the_mirror_is_looked_at_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror" / "deep"
    mirror.mkdir(parents=True)
    (mirror / "Texts_file.csv").write_bytes(CONTENT)
    monkeypatch.setenv(sources.MIRROR, str(tmp_path / "mirror"))
    sources.fetch({"url": "https://nowhere.invalid/texts-file.csv", "sha256": DIGEST}, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == CONTENT


def test_the_mirror_is_looked_at_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "texts.csv").write_bytes(b"another version of it")
    (tmp_path / "mirror" / "renamed.bin").write_bytes(CONTENT)
    monkeypatch.setenv(sources.MIRROR, str(tmp_path / "mirror"))
    sources.fetch({"url": "https://nowhere.invalid/texts.csv", "sha256": DIGEST}, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == CONTENT


def test_a_mirror_that_is_no_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.MIRROR, str(tmp_path / "gone"))
    with pytest.raises(StudyError, match="names no folder"):
        sources.fetch({"url": "https://nowhere.invalid/x.csv", "sha256": DIGEST}, tmp_path / "x.csv")


def test_a_source_distribution_is_downloaded_by_pip(source_distribution: str, tmp_path: Path) -> None:
    source = {"pypi": "tiny-texts==1.0", "sha256": source_distribution, "member": "tiny_texts-1.0/texts.csv"}
    sources.fetch(source, tmp_path / sources.name(source))
    assert sources.content(source, tmp_path).data == CONTENT


def test_pip_refuses_another_source_distribution_before_it_runs(
    source_distribution: str, tmp_path: Path
) -> None:
    target = tmp_path / "source" / "x.tar.gz"
    with pytest.raises(StudyError) as caught:
        sources.fetch({"pypi": "tiny-texts==1.0", "sha256": WRONG}, target)
    assert source_distribution in str(caught.value)
    assert WRONG in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_a_package_that_does_not_exist_is_said(source_distribution: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="could not be downloaded") as caught:
        sources.fetch({"pypi": "tiny-texts==2.0", "sha256": source_distribution}, tmp_path / "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("requirement", ["x", "x>=1", "x==1 --index-url y", "x==1\nother==2", "-r x==1"])
def test_only_an_exact_version_is_a_requirement(requirement: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="exact version"):
        sources.fetch({"pypi": requirement, "sha256": DIGEST}, tmp_path / "x")


def test_the_texts_of_hutto_and_gilbert_come_from_the_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sources.MIRROR, str(vader_source_distribution().parent))
    source = {"pypi": REQUIREMENT, "sha256": SHA256}
    sources.fetch(source, tmp_path / sources.name(source))
    inner = [
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "hutto_ICWSM_2014/_README_.txt",
    ]
    found = sources.content({**source, "member": inner}, tmp_path)
    assert b"VADER: A Parsimonious Rule-based Model" in found.data
    assert found.label.endswith("hutto_ICWSM_2014/_README_.txt")


def test_sources_of_one_package_share_a_download() -> None:
    first = {"pypi": REQUIREMENT, "sha256": SHA256, "member": "a"}
    assert sources.name(first) == sources.name({**first, "member": "b"}) == "vaderSentiment-3.3.2.tar.gz"


def test_addresses_that_end_alike_do_not_share_a_download() -> None:
    one = sources.name({"url": "https://a.org/data.csv", "sha256": DIGEST})
    two = sources.name({"url": "https://b.org/data.csv", "sha256": WRONG})
    assert one != two
    assert one.endswith("-data.csv")


@pytest.mark.parametrize(
    "url", ["https://a.org/", "https://a.org/%2e%2e%2f%2e%2e%2fetc", "https://a.org/x?y=../z"]
)
def test_the_name_of_an_address_is_a_plain_file_name(url: str) -> None:
    name = sources.name({"url": url, "sha256": DIGEST})
    assert "/" not in name
    assert name.startswith(DIGEST[:8])


def test_a_file_of_the_study_is_checked_when_a_sha256_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_bytes(CONTENT)
    assert sources.content({"file": "x.csv", "sha256": DIGEST}).sha256 == DIGEST
    with pytest.raises(StudyError, match="not the expected content"):
        sources.content({"file": "x.csv", "sha256": WRONG})


def test_a_file_that_is_not_there_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_bytes(CONTENT)
    with pytest.raises(StudyError, match=r"no such file.*texts\.csv"):
        sources.content({"file": str(tmp_path / "text.csv")})


def test_a_folder_is_not_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.csv").mkdir()
    with pytest.raises(StudyError, match="a folder or a device"):
        sources.content({"file": "texts.csv"})


def test_half_a_zip_file_is_not_taken_for_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.xlsx").write_bytes(b"PK\x03\x04 and no more")
    assert sources.content({"file": "texts.xlsx"}).data.startswith(b"PK")  # its format's reader explains it


def test_a_compressed_file_is_unpacked_and_an_archive_needs_a_member(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(CONTENT))
    found = sources.content({"file": str(tmp_path / "x.csv.gz")})
    assert (found.data, found.file_name) == (CONTENT, "x.csv")
    with tarfile.open(tmp_path / "y.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "x.csv.gz", "x.csv.gz")
    with pytest.raises(StudyError, match="`member`"):
        sources.content({"file": str(tmp_path / "y.tar.gz")})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sources": [{"file": "a"}], "file": None}, [{"file": "a"}]),
        ({"file": "a.csv", "id": "x"}, [{"file": "a.csv"}]),
        ({"file": "a.csv", "sha256": DIGEST, "sources": []}, [{"file": "a.csv", "sha256": DIGEST}]),
        ({"source": {"url": "u"}, "rules": None}, [{"url": "u"}]),
        ({"rules": "vader", "sha256": DIGEST}, []),
    ],
)
def test_the_short_forms_of_sources(settings: dict, expected: list) -> None:
    assert sources.listed(settings) == expected


@pytest.mark.parametrize("source", [{}, {"file": "a", "url": "b"}, {"file": None}])
def test_a_source_is_exactly_one_thing(source: dict) -> None:
    with pytest.raises(StudyError, match="exactly one"):
        sources.kind(source)
