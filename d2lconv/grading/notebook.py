"""A student's notebook at work: its cells are run, and its functions are called, as the judge asks."""

import inspect
import io
import linecache
import re
import signal
import socket
import sys
import traceback
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from mmap import mmap
from typing import Any

import torch
from torch import nn

from d2lconv.grading.wire import pack, receive, send, unpack

FOREVER = 86_400  # seconds to wait for a question
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PRINTED = 10_000  # characters of one call
SPARE = 64 << 20  # bytes that are given back when a cell has taken all there is


class TooLong(BaseException):
    """Stops a cell or a call; not an Exception, so that ``except Exception`` lets it by."""


class Tap(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text: str) -> int:
        return super().write(text[:PRINTED - self.tell()])


class Notebook:
    """The names that a notebook defines."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "display": print, "get_ipython": lambda: None}
        self.spare: mmap | None = None
        signal.signal(signal.SIGPROF, stop)

    def answer(self, judge: socket.socket) -> None:
        """Answer questions as they come: each names a method, seconds of CPU time, and arguments."""
        while True:
            method, seconds, *arguments = receive(judge, FOREVER)
            if not self.spare:
                with suppress(OSError):
                    mmap(-1, 4 * SPARE).close()  # if there is so much
                    self.spare = mmap(-1, SPARE)
            tap = Tap()
            with redirect_stdout(tap), redirect_stderr(tap):
                reply = self.reply(method, seconds, arguments)
            send(judge, {**reply, "printed": tap.getvalue()})

    def reply(self, method: str, seconds: float, arguments: list[Any]) -> dict[str, Any]:
        """Return what the method says, or the error with which it ends."""
        try:
            signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)  # again, where a bare `except:` takes it
            found: dict[str, Any] = getattr(self, method)(*arguments)
            return found
        except BaseException as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            if isinstance(error, MemoryError) and self.spare:
                self.spare.close()
                self.spare = None
            return {"error": told(error)}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def run(self, number: int, source: str) -> dict[str, Any]:
        """Run a cell, without the lines that only Jupyter understands."""
        name = f"cell {number}"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        try:
            code = compile(source, name, "exec")
        except SyntaxError:
            code = compile(MAGIC.sub(r"\1pass", source), name, "exec")
        exec(code, self.names)
        return {}

    def look(self, name: str) -> dict[str, Any]:
        """Say what is called by a name: nothing, a class, a layer, a function and its parameters, or a value."""
        if name not in self.names:
            return {}
        value, parameters = self.names[name], None
        if isinstance(value, type):
            return {"class": True}
        if isinstance(value, nn.Module):
            return {"layer": True}
        if not callable(value) or isinstance(value, torch.Tensor):
            return {"value": pack(value)}
        with suppress(TypeError, ValueError):
            found = inspect.signature(value, follow_wrapped=False).parameters.values()
            parameters = [(one.name, one.kind, one.default is not one.empty) for one in found]
        return {"function": parameters}

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a function; tell the answer, which arguments it changed, and whether this package made the answer."""
        now, before = ({key: unpack(value) for key, value in arguments.items()} for _ in range(2))
        positional = [value for key, value in now.items() if key.isdigit()]
        named = {key: value for key, value in now.items() if not key.isdigit()}
        made: list[Any] = []

        def watch(frame: Any, event: str, value: Any) -> None:
            ours = event == "return" and frame.f_globals.get("__name__", "").startswith("d2lconv.")
            if ours and given(before.values(), frame):
                made.extend(parts(value))

        sys.setprofile(watch)
        try:
            value = self.names[name](*positional, **named)
        finally:
            sys.setprofile(None)
        changed = {key: pack(value) for key, value in now.items() if not same(value, before[key])}
        borrowed = any(same(part, value) for part in made)
        return {"value": pack(value), "changed": changed, "borrowed": borrowed}


def given(arguments: Iterable[Any], frame: Any) -> bool:
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
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    return one is None or (isinstance(one, (bool, int, float, str)) and one == other)


def stop(*_: Any) -> None:
    """End what takes too long: what an alarm does."""
    raise TooLong("it did not end in time, and was stopped")


def told(error: BaseException) -> list[Any]:
    """Tell an exception's type and words, and the last cell and line that it passed."""
    name = "TimeoutError" if isinstance(error, TooLong) else type(error).__name__
    said = str(error) if isinstance(error, SyntaxError) else " ".join(map(str, error.args))
    where: list[Any] = [0, 1]
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("cell "):
            where = [int(frame.filename[5:]), frame.lineno]
    return [name, said, *where]
