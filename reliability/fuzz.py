"""`make fuzz`: damaged files for every reader, until something but an object or a declared error comes of one.

For each format valid files are generated (`seeds`), damaged (`mutations`: bytes, tokens, and the structure of the
format), and read in a process of its own (`targets`) that may take 5 s and 1 GB for one input. What an input must end
in is the object, or one of the declared errors, raised by the package itself, in a message that a terminal can show.
Anything else (another exception, a warning, more time or memory, the end of the process) is a failure, and failures are
counted once for each kind and place. An input that leads somewhere new in the package (a line that none before it
reached where Python can say so cheaply, from 3.12 on; else a refusal that none met before) becomes a seed itself.

Each distinct failure is made as small as it goes and saved in `tests/corpus/FORMAT/`, which `make test` reads again.

    make fuzz                                  a minute per format
    make fuzz ARGS="--seconds 1800 --inputs 100000"     a full run
    make fuzz ARGS="--only json,npy --seed 3"

With `--write` the table in the page gets the rows of the formats that were tried, and keeps those of the others.

Exit status 1 if there was a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from resource_ode.results import probe

from . import document, mutations, seeds, targets
from .forked import Forked
from .workers import Worker, processor_seconds

CORPUS = document.ROOT / "tests" / "corpus"
# beyond what a worker needs to begin with, which is about 500
MEGABYTES = 1000.0
# inputs between two words from a worker, in seconds; and the most seeds that are kept
ROUND, MOST_SEEDS = 4.0, 2000
DATABASE: dict[str, Any] = {}
HEAD = ["format", "inputs", "read as an object", "seconds", "distinct failures", "seed", "commit"]


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m reliability fuzz", description="Damaged files for every reader.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each format (default 60)")
    parser.add_argument("--inputs", type=int, help="stop a format at so many, if its seconds are not over before")
    parser.add_argument("--seed", type=int, default=0, help="other damages (default 0)")
    parser.add_argument("--only", default="", help=f"formats, by commas, among {', '.join(targets.FORMATS)}")
    parser.add_argument("--write", action="store_true", help=f"put the table into {document.PATH}")
    parser.add_argument("--keep", action="store_true", help="save failures in tests/corpus")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    wanted = [name.strip() for name in options.only.split(",") if name.strip()] or list(targets.FORMATS)
    unknown = [name for name in wanted if name not in targets.FORMATS]
    if unknown:
        print(f"--only: expected formats among {', '.join(targets.FORMATS)}, got {unknown[0]}", file=sys.stderr)
        return 2
    rows, found = [], {}
    for name in wanted:
        inputs, whole, seconds, failures = campaign(name, options.seconds, options.seed, options.inputs)
        numbers = (f"{inputs:,}", f"{whole:,}", f"{seconds:.0f}", str(len(failures)), str(options.seed))
        rows.append([name, *numbers, document.commit()])
        print(
            f"{name}: {inputs:,} inputs, {whole:,} read, {seconds:.0f} s, {len(failures)} distinct failures",
            file=sys.stderr,
        )
        for key, (text, data) in failures.items():
            found[name, key] = text
            print(f"  {key}\n    {text[:300]}", file=sys.stderr, flush=True)
            if options.keep:
                save(name, key, data)
    command = f'make fuzz ARGS="--seconds {options.seconds:g} --seed {options.seed}'
    command += f" --inputs {options.inputs}" if options.inputs else ""
    command += f' --only {options.only}"' if options.only else '"'
    failed = [f"- {name}: `{key}`: {text[:200]!r}" for (name, key), text in found.items()]
    print("\n".join([*document.table([HEAD, *rows]), "", *failed]).rstrip())
    if options.write:
        # what was tried now, among what was tried before
        rows += [row for row in document.rows("fuzz", HEAD) if row[0] not in wanted and row[0] in targets.FORMATS]
        rows.sort(key=lambda row: targets.FORMATS.index(row[0]))
        text = "\n".join([document.provenance(command), "", *document.table([HEAD, *rows]), "", *failed])
        document.put("fuzz", text.rstrip())
    return 1 if found else 0


def campaign(
    name: str, seconds: float, seed: int, most: int | None = None
) -> tuple[int, int, float, dict[str, tuple[str, bytes]]]:
    """Inputs of one format for so many seconds: how many, how many of them were read, and each distinct failure."""
    with tempfile.TemporaryDirectory(prefix="resource_ode_fuzz_", dir=_memory()) as folder:
        worker = Worker(
            "reliability.fuzz:work", prepare="reliability.fuzz:prepare", seconds=ROUND + 200, megabytes=MEGABYTES + 500
        )
        inputs, whole, failures, begin = 0, 0, {}, time.perf_counter()
        number = 0
        try:
            # generating seeds may solve something, and is not counted
            answer = worker.call(("open", name, folder, seed), 300)
            if answer.kind != "done":
                raise RuntimeError(f"{name}: no seeds: {answer.value}")
            begin = time.perf_counter()
            while (left := seconds - (time.perf_counter() - begin)) > 0 and (most is None or inputs < most):
                number += 1
                worker.send(("round", number, min(ROUND, left)))
                answer = _watched(worker, folder, name in ("command-line", "python"))
                if answer.kind == "done":
                    count, read, new = answer.value
                    inputs, whole = inputs + count, whole + read
                    for key, found in new.items():
                        failures.setdefault(key, found)
                    continue
                # it died, or took what it must not: the input that it was at is still there
                data = _last(folder)
                failures.setdefault(f"{answer.kind}", (str(answer.value).strip()[-300:], data))
                answer = worker.call(("open", name, folder, seed + 1000 * number), 300)
            spent = time.perf_counter() - begin
            # smaller inputs say more; those that kill are left as they are
            for key, (text, data) in list(failures.items()):
                if key not in ("timeout", "memory", "died", "raised"):
                    answer = worker.call(("shrink", key, data), 60)
                    if answer.kind == "done":
                        failures[key] = (text, answer.value)
        finally:
            worker.stop()
        return inputs, whole, spent, failures


def _watched(worker: Worker, folder: str, slow: bool) -> Any:
    """An answer; an input that holds its place for longer than allowed ends the worker."""
    mark, since = "", processor_seconds(worker.process.pid)
    while True:
        answer = worker.answer(0.1)
        if answer is not None:
            return answer
        now, spent = _number(folder), processor_seconds(worker.process.pid)
        # nothing: it is just being written
        if now != mark or not now:
            mark, since = now, spent
        elif spent - since > 3 * (targets.PROGRAM_SECONDS if slow else targets.SECONDS):
            worker.limit = 0.0


def _memory() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None


def _number(folder: str) -> str:
    try:
        return pathlib.Path(folder, "number").read_text()
    except OSError:
        return ""


def _last(folder: str) -> bytes:
    try:
        return pathlib.Path(folder, "input").read_bytes()
    except OSError:
        return b""


def save(name: str, key: str, data: bytes) -> pathlib.Path:
    """An input that failed, among those that every test run reads again."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    words = "-".join(re.findall(r"[a-z0-9]+", key.lower()))[:60].strip("-")
    ending = ".json" if name == "zarr" else seeds.suffix(name)
    path = folder / f"{words}-{hashlib.sha256(data).hexdigest()[:8]}{ending}"
    path.write_bytes(data)
    return path


