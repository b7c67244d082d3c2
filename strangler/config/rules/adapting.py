"""Translations that could not be made, and headers that are not a route's to touch."""

from __future__ import annotations

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import UNTRANSLATABLE
from strangler.core.rename import parse_rename
from strangler.core.spec.reader import Reader


def renames_can_be_done(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        if placed.is_broken("adapt.response.rename"):
            continue
        becomes: dict[str, str] = {}
        for source, target in route.adapt.response.rename.items():
            try:
                parse_rename(source, target)
            except ValueError as error:
                placed.value_problem(reader, "adapt.response.rename", str(error))
            first = becomes.setdefault(str(target), str(source))
            if first != str(source):
                message = f"{first} and {source} would both become {target}: two members cannot stand at one place"
                placed.value_problem(reader, "adapt.response.rename", message)


def headers_are_the_routes_own(draft: Draft, reader: Reader) -> None:
    """Who the user is, modern hears from the proxy alone; and how it may answer, if the answer is to be translated."""
    vouching = {upstream.identity.header for upstream in draft.upstreams.values() if upstream and upstream.identity}
    for route, placed in draft.whole():
        request, response = route.adapt.request, route.adapt.response
        for key, names in (("set_headers", request.set_headers), ("remove_headers", request.remove_headers)):
            for name in names:
                if name.replace("_", "-") in {header.replace("_", "-") for header in vouching}:
                    message = f"{name} says who the user is, which only the proxy does"
                    placed.value_problem(reader, f"adapt.request.{key}", message)
                elif name in UNTRANSLATABLE and (response.rename or response.python):
                    message = f"{name} is the proxy's own where answers are translated: they are asked for whole and plain"
                    placed.value_problem(reader, f"adapt.request.{key}", message)


RULES: tuple[Rule, ...] = (renames_can_be_done, headers_are_the_routes_own)
