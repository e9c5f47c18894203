"""Start students' processes, in bubblewrap or not."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import matplotlib

SYSTEM = "/usr", "/bin", "/lib", "/lib64", "/etc"
PACKAGE = Path(__file__).resolve().parents[1]


class Server:
    """A process that forks a process for each student; one that does not answer is replaced."""

    def __init__(self, folder: str, contained: bool, seconds: int) -> None:
        self.home, self.command = folder, container(folder) if contained else []
        self.command += [sys.executable, "-m", "d2lconv.grading.sandbox", str(int(contained)), str(seconds)]
        self.start()

    def fork(self) -> socket.socket:
        """Return a socket to a new process; the one before is gone."""
        mine, theirs = socket.socketpair()
        with theirs:
            for _ in range(3):
                with suppress(OSError):
                    socket.send_fds(self.way, [b"fork"], [theirs.fileno()])
                    if self.way.recv(5) == b"ready":
                        return mine
                self.way.close()
                self.process.kill()  # and so everything in its container
                self.process.wait()
                self.start()
        raise RuntimeError("the server of students' processes does not start")

    def start(self) -> None:
        """Start the server, with nothing of this process but the way to it."""
        self.way, theirs = socket.socketpair()
        self.way.settimeout(60)
        environment = {
            "PATH": os.defpath, "LANG": "C.UTF-8", "HOME": self.home, "TMPDIR": self.home, "MPLBACKEND": "agg",
            "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *packages()]), "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1", "D2LCONV_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "",
        }
        with theirs:
            self.process = subprocess.Popen(self.command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, cwd=self.home, env=environment)


def container(home: str) -> list[str]:
    """Write the command that shows a process the libraries and an empty folder, no network and no other process."""
    command = ["bwrap", "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(256 << 20), "--tmpfs", home]
    for path in libraries():
        link = path in SYSTEM and os.path.islink(path)
        command += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):  # which take seconds to find
        command += ["--ro-bind", str(fonts), f"{home}/.cache/matplotlib/{fonts.name}"]
    return [*command, "--chdir", home]


def libraries() -> list[str]:
    """List the folders that Python, torch and this package are in: what a notebook may read."""
    found = [*SYSTEM, sys.prefix, sys.base_prefix, *packages(), str(PACKAGE)]
    return [path for path in dict.fromkeys(found) if os.path.exists(path)]


def packages() -> list[str]:
    """List the folders of installed packages."""
    return [path for path in sys.path if path.endswith("-packages")]
