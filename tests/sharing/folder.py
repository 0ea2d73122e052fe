"""A folder: a shared drive, a synchronised folder, a USB stick."""

from __future__ import annotations

from sharing.server import Server


class Folder(Server):
    """A remote without a server and without a password."""

    name = "folder"
    heading = "A folder"
    secret = ""

    def launch(self) -> None:
        """A folder needs no process."""

    @property
    def words(self) -> dict[str, str]:
        return {"FOLDER": str(self.storage).lstrip("/")}
