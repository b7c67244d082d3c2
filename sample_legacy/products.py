"""Products: the catalogue, one of them, a search, and how many are left."""

from typing import Any

from sqlalchemy import Row

from sample_legacy.schema import CATEGORY
from sample_legacy.shared import money
from sample_legacy.shared.answers import Document
from sample_legacy.shared.inputs import Page
from sample_legacy.shop import Shop

CATEGORIES = tuple(CATEGORY.values())
_CODE = {word: code for code, word in CATEGORY.items()}


def listing(shop: Shop, category: str | None, page: Page) -> Document:
    """One page of the catalogue."""
    where = "deleted = 0" if category is None else "deleted = 0 AND cat = :cat"
    code = {} if category is None else {"cat": _CODE[category]}
    total = shop.rows(f"SELECT COUNT(*) FROM product WHERE {where}", **code)[0][0]
    found = shop.rows(
        f"SELECT prod_no, nm, prc, cat, qty FROM product WHERE {where} ORDER BY prod_no LIMIT :size OFFSET :skip",
        size=page.size,
        skip=page.offset,
        **code,
    )
    return {"items": [_summary(row) for row in found], "page": page.number, "size": page.size, "total": total}


def detail(shop: Shop, number: int) -> Document | None:
    """One product; a product without a description has no such field."""
    row = shop.row("SELECT prod_no, nm, prc, cat, qty, descr FROM product WHERE prod_no = :no AND deleted = 0", no=number)
    if row is None:
        return None
    return _summary(row) | {"currency": "EUR"} | ({} if row.descr is None else {"description": row.descr})


def search(shop: Shop, words: str) -> Document:
    """Case is ignored the same way for every alphabet, which the databases' own lower() does not do."""
    found = shop.rows("SELECT prod_no, nm, prc, cat, qty FROM product WHERE deleted = 0 ORDER BY prod_no")
    items = [_summary(row) for row in found if words.casefold() in row.nm.casefold()]
    return {"q": words, "items": items, "total": len(items)}


def stock(shop: Shop, number: int) -> int | None:
    """How many are left, or None if there is no such product."""
    row = shop.row("SELECT qty FROM product WHERE prod_no = :no AND deleted = 0", no=number)
    return None if row is None else int(row.qty)


def sku(code: str, number: int) -> str:
    """What the warehouse calls it."""
    return f"{code}-{number:04d}"


def _summary(row: Row[Any]) -> Document:
    return {
        "id": row.prod_no,
        "sku": sku(row.cat, row.prod_no),
        "name": row.nm,
        "price": money.to_amount(money.to_cents(row.prc)),
        "category": CATEGORY[row.cat],
        "stock": row.qty,
        "image": f"/images/{row.prod_no}.png",
    }
