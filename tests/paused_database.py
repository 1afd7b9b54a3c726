"""A database that pauses, as Aurora does: its listener takes connections, and says nothing until it is awake."""

import socket
import threading
from contextlib import suppress


class PausedDatabase:
    """A port of this machine that holds what connects to it, and from `wake()` on passes it to a real server.

    With `seconds` it wakes so long after the first connection, as a database does that the connection wakes.
    """

    def __init__(self, host: str, port: int, seconds: float | None = None) -> None:
        self._server, self._seconds = (host, port), seconds
        self._awake = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def connections(self) -> int:
        """How many have connected so far."""
        return len(self._clients)

    def wake(self) -> None:
        self._awake.set()

    def wake_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self.wake)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End every connection."""
        self.wake()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        # Closing a listener does not end an accept() that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with self._listener, suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._seconds is not None and not self._clients:
                    self.wake_after(self._seconds)
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self._awake.wait()
            with socket.create_connection(self._server) as server:
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
