"""Where students' code runs: a server that has imported what takes long, and forks a process for each notebook.

A judge starts it, in bubblewrap or not: ``python -m d2lconv.grading.sandbox CONTAINED SECONDS``. The forked process
limits its own time and memory, goes into an empty folder, and refuses by an audit hook what a notebook has no
business with. The hook sees what Python does, and not what C does: it stops accidents and pranks.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib.pyplot  # noqa: F401  (notebooks import it, and it takes a second)
import torch
from torch.utils.flop_counter import FlopCounterMode

from d2lconv import exercises
from d2lconv.grading.notebook import Notebook
from d2lconv.grading.server import libraries

MEMORY, FILE, THREADS = 1 << 30, 64 << 20, 256  # bytes beside torch's own, bytes of a file, in a container
DIE_WITH_PARENT, DUMPABLE = 1, 4  # of prctl
REFUSED = ("ctypes.", "socket.", "resource.", "subprocess.Popen", "pty.spawn",
           "os.exec", "os.fork", "os.kill", "os.posix_spawn", "os.spawn", "os.system")
UNSEEN = ("pidfd_open", "pidfd_send_signal", "fork_exec", "_fork_exec",
          "setpriority", "sched_setaffinity", "mkfifo", "mknod")  # raise no event
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
READING = "os.chdir", "os.listdir", "os.scandir", "os.walk", "os.fwalk"


def serve(judge: socket.socket, contained: bool, seconds: int) -> None:
    """Fork a process for each socket that comes, until the next one comes."""
    while sockets := socket.recv_fds(judge, 10, 1)[1]:
        folder = tempfile.mkdtemp()
        child = os.fork()
        if not child:
            with suppress(BaseException), socket.socket(fileno=sockets[0]) as questions:
                judge.close()
                enter(folder, seconds, contained)
                Notebook().answer(questions)
            os._exit(0)
        os.close(sockets[0])
        judge.send(b"ready")
        select.select([judge], [], [])
        end(child, contained)
        shutil.rmtree(folder, ignore_errors=True)


def end(child: int, contained: bool) -> None:
    """End a process and what it has left."""
    with suppress(ProcessLookupError):
        if contained and os.getpid() == 2:  # 1 is bubblewrap, and all others are the child's
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


def enter(folder: str, seconds: int, contained: bool) -> None:
    """Leave what a notebook could disturb."""
    import resource  # which Windows has not

    os.setsid()
    control(DIE_WITH_PARENT, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # 0 was the way to the judge
        os.dup2(nothing, standard)
    os.chdir(folder)
    os.environ.update(HOME=folder, TMPDIR=folder)
    tempfile.tempdir = folder
    limits = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_FSIZE: FILE, resource.RLIMIT_CORE: 0}
    with suppress(OSError):  # only Linux says how much there is
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY
    if contained:  # elsewhere the user's other programs count, too
        limits[resource.RLIMIT_NPROC] = THREADS
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))
    guard(folder)


def guard(folder: str) -> None:
    """Refuse what a notebook has no business with, by a hook that cannot be taken off again."""
    save, own = torch.save, [os.path.realpath(folder), os.devnull]
    readable = [*own, "/dev", "/proc", "/sys", *map(os.path.realpath, libraries())]

    def hook(event: str, arguments: Any) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(f"{event} is not allowed while a notebook is graded")
        if event == "open":
            path, _, flags = arguments
            writing = flags & WRITING or os.path.isdir(path)  # what is opened below a directory is not seen whole
            allow([path], own if writing else readable)
        elif event.startswith(("os.", "shutil.rmtree", "sqlite3.connect")) and "putenv" not in event:
            allow(arguments[:2], readable if event in READING else own)

    def saved(value: Any, file: Any, *arguments: Any, **options: Any) -> None:
        allow([file], own)
        save(value, file, *arguments, **options)

    for module in ("os", "posix", "signal", "_signal", "subprocess", "_posixsubprocess"):
        for name in UNSEEN:
            vars(sys.modules[module]).pop(name, None)
    torch.save = saved  # type: ignore[assignment]  # whose own way to a file is in C
    sys.addaudithook(hook)


def allow(paths: Iterable[Any], roots: list[str]) -> None:
    """Raise ``PermissionError`` unless all paths lie in one of the folders."""
    for path in paths:
        if isinstance(path, (str, bytes, os.PathLike)):
            real = os.path.realpath(os.fsdecode(path))
            if not any(real == root or real.startswith(f"{root}/") for root in roots):
                raise PermissionError(f"{real} is outside of the folder of this notebook")


def control(option: int, value: int) -> None:
    """Tell the kernel something about this process, where it is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    control(DUMPABLE, 0)  # so that no notebook in the same container can look into this process
    control(DIE_WITH_PARENT, signal.SIGKILL)
    torch.set_num_threads(1)
    with FlopCounterMode(display=False):  # imports a second's worth when it is used first, once for all notebooks
        torch.relu(torch.empty(1, device="meta"))
    later = exercises.Report(True, (exercises.Finding("note", "The grader checks this afterwards."),))
    for name in exercises.EXERCISES:
        setattr(exercises, f"check_{name}", lambda function, *_, **__: later)
    with socket.socket(fileno=os.dup(0)) as judge:
        serve(judge, sys.argv[1] == "1", int(sys.argv[2]))
