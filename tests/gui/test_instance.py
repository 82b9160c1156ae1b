from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pytestqt.qtbot import QtBot

from ndestudio.gui.instance import Instance, hand_over
from tests.gui.conftest import OPEN

_CALL = "import sys; from ndestudio.gui.instance import hand_over; print(hand_over(sys.argv[2:], sys.argv[1]))"


def test_files_go_to_the_window_that_is_there(tmp_path: Path, qtbot: QtBot):
    """From another process, as a double click does; a path with all that paths may have, and one that does not exist."""
    odd = tmp_path / "ä b%20\n.csv"
    odd.write_text("t,x\n", encoding="utf-8")
    socket = str(tmp_path / "socket")
    got: list[list[str]] = []
    listening = Instance(got.append, socket)
    call = [sys.executable, "-c", _CALL, socket, str(odd), str(tmp_path / "gone.csv")]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as other:
        qtbot.waitUntil(lambda: other.poll() is not None, timeout=OPEN)
        assert other.stdout is not None and other.stdout.read().strip() == "True"
    assert got == [[str(odd)]]
    listening.close()


def test_where_none_runs_nobody_takes_them(tmp_path: Path, qapp: object):
    assert not hand_over(["a.csv"], str(tmp_path / "socket"))


def test_a_socket_left_behind_is_no_hindrance(tmp_path: Path, qtbot: QtBot):
    socket = tmp_path / "socket"
    import socket as sockets

    left = sockets.socket(sockets.AF_UNIX)
    left.bind(str(socket))
    left.close()
    got: list[list[str]] = []
    listening = Instance(got.append, str(socket))
    call = [sys.executable, "-c", _CALL, str(socket)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as other:
        qtbot.waitUntil(lambda: other.poll() is not None, timeout=OPEN)
    assert got == [[]]
    listening.close()
