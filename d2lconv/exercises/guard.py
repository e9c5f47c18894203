"""Run a learner's function so that nothing it does can hurt: it may raise, print, or change its input."""

import contextlib
import dataclasses
import inspect
import io
import traceback
import types
import warnings

import torch

from d2lconv.runtime import default_device, exact_float32

FLOOD = 1_000_000  # characters printed in one call, after which we stop it


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one call did: the value or the error, what was printed, which arguments it changed."""

    value: object = None
    error: str = ""
    unwritten: bool = False
    printed: str = ""
    changed: tuple[str, ...] = ()


class Flood(BaseException):
    """Stops a function that prints without end; not an Exception, so that ``except Exception`` lets it by."""


class Tap(io.StringIO):
    """Takes what is printed, until it is a flood."""

    def write(self, text):
        if self.tell() > FLOOD:
            raise Flood
        return super().write(text)


def call(function, arguments, keywords=()):
    """Call a function with copies of the arguments on the default device, and return the `Outcome`.

    Only ``KeyboardInterrupt`` passes through: a learner must be able to stop an endless loop.

    >>> call(lambda X: print("hello"), {"X": 1})
    Outcome(value=None, error='', unwritten=False, printed='hello\\n', changed=())
    """
    given = {name: moved(value) for name, value in arguments.items()}
    before = {name: moved(value) for name, value in arguments.items()}
    by_position = [value for name, value in given.items() if name not in keywords]
    by_name = {name: value for name, value in given.items() if name in keywords}
    tap, value, error, unwritten = Tap(), None, "", False
    with contextlib.redirect_stdout(tap), contextlib.redirect_stderr(tap), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with default_device(), exact_float32():  # so that the learner's torch.zeros meets X
                value = read(function(*by_position, **by_name))
        except KeyboardInterrupt:
            raise
        except BaseException as exception:  # SystemExit too: sys.exit() in a cell must not end the checker
            error = described(exception, function, by_position, by_name)
            unwritten = isinstance(exception, NotImplementedError) and (
                not exception.args or "raise NotImplementedError" in error)  # torch raises it, too
    changed = tuple(name for name in given if not untouched(given[name], before[name]))
    return Outcome(value, error, unwritten, tap.getvalue(), changed)


def moved(value):
    """Copy a tensor to the default device; anything else is immutable."""
    return value.to(default_device(), copy=True) if isinstance(value, torch.Tensor) else value


def untouched(value, before):
    """Say whether an argument is still what it was."""
    if not isinstance(value, torch.Tensor):
        return True
    with contextlib.suppress(Exception):
        return value.dtype == before.dtype and torch.equal(value.detach(), before)
    return False


def read(value):
    """Take a result to the CPU and out of autograd, in tuples and lists too; close what would never be run."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg()
        return value if value.layout is torch.strided else value.to_dense()
    if type(value) in (tuple, list):
        return type(value)(read(part) if isinstance(part, torch.Tensor) else part for part in value)
    if isinstance(value, (types.CoroutineType, types.GeneratorType)):
        value.close()
    return value


def described(exception, function, by_position, by_name):
    """Tell an exception in a line or two: what it says, and the learner's line that it came from."""
    if isinstance(exception, Flood):
        return "it prints without end, and was stopped"
    if isinstance(exception, RecursionError):
        return "it calls itself without end (RecursionError): which call is the one that should stop?"
    with contextlib.suppress(ValueError, TypeError):
        signature = inspect.signature(function, follow_wrapped=False)
        try:
            signature.bind(*by_position, **by_name)
        except TypeError as error:
            return f"it cannot be called like this: {error}"
    try:
        said = " ".join(str(exception).split())
    except Exception:
        said = ""
    said = f"{said[:200]} ..." if len(said) > 200 else said
    return f"{type(exception).__name__}{': ' if said else ''}{said}{source_line(exception, function)}"


def source_line(exception, function):
    """Quote the last line of the learner's own source that the exception passed, if it can be had."""
    with contextlib.suppress(Exception):
        mine = inspect.unwrap(function).__code__.co_filename
        frames = [f for f in traceback.extract_tb(exception.__traceback__) if f.filename == mine and f.line]
        return f"\nin the line: {frames[-1].line[:120]}" if frames else ""
    return ""
