"""Ask a student's process for answers, and let the checkers judge them: no student's code runs here."""

import inspect
import json
import linecache
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from d2lconv import exercises
from d2lconv.exercises.engine.sandbox import described
from d2lconv.grading.server import Server
from d2lconv.grading.wire import encode, receive

SHARE = {"run": 1 / 12, "look": 1 / 24, "call": 1 / 24}  # of a notebook's time: what one question may take
PATIENCE = 3  # a process that does not end it itself is ended after so many times that
SHOWN = "averaged"  # what a checker is shown with at the top of the page of exercises is nobody's answer
LINE = "a line of a student's"  # what stands for its file
NOT_DONE, UNREAD, BORROWED = "not done", "not a notebook", "only calls the package's own function"  # remarks
KINDS = {kind.__name__: kind for kind in (TimeoutError, RecursionError, NotImplementedError)}  # told apart by checkers

server = cache(Server)  # one in each process that grades


class Row(NamedTuple):
    """What there is to say about one notebook and one exercise."""

    notebook: str
    exercise: str
    passed: bool
    misconceptions: tuple[str, ...]
    finding: str
    remark: str = ""


class NoAnswer(Exception):
    """Why a student's process does not answer, or has nothing to answer with."""


class RemoteNotebook:
    """A notebook in a student's process: a cell or a call that ends the process costs itself, and the rest runs on."""

    def __init__(self, cells: list[str], seconds: int, fork: Callable[[], socket.socket]) -> None:
        self.cells, self.seconds, self.fork = dict(enumerate(cells, 1)), seconds, fork
        self.until = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.way: socket.socket | None = None
        self.errors: dict[int, str] = {}

    def start(self) -> None:
        """Run the cells in a new process; one that ends it is left out from then on."""
        begun = time.monotonic()
        self.way = self.fork()
        self.until += time.monotonic() - begun
        for number, source in self.cells.items():
            try:
                self.ask("run", number, source)
            except NoAnswer as silence:
                if self.until < time.monotonic():
                    raise
                self.errors[number] = str(silence)
                del self.cells[number]
                return self.start()
            except Exception as error:
                self.errors[number] = described(error)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return what the process finds, or raise its error, or `NoAnswer` if it says nothing."""
        seconds = SHARE[method] * self.seconds
        left = self.until - time.monotonic()
        try:
            assert self.way
            self.way.sendall(encode([method, seconds, *arguments]))
            printed, error, found = receive(self.way, min(PATIENCE * seconds, left))
        except BaseException as silence:  # a checker may stop this thread, too
            self.way = None
            said = "it ended its own process, or used more memory than it may"
            if isinstance(silence, TimeoutError):
                said = "it did not end in time, and its process was ended"
            if self.until < time.monotonic():
                said = "the time for this notebook is over"
            raise NoAnswer(said) from None
        if method == "call":  # what cells print, no checker asks for
            print(printed, end="")
        if error:
            throw(*error)
        return found

    def find(self, name: str) -> Any:
        """Return what the notebook calls by this name, for a checker; raise `NoAnswer` if there is nothing."""
        with self.lock:  # a checker may have left a call alone
            if not self.way:
                self.start()
            kind, value = self.ask("look", name)
        if kind == "nothing":
            raise NoAnswer(f"no {name} in this notebook")
        if kind == "function":
            return RemoteFunction(self, name, *value)
        if kind == "layer":  # some are functions: a checker looks at what forward takes
            layer = nn.Module()
            layer.forward = RemoteFunction(self, name, *value)
            return layer
        return nn.Module if kind == "class" else value

    def names(self, exercise: str) -> list[str]:
        """List what an answer is called: as the exercise, or as what else its checker got last."""
        call = rf"^[^#\n]*\bcheck_{exercise}\(\s*(\w+)\s*[,)]"
        checked = re.findall(call, "\n".join(self.cells.values()), re.MULTILINE)
        others = [name for name in checked if name not in (exercise, SHOWN)]
        return [exercise, *others[-1:]]

    def stopped(self) -> str:
        """Say which cells stopped."""
        return "".join(f"; cell {number} stopped: {text}" for number, text in [*self.errors.items()][:3])


class RemoteFunction:
    """Does what a student's function does, by asking the student's process."""

    def __init__(self, notebook: RemoteNotebook, name: str, parameters: Any, computes: bool) -> None:
        self.notebook, self.__name__, self.computes = notebook, name, computes
        self.borrowed = True
        self.over: Exception | None = None
        with suppress(TypeError, ValueError):
            self.__signature__ = inspect.Signature([
                inspect.Parameter(one, kind, default=None if optional else inspect.Parameter.empty)
                for one, kind, optional in parameters])

    def __call__(self, *given: Any, **options: Any) -> Any:
        if self.over:  # what ended once is not tried again
            raise self.over
        arguments = [*given, *options.values()]
        try:
            with self.notebook.lock:
                value, after, borrowed = self.notebook.ask("call", self.__name__, arguments, [*options])
        except (NoAnswer, TimeoutError) as ended:
            self.over = ended
            raise
        for mine, theirs in zip(arguments, after):
            with suppress(Exception):
                mine.data = theirs.to(mine.device)
        self.borrowed = self.borrowed and borrowed is True
        return value


def throw(name: str, said: str, line: str) -> None:
    """Raise an exception of this name in the student's own line, where a checker can find and quote it."""
    error = type(name, (KINDS.get(name, Exception),), {})(said)
    linecache.cache[LINE] = 0, None, [str(line)], LINE
    exec(compile("raise error", LINE, "exec"), {"error": error})


