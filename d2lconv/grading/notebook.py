"""A student's notebook at work: its cells are run, and its functions are called, as the judge asks."""

import copy
import inspect
import io
import linecache
import re
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from mmap import mmap
from typing import Any

import torch
from torch import nn

from d2lconv.exercises.engine.feedback import computes
from d2lconv.exercises.engine.sandbox import TooLong
from d2lconv.grading.wire import encode, receive

FOREVER = 86_400  # seconds to wait for a question
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PRINTED = 10_000  # characters of one call
SPARE = 64 << 20  # bytes that are given back when a cell has taken all there is


class Tap(io.StringIO):
    """Keeps the beginning of what is printed; cannot be closed."""

    def write(self, text: str) -> int:
        return super().write(text[:PRINTED - self.tell()])

    def close(self) -> None:
        pass


class Notebook:
    """The names that a notebook defines."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "display": print, "get_ipython": lambda: None}
        self.spare: mmap | None = None

    def answer(self, judge: socket.socket) -> None:
        """Answer questions as they come: each names a method, seconds of CPU time, and arguments."""
        while True:
            method, seconds, *arguments = receive(judge, FOREVER)
            if not self.spare:
                with suppress(OSError):
                    mmap(-1, 4 * SPARE).close()  # if there is so much
                    self.spare = mmap(-1, SPARE)
            judge.sendall(self.reply(method, seconds, arguments))

    def reply(self, method: str, seconds: float, arguments: list[Any]) -> bytes:
        """Write what a method prints, the error with which it ends, and what it returns."""
        tap = Tap()
        try:
            with limited(seconds), redirect_stdout(tap), redirect_stderr(tap):
                found = getattr(self, method)(*arguments)
                return encode([tap.getvalue(), None, found])
        except BaseException as error:
            if isinstance(error, MemoryError):
                self.spare = None
            return encode([tap.getvalue(), told(error), None])

    def run(self, number: int, source: str) -> None:
        """Run a cell, without the lines that only Jupyter understands."""
        name = f"cell {number}"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        try:
            code = compile(source, name, "exec")
        except SyntaxError:
            code = compile(MAGIC.sub(r"\1pass", source), name, "exec")
        exec(code, self.names)

    def look(self, name: str) -> tuple[str, Any]:
        """Say what is called by a name: of a function its parameters, of a value the value."""
        if name not in self.names:
            return "nothing", None
        value, parameters = self.names[name], None
        if isinstance(value, type):
            return "class", None
        if not callable(value) or isinstance(value, torch.Tensor):
            return "value", value
        kind, function = ("layer", value.forward) if isinstance(value, nn.Module) else ("function", value)
        with suppress(TypeError, ValueError):
            found = inspect.signature(function, follow_wrapped=False).parameters.values()
            parameters = [(one.name, one.kind, one.default is not one.empty) for one in found]
        return kind, (parameters, computes(value))

    def call(self, function: str, arguments: list[Any], names: list[str]) -> tuple[Any, list[Any], bool]:
        """Call a function, the last arguments by name; return its answer, the arguments, and if it was borrowed."""
        by_position = len(arguments) - len(names)
        by_name = dict(zip(names, arguments[by_position:]))
        before = copy.deepcopy(arguments)
        made: list[Any] = []  # by this package, of the same arguments

        def watch(frame: Any, event: str, value: Any) -> None:
            ours = event == "return" and frame.f_globals.get("__name__", "").startswith("d2lconv.")
            if ours and took(before, frame):
                made.extend(parts(value))

        sys.setprofile(watch)
        try:
            value = self.names[function](*arguments[:by_position], **by_name)
        finally:
            sys.setprofile(None)
        return value, arguments, any(same(part, value) for part in made)


def took(arguments: Iterable[Any], frame: Any) -> bool:
    """Tell whether a call was given all that there is."""
    held = [part for local in list(frame.f_locals.values()) for part in parts(local)]
    return all(any(same(mine, theirs) for theirs in held) for mine in arguments)


def parts(value: Any) -> list[Any]:
    """List a value and what it is made of."""
    if isinstance(value, tuple):
        return [value, *value]
    inside = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return [value, *inside.values()]


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are alike."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    return one is None or (isinstance(one, (bool, int, float, str)) and one == other)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop after so much CPU time what goes on, and again, where a bare ``except:`` takes it."""
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def stop(*_: Any) -> None:
    """End what takes too long: what an alarm does."""
    raise TooLong("it did not end in time, and was stopped")


def told(error: BaseException) -> list[str]:
    """Tell an exception's type and words, and the last line of a cell that it passed."""
    name = "TimeoutError" if isinstance(error, TooLong) else type(error).__name__
    said = str(error) if isinstance(error, SyntaxError) else " ".join(map(str, error.args))
    line = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("cell "):
            line = frame.line or ""
    return [name, said, line]
