"""Ask a student's process for answers, and let the checkers judge them: no student's code runs here."""

import inspect
import json
import linecache
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from d2lconv import exercises
from d2lconv.grading.server import Server
from d2lconv.grading.wire import pack, receive, send, unpack

SHARE = {"run": 1 / 12, "look": 1 / 24, "call": 1 / 24}  # of a notebook's time: what one question may take
PATIENCE = 3  # a process that does not end it itself is ended after so many times that
KINDS = {kind.__name__: kind for kind in (TimeoutError, RecursionError, NotImplementedError)}  # told apart by checkers

server = cache(Server)  # one in each process that grades


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


class RemoteNotebook:
    """A notebook in a student's process: a cell or a call that ends the process costs itself, and the rest runs on."""

    def __init__(self, cells: list[str], seconds: int, server: Server) -> None:
        self.cells, self.seconds, self.server = dict(enumerate(cells, 1)), seconds, server
        self.until = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.way: socket.socket | None = None
        self.errors: dict[int, str] = {}
        for number, source in self.cells.items():  # so that a checker can quote a line
            linecache.cache[f"cell {number}"] = len(source), None, source.splitlines(keepends=True), ""

    def start(self) -> None:
        """Run the cells in a new process; one that ends it is left out from then on."""
        begun = time.monotonic()
        self.way = self.server.fork(self.seconds)
        self.until += time.monotonic() - begun
        for number, source in self.cells.items():
            try:
                reply = self.ask("run", number, source)
            except NoAnswer as error:
                if self.until < time.monotonic():
                    raise
                self.errors[number] = str(error)
                del self.cells[number]
                return self.start()
            if "error" in reply:
                self.errors[number] = described(exception(*reply["error"][:2]))

    def ask(self, method: str, *arguments: Any) -> dict[str, Any]:
        """Return the process's reply, or raise `NoAnswer`."""
        seconds = SHARE[method] * self.seconds
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

    def find(self, name: str) -> Any:
        """Return what the notebook calls by this name, for a checker; raise `NoAnswer` if there is nothing."""
        with self.lock:  # a checker may have left a call alone
            if not self.way:
                self.start()
            reply = self.ask("look", name)
        if "function" in reply:
            return RemoteFunction(self, name, reply["function"])
        if "value" in reply:
            return unpack(reply["value"])
        if "class" in reply:
            return type(name, (), {})
        if "layer" in reply:
            return type(name, (nn.Module,), {})()
        raise NoAnswer(f"no {name} in this notebook")

    def stopped(self) -> str:
        """Say which cells stopped."""
        return "".join(f"; cell {number} stopped: {text}" for number, text in [*self.errors.items()][:3])


class RemoteFunction:
    """Does what a student's function does, by asking the student's process."""

    def __init__(self, notebook: RemoteNotebook, name: str, parameters: Any) -> None:
        self.notebook, self.__name__ = notebook, name
        self.borrowed: list[bool] = []
        self.over: Exception | None = None
        with suppress(TypeError, ValueError):
            self.__signature__ = inspect.Signature([
                inspect.Parameter(one, kind, default=None if optional else inspect.Parameter.empty)
                for one, kind, optional in parameters])

    def __call__(self, *given: Any, **options: Any) -> Any:
        if self.over:  # what ended once is not tried again
            raise self.over
        arguments = {**{str(place): value for place, value in enumerate(given)}, **options}
        packed = {key: pack(value) for key, value in arguments.items()}
        try:
            with self.notebook.lock:
                reply = self.notebook.ask("call", self.__name__, packed)
        except NoAnswer as silence:
            self.over = silence
            raise
        print(str(reply["printed"]), end="")
        if "error" in reply:
            name, said, cell, line = reply["error"]
            error = exception(name, said)
            self.over = error if isinstance(error, TimeoutError) else None
            throw(error, cell, line)
        for key, value in reply["changed"].items():
            with suppress(Exception):
                arguments[key].data = unpack(value)
        self.borrowed.append(reply["borrowed"] is True)
        return unpack(reply["value"])


def exception(name: str, said: str) -> Exception:
    """Make an exception of this name, whatever the student's process knows by it."""
    error: Exception = type(name, (KINDS.get(name, Exception),), {})(said)
    return error


def throw(error: Exception, cell: int, line: int) -> None:
    """Raise an exception in the student's own line, where a checker can find and quote it."""
    code = compile("\n" * min(line - 1, 10_000) + "raise error", f"cell {int(cell)}", "exec")
    exec(code, {"error": error})


def described(error: Exception) -> str:
    """Write an exception in a line."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def grade(path: str, names: list[str], seconds: int, folder: str, contained: bool) -> list[Row]:
    """Grade a notebook: a row for each exercise, whatever the notebook is or does."""
    try:
        cells = json.loads(Path(path).read_text("utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        unread = ""
    except OSError as error:
        unread = described(error)
    except ValueError:
        unread = "perhaps a web page, a zip or a Word file with this ending"
    except Exception:
        unread = "it has no cells"
    if unread:
        return [Row(path, name, False, (), f"not a notebook: {unread}") for name in names]
    notebook, rows = RemoteNotebook(sources, seconds, server(folder, contained)), []
    for name in names:
        try:
            rows.append(row(notebook, path, name))
        except Exception as error:  # of a checker, too
            text = str(error) if isinstance(error, NoAnswer) else f"not checked: {described(error)}"
            rows.append(Row(path, name, False, (), text + notebook.stopped()))
    return rows


def row(notebook: RemoteNotebook, path: str, name: str) -> Row:
    """Check one exercise."""
    function = notebook.find(name)
    report = getattr(exercises, f"check_{name}")(function)
    wrong = [finding for finding in report.findings if finding.kind in ("wrong", "todo")]
    found = (wrong or report.findings)[0]
    text, borrowed = found.text, report.passed and all(function.borrowed)
    if found.kind == "wrong":
        text = " ".join([text, *found.hint.splitlines()])
    if not report.passed:
        text += notebook.stopped()
    if borrowed:
        text = f"right, but only calls the package's own function. {text}"
    return Row(path, name, report.passed, report.misconceptions, text, borrowed)
