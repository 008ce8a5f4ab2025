"""Graph files of a few lines, and what each must give."""

import re
from pathlib import Path

import pytest

import resource_ode as ro

NAMES = ("letters", "words", "sentences")
CHAIN = [[], [0], [1]]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def reads(folder, name, content, names=NAMES, lists=CHAIN, **options):
    """The graph in a file, which must have these skills and prerequisites."""
    graph = ro.read_graph(write(folder, name, content), **options)
    assert graph.names == (None if names is None else tuple(names))
    assert [sorted(row) for row in graph.prerequisite_lists()] == lists
    return graph


def refuses(folder, name, content, message, **options):
    """A file must be refused by one line that begins with its name and holds this text."""
    path = write(folder, name, content)
    with pytest.raises(ro.GraphFileError, match=re.escape(message)) as error:
        ro.read_graph(path, **options)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).isprintable()
