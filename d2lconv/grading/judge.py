"""Ask a student's process for answers, and let the checkers judge them: no student's code runs here."""

import builtins
import dataclasses
import inspect
import json
import linecache
import threading
import time
from contextlib import suppress
from pathlib import Path

from torch import nn

from d2lconv import exercises
from d2lconv.grading.wire import pack, receive, send, unpack

CELLS, CALLS = 12, 24  # endless cells, or calls, that fit into the time of a notebook
PATIENCE = 3  # a process that does not end them itself is ended after so many times their time
NAMES = tuple(name.removeprefix("check_") for name in exercises.__all__ if name.startswith("check_"))


@dataclasses.dataclass(frozen=True)
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


class Student:
    """A notebook in its process: a cell or a call that ends the process costs itself, and the rest runs on."""

    def __init__(self, server, cells, seconds):
        self.server, self.cells = server, dict(enumerate(cells, 1))
        self.until, self.cell, self.call = time.monotonic() + seconds, seconds / CELLS, seconds / CALLS
        self.way, self.errors, self.lock = None, {}, threading.RLock()
        for number, source in self.cells.items():  # so that a checker can quote a line
            linecache.cache[f"cell {number}"] = len(source), None, source.splitlines(keepends=True), ""

    def start(self):
        """Run the cells in a new process; one that ends it is left out from then on."""
        begun = time.monotonic()
        self.way = self.server.student()
        self.until += time.monotonic() - begun
        for number, source in list(self.cells.items()):
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

    def ask(self, method, seconds, *arguments):
        """Return the process's reply, or raise `NoAnswer`."""
        left = self.until - time.monotonic()
        try:
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

    def answer(self, name):
        """What the notebook calls by this name, for a checker; raise `NoAnswer` if there is nothing."""
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


class Function:
    """Does what a student's function does, by asking the student's process."""

    def __init__(self, student, name, parameters):
        self.student, self.__name__ = student, name
        self.borrowed, self.over = [], None
        with suppress(TypeError, ValueError):
            self.__signature__ = inspect.Signature([
                inspect.Parameter(one, inspect._ParameterKind(kind), default=None if optional else inspect._empty)
                for one, kind, optional in parameters])

    def __call__(self, *given, **options):
        if self.over:  # what ended once is not tried again
            raise self.over
        try:
            packed = pack(list(given)), {name: pack(value) for name, value in options.items()}
            with self.student.lock:
                reply = self.student.ask("call", self.student.call, self.__name__, *packed)
        except NoAnswer as error:
            self.over = error
            raise
        print(str(reply["printed"]), end="")
        if "error" in reply:
            error = made(reply["error"])
            self.over = error if isinstance(error, TimeoutError) else None
            throw(error, *reply["error"][2:])
        arguments = {**dict(enumerate(given)), **options}
        for place, value in reply["changed"]:
            with suppress(Exception):
                arguments[place].data = unpack(value)
        self.borrowed.append(reply["borrowed"] is True)
        return unpack(reply["value"])


def made(told):
    """Make an exception of what a student's process tells of one: of Python's own kinds, or a new one of its name."""
    name, said, *_ = told
    if name == "TooLong":
        return TimeoutError("it did not end in time, and was stopped")
    base = getattr(builtins, name, None)
    if not (isinstance(base, type) and issubclass(base, Exception)):
        base = Exception
    error = base.__new__(type(name, (base,), {"__str__": lambda error: " ".join(error.args)}))
    error.args = tuple(map(str, said))
    return error


def throw(error, cell="", line=1):
    """Raise an exception in the student's own line, where a checker can find and quote it."""
    exec(compile("\n" * min(line - 1, 10_000) + "raise error", cell, "exec"), {"error": error})


def described(error):
    """An exception in a line."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def grade(path, names, server, seconds):
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
            rows.append(Row(path, name, False, (), text + cost(student)))
    return rows


def row(student, path, name):
    """Check one exercise."""
    function = student.answer(name)
    report = getattr(exercises, f"check_{name}")(function)
    known = tuple(finding.text for finding in report.findings if finding.kind == "name")
    found = next((finding for finding in report.findings if finding.kind in ("wrong", "todo")), report.findings[0])
    text = found.text
    if found.kind == "wrong":
        text = " ".join([text, *found.hint.splitlines()]) + cost(student)
    borrowed = report.passed and all(function.borrowed)
    if borrowed:
        text = f"right, but only calls the package's own function. {text}"
    return Row(path, name, report.passed, known, text, borrowed)


def cost(student):
    """Say which cells stopped."""
    return "".join(f"; cell {number} stopped: {text}" for number, text in list(student.errors.items())[:3])
