"""What `fuzz` calls for each format, and what may come of it: an object, or one of the declared errors.

Everything else is a failure: another exception, a warning, something written to the terminal, a message that would
write control characters to one, or that is longer than a screen.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import io
import json
import pathlib
import re
import signal
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

# of processor time, so that a busy machine changes no outcome
SECONDS = 5.0
# a command line or a call may solve, and compile what that needs
PROGRAM_SECONDS = 60.0
LONGEST_MESSAGE = 4000
# control characters, and the marks that turn the direction of writing; a line feed is a matter of taste
_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Late(BaseException):
    """An input that took more than its time."""


class Broken(Exception):
    """What was read, or said, is not what it must be; the text says what."""


def outcome(work: Callable[[], Any], seconds: float = SECONDS) -> tuple[str, str, str]:
    """How a call ended: "object", "refused" or "failure"; for the latter two what distinguishes it, and in words."""
    out = io.StringIO()
    signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with (
            warnings.catch_warnings(record=True) as said,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            warnings.simplefilter("always")
            try:
                work()
                result = ("object", "", "")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        if said:
            warning = said[0]
            text = f"{warning.category.__name__}: {warning.message!s:.200}"
            if not _allowed(warning):
                return "failure", f"warning {warning.category.__name__} {_template(str(warning.message))}", text
        if out.getvalue():
            return "failure", "prints", f"writes to the terminal: {out.getvalue()[:200]!r}"
        return result
    except ValueError as error:
        return _judged(error)
    except Late as error:
        return "failure", f"late {_place(error)}", f"more than {seconds:g} s, at {_place(error)}"
    except Broken as error:
        return "failure", _template(str(error)), str(error)
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__} at {_place(error)}: {error!s:.200}"
        return "failure", f"{type(error).__name__} {_place(error)}", text


def _allowed(warning: Any) -> bool:
    """Warnings of the package's own that say in a sentence what was done."""
    return issubclass(warning.category, UserWarning) and warning.category is UserWarning


def _judged(error: BaseException) -> tuple[str, str, str]:
    message = str(error)
    if isinstance(error, (UnicodeError,)):
        return "failure", f"{type(error).__name__} {_place(error)}", f"a bare {type(error).__name__}: {message:.200}"
    if _RAW.search(message):
        return "failure", f"raw {_place(error)}", f"control characters in the message: {message[:300]!r}"
    if len(message) > LONGEST_MESSAGE:
        return "failure", f"long {_place(error)}", f"a message of {len(message)} characters: {message[:200]!r}"
    if not is_own(error):
        return "failure", f"foreign {_place(error)}", f"another library's {type(error).__name__}: {message[:200]!r}"
    return "refused", f"{_place(error)} {_template(message)}", message


def _ring(*_: Any) -> None:
    raise Late


def frames_of(error: BaseException) -> list[tuple[str, str, int]]:
    """File, function and line of each frame of an error, the innermost last (`traceback` would read the files)."""
    found, held = [], error.__traceback__
    while held is not None:
        code = held.tb_frame.f_code
        found.append((code.co_filename, code.co_qualname, held.tb_lineno))
        held = held.tb_next
    return found


@functools.cache
def _of_package(filename: str) -> bool:
    import resource_ode

    return pathlib.Path(filename).is_relative_to(pathlib.Path(resource_ode.__file__).parent)


def is_own(error: BaseException) -> bool:
    """Whether the package itself raised it, by a statement `raise`, which names what was expected.

    An error that Python raises in the middle of one of its lines, as for a list that is unpacked into too few names, is
    a fault, though its innermost frame is the package's too.
    """
    held = error.__traceback__
    while held is not None and held.tb_next is not None:
        held = held.tb_next
    if held is None or not _of_package(held.tb_frame.f_code.co_filename):
        return False
    return dis.opname[held.tb_frame.f_code.co_code[held.tb_lasti]] == "RAISE_VARARGS"


def _place(error: BaseException) -> str:
    """The innermost function of the package, or where there is none, that of another library."""
    frames = frames_of(error)
    mine = [frame for frame in frames if _of_package(frame[0])]
    file, function, _ = (mine or frames)[-1]
    name = file.rsplit("/resource_ode/", 1)[-1] if mine else file.rsplit("/", 1)[-1]
    return f"{name}:{function}"


