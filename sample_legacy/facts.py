"""The shop's seeded world: the same customers, products and orders for both applications.

The same seed gives the same facts on every machine. The first rows of each kind are awkward on purpose; the rest is drawn.
Facts are told the way legacy knows them (Amsterdam wall-clock times, float prices, emails as people typed them, deleted rows
kept), because legacy is where the truth was first written down. The modern application may import this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random

from sample_legacy.shared import money

DEFAULT_SEED = 7
DEFAULT_CUSTOMERS = 120
PRODUCTS = 48
PASSWORD = "demo"

OPENED = datetime(2023, 1, 2, 9, 0, 0)
DST_GAP = datetime(2024, 3, 31, 2, 30, 0)  # the wall clock jumped over this half hour
DST_TWICE = datetime(2024, 10, 27, 2, 30, 0)  # and showed this one twice


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone who buys; ``email`` is as typed, ``created`` is Amsterdam wall-clock time."""

    id: int
    name: str
    email: str
    phone: str | None
    status: str
    created: datetime
    branch: int
    points: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy; ``price`` is a float of euros, with all that this entails."""

    id: int
    name: str
    description: str | None
    price: float
    category: str
    stock: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order, at the price of that day."""

    product_id: int
    quantity: int
    price: float

    @property
    def cents(self) -> int:
        return self.quantity * money.to_cents(self.price)


