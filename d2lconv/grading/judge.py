"""Ask a student's process for answers, and let the checkers judge them: no student's code runs here."""

import builtins
import inspect
import json
import linecache
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from torch import nn

from d2lconv import exercises
from d2lconv.grading.sandbox import SYSTEM, libraries
from d2lconv.grading.wire import pack, receive, send, unpack

CELLS, CALLS = 12, 24  # endless cells, or calls, that fit into the time of a notebook
PATIENCE = 3  # a process that does not end them itself is ended after so many times their time
NAMES = tuple(name.removeprefix("check_") for name in exercises.__all__ if name.startswith("check_"))


@dataclass(frozen=True)
class Row:
    """What there is to say about one notebook and one exercise."""

    notebook: str
    exercise: str
    passed: bool
    misconceptions: tuple[str, ...]
    finding: str
    borrowed: bool = False


class NoAnswer(Exception):
    """Why a student's process does not answer, or has nothing to answer with."""


class Server:
    """Starts students' processes, in bubblewrap or not; a process that does not answer is replaced."""

    def __init__(self, home: str, contained: bool, seconds: int) -> None:
        self.home, self.contained, self.seconds = home, contained, seconds
        self.process: subprocess.Popen[bytes] | None = None

    def student(self) -> socket.socket:
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

    def start(self) -> None:
        """Start the server, with nothing of this process but the way to it."""
        self.way, theirs = socket.socketpair()
        self.way.settimeout(60)
        command = [*container(self.home)] if self.contained else []
        command += [sys.executable, "-m", "d2lconv.grading.sandbox", str(int(self.contained)), str(self.seconds)]
        paths = [str(Path(__file__).resolve().parents[2]), *(path for path in sys.path if path.endswith("-packages"))]
        environment = {
            "PATH": os.defpath, "LANG": "C.UTF-8", "HOME": self.home, "TMPDIR": self.home, "MPLBACKEND": "agg",
            "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
            "D2LCONV_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "",
        }
        with theirs:
            self.process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, cwd=self.home, env=environment)

    def close(self) -> None:
        """End the server, and so everything in its container."""
        self.way.close()
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


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


class Student:
    """A notebook in its process: a cell or a call that ends the process costs itself, and the rest runs on."""

    def __init__(self, server: Server, cells: list[str], seconds: float) -> None:
        self.server, self.cells, self.lock = server, dict(enumerate(cells, 1)), threading.RLock()
        self.until, self.cell, self.call = time.monotonic() + seconds, seconds / CELLS, seconds / CALLS
        self.way: socket.socket | None = None
        self.errors: dict[int, str] = {}
        for number, source in self.cells.items():  # so that a checker can quote a line
            linecache.cache[f"cell {number}"] = len(source), None, source.splitlines(keepends=True), ""

    def start(self) -> None:
        """Run the cells in a new process; one that ends it is left out from then on."""
        begun = time.monotonic()
        self.way = self.server.student()
        self.until += time.monotonic() - begun
        for number, source in [*self.cells.items()]:
            try:
                reply = self.ask("run", self.cell, number, source)
            except NoAnswer as error:
                if self.until < time.monotonic():
                    raise
                self.errors[number] = str(error)
                del self.cells[number]
                return self.start()
            if "error" in reply:
                self.errors[number] = described(made(reply["error"]))

    def ask(self, method: str, seconds: float, *arguments: Any) -> dict[str, Any]:
        """Return the process's reply, or raise `NoAnswer`."""
        left = self.until - time.monotonic()
        try:
            assert self.way
            send(self.way, [method, seconds, *arguments])
            return dict(receive(self.way, min(PATIENCE * seconds, left)))
        except BaseException as error:  # a checker may stop this thread, too
            self.way = None
            said = "it ended its own process, or used more memory than it may"
            if isinstance(error, TimeoutError):
                said = "it did not end in time, and its process was ended"
            if self.until < time.monotonic():
                said = "the time for this notebook is over"
            raise NoAnswer(said) from None

    def answer(self, name: str) -> Any:
        """Return what the notebook calls by this name, for a checker; raise `NoAnswer` if there is nothing."""
        with self.lock:  # a checker may have left a call alone
            if not self.way:
                self.start()
            (kind, held), *_ = self.ask("look", self.call, name).items()
        if kind == "class":
            return type(name, (), {})
        if kind == "layer":
            return type(name, (nn.Module,), {})()
        if kind == "value":
            return unpack(held)
        if kind == "function":
            return Function(self, name, held)
        raise NoAnswer(f"no {name} in this notebook")

    def cost(self) -> str:
        """Say which cells stopped."""
        return "".join(f"; cell {number} stopped: {text}" for number, text in [*self.errors.items()][:3])


