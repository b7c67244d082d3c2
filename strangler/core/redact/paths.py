"""Which segments of a path are secret: what a parameter with a secret name takes, as in ``/reset/{token}``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import unquote

from strangler.core.template import Literal, Part, Rest, Template


class Paths:
    """The templates that have such a parameter.

    Args:
        is_secret: whether a name says that its value is a secret.
    """

    def __init__(self, templates: Iterable[Template], is_secret: Callable[[str], bool]) -> None:
        self._is_secret = is_secret
        self._known = [template.parts for template in templates if any(map(self._takes_secret, template.parts))]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._known)

    def secret(self, segments: Sequence[str]) -> frozenset[int]:
        """Places among the segments, as they were sent, behind the first slash."""
        return frozenset(at for parts in self._known if _fits(parts, segments) for at in self._places(parts, len(segments)))

    def _places(self, parts: Sequence[Part], number: int) -> Iterator[int]:
        for at, part in enumerate(parts):
            if self._takes_secret(part):
                yield from range(at, number if isinstance(part, Rest) else at + 1)

    def _takes_secret(self, part: Part) -> bool:
        return not isinstance(part, Literal) and self._is_secret(part.name)


def _fits(parts: Sequence[Part], segments: Sequence[str]) -> bool:
    """Whether the path may be one of the template's; expressions of its parameters are not looked at."""
    if len(segments) < len(parts) or (len(segments) > len(parts) and not isinstance(parts[-1], Rest)):
        return False
    pairs = zip(parts, segments, strict=False)
    return all(part.text == unquote(segment) for part, segment in pairs if isinstance(part, Literal))
