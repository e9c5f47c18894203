"""A student's notebook at work: its cells are run, and its functions are called, as the judge asks."""

import contextlib
import inspect
import io
import linecache
import re
import signal
import sys
import traceback

import torch
from torch import nn

from d2lconv.grading.wire import pack, receive, send, unpack

FOREVER = 86_400  # seconds to wait for a question
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PRINTED = 10_000  # characters of one call


class TooLong(BaseException):
    """Stops a cell or a call; not an Exception, so that ``except Exception`` lets it by."""


class Tap(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text):
        return super().write(text[:PRINTED - self.tell()])


class Notebook:
    """The names that a notebook defines."""

    def __init__(self):
        self.names = {"__name__": "__main__", "display": print, "get_ipython": lambda: None}
        signal.signal(signal.SIGPROF, stop)

    def answer(self, judge):
        """Answer questions as they come: each names a method, seconds of CPU time, and arguments."""
        while True:
            method, seconds, *arguments = receive(judge, FOREVER)
            tap = Tap()
            with contextlib.redirect_stdout(tap), contextlib.redirect_stderr(tap):
                try:
                    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)  # again, where a bare `except:` takes it
                    reply = getattr(self, method)(*arguments)
                except BaseException as error:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                    reply = {"error": told(error)}
                signal.setitimer(signal.ITIMER_PROF, 0)
            send(judge, {**reply, "printed": tap.getvalue()})

    def run(self, number, source):
        """Run a cell, without the lines that only Jupyter understands."""
        name = f"cell {number}"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        try:
            code = compile(source, name, "exec")
        except SyntaxError:
            code = compile(MAGIC.sub(r"\1pass", source), name, "exec")
        exec(code, self.names)
        return {}

    def look(self, name):
        """Say what is called by a name: nothing, a class, a layer, a function and its parameters, or a value."""
        value = self.names.get(name)
        if name not in self.names:
            return {"nothing": True}
        if isinstance(value, (type, nn.Module)):
            return {"class" if isinstance(value, type) else "layer": True}
        if not callable(value) or isinstance(value, torch.Tensor):
            return {"value": pack(value)}
        with contextlib.suppress(TypeError, ValueError):
            found = inspect.signature(value, follow_wrapped=False).parameters.values()
            return {"function": [(one.name, one.kind, one.default is not one.empty) for one in found]}
        return {"function": None}

    def call(self, name, values, options):
        """Call a function; tell the answer, which arguments it changed, and whether this package made the answer."""
        given, named = unpack(values), unpack_all(options)
        before = {**dict(enumerate(unpack(values))), **unpack_all(options)}
        watch = Watch(list(before.values()))
        sys.setprofile(watch)
        try:
            value = self.names[name](*given, **named)
        finally:
            sys.setprofile(None)
        after = {**dict(enumerate(given)), **named}
        changed = [[place, pack(now)] for place, now in after.items() if not same(now, before[place])]
        return {"value": pack(value), "changed": changed, "borrowed": watch.made(value)}


def unpack_all(options):
    """Unpack arguments that are passed by name."""
    return {name: unpack(value) for name, value in options.items()}


class Watch:
    """Notices when a function of this package is given all that there is: what it returns is not the student's."""

    def __init__(self, given):
        self.given, self.returned = given, []

    def __call__(self, frame, event, value):
        if event != "return" or not frame.f_globals.get("__name__", "").startswith("d2lconv."):
            return
        held = [part for local in list(frame.f_locals.values()) for part in parts(local)]
        if all(any(same(mine, theirs) for theirs in held) for mine in self.given):
            self.returned += parts(value)

    def made(self, answer):
        """Say whether the answer, or what it is a part of, was returned."""
        return any(same(part, answer) for part in self.returned)


def parts(value):
    """A value and what it is made of."""
    if isinstance(value, dict):
        return [value, *value.values()]
    return [value, *(value if isinstance(value, tuple) else getattr(value, "__dict__", {}).values())]


def same(one, other):
    """Say whether two values are alike."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    return one is None or (isinstance(one, (bool, int, float, str)) and one == other)


def stop(*_):
    """What an alarm does."""
    raise TooLong


def told(error):
    """An exception's type and words, and the last cell and line that it passed."""
    said = [str(error)] if isinstance(error, SyntaxError) else list(map(str, error.args))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("cell ")]
    return [type(error).__name__, said, *([frames[-1].filename, frames[-1].lineno] if frames else [])]
