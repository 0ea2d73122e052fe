"""Put the JSON-LD context of RO-Crate 1.1, which the package rocrate ships, into rocrate-validator's cache.

Run by the validators' own Python, with the cache's path: the validator would fetch it from the network.
"""

from __future__ import annotations

import io
import sys
from importlib.resources import files
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


class Shipped(HTTPAdapter):
    """Answers with the file that the package ships."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        body = io.BytesIO(files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes())
        headers = {"Content-Type": "application/ld+json"}
        return self.build_response(request, HTTPResponse(body, headers, 200, preload_content=False))


with CachedSession(sys.argv[1], backend="sqlite", expire_after=-1) as session:
    session.mount(CONTEXT, Shipped())
    assert session.get(CONTEXT).json()["@id"] == CONTEXT
