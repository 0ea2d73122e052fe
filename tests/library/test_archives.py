"""Files are read out of archives in memory: nothing is unpacked to disk, and bombs are refused."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from study import archives
from study.archives import open_member
from study.errors import StudyError


def tar(members: dict[str, bytes], compression: str = "gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(None, f"w:{compression}", stream) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_a_member_of_a_tar_file(compression: str) -> None:
    assert open_member(tar({"a/x.txt": b"one", "a/y.txt": b"two"}, compression), "a/y.txt") == b"two"


def test_a_member_of_a_zip_file(tmp_path: Path) -> None:
    path = tmp_path / "texts.zip"
    path.write_bytes(zipped({"x.txt": b"one", "folder/y.txt": b"two"}))
    assert open_member(path, "folder/y.txt") == b"two"


def test_an_archive_inside_an_archive() -> None:
    inner = zipped({"deep/text.csv": b"id,text\n"})
    outer = tar({"package/inner.zip": inner})
    assert open_member(outer, ["package/inner.zip", "deep/text.csv"]) == b"id,text\n"


def test_a_leading_dot_makes_no_difference() -> None:
    assert open_member(tar({"./x.txt": b"one"}), "x.txt") == b"one"


def test_a_missing_member_names_those_that_are_alike() -> None:
    archive = tar({"data/tweets_GroundTruth.txt": b"", "data/readme.md": b"", "other/z.csv": b""})
    with pytest.raises(StudyError, match="no such file") as caught:
        open_member(archive, "tweets_GroundTruth.txt", label="texts.tar.gz")
    assert "texts.tar.gz" in str(caught.value)
    assert "data/tweets_GroundTruth.txt" in str(caught.value)
    assert "z.csv" not in str(caught.value)


def test_paths_that_lead_out_of_the_archive_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archive = tar({"../../escaped.txt": b"content", "/etc/absolute.txt": b"content"})
    assert open_member(archive, "../../escaped.txt") == b"content"
    assert open_member(zipped({"../escaped.txt": b"content"}), "../escaped.txt") == b"content"
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("link.txt")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(StudyError, match="link"):
        open_member(stream.getvalue(), "link.txt")


@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_that_unpacks_to_too_much_is_refused(pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1000)
    bomb = pack({"bomb.txt": b"0" * 100_000, "wanted.txt": b"x"})
    assert len(bomb) < 1000
    with pytest.raises(StudyError, match="unpacks to more than"):
        open_member(bomb, "bomb.txt")


def test_a_tar_file_is_not_unpacked_beyond_the_limit_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1000)
    with pytest.raises(StudyError, match="unpacks to more than"):
        open_member(tar({"bomb.txt": b"0" * 100_000, "wanted.txt": b"x"}), "wanted.txt")


@pytest.mark.parametrize("data", [b"no archive at all", b"PK\x03\x04 broken", b"\x1f\x8b broken", b""])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(StudyError, match="no zip or tar archive"):
        open_member(data, "x.txt", label="x.zip")


def test_a_truncated_archive_is_refused() -> None:
    whole = tar({"x.txt": bytes(range(256)) * 100})
    with pytest.raises(StudyError, match="damaged"):
        open_member(whole[: len(whole) // 2], "x.txt")
