"""SQL cut into words: enough to see which names an expression mentions, not what it means.

All three dialects are read at once: 'text' with doubled quotes, "names" and `names` and [names], -- and /* */ and # comments,
$tag$ texts $tag$. Where a dialect reads a thing differently (MariaDB takes "text" for a text), the name merely matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*|\#(?![>-])[^\n]*|/\*.*?\*/)
    | (?P<text>[eEnNxXbB]?'(?:[^'\\]|''|\\.)*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]\d'"][^\]]*\])
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word. `kind` is text, name (quoted), word (a name or a keyword), number or mark."""

    kind: str
    text: str

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "name")

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or marks, in lower case."""
        return self.kind in ("word", "mark") and self.text.lower() in words


def tokens(sql: str) -> Iterator[Token]:
    """The words of a statement, comments and blanks left out."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "quoted":
            yield Token("name", _bare(match[0]))
        elif kind != "blank":
            yield Token("text" if kind == "tag" else kind, match[0])


def mentions(sql: str, names: Collection[str]) -> frozenset[str]:
    """Those of the names that an expression mentions, in any case."""
    said = {token.text.lower() for token in tokens(sql) if token.is_name}
    return frozenset(name for name in names if name.lower() in said)


def _bare(quoted: str) -> str:
    end = quoted[-1]
    return quoted[1:-1].replace(end * 2, end)