@dataclass(frozen=True, slots=True)
class Order:
    """What someone bought; times are Amsterdam wall-clock times."""

    id: int
    customer_id: int
    status: str
    created: datetime
    paid: datetime | None
    lines: tuple[Line, ...]
    deleted: bool = False

    @property
    def total_cents(self) -> int:
        return money.total(sum(line.cents for line in self.lines), len(self.lines))

    @property
    def total(self) -> float:
        """Added up in floats and never rounded, as legacy does: the column is full of 89.97999999999999."""
        subtotal = sum(line.quantity * line.price for line in self.lines)
        return subtotal + (self.total_cents - sum(line.cents for line in self.lines)) / 100


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything both databases start with."""

    customers: tuple[Customer, ...]
    products: tuple[Product, ...]
    orders: tuple[Order, ...]


_FIRST = (
    *("Anouk", "Bram", "Carlijn", "Daan", "Eva", "Fleur", "Guus", "Hanna", "Isa", "Jasper"),
    *("Kim", "Lotte", "Mats", "Noor", "Olaf", "Puck", "Ravi", "Sanne", "Tess", "Wout"),
)
_LAST = ("Bakker", "de Boer", "Dekker", "van Dijk", "Hoekstra", "Jansen", "Kuipers", "Mulder", "Postma", "Smit", "de Wit")

_WORDS = {
    "books": (("Atlas of", "Notes on", "Stories from"), ("harbours", "small rivers", "the polder", "night trains")),
    "garden": (("Copper", "Oak", "Folding"), ("watering can", "bench", "trowel", "bird table")),
    "kitchen": (("Enamel", "Stoneware", "Beech"), ("kettle", "bowl", "board", "jug")),
    "music": (("Travel", "Concert", "Vintage"), ("ukulele", "metronome", "recorder", "kalimba")),
    "toys": (("Wooden", "Tin", "Painted"), ("tram", "kite", "windmill", "marble run")),
}
CATEGORIES = tuple(_WORDS)

# (name, email, phone, status, created, deleted)
_AWKWARD_CUSTOMERS: tuple[tuple[str, str, str | None, str, datetime, bool], ...] = (
    ("Anna de Vries", " Anna.deVries@Example.org ", "+31 20 555 0101", "active", datetime(2023, 1, 9, 10, 15), False),
    ("Zoe\u0301 Mu\u0308ller", "ZOE.MULLER@example.org", "020-5550102", "active", datetime(2023, 2, 1, 8, 0), False),
    ("Jos \U0001f6b2 Fietsma", "jos@example.org  ", None, "active", datetime(2023, 2, 28, 23, 59, 59), False),
    ('Pat "Ace" O\'Neil & Sons', "  Pat.ONeil@Example.org", "", "active", datetime(2023, 3, 26, 1, 59, 59), False),
    ("<b>Bobby</b><script>alert(1)</script>", "bobby@example.org", "'; --", "active", datetime(2023, 4, 1, 0, 0), False),
    ("Ghost Gone", "ghost@example.org", None, "active", datetime(2023, 4, 2, 12, 0), True),
    ("Blocked Betty", "Betty@Example.Org", "+31 6 5550 107", "blocked", datetime(2023, 5, 5, 5, 5, 5), False),
    ("Idle Ivo", "ivo@example.org", "", "inactive", datetime(2023, 6, 30, 23, 59, 59), False),
    ("Gap Gerrit", "gerrit@example.org", None, "active", DST_GAP, False),
    ("Twice Truus", "truus@example.org", "020 555 0110", "active", DST_TWICE, False),
    ("\u5c71\u7530 \u592a\u90ce", "taro@example.org", None, "active", datetime(2024, 2, 29, 12, 0), False),
    ("\u0645\u0631\u064a\u0645 Ha\u00efm", "maryam@example.org", "0", "active", datetime(2025, 1, 1, 0, 30), False),
)

# (name, description, price, category, stock, deleted)
_AWKWARD_PRODUCTS: tuple[tuple[str, str | None, float, str, int, bool], ...] = (
    ("Cafe\u0301 press", "For two cups. Keeps warm \u2615.", 19.99, "kitchen", 25, False),
    ('Tea "for two" & more', "Loose leaves, sold by the gram.", 0.1 + 0.2, "kitchen", 400, False),
    ("Robot \U0001f916", None, 29.95, "toys", 7, False),
    ("<b>Bold</b> lamp", "<i>Bright</i> & bold. 5 < 6.", 4.35, "garden", 0, False),
    ("O'Brien's field guide", "", 1.15, "books", 12, False),
    ("Discontinued drum", "No longer made.", 75.5, "music", 3, True),
    ("Grand piano", "Delivered to your door, if the door is wide.", 12500.0, "music", 1, False),
    ("Free sample", None, 0.0, "books", 999, False),
    ("Half a hundred bench", "Two of these make a discount.", 60.0, "garden", 40, False),
)

# (customer, status, created, hours until paid, ((product, quantity), ...), deleted)
_AWKWARD_ORDERS: tuple[tuple[int, str, datetime, int | None, tuple[tuple[int, int], ...], bool], ...] = (
    (1, "paid", datetime(2024, 5, 6, 14, 30), 2, ((3, 1), (1, 2)), False),
    (1, "new", datetime(2024, 5, 7, 9, 0), None, (), False),
    (2, "cancelled", datetime(2024, 5, 8, 9, 0), None, ((9, 1),), False),
    (10, "shipped", DST_TWICE, 1, ((5, 3),), False),
    (9, "paid", DST_GAP, 1, ((4, 1),), False),
    (3, "shipped", datetime(2024, 12, 31, 23, 59, 59), 0, ((1, 1), (2, 3)), False),
    (6, "shipped", datetime(2024, 1, 15, 11, 11, 11), 5, ((2, 1),), False),
    (4, "paid", datetime(2023, 9, 9, 9, 9, 9), 24, ((6, 1), (8, 1)), False),
    (5, "cancelled", datetime(2023, 10, 10, 10, 10), None, ((1, 1),), True),
    (5, "paid", datetime(2024, 7, 31, 23, 59, 59), 3, ((9, 1), (9, 1)), False),
    (11, "new", datetime(2025, 1, 1, 0, 30), None, ((2, 3), (5, 1), (4, 7)), False),
    (12, "paid", datetime(2025, 3, 30, 3, 0), 0, ((7, 1),), False),
)
AWKWARD_CUSTOMERS = len(_AWKWARD_CUSTOMERS)


@lru_cache(maxsize=4)
def load(seed: int = DEFAULT_SEED, customers: int = DEFAULT_CUSTOMERS) -> Facts:
    """All facts of one seed; the products do not depend on the number of customers."""
    if customers < AWKWARD_CUSTOMERS:
        raise ValueError(f"at least {AWKWARD_CUSTOMERS} customers, for the awkward ones; got {customers}")
    products = (*_awkward_products(), *_drawn_products(Random(f"{seed}:products")))
    people = (*_awkward_customers(), *_drawn_customers(Random(f"{seed}:customers"), customers))
    bought = (*_awkward_orders(products), *_drawn_orders(Random(f"{seed}:orders"), people, products))
    return Facts(people, products, bought)


def _awkward_customers() -> Iterator[Customer]:
    for number, (name, email, phone, status, created, deleted) in enumerate(_AWKWARD_CUSTOMERS, start=1):
        yield Customer(number, name, email, phone, status, created, number % 3 + 1, number * 5, deleted)


def _drawn_customers(draw: Random, count: int) -> Iterator[Customer]:
    for number in range(AWKWARD_CUSTOMERS + 1, count + 1):
        first, last = draw.choice(_FIRST), draw.choice(_LAST)
        yield Customer(
            id=number,
            name=f"{first} {last}",
            email=_as_typed(draw, f"{first}.{last.replace(' ', '')}.{number}@example.org"),
            phone=draw.choice([None, "", f"06-{draw.randrange(10**8):08d}", f"+31 6 {draw.randrange(10**8):08d}"]),
            status=draw.choices(["active", "inactive", "blocked"], [90, 7, 3])[0],
            created=OPENED + timedelta(seconds=draw.randrange(700 * 86_400)),
            branch=draw.randint(1, 4),
            points=draw.randrange(500),
            deleted=draw.random() < 0.03,
        )


def _as_typed(draw: Random, email: str) -> str:
    return draw.choice([email, email.lower(), email.upper(), f" {email}", f"{email}  "])


def _awkward_products() -> Iterator[Product]:
    for number, (name, description, price, category, stock, deleted) in enumerate(_AWKWARD_PRODUCTS, start=1):
        yield Product(number, name, description, price, category, stock, deleted)


def _drawn_products(draw: Random) -> Iterator[Product]:
    for number in range(len(_AWKWARD_PRODUCTS) + 1, PRODUCTS + 1):
        category = CATEGORIES[number % len(CATEGORIES)]
        kinds, things = _WORDS[category]
        name = f"{draw.choice(kinds)} {draw.choice(things)}"
        yield Product(
            id=number,
            name=name,
            description=draw.choice([None, f"{name}, made to last.", f"{name}. A favourite since 1987."]),
            price=draw.choice([9.95, 14.5, 19.99, 24.95, 39.9, 49.99, 64.35, 1.1 * 3, 89.0]),
            category=category,
            stock=draw.randrange(80),
            deleted=draw.random() < 0.04,
        )


def _awkward_orders(products: tuple[Product, ...]) -> Iterator[Order]:
    for number, (customer, status, created, hours, bought, deleted) in enumerate(_AWKWARD_ORDERS, start=1):
        lines = tuple(Line(product, quantity, products[product - 1].price) for product, quantity in bought)
        paid = None if hours is None else created + timedelta(hours=hours)
        yield Order(number, customer, status, created, paid, lines, deleted)


def _drawn_orders(draw: Random, people: tuple[Customer, ...], products: tuple[Product, ...]) -> Iterator[Order]:
    number = len(_AWKWARD_ORDERS)
    for customer in people:
        for _ in range(draw.choice([0, 1, 2, 3, 5])):
            number += 1
            yield _drawn_order(draw, number, customer, products)


def _drawn_order(draw: Random, number: int, customer: Customer, products: tuple[Product, ...]) -> Order:
    status = draw.choices(["new", "paid", "shipped", "cancelled"], [25, 30, 35, 10])[0]
    created = customer.created + timedelta(seconds=draw.randrange(300 * 86_400))
    paid = created + timedelta(seconds=draw.randrange(2 * 86_400)) if status in ("paid", "shipped") else None
    bought = draw.sample(products, draw.choice([1, 1, 2, 2, 3, 4]))
    lines = tuple(Line(product.id, draw.randint(1, 4), product.price) for product in bought)
    return Order(number, customer.id, status, created, paid, lines)
