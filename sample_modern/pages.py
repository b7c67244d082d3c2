"""The HTML pages that have moved so far: the products, and an account for whom the proxy vouches."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sample_legacy.shared import inputs
from sample_legacy.shared.answers import found
from sample_legacy.shared.inputs import Page
from sample_legacy.shared.templates import page
from sample_modern import customers, identity, orders, products
from sample_modern.shop import shop_of

_PER_PAGE = 12


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


def account(request: Request) -> Response:
    shop, number = shop_of(request), identity.customer_of(request)
    customer = None if number is None else customers.detail(shop, number)
    if customer is None:
        raise HTTPException(401, "Nobody is logged in")
    bought = orders.listing(shop, number, None, Page(1, 20))
    return page("account.html", 200, {"cache-control": "no-store"}, customer=customer, orders=bought["items"])


ROUTES: list[BaseRoute] = [
    Route("/products", list_products),
    Route("/products/{id}", show_product),
    Route("/account", account),
]
