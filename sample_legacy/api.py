"""The JSON API, the picture, the redirect and the live feeds: what programs ask."""

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sample_legacy import customers, facts, orders, products, reports, sessions, uploads
from sample_legacy.shared import feeds, files, inputs, pictures
from sample_legacy.shared.answers import found
from sample_legacy.shop import Shop, shop_of


def list_products(request: Request) -> Response:
    category = inputs.query_choice(request.query_params, "category", products.CATEGORIES)
    return JSONResponse(products.listing(shop_of(request), category, inputs.page_of(request.query_params)))


def show_product(request: Request) -> Response:
    document = found(products.detail(shop_of(request), inputs.path_id(request)), "product")
    return JSONResponse(document, headers={"cache-control": "public, max-age=60"})


def search(request: Request) -> Response:
    return JSONResponse(products.search(shop_of(request), inputs.query_text(request.query_params, "q")))


class Orders(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        query = request.query_params
        customer = inputs.query_number(query, "customer", 0, 1, inputs.MAX_ID) if "customer" in query else None
        status = inputs.query_choice(query, "status", orders.STATUSES)
        return JSONResponse(orders.listing(shop_of(request), customer, status, inputs.page_of(query)))

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
        return JSONResponse(found(customers.detail(shop_of(request), inputs.path_id(request)), "customer"))

    async def patch(self, request: Request) -> Response:
        changes = inputs.customer_changes(await inputs.json_object(request))
        return JSONResponse(await run_in_threadpool(customers.update, shop_of(request), inputs.path_id(request), changes))


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
    number = sessions.customer_of(shop_of(request), request)
    document = None if number is None else customers.detail(shop_of(request), number)
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
    shop_of(request).row("SELECT 1")
    return JSONResponse({"status": "ok"})


async def events(request: Request) -> Response:
    return feeds.events(request, _stock_of(shop_of(request)), facts.PRODUCTS)


async def converse(socket: WebSocket) -> None:
    await feeds.converse(socket, _stock_of(shop_of(socket)))


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
