"""One window for all files: what is opened while the program runs goes to the window that is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from ndestudio.paths import user_state_dir

_WAIT_MS = 500
_ANSWER_MS = 3000
_MOST = 1 << 20
"""Bytes of a message."""
_TAKEN = b"taken\n"


def name() -> str:
    """Of the socket: one for each user and folder of states."""
    return f"ndestudio-{hashlib.sha256(str(user_state_dir()).encode()).hexdigest()[:16]}"


def hand_over(files: Sequence[str | Path], socket: str | None = None) -> bool:
    """Have the running window open files, or come to the front where there are none.

    Returns
    -------
    bool
        Whether there is one that took them.
    """
    link = QLocalSocket()
    link.connectToServer(socket or name())
    if not link.waitForConnected(_WAIT_MS):
        return False
    link.write(" ".join(quote(str(Path(file).absolute())) for file in files).encode() + b"\n")
    link.waitForBytesWritten(_WAIT_MS)
    taken = link.waitForReadyRead(_ANSWER_MS) and bytes(link.readAll().data()) == _TAKEN
    link.disconnectFromServer()
    return taken


class Instance(QObject):
    """Listens for files that are opened while the program runs.

    Parameters
    ----------
    opened
        Told of paths that exist (none: the window is to come to the front).
    """

    def __init__(self, opened: Callable[[list[str]], object], socket: str | None = None) -> None:
        super().__init__()
        self._opened = opened
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_link)
        if not self._server.listen(socket or name()):
            QLocalServer.removeServer(socket or name())  # left by a process that was killed: nobody answered on it
            self._server.listen(socket or name())

    def close(self) -> None:
        self._server.close()

    def _on_link(self) -> None:
        while (link := self._server.nextPendingConnection()) is not None:
            link.readyRead.connect(lambda link=link: self._on_message(link))
            link.disconnected.connect(link.deleteLater)
            if link.bytesAvailable():
                self._on_message(link)

    def _on_message(self, link: QLocalSocket) -> None:
        if not link.canReadLine():
            if link.bytesAvailable() > _MOST:
                link.abort()
            return
        text = bytes(link.readLine(_MOST).data()).decode("ascii", "replace")
        link.write(_TAKEN)
        link.flush()
        self._opened([path for path in map(unquote, text.split()) if Path(path).exists()])
