"""The JSON API, the picture, the redirect and the live feeds: what programs ask."""

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sample_legacy import facts
from sample_legacy.shared import feeds, files, inputs, pictures
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.inputs import Page
from sample_modern import customers, identity, orders, products, reports, uploads
from sample_modern.shop import Shop, shop_of

_PAGE_CAP = 25
_SLOWER_BY = 0.4  # seconds


def list_products(request: Request) -> Response:
    shop, page = shop_of(request), inputs.page_of(request.query_params)
    category = inputs.query_choice(request.query_params, "category", products.CATEGORIES)
    document = products.listing(shop, category, page)
    if shop.planted("page-capped"):
        document["items"] = document["items"][:_PAGE_CAP]
    if shop.planted("sku-missing"):
        document["items"] = [{key: value for key, value in item.items() if key != "sku"} for item in document["items"]]
    return JSONResponse(document)


def show_product(request: Request) -> Response:
    shop = shop_of(request)
    document = found(products.detail(shop, inputs.path_id(request)), "product")
    return JSONResponse(document, headers={} if shop.planted("cache-header-lost") else {"cache-control": "public, max-age=60"})


def search(request: Request) -> Response:
    return JSONResponse(products.search(shop_of(request), inputs.query_text(request.query_params, "q")))


class Orders(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        shop, query = shop_of(request), request.query_params
        customer = inputs.query_number(query, "customer", 0, 1, inputs.MAX_ID) if "customer" in query else None
        status = inputs.query_choice(query, "status", orders.STATUSES)
        if shop.planted("orders-slow"):
            shop.pause(_SLOWER_BY)
        return JSONResponse(orders.listing(shop, customer, status, inputs.page_of(query)))

    async def post(self, request: Request) -> Response:
        wanted = inputs.new_order(await inputs.json_object(request))
        document = await run_in_threadpool(orders.create, shop_of(request), wanted)
        return JSONResponse(document, 201, {"location": f"/api/orders/{document['id']}"})


class Order(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        return JSONResponse(found(orders.detail(shop_of(request), inputs.path_id(request)), "order"))

    async def put(self, request: Request) -> Response:
        status = inputs.order_status(await inputs.json_object(request), orders.STATUSES)
        return JSONResponse(await run_in_threadpool(orders.change_status, shop_of(request), inputs.path_id(request), status))

    async def delete(self, request: Request) -> Response:
        await run_in_threadpool(orders.delete, shop_of(request), inputs.path_id(request))
        return Response(status_code=204)


class Customer(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        shop = shop_of(request)
        document = customers.detail(shop, inputs.path_id(request))
        if document is None and shop.planted("unknown-customer-200"):
            return JSONResponse({"error": "No such customer"})
        return JSONResponse(found(document, "customer"))

    async def patch(self, request: Request) -> Response:
        changes = inputs.customer_changes(await inputs.json_object(request))
        document = await run_in_threadpool(customers.update_details, shop_of(request), inputs.path_id(request), changes)
        return JSONResponse(document)


def summary(request: Request) -> Response:
    return JSONResponse(reports.summary(shop_of(request)), headers={"cache-control": "no-store"})


def sales(request: Request) -> Response:
    return files.csv_download("sales.csv", reports.SALES_HEAD, reports.sales(shop_of(request)))


async def upload(request: Request) -> Response:
    document = await run_in_threadpool(uploads.keep, shop_of(request), await files.receive(request))
    return JSONResponse(document, 201, {"location": f"/api/uploads/{document['id']}"})


def show_upload(request: Request) -> Response:
    return JSONResponse(found(uploads.detail(shop_of(request), inputs.path_id(request)), "upload"))


def whoami(request: Request) -> Response:
    document = _customer(request)
    if document is None:
        return JSONResponse({"error": "Nobody is logged in"}, 401, {"cache-control": "no-store"})
    return JSONResponse({key: document[key] for key in ("id", "name", "email")}, headers={"cache-control": "no-store"})


def image(request: Request) -> Response:
    number = inputs.path_id(request)
    found(products.detail(shop_of(request), number), "picture")
    return pictures.picture(request, number)


def go(request: Request) -> Response:
    return RedirectResponse(f"/products/{inputs.path_id(request)}", 301)


def healthz(request: Request) -> Response:
    products.listing(shop_of(request), None, Page(1, 1))
    return JSONResponse({"status": "ok"})


async def events(request: Request) -> Response:
    return feeds.events(request, _stock_of(shop_of(request)), facts.PRODUCTS)


async def converse(socket: WebSocket) -> None:
    await feeds.converse(socket, _stock_of(shop_of(socket)))


def _customer(request: Request) -> Document | None:
    number = identity.customer_of(request)
    return None if number is None else customers.detail(shop_of(request), number)


def _stock_of(shop: Shop) -> feeds.StockOf:
    async def stock_of(number: int) -> int | None:
        return await run_in_threadpool(products.stock, shop, number)

    return stock_of


ROUTES: list[BaseRoute] = [
    Route("/api/products", list_products),
    Route("/api/products/{id}", show_product),
    Route("/api/search", search),
    Route("/api/orders", Orders),
    Route("/api/orders/{id}", Order),
    Route("/api/customers/{id}", Customer),
    Route("/api/reports/summary", summary),
    Route("/api/reports/sales.csv", sales),
    Route("/api/uploads", upload, methods=["POST"]),
    Route("/api/uploads/{id}", show_upload),
    Route("/whoami", whoami),
    Route("/images/{id}.png", image),
    Route("/go/{id}", go),
    Route("/healthz", healthz),
    Route("/events", events),
    WebSocketRoute("/ws", converse),
]
