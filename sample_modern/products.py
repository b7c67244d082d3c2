"""Products: the catalogue, one of them, a search, and how many are left."""

from typing import Any

from sqlalchemy import Row, func, select

from sample_legacy.facts import CATEGORIES as CATEGORIES
from sample_legacy.shared import money
from sample_legacy.shared.answers import Document
from sample_legacy.shared.inputs import Page
from sample_modern.schema import products
from sample_modern.shop import Shop


def listing(shop: Shop, category: str | None, page: Page) -> Document:
    """One page of the catalogue."""
    chosen = [] if category is None else [products.c.category == category]
    total = shop.count(select(func.count()).select_from(products).where(*chosen))
    rows = shop.rows(select(products).where(*chosen).order_by(products.c.id).limit(page.size).offset(page.offset))
    return {"items": [summary(row) for row in rows], "page": page.number, "size": page.size, "total": total}


def detail(shop: Shop, number: int) -> Document | None:
    """One product; a product without a description has no such field."""
    row = shop.row(select(products).where(products.c.id == number))
    if row is None:
        return None
    document = summary(row) | {"currency": "EUR"}
    if row.description is not None or shop.planted("description-null"):
        document["description"] = row.description
    return document


def search(shop: Shop, words: str) -> Document:
    """Case is ignored the same way for every alphabet, which the databases' own lower() does not do."""
    found = shop.rows(select(products).order_by(products.c.id))
    items = [summary(row) for row in found if words.casefold() in row.name.casefold()]
    if shop.planted("price-as-string"):
        items = [item | {"price": f"{item['price']:.2f}"} for item in items]
    return {"q": words, "items": items, "total": len(items)}


def stock(shop: Shop, number: int) -> int | None:
    """How many are left, or None if there is no such product."""
    row = shop.row(select(products.c.stock).where(products.c.id == number))
    return None if row is None else int(row.stock)


def sku(category: str, number: int) -> str:
    """What the warehouse calls it: never stored here, because it follows from the rest."""
    return f"{category[:2].upper()}-{number:04d}"


def summary(row: Row[Any]) -> Document:
    """A product as lists show it."""
    return {
        "id": row.id,
        "sku": sku(row.category, row.id),
        "name": row.name,
        "price": money.to_amount(row.price_cents),
        "category": row.category,
        "stock": row.stock,
        "image": f"/images/{row.id}.png",
    }
