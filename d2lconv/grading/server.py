"""Start the server of students' processes, and replace it when it does not answer."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import matplotlib

from d2lconv.grading.sandbox import SYSTEM, libraries


class Server:
    """Starts students' processes, in bubblewrap or not; a process that does not answer is replaced."""

    def __init__(self, home, contained, seconds):
        self.home, self.contained, self.seconds = home, contained, seconds
        self.way = self.process = None

    def student(self):
        """Return a socket to a new process, the one before being gone."""
        for _ in range(3):
            if not self.process:
                self.start()
            with suppress(OSError):
                mine, theirs = socket.socketpair()
                with theirs:
                    socket.send_fds(self.way, [b"."], [theirs.fileno()])
                if self.way.recv(5) == b"ready":
                    return mine
            self.close()
        raise RuntimeError("the server of students' processes does not start")

    def start(self):
        """Start the server, with nothing of this process but the way to it."""
        self.way, theirs = socket.socketpair()
        self.way.settimeout(60)
        command = [*container(self.home)] if self.contained else []
        command += [sys.executable, "-m", "d2lconv.grading.sandbox", str(int(self.contained)), str(self.seconds)]
        nowhere, paths = subprocess.DEVNULL, [str(Path(__file__).resolve().parents[2])]
        paths += [path for path in sys.path if path.endswith("-packages")]
        environment = {
            "PATH": os.defpath, "LANG": "C.UTF-8", "HOME": self.home, "TMPDIR": self.home, "MPLBACKEND": "agg",
            "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
            "D2LCONV_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "",
        }
        with theirs:
            self.process = subprocess.Popen(
                command, stdin=theirs, stdout=nowhere, stderr=nowhere, cwd=self.home, env=environment)

    def close(self):
        """End the server, and so everything in its container."""
        self.way.close()
        self.process.kill()
        self.process.wait()
        self.process = None


def container(home):
    """The command that shows a process the libraries and an empty folder, no network and no other process."""
    command = ["bwrap", "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(256 << 20), "--tmpfs", home]
    for path in libraries():
        if path in SYSTEM and os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind", path, path]
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):  # which take seconds to find
        command += ["--ro-bind", str(fonts), f"{home}/.cache/matplotlib/{fonts.name}"]
    return [*command, "--chdir", home]