# -- in the worker


class Reading:
    """One format in a worker: its seeds, where it has been, and how an input is made, read and made smaller."""

    def __init__(self, name: str, folder: str, seed: int):
        self.name, self.folder, self.seed = name, pathlib.Path(folder), seed
        self.path = self.folder / f"skills{seeds.suffix(name)}"
        self.lines = Lines()
        self.seen: set[Any] = set()
        # what a format with checksums may be read as: what was written, and nothing else
        self.written: list[Any] | None = None
        if name == "netcdf":
            probe.read_apart = Forked()
            self.seeds = seeds.netcdf(self.folder)
        elif name == "zarr":
            self.seeds = [pack(seeds.zarr(self.folder))]
        elif name == "command-line":
            (self.folder / "words").mkdir(exist_ok=True)
            (self.folder / "words" / "scenario.toml").write_bytes(seeds.SCENARIO)
            self.seeds = [json.dumps(words).encode() for words in seeds.COMMAND_LINES]
        elif name == "python":
            self.seeds = [b"0"]
        else:
            self.seeds = list(seeds.TEXTS[name])
        if name == "scenario":
            (self.folder / "skills.csv").write_bytes(seeds.MATRIX)
        written: list[Any] = []
        for data in self.seeds:
            kind, _, text = self.read(data)
            if kind != "object":
                raise RuntimeError(f"{name}: a seed that is not read: {text}")
            if name in ("zarr", "netcdf"):
                written.append(targets.READERS[name](self.path))
        self.written = written or None
        self.read_ones = list(self.seeds)

    def make(self, rng: Random) -> bytes:
        # mostly from what is read: from what is refused at the first word little can be learned
        data = rng.choice(self.read_ones if rng.random() < 0.7 else self.seeds)
        if self.name == "zarr":
            return pack(mutations.mutate_store(unpack(data), rng))
        if self.name == "command-line":
            return json.dumps(mutations.mutate_words(json.loads(data), rng)).encode()
        if self.name == "python":
            return str(rng.randrange(2**48)).encode()
        return mutations.mutate(self.name, data, self.seeds, rng)

    def read(self, data: bytes) -> tuple[str, str, str]:
        """How the format's reader takes an input."""
        if self.name == "command-line":
            words = self.folder / "words"
            for path in words.iterdir():
                if path.name != "scenario.toml":
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            return targets.outcome(lambda: targets.command_line(json.loads(data), words), targets.PROGRAM_SECONDS)
        if self.name == "python":
            return targets.outcome(lambda: targets.python(data.decode()), targets.PROGRAM_SECONDS)
        if self.name == "zarr":
            shutil.rmtree(self.path, ignore_errors=True)
            write_store(self.path, unpack(data))
            return targets.outcome(lambda: targets.store(self.path, self.written))
        self.path.write_bytes(data)
        if self.name == "netcdf":
            return targets.outcome(lambda: targets.run(self.path, self.written))
        return targets.outcome(lambda: targets.READERS[self.name](self.path))

    def shrink(self, key: str, data: bytes, seconds: float = 20.0) -> bytes:
        """The same failure from less: halves, quarters, ... are left out as long as it stays."""
        if self.name in ("python", "command-line", "zarr", "netcdf", "npz"):
            return data
        end, size = time.perf_counter() + seconds, max(1, len(data) // 2)
        while size and time.perf_counter() < end:
            at, smaller = 0, False
            while at < len(data) and time.perf_counter() < end:
                less = data[:at] + data[at + size :]
                if self.read(less)[1] == key:
                    data, smaller = less, True
                else:
                    at += size
            if not smaller:
                size //= 2
        return data


class Lines:
    """Whether a call reached a line of the package that none before it had; cheap from Python 3.12 on, else never."""

    def __init__(self) -> None:
        self.new = False
        tools = getattr(sys, "monitoring", None)
        if tools is None:
            return
        if tools.get_tool(tools.COVERAGE_ID) is None:
            tools.use_tool_id(tools.COVERAGE_ID, "resource_ode_fuzz")

        def line(code: Any, _: int) -> Any:
            if "/resource_ode/" in code.co_filename:
                self.new = True
            # each line calls once
            return tools.DISABLE

        tools.register_callback(tools.COVERAGE_ID, tools.events.LINE, line)
        tools.set_events(tools.COVERAGE_ID, tools.events.LINE)


def prepare() -> None:
    import jax

    import resource_ode  # noqa: F401

    jax.config.update("jax_enable_x64", True)


def work(order: tuple[Any, ...]) -> Any:
    """What a worker does: open a format, read inputs for a while, or make one smaller."""
    verb, *rest = order
    if verb == "open":
        DATABASE["reading"] = Reading(*rest)
        return None
    reading: Reading = DATABASE["reading"]
    if verb == "shrink":
        return reading.shrink(*rest)
    number, seconds = rest
    rng = Random(f"{reading.seed}.{number}")
    end, count, whole, failures = time.perf_counter() + seconds, 0, 0, {}
    where, mark = reading.folder / "input", reading.folder / "number"
    while time.perf_counter() < end:
        data = reading.make(rng)
        where.write_bytes(data)
        mark.write_text(f"{number}.{count}")
        reading.lines.new = False
        kind, key, text = reading.read(data)
        count += 1
        whole += kind == "object"
        if kind == "failure":
            failures.setdefault(key, (text, data))
        elif (reading.lines.new or (kind, key) not in reading.seen) and len(reading.seeds) < MOST_SEEDS:
            reading.seen.add((kind, key))
            reading.seeds.append(data)
        if kind == "object" and rng.random() < 0.02 and len(reading.read_ones) < MOST_SEEDS:
            reading.read_ones.append(data)
    return count, whole, failures


# -- stores as one file


def pack(files: dict[str, bytes]) -> bytes:
    return json.dumps({name: data.hex() for name, data in files.items()}).encode()


def unpack(data: bytes) -> dict[str, bytes]:
    return {name: bytes.fromhex(text) for name, text in json.loads(data).items()}


def write_store(path: pathlib.Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
