"""A program: asyncssh's SSH server with file transfer. Arguments: host, port, folder with the keys."""

import asyncio
import sys
from pathlib import Path

import asyncssh


async def serve(host: str, port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    await asyncssh.listen(
        host,
        port,
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=str(folder / "authorized_keys"),
        sftp_factory=True,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