def _template(message: str) -> str:
    """A sentence without what differs from input to input."""
    return re.sub(r'"[^"]*"|\'[^\']*\'|/\S+|[-+]?\d[\d.e+-]*', "#", message)[:80]


# -- one function a format: from a file, or from values


def graph(path: pathlib.Path) -> Any:
    import resource_ode as ro

    return ro.read_graph(path)


def edges(path: pathlib.Path) -> Any:
    import resource_ode as ro

    # without a direction many lists of edges end at the first question
    return ro.read_graph(path, direction="prerequisite_first" if path.stat().st_size % 2 else None)


def curves(path: pathlib.Path) -> Any:
    import resource_ode as ro

    value = ("accuracy", "level", "loss", "squared_error")[path.stat().st_size % 4]
    ends: dict[str, float] = {"chance": 1.0, "ceiling": 0.0} if value in ("loss", "squared_error") else {}
    held = ro.read_curves(path, value=value, **ends)
    repr(held)
    for run in held.runs:
        if not (np.diff(run.steps) > 0).all() or run.levels.shape != (len(run.steps), len(held.names)):
            raise Broken("curves with steps that do not increase, or levels of another shape")
        if np.isinf(run.levels).any():
            raise Broken("curves with an infinite level")
    return held


def scenario(path: pathlib.Path) -> Any:
    import resource_ode as ro

    return ro.read_scenario(path)


def sweep(path: pathlib.Path) -> Any:
    import resource_ode as ro

    return ro.read_sweep(path)


def run(path: pathlib.Path, written: list[Any] | None = None) -> Any:
    """A saved run; whatever was damaged, if it is read its values must be `written` ones."""
    import resource_ode as ro

    held = ro.load(path)
    repr(held)
    values = [np.asarray(x) for x in (held.ts, held.state, held.clock)]
    if written is not None and not any(
        all(np.array_equal(x, y, equal_nan=True) for x, y in zip(values, other, strict=True)) for other in written
    ):
        raise Broken("a damaged run is read, with other values than were written")
    return values


def store(path: pathlib.Path, written: list[Any] | None = None) -> Any:
    """A store, likewise."""
    from resource_ode import sweeps

    with warnings.catch_warnings():
        # that part of a store is not computed yet is said by a warning
        warnings.simplefilter("ignore", UserWarning)
        held = sweeps.open_dataset(path).load()
    if written is not None and not any(_as_written(held, other) for other in written):
        raise Broken("a damaged store is read, with other values than were written")
    return held


def _as_written(held: Any, written: Any) -> bool:
    """Whether a data set holds what was written, apart from what counts as not computed yet (NaN, or -1)."""
    if set(held.variables) != set(written.variables):
        return False
    for name, variable in held.variables.items():
        one, other = np.asarray(variable), np.asarray(written[name])
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        same = one == other
        if name not in held.coords:
            same = same | (np.isnan(one) if one.dtype.kind == "f" else one == -1)
        if not np.all(same):
            return False
    return True


def command_line(words: list[str], folder: pathlib.Path) -> Any:
    """The program itself, in a folder that holds what its words name; it may write there and nowhere else."""
    from resource_ode import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(words)
    text = err.getvalue()
    if status not in (0, 1, 2):
        raise Broken(f"status {status}")
    if "Traceback" in text:
        raise Broken(f"a traceback: {text[-200:]}")
    if _RAW.search(text):
        raise Broken(f"control characters on the terminal: {text[:200]!r}")
    if status == 1:
        raise Broken(f"status 1: {_template(text)}")
    if status == 2 and not text.strip():
        raise Broken("status 2 without a word")
    if status == 2 and len(text.splitlines()) > 6 and "Usage:" not in text:
        raise Broken(f"status 2 with {len(text.splitlines())} lines")
    return status


VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.choice([True, 0, 1, -1, 2, 3, 10**400, 2**63]),
    lambda rng: rng.choice([0.0, 1.0, -1.0, 1e-320, 1e308, float("nan"), float("inf"), 1 + 2j]),
    lambda rng: rng.choice(["", "all", "any", "mse", "l2", "x", "\x1b[2J", b"all", "1.0"]),
    lambda rng: [rng.choice([1.0, 0.0, "a", None, [1], float("nan")]) for _ in range(rng.randrange(4))],
    lambda rng: rng.choice([(), {}, set(), object(), print, int, Ellipsis, range(3), slice(None)]),
    lambda rng: np.zeros([rng.randrange(4) for _ in range(rng.randrange(4))], rng.choice(["f8", "i4", "?", "c16"])),
    lambda rng: np.array(rng.choice([["a", "b"], [None, 1], [[1], [2]]]), object),
    lambda rng: np.array([["2020-01-01"], ["NaT"]][rng.randrange(2)], "M8[s]"),
    lambda rng: rng.choice([[[], [0]], [[1], [0]], [[0]], [[], [1, 1]], [[], [5]], [[-1]], [[True], []], [[], [0.0]]]),
    lambda rng: {"a": [], "b": ["a"]},
    lambda rng: np.ma.masked_array([1.0, 2.0], [True, False]),
)  # fmt: skip


def python(seed: str, rng: Random | None = None) -> Any:
    """Python arguments, drawn again from a text: one or two of a valid call's are replaced by something else."""
    import jax.numpy as jnp

    import resource_ode as ro

    rng = Random(seed)
    graph_arguments = {"prerequisites": [[], [0]], "gate": "all", "names": ["a", "b"], "frequency": [1.0, 2.0]}
    model_arguments = {
        "frequency": [1.0, 2.0], "learning_rate": 1e-2, "wasted_resource": 0.1, "gate_exponent": 0.1, "loss": "mse",
        "competition": "l1", "interference": None, "initial_level": None, "frequency_after": None, "pool": None,
    }  # fmt: skip
    calls = {"ts": [0.0, 10.0], "method": "auto", "tolerance": None, "batch_size": None, "level": 0.5}
    stage = rng.choice(["graph", "graph", "model", "model", "model", "call", "schedule", "replace"])
    held = {"graph": graph_arguments, "model": model_arguments, "call": calls}.get(stage, model_arguments)

    def value() -> Any:
        found = rng.choice(VALUES)(rng)
        if rng.random() < 0.15:
            # what JAX says about it is none of the package's
            with warnings.catch_warnings(), contextlib.suppress(Exception):
                warnings.simplefilter("ignore")
                return jnp.asarray(found)
        return found

    if stage == "schedule":
        held[rng.choice(["frequency", "learning_rate", "wasted_resource"])] = ro.Schedule(value(), value())
    elif stage == "replace":
        model = ro.ResourceModel(ro.SkillGraph(**graph_arguments), **model_arguments)
        return repr(model.replace(**{rng.choice(list(model_arguments)): value()}))
    else:
        for _ in range(rng.choice([1, 1, 2])):
            held[rng.choice(list(held))] = value()
    model = ro.ResourceModel(ro.SkillGraph(**graph_arguments), **model_arguments)
    text = repr(model)
    if stage == "call":
        level = calls.pop("level")
        if rng.random() < 0.5:
            return ro.learning_times(model, level, tolerance=calls["tolerance"], batch_size=calls["batch_size"])
        return repr(ro.simulate(model, calls.pop("ts"), **calls))
    return text


READERS: dict[str, Callable[[pathlib.Path], Any]] = {
    "scenario": scenario,
    "sweep": sweep,
    **dict.fromkeys(("graphml", "json", "csv-matrix", "gml", "gexf", "dot", "npy", "npz"), graph),
    **dict.fromkeys(("csv-edges", "edgelist", "adjlist", "text-table", "gzip"), edges),
    "curves": curves,
    "netcdf": run,
    "zarr": store,
}
FORMATS = (*READERS, "command-line", "python")


def replay(name: str, path: pathlib.Path, folder: pathlib.Path) -> tuple[str, str, str]:
    """The outcome of one file of the corpus."""
    if name == "command-line":
        words = json.loads(path.read_text())
        return outcome(lambda: command_line(words, folder), PROGRAM_SECONDS)
    if name == "python":
        return outcome(lambda: python(path.read_text()), PROGRAM_SECONDS)
    return outcome(lambda: READERS[name](path))
