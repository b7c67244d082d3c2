"""The shop's price rules, in whole cents."""

DISCOUNT_FROM = 100_00
SHIPPING = 4_95
FREE_SHIPPING_FROM = 50_00


def to_cents(amount: float) -> int:
    """The nearest cent: 19.99 is 1998.9999999999998 hundredths as a float, and must be 1999."""
    return round(amount * 100)


def to_amount(cents: int) -> float:
    """The number as the API says it: 1999 is 19.99."""
    return cents / 100


def euros(cents: int) -> str:
    """The number as pages say it: 123456 is '€ 1,234.56'."""
    return f"€ {cents // 100:,}.{cents % 100:02d}"


def divide(cents: int, by: int) -> int:
    """Rounded to the cent, halves up, as every invoice here has always been."""
    return (2 * cents + by) // (2 * by)


def discount(subtotal: int) -> int:
    """Five percent off an order of 100 euros or more."""
    return divide(subtotal, 20) if subtotal >= DISCOUNT_FROM else 0


def shipping(subtotal: int, lines: int) -> int:
    """A flat price, free for larger orders and for an order with nothing in it."""
    return 0 if lines == 0 or subtotal >= FREE_SHIPPING_FROM else SHIPPING


def total(subtotal: int, lines: int) -> int:
    """What the customer pays."""
    return subtotal - discount(subtotal) + shipping(subtotal, lines)
