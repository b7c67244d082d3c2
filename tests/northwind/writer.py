"""The old application, as far as its database can tell: seeded writes of every sort, each in a transaction of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

_LATEST = "2024-03-10 02:30:00.000"  # an hour that New York's clocks skipped


class Writer:
    """Draws rows at random and changes them. References are kept by the writer; the old side does not enforce them."""

    def __init__(self, connection: sqlite3.Connection, random: Random) -> None:
        self.connection, self.random = connection, random

    def one(self, sql: str) -> tuple[Any, ...]:
        return self.random.choice(self.connection.execute(sql).fetchall())

    def run(self, sql: str, *values: Any) -> int:
        return self.connection.execute(sql, values).lastrowid or 0

    def code(self) -> str:
        return "".join(self.random.choices("ABCDEFGHIJKLMNOPRSTUVWZ", k=3)) + f"{self.random.randrange(100):02}"


def _reprice(writer: Writer) -> None:
    (product,) = writer.one("SELECT ProductID FROM Products")
    price = writer.random.choice((writer.random.randrange(1, 99), writer.random.randrange(1, 9999) / 100))
    writer.run("UPDATE Products SET UnitPrice = ?, UnitsInStock = UnitsInStock + 1 WHERE ProductID = ?", price, product)


def _discontinue(writer: Writer) -> None:
    (product,) = writer.one("SELECT ProductID FROM Products")
    writer.run("UPDATE Products SET Discontinued = CASE Discontinued WHEN '0' THEN '1' ELSE '0' END WHERE ProductID = ?", product)


def _order(writer: Writer) -> None:
    (customer,), (employee,) = writer.one("SELECT CustomerID FROM Customers"), writer.one("SELECT EmployeeID FROM Employees")
    order = writer.run(
        "INSERT INTO Orders (CustomerID, EmployeeID, OrderDate, RequiredDate, ShipVia, Freight, ShipName, ShipCountry) "
        "VALUES (?, ?, '1998-10-25 01:30:00.000', '1998-11-30 00:00:00.000', 2, ?, 'Ærø Ønsker', 'Denmark')",
        *(customer, employee, writer.random.randrange(10_000) / 100),
    )
    for (product,) in writer.connection.execute("SELECT ProductID FROM Products ORDER BY random() LIMIT 3").fetchall():
        writer.run("INSERT INTO [Order Details] VALUES (?, ?, 9.99, ?, 0.15)", order, product, writer.random.randint(1, 50))


def _ship(writer: Writer) -> None:
    (order,) = writer.one("SELECT OrderID FROM Orders")
    writer.run("UPDATE Orders SET ShippedDate = ?, ShipVia = 1 + ShipVia % 3 WHERE OrderID = ?", _LATEST, order)


def _more(writer: Writer) -> None:
    order, product = writer.one("SELECT OrderID, ProductID FROM [Order Details]")
    writer.run("UPDATE [Order Details] SET Quantity = Quantity + 1 WHERE OrderID = ? AND ProductID = ?", order, product)


def _another_product(writer: Writer) -> None:
    """Half a composite key changes."""
    order, product = writer.one("SELECT OrderID, ProductID FROM [Order Details]")
    (other,) = writer.one("SELECT ProductID FROM Products")
    writer.run("UPDATE OR IGNORE [Order Details] SET ProductID = ? WHERE OrderID = ? AND ProductID = ?", other, order, product)


def _cancel(writer: Writer) -> None:
    (order,) = writer.one("SELECT OrderID FROM Orders")
    writer.run("DELETE FROM [Order Details] WHERE OrderID = ?", order)
    writer.run("DELETE FROM Orders WHERE OrderID = ?", order)


def _customer(writer: Writer) -> None:
    writer.run(
        "INSERT OR IGNORE INTO Customers (CustomerID, CompanyName, ContactName, Address, Fax) "
        "VALUES (?, 'É Ltd', 'Zoë', ?, '  ')",
        *(writer.code(), writer.random.choice((None, "1 rue A\nB"))),
    )


def _move_out(writer: Writer) -> None:
    """Half of the split comes and goes."""
    (customer,) = writer.one("SELECT CustomerID FROM Customers")
    address = writer.random.choice((None, "Hauptstr. 29\nHof"))
    writer.run("UPDATE Customers SET Address = ?, City = NULL, Phone = '' WHERE CustomerID = ?", address, customer)


def _rename_customer(writer: Writer) -> None:
    """A text key changes, and its children follow."""
    (old,), new = writer.one("SELECT CustomerID FROM Customers"), writer.code()
    if writer.connection.execute("SELECT 1 FROM Customers WHERE CustomerID = ?", (new,)).fetchone() is None:
        writer.run("UPDATE Customers SET CustomerID = ? WHERE CustomerID = ?", new, old)
        writer.run("UPDATE Orders SET CustomerID = ? WHERE CustomerID = ?", new, old)


def _rename_territory(writer: Writer) -> None:
    (old,), new = writer.one("SELECT TerritoryID FROM Territories"), f"{writer.random.randrange(70_000, 99_999)}"
    if writer.connection.execute("SELECT 1 FROM Territories WHERE TerritoryID = ?", (new,)).fetchone() is None:
        writer.run("UPDATE Territories SET TerritoryID = ? WHERE TerritoryID = ?", new, old)
        writer.run("UPDATE EmployeeTerritories SET TerritoryID = ? WHERE TerritoryID = ?", new, old)


def _manager(writer: Writer) -> None:
    (employee,), (manager,) = writer.one("SELECT EmployeeID FROM Employees"), writer.one("SELECT EmployeeID FROM Employees")
    writer.run("UPDATE Employees SET ReportsTo = nullif(?, EmployeeID) WHERE EmployeeID = ?", manager, employee)


def _picture(writer: Writer) -> None:
    (category,) = writer.one("SELECT CategoryID FROM Categories")
    writer.run("UPDATE Categories SET Picture = ? WHERE CategoryID = ?", writer.random.randbytes(300), category)


def _homepage(writer: Writer) -> None:
    (supplier,) = writer.one("SELECT SupplierID FROM Suppliers")
    writer.run("UPDATE Suppliers SET HomePage = 'Ours#HTTP://EXAMPLE.ORG/#' WHERE SupplierID = ?", supplier)


WRITES: tuple[Callable[[Writer], None], ...] = (
    *(_reprice, _discontinue, _order, _ship, _more, _another_product, _cancel, _customer, _move_out),
    *(_rename_customer, _rename_territory, _manager, _picture, _homepage),
)


def write(path: str, seed: int, rounds: int) -> None:
    """Every sort of write, so many times, in an order of the seed's."""
    random = Random(seed)
    with closing(sqlite3.connect(path, timeout=60, isolation_level="IMMEDIATE")) as connection:
        writer = Writer(connection, random)
        for sort in random.sample(WRITES * rounds, len(WRITES) * rounds):
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                sort(writer)
