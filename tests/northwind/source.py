"""The old side in SQLite: names with spaces, text keys, dates as text, money as floats, flags as '0' and '1', photos."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

VARIABLE = "STRANGLER_TEST_NORTHWIND"
Row = tuple[Any, ...]

TABLES = {
    "Categories": "CategoryID INTEGER PRIMARY KEY AUTOINCREMENT, CategoryName TEXT, Description TEXT, Picture BLOB",
    "Customers": (
        "CustomerID TEXT, CompanyName TEXT, ContactName TEXT, ContactTitle TEXT, Address TEXT, City TEXT, Region TEXT, "
        "PostalCode TEXT, Country TEXT, Phone TEXT, Fax TEXT, PRIMARY KEY (CustomerID)"
    ),
    "Employees": (
        "EmployeeID INTEGER PRIMARY KEY AUTOINCREMENT, LastName TEXT, FirstName TEXT, TitleOfCourtesy TEXT, BirthDate DATE, "
        "HireDate DATE, Extension TEXT, Photo BLOB, Notes TEXT, ReportsTo INTEGER REFERENCES Employees (EmployeeID)"
    ),
    "Regions": "RegionID INTEGER NOT NULL PRIMARY KEY, RegionDescription TEXT NOT NULL",
    "Territories": (
        "TerritoryID TEXT NOT NULL, TerritoryDescription TEXT NOT NULL, RegionID INTEGER NOT NULL, PRIMARY KEY (TerritoryID), "
        "FOREIGN KEY (RegionID) REFERENCES Regions (RegionID)"
    ),
    "EmployeeTerritories": (
        "EmployeeID INTEGER NOT NULL REFERENCES Employees (EmployeeID), "
        "TerritoryID TEXT NOT NULL REFERENCES Territories (TerritoryID), PRIMARY KEY (EmployeeID, TerritoryID)"
    ),
    "Suppliers": (
        "SupplierID INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, CompanyName TEXT NOT NULL, Country TEXT, Phone TEXT, "
        "HomePage TEXT"
    ),
    "Products": (
        "ProductID INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ProductName TEXT NOT NULL, "
        "SupplierID INTEGER REFERENCES Suppliers (SupplierID), CategoryID INTEGER REFERENCES Categories (CategoryID), "
        "QuantityPerUnit TEXT, UnitPrice NUMERIC DEFAULT 0 CHECK (UnitPrice >= 0), UnitsInStock INTEGER DEFAULT 0, "
        "Discontinued TEXT NOT NULL DEFAULT '0'"
    ),
    "Orders": (
        "OrderID INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, CustomerID TEXT REFERENCES Customers (CustomerID), "
        "EmployeeID INTEGER REFERENCES Employees (EmployeeID), OrderDate DATETIME, RequiredDate DATETIME, ShippedDate DATETIME, "
        "ShipVia INTEGER, Freight NUMERIC DEFAULT 0, ShipName TEXT, ShipRegion TEXT, ShipCountry TEXT"
    ),
    "Order Details": (
        "OrderID INTEGER NOT NULL REFERENCES Orders (OrderID), ProductID INTEGER NOT NULL REFERENCES Products (ProductID), "
        "UnitPrice NUMERIC NOT NULL DEFAULT 0, Quantity INTEGER NOT NULL DEFAULT 1 CHECK (Quantity > 0), "
        "Discount REAL NOT NULL DEFAULT 0 CHECK (Discount BETWEEN 0 AND 1), PRIMARY KEY (OrderID, ProductID)"
    ),
}

_TOWNS = ("Århus", "São Paulo", "México D.F.", "Köln", "Reims", "Lander", "O'Fallon", "Bräcke")
_COUNTRIES = ("Denmark", "Brazil", "Mexico", "Germany", "France", "USA", "UK", "Sweden")
_CUSTOMERS, _EMPLOYEES, _SUPPLIERS, _PRODUCTS, _ORDERS, _FIRST_ORDER = 60, 9, 12, 40, 160, 10248
_START = datetime(1996, 7, 4)


def make(path: Path) -> None:
    """The whole sample if the environment names it, else a few hundred rows of its shapes; the same ones each time."""
    if sample := os.environ.get(VARIABLE):
        shutil.copy(sample, path)
        path.chmod(0o600)
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns in TABLES.items():
            connection.execute(f"CREATE TABLE [{table}] ({columns})")
        for table, rows in _rows(Random(1996)).items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO [{table}] VALUES ({marks})", rows)


def _rows(random: Random) -> dict[str, Sequence[Row]]:
    customers = [_customer(random, code) for code in _codes(random)]
    territories = [(f"{number:05}", random.choice(_TOWNS), random.randint(1, 4)) for number in range(1581, 1611)]
    products = [_product(random, number) for number in range(1, _PRODUCTS + 1)]
    orders = [_order(random, number, random.choice(customers)) for number in range(_FIRST_ORDER, _FIRST_ORDER + _ORDERS)]
    return {
        "Categories": [(n, f"Category {n}", f"Things, and more things\nof kind {n}", random.randbytes(400)) for n in range(1, 9)],
        "Customers": customers,
        "Employees": [_employee(random, number) for number in range(1, _EMPLOYEES + 1)],
        "Regions": list(enumerate(("Eastern", "Western", "Northern", "Southern"), 1)),
        "Territories": territories,
        "EmployeeTerritories": [(1 + place % _EMPLOYEES, each[0]) for place, each in enumerate(territories)],
        "Suppliers": [_supplier(random, number) for number in range(1, _SUPPLIERS + 1)],
        "Products": products,
        "Orders": orders,
        "Order Details": [line for order in orders for line in _lines(random, order[0], products)],
    }


def _codes(random: Random) -> Iterator[str]:
    codes: dict[str, None] = {}
    while len(codes) < _CUSTOMERS:
        codes["".join(random.choices("ABCDEFGHIJKLMNOPRSTUVWZ", k=5))] = None
    yield from codes


def _customer(random: Random, code: str) -> Row:
    place = random.randrange(len(_TOWNS))
    phone = f"(0{random.randrange(10)}) {random.randrange(10**6):06}"
    return (
        *(code, f"{code.title()}  & Søn", f"Zoë {code.title()}", random.choice(("Owner", "Sales Agent"))),
        *(f"{random.randrange(99)} rue Lauriston\nC", _TOWNS[place], random.choice((None, None, "SP", "WA"))),
        *(f"{random.randrange(99999):05}", _COUNTRIES[place], phone, random.choice((None, phone))),
    )


def _employee(random: Random, number: int) -> Row:
    title = ("Mr.", "Ms.", "Mrs.", "Dr.")[number % 4]
    born = f"19{random.randrange(37, 66)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
    photo, notes = random.randbytes(500), "“Fluent” in French — reads Italian.\t" * 9
    return (
        number,
        f"Name{number}",
        f"First{number}",
        title,
        born,
        "1993-05-03",
        f"{5000 + number}",
        photo,
        notes,
        None if number == 2 else 2,
    )


def _supplier(random: Random, number: int) -> Row:
    page = random.choice(
        (None, None, f"#SUPPLIER{number}.HTM#", f"Supplier {number} (on the web)#http://www.example.org/{number}#")
    )
    return (number, f"Supplier {number}, Ltd.", random.choice(_COUNTRIES), f"(100) 555-{number:04}", page)


def _product(random: Random, number: int) -> Row:
    price = random.choice((random.randrange(2, 100), random.randrange(200, 26350) / 100))
    flag = "1" if random.random() < 0.1 else "0"
    category = random.randint(1, 8)
    return (
        number,
        f"Côte de N° {number}",
        random.randint(1, _SUPPLIERS),
        category,
        f"{number} x 1 kg",
        price,
        random.randrange(126),
        flag,
    )


def _order(random: Random, number: int, customer: Row) -> Row:
    placed = _START + timedelta(days=number - _FIRST_ORDER)
    shipped = None if random.random() < 0.1 else _written(placed + timedelta(days=random.randint(1, 30)))
    freight = random.choice((random.randrange(200), random.randrange(2, 100764) / 100))
    return (
        *(number, customer[0], random.randint(1, _EMPLOYEES), _written(placed), _written(placed + timedelta(days=28)), shipped),
        *(random.randint(1, 3), freight, customer[1], customer[6], customer[8]),
    )


def _lines(random: Random, order: int, products: Sequence[Row]) -> Iterator[Row]:
    for product in random.sample(products, random.randint(1, 4)):
        yield order, product[0], product[5], random.randint(1, 130), random.choice((0.0, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.03))


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.000"
