"""A wire that can be cut: what passes through it goes to a server until so many bytes have been sent."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

from sharing.server import HOST


class Wire:
    """Pass bytes on to a port of loopback, and cut every connection once so many bytes went one way.

    The limit counts what the client sends (`up`) or receives (`down`), over all connections together. A wire
    that was cut stays cut, also for new connections, until `mend`.
    """

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server((HOST, 0), backlog=32)
        self.port = int(self.listener.getsockname()[1])
        self.server = port
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        """Let everything pass, and count from zero again."""
        self.limits: dict[str, int | None] = {"up": None, "down": None}
        self.passed = {"up": 0, "down": 0}
        self.was_cut = False

    def cut_after(self, *, up: int | None = None, down: int | None = None) -> None:
        """Cut after so many more bytes to the server (`up`) or from it (`down`)."""
        self.mend()
        self.limits = {"up": up, "down": down}

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A blocked accept() is woken only by a shutdown.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._hang_up()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.was_cut:
                client.close()
                continue
            server = socket.create_connection((HOST, self.server))
            for end in (client, server):
                # Otherwise each of many small messages waits for an acknowledgement.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open |= {client, server}
            for pair, way in (((client, server), "up"), ((server, client), "down")):
                threading.Thread(target=self._pass_on, args=(*pair, way), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, way: str) -> None:
        try:
            while data := source.recv(16384):
                with self.lock:
                    limit = self.limits[way]
                    data = data if limit is None else data[: max(0, limit - self.passed[way])]
                    self.passed[way] += len(data)
                    full = limit is not None and self.passed[way] >= limit
                target.sendall(data)
                if full:
                    self.was_cut = True
                    self._hang_up()
                    return
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # The other direction hung up.
            return

    def _hang_up(self) -> None:
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
                finally:
                    connection.close()
            self.open.clear()
