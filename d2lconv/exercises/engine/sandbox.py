"""Run a learner's function so that nothing it does can hurt: it may raise, print, loop, or change what is not its own.

Each call has a thread of its own, for which the caller waits a set time, and not longer. A function that goes
on is stopped by an exception in its thread. A single call of C that never returns cannot be stopped: it is
left behind and reported all the same. What kills the whole process (os._exit, no memory) kills the checker.
"""

import contextlib
import contextvars
import ctypes
import dataclasses
import enum
import inspect
import io
import linecache
import os
import threading
import traceback
import types
import warnings
from pathlib import Path

import torch

from d2lconv.exercises.engine import surroundings
from d2lconv.runtime import default_device

SECONDS = 10.0  # for one call
FLOOD = 1_000_000  # characters printed in one call, after which it is stopped
HUGE = 10_000_000  # numbers in an answer, after which it is not read
LONGEST = 400  # characters of an error's message: longer than any of ours
OURS = tuple(f"{home}{os.sep}" for home in (Path(torch.__file__).parent, Path(surroundings.__file__).parents[2]))

_one_at_a_time = threading.Lock()  # sys.stdout and the default dtype belong to the process


class Fault(enum.Enum):
    """What is wrong with what one call did, in the order in which it is looked at."""

    ENDLESS = "it takes too long"
    UNWRITTEN = "it is not written yet"
    REFUSED = "it refuses this problem"  # by the function's own raise or assert
    ERROR = "it stops with an error"
    TYPE = "another type is wanted"
    UNREADABLE = "what came back cannot be read"
    SHAPE = "the shape is not right yet"
    NUMBERS = "the numbers are not right yet"
    ANSWER = "the answer is not right yet"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one call did: the value or why there is none, what was printed, and what was changed."""

    value: object = None
    stop: Fault | None = None
    error: str = ""
    printed: str = ""
    changed: dict[str, object] = dataclasses.field(default_factory=dict)  # arguments, as they were before
    leaked: tuple[str, ...] = ()  # surroundings


class TooLong(BaseException):
    """Stops a function; not an Exception, so that ``except Exception`` lets it by."""


class Refusal(Exception):
    """Raised by a wrong answer of ours that refuses a problem, as an assert does; any other error just happens."""


class Tap(io.StringIO):
    """Takes what is printed, until it is a flood; cannot be closed."""

    closed_by_function = False

    def write(self, text):
        if self.tell() > FLOOD:
            raise TooLong("it prints without end, and was stopped")
        return super().write(text)

    def close(self):
        self.closed_by_function = True


class Call(threading.Thread):
    """One call in a thread of its own, with which its grad mode, default device and autocast end."""

    def __init__(self, function, by_position, by_name):
        super().__init__(daemon=True)
        self.function, self.by_position, self.by_name = function, by_position, by_name
        self.context = contextvars.copy_context()
        self.value, self.exception, self.leaked = None, None, []

    def run(self):
        try:
            self.context.run(self.work)
        except BaseException as exception:  # SystemExit, too: sys.exit() in a cell must not end the checker
            self.exception = exception
        finally:  # a mode that is left to a dying thread is freed without Python's lock, and can end the process
            torch.set_default_device(None)

    def work(self):
        """Call the function, and see what it changes outside of itself."""
        device = default_device()  # of the learner's torch.zeros, too, so that it meets X
        if device.type != "cpu":  # a default that is set makes every call of torch slower
            torch.set_default_device(device)
        before = surroundings.read()
        try:
            self.value = readable(self.function(*self.by_position.values(), **self.by_name))
        finally:
            self.leaked = surroundings.differences(before, surroundings.read())

    def wait(self, seconds):
        """Start, wait, and stop what is not done by then, or what the caller interrupts."""
        self.start()
        try:
            self.join(seconds)
        finally:
            for _ in range(20):  # a bare `except:` in a loop may catch the first of them
                if not self.is_alive():
                    break
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.ident or 0), ctypes.py_object(TooLong))
                self.join(0.05)


def call(function, by_position, by_name, seconds):
    """Call a function with copies of named arguments on the default device, and return the `Outcome`.

    Only ``KeyboardInterrupt`` passes through: a learner must be able to stop a function.

    >>> call(lambda X: print("hello"), {"X": 1}, {}, seconds=10).printed
    'hello\\n'
    """
    tap, work = Tap(), Call(function, copies(by_position), copies(by_name))
    nested = isinstance(threading.current_thread(), Call)  # a learner's function may call a checker
    with contextlib.nullcontext() if nested else _one_at_a_time, surroundings.kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(tap), contextlib.redirect_stderr(tap):
            work.wait(seconds)
    stop, error = why(work, seconds)
    given, theirs = {**by_position, **by_name}, {**work.by_position, **work.by_name}
    changed = {name: value for name, value in given.items() if touched(theirs[name], value)}
    leaked = [*work.leaked, *(["sys.stdout"] if tap.closed_by_function else [])]
    return Outcome(work.value, stop, error, tap.getvalue(), changed, tuple(leaked))


def copies(arguments):
    """Copy tensors to the default device; anything else is immutable."""
    device = default_device()
    return {
        name: value.to(device, copy=True) if isinstance(value, torch.Tensor) else value
        for name, value in arguments.items()
    }


def touched(value, before):
    """Say whether an argument is no longer what it was, on the CPU."""
    if not isinstance(value, torch.Tensor):
        return False
    try:
        return value.dtype != before.dtype or not torch.equal(value.detach().cpu(), before)
    except Exception:
        return True


def readable(value):
    """Take a result to the CPU and out of autograd, in tuples and lists, too; close what would never be run."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided and value.numel() <= HUGE:
            value = value.to_dense()
        if value.is_quantized:
            value = value.dequantize()
        return value.detach().cpu().resolve_conj().resolve_neg()
    if type(value) in (tuple, list):
        return type(value)(map(readable, value)) if len(value) <= 1000 else value
    if isinstance(value, (types.CoroutineType, types.GeneratorType)):
        value.close()
    return value


