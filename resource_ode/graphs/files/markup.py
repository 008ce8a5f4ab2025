"""XML as a stream of elements: no entities, nothing fetched, no tree in memory."""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from .problem import GraphFileError, refuse, said


def parse_xml(
    data: bytes,
    kind: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Call `start`, `end` and `text` for each element of a document, with names without their prefixes.

    `kind` is what the error says was expected: "GraphML".
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = lambda *_: refuse("expected no entities to be declared, got a document that does")
    parser.SkippedEntityHandler = lambda name, _: refuse(f"expected no entities of one's own, got &{said(name)[1:-1]};")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        refuse(f"{place}: expected {kind}, got text that is no XML ({expat.ErrorString(error.code)})")
    except GraphFileError as error:
        refuse(f"line {parser.CurrentLineNumber}: {error}")
    except (LookupError, ValueError):
        refuse(f"expected {kind} in UTF-8, got an encoding that is not known here; save it as UTF-8")


def local(attributes: dict[str, str], name: str) -> str | None:
    """An attribute by its name, with any prefix."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if key.endswith(f":{name}")), None)
