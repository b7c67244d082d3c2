"""What the mapping makes of a hyperlink as old office programs kept it: ``shown text#address#``."""

from __future__ import annotations


def website(link: str | None) -> str | None:
    """The address alone, in lower case."""
    if link is None or link.count("#") < 2:
        return link
    return link.split("#")[1].lower()
