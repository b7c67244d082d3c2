"""The pages as a table."""

from __future__ import annotations

from strangler.web.fields import text, whole, word
from strangler.web.pages import data, difference, overview, records, route
from strangler.web.pages.page import Page

_WHOLE = word("whole", "whether lines that are equal are shown, too", "yes", "no")

PAGES: tuple[Page, ...] = (
    Page("/", "Routes", "routes", "overview.html", overview.show),
    Page("/routes/{name}", "Route", "routes", "route.html", route.show),
    Page("/causes/{name}", "Cause", "routes", "cause.html", difference.show_cause, live=False),
    Page("/diffs/{name}", "Difference", "routes", "difference.html", difference.show, (_WHOLE,), live=False),
    Page("/data", "Data", "data", "data.html", data.show),
    Page("/data/{name}", "Mapping", "data", "mapping.html", data.show_mapping),
    Page("/outbox", "Outbox", "outbox", "outbox.html", data.show_outbox),
    Page(
        "/journal",
        "Journal",
        "journal",
        "journal.html",
        records.journal,
        (text("route", "a route's name, or @GROUP", longest=101), whole("limit", "the newest so many", 10_000, 100)),
    ),
)
