"""Sessions: a cookie and a row that only this application knows."""

import secrets

from starlette.requests import Request

from sample_legacy.shared import moments
from sample_legacy.shop import Shop

COOKIE = "session"


def start(shop: Shop, customer: int) -> str:
    """A new session's id."""
    sid = secrets.token_urlsafe(24)
    values = {"sid": sid, "cust_no": customer, "created": moments.local_text(shop.clock())}
    shop.change("INSERT INTO sess (sid, cust_no, created) VALUES (:sid, :cust_no, :created)", values)
    return sid


def customer_of(shop: Shop, request: Request) -> int | None:
    """Who is asking, if they are logged in and still a customer."""
    row = shop.row(
        "SELECT c.cust_no FROM sess s JOIN customer c ON c.cust_no = s.cust_no AND c.deleted = 0 WHERE s.sid = :sid",
        sid=request.cookies.get(COOKIE, "").replace("\0", ""),
    )
    return None if row is None else int(row.cust_no)


def end(shop: Shop, request: Request) -> None:
    """Forget the session that this request came with."""
    shop.change("DELETE FROM sess WHERE sid = :sid", {"sid": request.cookies.get(COOKIE, "").replace("\0", "")})
