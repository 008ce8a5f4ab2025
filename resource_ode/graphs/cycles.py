"""Cycles among skills, in time that is linear in the edges: which skills require one another, and one such cycle."""

from __future__ import annotations

from typing import Any

import numpy as np


def _lists(skills: int, source: np.ndarray, target: np.ndarray) -> tuple[list[int], list[int]]:
    """The targets of each skill one after another, and where those of each begin."""
    order = np.argsort(source, kind="stable")
    return target[order].tolist(), np.searchsorted(source[order], np.arange(skills + 1)).tolist()


def depths(skills: int, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The longest path to each skill among edges from `source[k]` to `target[k]`; -1 in a cycle and behind one."""
    children, starts = _lists(skills, source, target)
    waiting = np.bincount(target, minlength=skills).tolist()
    found = [-1 if count else 0 for count in waiting]
    ready = [skill for skill, count in enumerate(waiting) if not count]
    for skill in ready:  # grows while it is read, by depth: the last one before a child is the deepest
        below = found[skill] + 1
        for child in children[starts[skill] : starts[skill + 1]]:
            waiting[child] -= 1
            if not waiting[child]:
                found[child] = below
                ready.append(child)
    return np.asarray(found, np.int32)


def find_cycle(skills: int, source: Any, target: Any) -> list[int] | None:
    """The skills of a cycle, each required by the next, among edges from `source[k]` to `target[k]`; `None` without."""
    source, target = np.asarray(source, np.int64), np.asarray(target, np.int64)
    stuck = depths(skills, source, target) < 0
    if not stuck.any():
        return None
    inside = stuck[source] & stuck[target]
    before = dict(zip(target[inside].tolist(), source[inside].tolist(), strict=True))
    skill, seen = int(np.argmax(stuck)), {}
    while skill not in seen:
        seen[skill] = len(seen)
        skill = before[skill]
    return [place for place in seen if seen[place] >= seen[skill]][::-1]


def components(skills: int, source: Any, target: Any) -> np.ndarray:
    """For each skill the number of its strongly connected component; these are numbered by their first skills.

    Tarjan's algorithm without recursion.
    """
    children, starts = _lists(skills, np.asarray(source, np.int64), np.asarray(target, np.int64))
    at = starts[:-1].copy()
    number, low, found = [-1] * skills, [0] * skills, [-1] * skills
    open_: list[int] = []
    count = 0
    for root in range(skills):
        if number[root] >= 0:
            continue
        path = [root]
        while path:
            skill = path[-1]
            if number[skill] < 0:
                number[skill] = low[skill] = count
                count += 1
                open_.append(skill)
            if at[skill] < starts[skill + 1]:
                child = children[at[skill]]
                at[skill] += 1
                if number[child] < 0:
                    path.append(child)
                elif found[child] < 0 and number[child] < low[skill]:
                    low[skill] = number[child]
                continue
            path.pop()
            if path and low[skill] < low[path[-1]]:
                low[path[-1]] = low[skill]
            if low[skill] == number[skill]:
                while True:
                    member = open_.pop()
                    found[member] = skill
                    if member == skill:
                        break
    _, first, place = np.unique(np.asarray(found), return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place]
