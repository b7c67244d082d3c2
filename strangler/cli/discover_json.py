"""What `strangler discover` found, as JSON-able values."""

from __future__ import annotations

from typing import Any

from strangler.traffic.discovery.endpoint import Endpoint, Query
from strangler.traffic.discovery.ranking import Ranked
from strangler.traffic.discovery.survey import Discovery


def as_json_of(found: Discovery, ranked: tuple[Ranked, ...]) -> dict[str, Any]:
    """Endpoints in the order in which to strangle."""
    return {
        "requests": found.requests,
        "first": found.first or None,
        "last": found.last or None,
        "endpoints": [_endpoint(one, number, found) for number, one in enumerate(ranked, 1)],
        "aside": [{"reason": one.reason, "requests": one.requests, "examples": list(one.examples)} for one in found.aside],
        "folded": found.folded,
        "crowds": [{"path": place, "words": number} for place, number in found.crowds],
        "openapi": _document(found) if found.documented else None,
    }


def _document(found: Discovery) -> dict[str, Any]:
    return {
        "base": found.base,
        "undocumented": [one.name for one in found.endpoints if one.operation is None],
        "unseen": [{"method": one.method, "path": one.template.text, "operation": one.name or None} for one in found.unseen],
    }


def _endpoint(ranked: Ranked, number: int, found: Discovery) -> dict[str, Any]:
    one = ranked.endpoint
    return {
        "rank": number,
        "points": ranked.points,
        "reasons": [reason.words for reason in ranked.reasons],
        "method": one.method,
        "path": one.template.text,
        "requests": one.requests,
        "share": one.requests / found.requests if found.requests else 0.0,
        "methods": dict(one.methods),
        "statuses": {str(status) if status else "none": number for status, number in sorted(one.statuses.items())},
        "content_types": list(one.kinds),
        "request_content_types": list(one.sends),
        "query": [_query(query) for query in one.query],
        "auth": dict(one.auth),
        "cookies": list(one.cookies),
        "varies": list(one.varies),
        "hosts": list(one.hosts),
        "clients": one.clients,
        "size": _two(one.sizes),
        "seconds": _two(one.seconds),
        "effects": list(one.effects),
        "again": {"times": one.again[0], "same": one.again[1], "fields": list(one.again[2])},
        "failed": one.failed,
        "mappings": list(one.mappings),
        "examples": list(one.examples),
        **_said(one, found),
    }


def _said(one: Endpoint, found: Discovery) -> dict[str, Any]:
    if not found.documented:
        return {}
    return {"documented": one.operation is not None, "operation": (one.operation.name or None) if one.operation else None}


def _query(query: Query) -> dict[str, Any]:
    return {"name": query.name, "share": query.share, "always": query.always, "values": list(query.values)}


def _two(pair: tuple[float, float] | None) -> dict[str, float] | None:
    return None if pair is None else {"p50": pair[0], "p95": pair[1]}
