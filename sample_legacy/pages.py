"""The HTML pages: what people see."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sample_legacy import customers, facts, orders, products, sessions
from sample_legacy.shared import inputs
from sample_legacy.shared.answers import found
from sample_legacy.shared.inputs import Page
from sample_legacy.shared.templates import page
from sample_legacy.shop import Shop, shop_of

_PER_PAGE = 12
_A_YEAR = 31_536_000


def home(request: Request) -> Response:
    listing = products.listing(shop_of(request), None, Page(1, 4))
    return page("home.html", products=listing["items"], total=listing["total"])


def list_products(request: Request) -> Response:
    category = inputs.query_choice(request.query_params, "category", products.CATEGORIES)
    asked = inputs.page_of(request.query_params, _PER_PAGE)
    listing = products.listing(shop_of(request), category, asked)
    return page(
        "products.html",
        products=listing["items"],
        total=listing["total"],
        page=asked.number,
        pages=-(-listing["total"] // asked.size),
        category=category,
        categories=products.CATEGORIES,
    )


def show_product(request: Request) -> Response:
    return page("product.html", product=found(products.detail(shop_of(request), inputs.path_id(request)), "product"))


class Login(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        return page("login.html", next=_local(request.query_params.get("next")), email="", problem=None)

    async def post(self, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=20) as form:
            email, password, wanted = (str(form.get(field, "")) for field in ("email", "password", "next"))
        sid = await run_in_threadpool(_new_session, shop_of(request), email, password)
        if sid is None:
            problem = "That email and password do not belong together."
            return page("login.html", 401, next=_local(wanted), email=email, problem=problem)
        return _welcome(sid, _local(wanted))


def log_out(request: Request) -> Response:
    """A GET that changes something: it is that kind of application."""
    sessions.end(shop_of(request), request)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(sessions.COOKIE, httponly=True, samesite="lax")
    return answer


def account(request: Request) -> Response:
    shop = shop_of(request)
    number = sessions.customer_of(shop, request)
    if number is None:
        return RedirectResponse("/login?next=/account", 302)
    bought = orders.listing(shop, number, None, Page(1, 20))
    context = {"customer": customers.detail(shop, number), "orders": bought["items"]}
    return page("account.html", 200, {"cache-control": "no-store"}, **context)


def _new_session(shop: Shop, email: str, password: str) -> str | None:
    number = customers.by_email(shop, email.replace("\0", "")) if password == facts.PASSWORD else None
    return sessions.start(shop, number) if number is not None and customers.may_log_in(shop, number) else None


def _welcome(sid: str, target: str) -> Response:
    """Several cookies at once, as old applications do: who you are, that you were here, and a message to take away."""
    answer = RedirectResponse(target, 303)
    answer.set_cookie(sessions.COOKIE, sid, httponly=True, samesite="lax")
    answer.set_cookie("returning", "yes", max_age=_A_YEAR, samesite="lax")
    answer.delete_cookie("flash", samesite="lax")
    return answer


def _local(target: str | None) -> str:
    """Where to go after logging in: a path of ours, and never another site."""
    return target if target and re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", target) else "/account"


ROUTES: list[BaseRoute] = [
    Route("/", home),
    Route("/products", list_products),
    Route("/products/{id}", show_product),
    Route("/login", Login),
    Route("/logout", log_out, methods=["GET", "POST"]),
    Route("/account", account),
]
