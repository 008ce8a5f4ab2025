"""For MkDocs: examples in docstrings (`>>> ...`) are shown as code."""

from __future__ import annotations

from typing import Any

from markdown import Extension
from markdown.preprocessors import Preprocessor


class _Fence(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        found: list[str] = []
        inside = False
        for line in lines:
            if line.startswith(">>> ") and not inside:
                found.append("```pycon")
                inside = True
            elif inside and not line.strip():
                found.append("```")
                inside = False
            found.append(line)
        return found + ["```"] * inside


class Doctests(Extension):
    """Fences doctests before anything else reads them."""

    def extendMarkdown(self, md: Any) -> None:
        # before the fenced blocks themselves are found, at 25
        md.preprocessors.register(_Fence(md), "doctests", 28)


def on_config(config: Any) -> Any:
    config.markdown_extensions.append(Doctests())
    return config
