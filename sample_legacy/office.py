"""What staff, partners and machines ask of the old shop; nobody has begun to rewrite any of it."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sample_legacy import customers, orders, products, reports
from sample_legacy.shared import inputs, money
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.inputs import Page
from sample_legacy.shared.templates import page
from sample_legacy.shop import shop_of

_STYLES = {
    "shop.5d1e0c7a.css": "body { font-family: sans-serif }\n",
    "print.91f0b3d2.css": "nav { display: none }\n",
    "cart.0a77c4e9.css": "table { width: 100% }\n",
}
_RECENT = Page(1, 5)


def categories(request: Request) -> Response:
    listed = [{"name": name, "products": _category(request, name, Page(1, 1))["total"]} for name in products.CATEGORIES]
    return JSONResponse({"items": listed, "total": len(listed)})


def show_category(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in products.CATEGORIES:
        raise HTTPException(404, "No such category")
    listing = _category(request, name, Page(1, 3))
    return JSONResponse(
        {"name": name, "products": listing["total"], "first": listing["items"], "page": f"/products?category={name}"}
    )


def stock(request: Request) -> Response:
    number = inputs.path_id(request)
    left = products.stock(shop_of(request), number)
    if left is None:
        raise HTTPException(404, "No such product")
    return JSONResponse({"product_id": number, "stock": left, "available": left > 0})


def by_sku(request: Request) -> Response:
    found_in = re.fullmatch(r"[A-Z]{2}-([0-9]{4,9})", request.path_params["sku"])
    document = products.detail(shop_of(request), int(found_in[1])) if found_in else None
    if document is None or document["sku"] != request.path_params["sku"]:
        raise HTTPException(404, "No such product")
    return JSONResponse(document)


def recent_orders(request: Request) -> Response:
    return JSONResponse(orders.listing(shop_of(request), None, None, _RECENT), headers={"cache-control": "no-store"})


def order_items(request: Request) -> Response:
    document = found(orders.detail(shop_of(request), inputs.path_id(request)), "order")
    return JSONResponse({"order_id": document["id"], "items": document["items"], "total": len(document["items"])})


def invoice(request: Request) -> Response:
    document = found(orders.detail(shop_of(request), inputs.path_id(request)), "order")
    head = f"Invoice {document['id']:06d} of {document['created_at']}"
    lines = [f"{item['quantity']:>3} x {item['name'] or '(no longer sold)'}" for item in document["items"]]
    return PlainTextResponse("\n".join([head, *lines, f"Total {money.euros(money.to_cents(document['total']))}", ""]))


def list_customers(request: Request) -> Response:
    return JSONResponse(customers.listing(shop_of(request), inputs.page_of(request.query_params)))


def customer_orders(request: Request) -> Response:
    shop, number = shop_of(request), inputs.path_id(request)
    found(customers.detail(shop, number), "customer")
    return JSONResponse(orders.listing(shop, number, None, inputs.page_of(request.query_params)))


def day(request: Request) -> Response:
    date = request.path_params["date"]
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
        raise HTTPException(404, "Not found")
    return JSONResponse(reports.day(shop_of(request), date))


def robots(request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /account\n")


def sitemap(request: Request) -> Response:
    pages = ("", "about", "products")
    lines = "".join(f"<url><loc>{request.url_for('home')}{each}</loc></url>" for each in pages)
    return Response(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{lines}</urlset>', media_type="application/xml")


def style(request: Request) -> Response:
    text = _STYLES.get(request.path_params["name"])
    if text is None:
        raise HTTPException(404, "Not found")
    return Response(text, headers={"cache-control": "public, max-age=31536000, immutable"}, media_type="text/css")


def about(request: Request) -> Response:
    return page("about.html", categories=products.CATEGORIES)


def _category(request: Request, name: str, asked: Page) -> Document:
    return products.listing(shop_of(request), name, asked)


ROUTES: list[BaseRoute] = [
    Route("/api/categories", categories),
    Route("/api/categories/{name}", show_category),
    Route("/api/products/by-sku/{sku}", by_sku),
    Route("/api/products/{id}/stock", stock),
    Route("/api/orders/recent", recent_orders),
    Route("/api/orders/{id}/items", order_items),
    Route("/api/orders/{id}/invoice", invoice),
    Route("/api/customers", list_customers),
    Route("/api/customers/{id}/orders", customer_orders),
    Route("/api/reports/days/{date}", day),
    Route("/robots.txt", robots),
    Route("/sitemap.xml", sitemap),
    Route("/static/{name}", style),
    Route("/about", about),
]