def grade(path: str, names: list[str], seconds: int, folder: str, contained: bool) -> list[Row]:
    """Grade a notebook: a row for each exercise, whatever the notebook is or does."""
    try:
        notebook = RemoteNotebook(code_cells(path), seconds, lambda: server(folder, contained, seconds).fork())
    except NoAnswer as unread:
        return [Row(path, name, False, (), f"{UNREAD}: {unread}", UNREAD) for name in names]
    return [best(notebook, path, name) for name in names]


def code_cells(path: str) -> list[str]:
    """Read a notebook's cells of code; raise `NoAnswer` if it has none, or is no notebook."""
    try:
        cells = json.loads(Path(path).read_text("utf-8-sig"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except OSError as error:
        raise NoAnswer(described(error)) from None
    except ValueError:
        raise NoAnswer("perhaps empty, or a program, a web page, a zip or a Word file with this ending") from None
    except Exception:
        raise NoAnswer("it has no cells") from None


def best(notebook: RemoteNotebook, path: str, exercise: str) -> Row:
    """Check one exercise, by each name that its answer has: one pass is enough, and done is better than not done."""
    rows: list[Row] = []
    for name in notebook.names(exercise):
        rows.append(row(notebook, path, exercise, name))
        if rows[-1].passed:
            break
    return max(rows, key=lambda row: (row.passed, row.remark != NOT_DONE))


def row(notebook: RemoteNotebook, path: str, exercise: str, name: str) -> Row:
    """Check what a notebook calls by one name."""
    try:
        function = notebook.find(name)
        report = getattr(exercises, f"check_{exercise}")(function)
    except Exception as error:  # of a checker, too
        text = str(error) if isinstance(error, NoAnswer) else f"not checked: {described(error)}"
        return Row(path, exercise, False, (), text + notebook.stopped(), NOT_DONE)
    wrong = [finding for finding in report.findings if finding.kind in ("wrong", "todo")]
    found = (wrong or report.findings)[0]
    text, remark = found.text, NOT_DONE if found.kind == "todo" else ""
    if found.kind == "wrong":
        text = " ".join([text, *(found.hint or found.numbers).split()])
    if not report.passed:
        text += notebook.stopped()
    elif getattr(function, "forward", function).borrowed:
        text, remark = f"right, but {BORROWED}. {text}", BORROWED
    return Row(path, exercise, report.passed, report.misconceptions, text, remark)