class Function:
    """Does what a student's function does, by asking the student's process."""

    def __init__(self, student: Student, name: str, parameters: Any) -> None:
        self.student, self.__name__ = student, name
        self.borrowed: list[bool] = []
        self.over: Exception | None = None
        with suppress(TypeError, ValueError):
            self.__signature__ = inspect.Signature([
                inspect.Parameter(one, inspect._ParameterKind(kind), default=None if optional else inspect._empty)
                for one, kind, optional in parameters])

    def __call__(self, *given: Any, **options: Any) -> Any:
        if self.over:  # what ended once is not tried again
            raise self.over
        arguments = {**{str(place): value for place, value in enumerate(given)}, **options}
        packed = {key: pack(value) for key, value in arguments.items()}
        try:
            with self.student.lock:
                reply = self.student.ask("call", self.student.call, self.__name__, packed)
        except NoAnswer as silence:
            self.over = silence
            raise
        print(str(reply["printed"]), end="")
        if "error" in reply:
            error = made(reply["error"])
            self.over = error if isinstance(error, TimeoutError) else None
            throw(error, *reply["error"][2:])
        for key, value in reply["changed"].items():
            with suppress(Exception):
                arguments[key].data = unpack(value)
        self.borrowed.append(reply["borrowed"] is True)
        return unpack(reply["value"])


def made(told: Any) -> Exception:
    """Make an exception of what a student's process tells of one: of Python's own kinds, or a new one of its name."""
    name, said, *_ = told
    if name == "TooLong":
        return TimeoutError("it did not end in time, and was stopped")
    base: Any = getattr(builtins, name, None)
    if not (isinstance(base, type) and issubclass(base, Exception)):
        base = Exception
    error: Exception = base.__new__(type(name, (base,), {"__str__": lambda error: " ".join(error.args)}))
    error.args = tuple(map(str, said))
    return error


def throw(error: Exception, cell: str = "", line: int = 1) -> None:
    """Raise an exception in the student's own line, where a checker can find and quote it."""
    exec(compile("\n" * min(line - 1, 10_000) + "raise error", cell, "exec"), {"error": error})


def described(error: Exception) -> str:
    """Write an exception in a line."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def grade(path: str, names: list[str], server: Server, seconds: float) -> list[Row]:
    """Grade a notebook: a row for each exercise, whatever the notebook is or does."""
    try:
        cells = json.loads(Path(path).read_text("utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except Exception as error:
        return [Row(path, name, False, (), f"not a notebook: {described(error)}") for name in names]
    student, rows = Student(server, sources, seconds), []
    for name in names:
        try:
            rows.append(row(student, path, name))
        except Exception as error:  # of a checker, too
            text = str(error) if isinstance(error, NoAnswer) else f"not checked: {described(error)}"
            rows.append(Row(path, name, False, (), text + student.cost()))
    return rows


def row(student: Student, path: str, name: str) -> Row:
    """Check one exercise."""
    function = student.answer(name)
    report = getattr(exercises, f"check_{name}")(function)
    known = tuple(finding.text for finding in report.findings if finding.kind == "name")
    found = next((finding for finding in report.findings if finding.kind in ("wrong", "todo")), report.findings[0])
    text, borrowed = found.text, report.passed and all(function.borrowed)
    if found.kind == "wrong":
        text = " ".join([text, *found.hint.splitlines()]) + student.cost()
    if borrowed:
        text = f"right, but only calls the package's own function. {text}"
    return Row(path, name, report.passed, known, text, borrowed)
