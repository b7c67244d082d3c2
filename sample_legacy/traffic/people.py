"""What simulated people do; pure.

A person's actions follow from the seed and the person's number alone: they know the seeded facts, so they need no answer to
decide what comes next, and slow servers change nothing about what is asked, only when.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from sample_legacy.facts import CATEGORIES, PASSWORD, PRODUCTS, Customer, Facts

_BOUNDARY = "----a-boundary-of-the-corner-shop"
_SEARCHES = ("cafe", "tea", "wooden", "ATLAS", "kettle", "robot", "o'brien", "&", "<b>", "nothing at all")
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: a request, a few events to watch (``sse``), or a WebSocket round trip."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    kind: str = "http"


class Person:
    """One of the people: a customer of the shop with habits."""

    def __init__(self, facts: Facts, seed: int, number: int, writes: bool = True) -> None:
        shoppers = [each for each in facts.customers if not each.deleted and each.status == "active"]
        self.id = f"u{number:03d}"
        self.customer: Customer = shoppers[number % len(shoppers)]
        self._draw = Random(f"{seed}:person:{number}")
        own = [order for order in facts.orders if order.customer_id == self.customer.id and not order.deleted]
        self._orders = [order.id for order in own]
        self._every_order = len(facts.orders)
        self._every_customer = len(facts.customers)
        self._to_move = {order.id: order.status for order in own if order.status in ("new", "paid")}
        self._habits = _habits(writes)

    def actions(self) -> Iterator[Action]:
        """Without end: one visit after the other."""
        visits, weights = list(self._habits), list(self._habits.values())
        while True:
            yield from self._draw.choices(visits, weights)[0](self)

    def browse(self) -> Iterator[Action]:
        draw = self._draw
        yield Action("GET", "/")
        category = draw.choice(("", *(f"?category={name}" for name in CATEGORIES), "?page=2"))
        yield Action("GET", f"/products{category}")
        for _ in range(draw.randint(1, 3)):
            number = draw.randint(1, PRODUCTS)
            yield Action("GET", f"/products/{number}")
            yield Action("GET", f"/images/{number}.png")

    def browse_in_an_app(self) -> Iterator[Action]:
        draw = self._draw
        query = draw.choice(("", "?page=2", "?size=50", "?category=toys", "?category=books&size=5", "?page=99"))
        yield Action("GET", f"/api/products{query}")
        for _ in range(draw.randint(1, 4)):
            yield Action("GET", f"/api/products/{draw.randint(1, PRODUCTS + 1)}")

    def search(self) -> Iterator[Action]:
        yield Action("GET", "/api/search?" + urlencode({"q": self._draw.choice(_SEARCHES)}))

    def look_at_orders(self) -> Iterator[Action]:
        draw = self._draw
        status = draw.choice(("", "", "&status=paid", "&status=new"))
        yield Action("GET", f"/api/orders?customer={self.customer.id}{status}")
        for number in draw.sample(self._orders, min(len(self._orders), 2)):
            yield Action("GET", f"/api/orders/{number}")
        yield Action("GET", f"/api/orders/{draw.randint(1, self._every_order)}")

    def look_at_customers(self) -> Iterator[Action]:
        yield Action("GET", f"/api/customers/{self.customer.id}")
        # Now and then one who is long gone, or never was.
        yield Action("GET", f"/api/customers/{self._draw.randint(1, self._every_customer + 5)}")

    def follow_an_old_link(self) -> Iterator[Action]:
        number = self._draw.randint(1, PRODUCTS)
        yield Action("GET", f"/go/{number}")
        yield Action("GET", f"/products/{number}")

    def read_reports(self) -> Iterator[Action]:
        yield Action("GET", "/api/reports/summary")
        if self._draw.random() < 0.5:
            yield Action("GET", "/api/reports/sales.csv")

    def watch(self) -> Iterator[Action]:
        yield Action("GET", "/events?count=3&interval=0.05", kind="sse")

    def converse(self) -> Iterator[Action]:
        question = {"ask": "stock", "id": self._draw.randint(1, PRODUCTS)}
        yield Action("GET", "/ws", json.dumps(question).encode(), kind="websocket")

    def visit_account(self) -> Iterator[Action]:
        form = {"email": self.customer.email.strip(), "password": PASSWORD, "next": "/account"}
        yield Action("GET", "/account")
        yield Action("POST", "/login", urlencode(form).encode(), "application/x-www-form-urlencoded")
        yield Action("GET", "/account")
        yield Action("GET", "/whoami")
        if self._draw.random() < 0.5:
            yield Action("POST", "/logout")

    def buy(self) -> Iterator[Action]:
        draw = self._draw
        numbers = draw.sample(range(1, PRODUCTS + 1), draw.randint(1, 3))
        items = [{"product_id": number, "quantity": draw.randint(1, 3)} for number in numbers]
        yield Action("GET", f"/api/products/{numbers[0]}")
        yield _send("POST", "/api/orders", {"customer_id": self.customer.id, "items": items})
        yield Action("GET", f"/api/orders?customer={self.customer.id}")

    def move_an_order_along(self) -> Iterator[Action]:
        if self._to_move:
            number = self._draw.choice(list(self._to_move))
            status = "paid" if self._to_move[number] == "new" else "shipped"
            if status == "paid":
                self._to_move[number] = status
            else:
                del self._to_move[number]
            yield _send("PUT", f"/api/orders/{number}", {"status": status})
            yield Action("GET", f"/api/orders/{number}")

    def change_phone(self) -> Iterator[Action]:
        phone = self._draw.choice((None, "", f"06-{self._draw.randrange(10**8):08d}"))
        yield _send("PATCH", f"/api/customers/{self.customer.id}", {"phone": phone})
        yield Action("GET", f"/api/customers/{self.customer.id}")

    def upload(self) -> Iterator[Action]:
        photo = self._draw.randbytes(self._draw.randint(10, 40_000))
        part = 'content-disposition: form-data; name="file"; filename="photo.jpg"\r\ncontent-type: image/jpeg'
        head = f"--{_BOUNDARY}\r\n{part}\r\n\r\n"
        body = head.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
        yield Action("POST", "/api/uploads", body, f"multipart/form-data; boundary={_BOUNDARY}")


Visit = Callable[[Person], Iterator[Action]]


def _habits(writes: bool) -> dict[Visit, int]:
    """How often people do what; without writes, nothing but GET is ever sent."""
    reading: dict[Visit, int] = {
        Person.browse: 16,
        Person.browse_in_an_app: 22,
        Person.search: 8,
        Person.look_at_orders: 22,
        Person.look_at_customers: 8,
        Person.follow_an_old_link: 3,
        Person.read_reports: 3,
        Person.watch: 2,
        Person.converse: 2,
    }
    writing: dict[Visit, int] = {
        Person.visit_account: 5,
        Person.buy: 5,
        Person.move_an_order_along: 3,
        Person.change_phone: 2,
        Person.upload: 1,
    }
    return reading | writing if writes else reading


def _send(method: str, path: str, document: object) -> Action:
    return Action(method, path, json.dumps(document).encode(), _JSON)
