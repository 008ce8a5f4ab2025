"""Names, numbers, frequencies and gates as graph files write them: cleaned, or refused in a sentence."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Hashable
from typing import Any, NoReturn

from ..graph import GATES
from .limits import MOST_SKILLS
from .problem import guess, refuse, said

# as one writes numbers in a file: no underscores, no thousands separators, no "inf" or "nan"
# quantifiers that give nothing back: else a long text takes time that grows with the square of its length
_NUMBER = re.compile(r"[+-]?(\d++(\.\d*+)?|\.\d++)([eE][+-]?\d++)?")
# as graph-tool writes numbers that are not whole
_HEX = re.compile(r"-?0x[01]\.?[\da-f]{0,13}p(-\d{1,4}|\+\d{1,3})")
# a line break or tab with the blanks around it
_BREAK = re.compile(r"(?<! ) *+[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029][\s\x1c-\x1e]*")
_HASH = re.compile(r"\s++#")
_JOINERS = "\u200c\u200d"  # ordinary in Persian and in emoji


def clean_name(raw: str, what: str = "name") -> str:
    """A name with line breaks as blanks; refused if it holds characters that print nothing or steer a terminal."""
    name = raw.strip(" ")
    if name.isprintable():
        return name
    name = _BREAK.sub(" ", name).strip(" ")
    for character in name:
        if character.isprintable() or character in _JOINERS:
            continue
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cf", "Cs"):
            reason = {"Cc": "a control character", "Cf": "an invisible character", "Cs": "half a character"}[kind]
            refuse(f"{what}: expected text that can be printed, got {said(raw)}, which holds {reason}")
    return name


def same_name(cell: str) -> str:
    """A name by which rows find one another: with single blanks, and letters of one code whatever tool typed them."""
    if cell.isascii() and cell.isprintable() and "  " not in cell:
        return cell.strip(" ")  # as most are, for speed
    return unicodedata.normalize("NFC", " ".join(clean_name(cell).split()))


def commented(name: str, names: Container[str]) -> bool:
    """Whether a name may go on as a comment; `Lesson # 2` and `Lesson #2` do not, unless `Lesson` is a name as well."""
    for mark in _HASH.finditer(name) if "#" in name else ():
        before, after = name[: mark.start()], name[mark.end() :]
        if before and (before in names or not (after[:1].isdecimal() or after.strip().isdecimal())):
            return True
    return False


def refuse_comment(name: str, where: str) -> NoReturn:
    """Refuse a name that may go on as a comment."""
    refuse(
        f"{where}: expected a name, got {said(name)}, which may end in a comment; delete the comment, or write the "
        "name without a blank before #"
    )


def finite_number(value: Any) -> float | None:
    """A finite number, from a number or its decimal text; `None` if it is none."""
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()) is None:
            return float.fromhex(value) if _HEX.fullmatch(value) else None
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def is_number(text: str) -> bool:
    """Whether a text is a plain decimal number."""
    return _NUMBER.fullmatch(text) is not None


def attribute(given: dict[str, Any], name: str, what: str) -> Any:
    """The attribute of a name, written in any case; `None` where there is none or it is empty."""
    value = given.get(name)
    # lengths first, for speed
    if not _blank(value) or not any(len(key) == len(name) for key in given):
        return value
    found = {key: value for key, value in given.items() if key.lower() == name and not _blank(value)}
    if len(found) > 1:
        refuse(f"{what}: expected one attribute {name}, got {said(sorted(found))}")
    return next(iter(found.values()), None)


def best_label(label: Any, name: Any, identity: Any) -> Any:
    """A label, or a name where there is none or it says no more than the id: networkx writes its nodes as labels."""
    plain = _blank(label) or label == identity or (isinstance(label, str) and label.isdecimal())
    return (name or label) if plain else label


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class Nodes:
    """The nodes of a file, in its order: ids, labels, gates and frequencies, each checked as it is added."""

    def __init__(self) -> None:
        self.position: dict[Hashable, int] = {}
        self._labels: list[str | None] = []
        self._texts: list[str] = []
        self._gates: dict[int, str] = {}
        self._frequencies: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def add(
        self, key: Hashable, label: Any = None, gate: Any = None, frequency: Any = None, text: str | None = None
    ) -> int:
        """Add a node of id `key`, shown as `text` (its id) unless its label names it better."""
        index = len(self._texts)
        if key in self.position:
            refuse(f"nodes: expected distinct ids, got {said(key)} more than once")
        if index >= MOST_SKILLS:
            refuse(f"expected at most {MOST_SKILLS:,} skills, got more; SkillGraph takes larger graphs as arrays")
        self.position[key] = index
        self._texts.append(str(key) if text is None else text)
        if label is None:
            self._labels.append(None)
        else:
            text = label if isinstance(label, str) else str(label)
            self._labels.append(clean_name(text, f"label of node {said(key)}") or None)
        if gate not in (None, ""):
            word = gate.strip().lower() if isinstance(gate, str) else gate
            if word not in GATES:
                refuse(f'gate of {said(key)}: expected "all" or "any", got {said(gate)}{guess(gate, ("all", "any"))}')
            self._gates[index] = word
        if frequency not in (None, ""):
            number = finite_number(frequency)
            if number is None or number <= 0:
                refuse(f"frequency of {said(key)}: expected a finite number above 0, got {said(frequency)}")
            self._frequencies[index] = number
        return index

    def names(self) -> list[str]:
        """A name for each node: its label; its id where it has none, or one that another node has too."""
        ids = [clean_name(text, f"id of node {index + 1}") for index, text in enumerate(self._texts)]
        times = Counter(self._labels)
        names = [
            text if label is None or times[label] > 1 else label for label, text in zip(self._labels, ids, strict=True)
        ]
        if len(set(names)) < len(names):
            names = ids
        for name, count in Counter(names).items():
            if count > 1:
                refuse(f"names: expected distinct names, got {said(name)} more than once")
        if "" in names:
            refuse(f"id of node {names.index('') + 1}: expected a name, got an empty one")
        return names

    def gates(self) -> list[str] | None:
        """The gates, `None` where no node has one."""
        return [self._gates.get(index, "all") for index in range(len(self))] if self._gates else None

    def frequencies(self) -> list[float] | None:
        """The frequencies, `None` where no node has one; refused where only some have."""
        if not self._frequencies:
            return None
        for index, text in enumerate(self._texts):
            if index not in self._frequencies:
                other = self._texts[next(iter(self._frequencies))]
                refuse(f"frequency of {said(text)}: expected a number, since {said(other)} has one, got none")
        return [self._frequencies[index] for index in range(len(self))]
