"""One real server for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.llama_server import llama_server


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real server with the embedded model."""
    with llama_server(tmp_path_factory.mktemp("llama-server")) as address:
        yield address
