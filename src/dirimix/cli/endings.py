"""How a command ends: an exit code, and a sentence on stderr for whatever kept it from its end."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dirimix.errors import InputError, NotConverged, WorkerLost, first_line

SUCCESS, FAILED, BAD_INPUT, NOT_CONVERGED = 0, 1, 2, 3
_SIGNALLED = 128  # and the signal's number
# those that ask a process to end: Ctrl-C, `kill`, a terminal that was closed
_SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
_A_MOMENT = 0.05  # seconds
_PATIENCE = 5.0  # seconds from a signal to the end of the process, come what may
# compiled programs that cannot be kept, or read, are compiled again
_NO_NEWS = ("Error reading persistent compilation", "Error writing persistent compilation")


class Ended(KeyboardInterrupt):
    """A signal asked the process to end, as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(
    act: Callable[[], bool], accepts: bool, kept: str, *, quiet: bool = False, alone: bool = False
) -> int:
    """Run a command to whichever end it comes.

    Args:
        act: The command; False where a result has not converged.
        accepts: Whether such a result is a success.
        kept: What an interruption leaves.
        quiet: Whether libraries' warnings stay unsaid.
        alone: Whether the process is there for this command, and may end with it.
    """
    try:
        with _ended_by_signals(kept if alone else None), _warnings_in_lines(quiet):
            converged = act()
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        complain(_interrupted(kept))
        return _SIGNALLED + (error.number if isinstance(error, Ended) else signal.SIGINT)
    except WorkerLost as error:
        return _failed(f"{error}; {kept}")
    except InputError as error:
        complain(f"dirimix: {error}")
        return BAD_INPUT
    except NotConverged as error:
        complain(f"dirimix: {error}")
        return NOT_CONVERGED
    except BrokenPipeError:
        # what reads our output has gone; nor may the interpreter write to it at its end
        _write_nowhere()
        return _failed(f"nobody reads the output any more; {kept}")
    except MemoryError:
        return _failed(f"there is not enough memory; {kept}")
    except OSError as error:
        return _failed(f"{_words(error)}; {kept}")
    return SUCCESS if converged or accepts else NOT_CONVERGED


def leave(code: int) -> int:
    """End the process if a signal ended its command and a thread has not heard of it, else return.

    A thread that compiles does not listen, and the interpreter would wait for it.
    """
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if code > _SIGNALLED and not all(t.daemon for t in others):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code


def complain(line: str) -> None:
    """Write a line to stderr, if there is still somebody to read it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _failed(why: str) -> int:
    complain(f"dirimix: {why}")
    return FAILED


def _words(error: OSError) -> str:
    """What the operating system refused, on one line."""
    why = error.strerror or first_line(error)
    what = f" ({os.fspath(error.filename)!r})" if isinstance(error.filename, str) else ""
    return f"the operating system says: {why}{what}"


def _write_nowhere() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
            continue
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _warnings_in_lines(quiet: bool) -> Generator[None]:
    """What libraries warn of, each once, on one line and without their source."""
    said: set[str] = set()

    def show(message: Warning | str, kind: type[Warning], filename: str, *_: object) -> None:
        inside = Path(filename).parts
        at = inside.index("site-packages") + 1 if "site-packages" in inside else -1
        source = "" if kind.__module__ == InputError.__module__ else f" ({inside[at]})"
        words = (str(message).strip().splitlines() or [""])[0]
        if not quiet and words not in said and not words.startswith(_NO_NEWS):
            said.add(words)
            complain(f"warning{source}: {words}")

    before, warnings.showwarning = warnings.showwarning, show
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it logs where its cache lies
    try:
        yield
    finally:
        warnings.showwarning = before


def _interrupted(kept: str) -> str:
    return f"\ndirimix: interrupted; {kept}"


@contextmanager
def _ended_by_signals(kept: str | None) -> Generator[None]:
    """Raise `Ended` at a signal, so that what is half done is cleared away.

    Where `kept` says what an interruption leaves, the process ends in any case soon after one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # what a caller ignores, as nohup does, stays ignored
    ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, _end)
    hook, sys.unraisablehook = sys.unraisablehook, _end_again
    try:
        listens = kept is not None and os.name == "posix"
        with _watched(ours, kept or "") if listens else nullcontext():
            yield
    finally:
        sys.unraisablehook = hook
        for number in ours:
            signal.signal(number, before[number] or signal.SIG_DFL)


@contextmanager
def _watched(numbers: Collection[int], kept: str) -> Generator[None]:
    """End the process a while after a signal if the block has not ended by then.

    Python hears of a signal between two of its own steps only, and a compilation is one step. But
    the number of the signal is written to a pipe at once, at which a thread listens.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before, ended = signal.set_wakeup_fd(writing, warn_on_full_buffer=False), threading.Event()

    def listen() -> None:
        while (heard := os.read(reading, 1)) and heard[0] not in numbers:
            pass
        if heard and not ended.wait(_PATIENCE):
            complain(_interrupted(kept))
            os._exit(_SIGNALLED + heard[0])
        os.close(reading)

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(writing)


def _end_again(lost: "sys.UnraisableHookArgs") -> None:
    """Send a signal once more that came where Python drops exceptions, as in a destructor."""
    if isinstance(lost.exc_value, Ended):
        send = threading.Timer(_A_MOMENT, os.kill, (os.getpid(), lost.exc_value.number))
        send.daemon = True
        send.start()
    else:
        sys.__unraisablehook__(lost)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise Ended(number)