def why(work, seconds):
    """Say in a line or two why a call returned nothing: a `Fault` and its words, or None and nothing."""
    exception = work.exception
    late = f"it is not done after {seconds:g} seconds"
    if work.is_alive():
        return Fault.ENDLESS, f"{late}, cannot be stopped, and was left behind"
    if exception is None:
        return None, ""
    if isinstance(exception, KeyboardInterrupt):
        raise exception
    if isinstance(exception, TooLong):
        return Fault.ENDLESS, str(exception) or f"{late}, and was stopped"
    if isinstance(exception, RecursionError):
        return Fault.ERROR, "it calls itself without end (RecursionError): which call is the one that should stop?"
    if not_bound := misfit(work):
        return Fault.ERROR, not_bound
    line, own, known = raised_at(exception)
    told = described(exception) + ("" if known else f"\nin the line: {line[:120]}")
    if own and isinstance(exception, NotImplementedError):
        return Fault.UNWRITTEN, told
    refused = isinstance(exception, Refusal) or (own and line.startswith(("raise", "assert")))
    return (Fault.REFUSED if refused else Fault.ERROR), told


def misfit(work):
    """Say how a function is called, and what it takes instead; nothing if it can be called so."""
    with contextlib.suppress(ValueError, TypeError):
        signature = inspect.signature(work.function, follow_wrapped=False)
        try:
            signature.bind(*work.by_position, **work.by_name)
        except TypeError:
            passed = ", ".join([*work.by_position, *(f"{name}=..." for name in work.by_name)])
            return f"it is called with ({passed}), but takes ({', '.join(signature.parameters)})"
    return ""


def described(exception: BaseException) -> str:
    """An exception in a line, whatever its own str does."""
    try:
        said = " ".join(str(exception).split())
    except Exception:
        said = ""
    said = f"{said[:LONGEST]} ..." if len(said) > LONGEST else said
    return f"{type(exception).__name__}{': ' if said else ''}{said}"


def raised_at(exception):
    """The learner's last line that an exception passed, whether it was raised there, and whether it is known anyway.

    A line that is all that its function has tells nobody anything.
    """
    frames = [(frame.f_code, number) for frame, number in traceback.walk_tb(exception.__traceback__)]
    theirs = [frame for frame in frames if not frame[0].co_filename.startswith(OURS)]
    if not theirs:
        return "", False, True
    code, number = theirs[-1]
    line = linecache.getline(code.co_filename, number).strip()
    others = {n for _, _, n in code.co_lines() if n} - {code.co_firstlineno, number}
    alone = not line or (not others and code.co_name != "<module>")
    return line, theirs[-1] == frames[-1], alone
