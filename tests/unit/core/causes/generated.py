"""Documents of shops, with transforms applied at random places: what was done is known, so what is named can be judged.

Each transform is a way to change a value that fits it; two may be applied at two places, or one after the other to one value.
"""

from __future__ import annotations

import copy
import html
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from strangler.core.exact import Number

GONE = object()
WORDS = ("alpha", "bravo", "coffee", "delta", "espresso", "falcon", "garden", "harbour", "island", "jasmine", "kettle", "meadow")
NAMES = (
    "id", "title", "first_name", "last_name", "city_name", "postal_code", "created_at", "updated_at", "unit_price", "net_total",
    "item_count", "note_text", "state_name", "color_code", "size_name", "brand_name", "image_url", "page_link", "is_active",
    "has_stock", "weight_grams", "height_mm", "owner_id", "group_key", "language",
)  # fmt: skip


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


# Values, as they are in real answers.


def an_integer(random: Random) -> Any:
    return Number(str(random.choice([random.randint(2, 60), random.randint(100, 99_999), random.randint(10**6, 10**9)])))


def a_price(random: Random) -> Any:
    return Number(f"{random.randint(1, 10_000_00) / 100:.2f}")


def a_measure(random: Random) -> Any:
    return Number(f"{random.uniform(1, 5000):.{random.randint(3, 6)}f}")


def a_text(random: Random) -> Any:
    return " ".join(word.capitalize() for word in random.sample(WORDS, random.randint(1, 3)))


def a_flag(random: Random) -> Any:
    return random.random() < 0.5


def a_code(random: Random) -> Any:
    return str(random.randint(10, 9999))


def a_path(random: Random) -> Any:
    return "/" + "/".join(random.sample(WORDS, random.randint(1, 3))) + random.choice(["", f"/{random.randint(1, 999)}"])


def a_url(random: Random) -> Any:
    return f"http://legacy:{random.randint(8000, 8999)}{a_path(random)}"


def _instant(random: Random) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randint(0, 2 * 10**8))


def a_time(random: Random) -> Any:
    return _instant(random).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_local_time(random: Random) -> Any:
    return _instant(random).strftime("%Y-%m-%dT%H:%M:%S")


def a_day(random: Random) -> Any:
    return _instant(random).strftime("%Y-%m-%d")


def an_empty(random: Random) -> Any:
    return random.choice(["", [], {}])


def a_null(random: Random) -> Any:
    return None


def a_list(random: Random) -> Any:
    size = random.randint(2, 6)
    if random.random() < 0.5:
        return random.sample(WORDS, size)
    return [{"sku": f"{word}-{number}", "unit_price": a_price(random)} for number, word in enumerate(random.sample(WORDS, size))]


def a_foreign_text(random: Random) -> Any:
    return f"{random.choice(['Müller', 'Café', 'Åse', 'Señor', 'Groß'])} {random.choice(WORDS)}"


def a_marked_text(random: Random) -> Any:
    return f"{random.choice(WORDS)} {random.choice(['&', '<', chr(34)])} {random.choice(WORDS)}"


# Changes. The candidate's value is made from control's.


def _rounded(random: Random, value: Any) -> Any:
    unit = Decimal(1).scaleb(-random.randint(1, 2))
    return Number(str(Decimal(value).quantize(unit, random.choice([ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN]))))


def _scaled(factor: str) -> Callable[[Random, Any], Any]:
    def change(random: Random, value: Any) -> Any:
        return Number(f"{(Decimal(value) * Decimal(factor)).normalize():f}")

    return change


def _zone(random: Random) -> timezone:
    return timezone(timedelta(minutes=30 * random.choice([-11, -10, -8, 2, 4, 7, 11, 18])))


def _shifted(random: Random, value: Any) -> Any:
    naive = datetime.fromisoformat(value.rstrip("Z"))
    if value.endswith("Z") and random.random() < 0.5:
        return naive.replace(tzinfo=_zone(random)).isoformat()
    moved = naive + timedelta(minutes=30 * random.choice([-10, -4, -2, 1, 2, 4, 11]))
    return moved.isoformat() + ("Z" if value.endswith("Z") else "")


def _in_zone(random: Random, value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(_zone(random)).isoformat()


def _reformatted(random: Random, value: Any) -> Any:
    if len(value) == 10:
        return random.choice([f"{value}T00:00:00Z", f"{value}T00:00:00"])
    moment = datetime.fromisoformat(value)
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return random.choice([Number(str(seconds)), Number(f"{seconds}000"), value.replace("T", " ")])


def _cased(random: Random, value: Any) -> Any:
    return random.choice([value.upper(), value.lower()])


def _padded(random: Random, value: Any) -> Any:
    return random.choice([f" {value}", f"{value} ", f"  {value}\n"])


def _slashed(random: Random, value: Any) -> Any:
    return value + "/"


def _hosted(random: Random, value: Any) -> Any:
    return random.choice(["https://shop.example.org", "https://legacy:8443"]) + value[value.index("/", 8) :]


def _shuffled(random: Random, value: Any) -> Any:
    items = value[:]
    while items == value:
        random.shuffle(items)
    return items


def _wrapped(random: Random, value: Any) -> Any:
    return random.choice([[value], {"value": value}, {"name": value}])


def _to_text(random: Random, value: Any) -> Any:
    return str(value)


def _truth_text(random: Random, value: Any) -> Any:
    return str(value).lower() if random.random() < 0.5 else "NY"[value]


def _gone(random: Random, value: Any) -> Any:
    return GONE


@dataclass(frozen=True)
class Transform:
    """`values` make control's value, `change` the candidate's; `back`: the name if it is applied the other way round."""

    name: str
    values: tuple[Callable[[Random], Any], ...]
    change: Callable[[Random, Any], Any]
    back: str = ""


TRANSFORMS = [
    Transform("null_missing", (a_null,), _gone, "null_missing"),
    Transform("empty_missing", (an_empty,), _gone, "empty_missing"),
    Transform("empty_null", (an_empty,), lambda random, value: None, "empty_null"),
    Transform("wrapped", (an_integer, a_price, a_text, a_flag, a_time), _wrapped, "unwrapped"),
    Transform("boolean_to_string", (a_flag,), _truth_text, "string_to_boolean"),
    Transform("boolean_to_number", (a_flag,), lambda random, value: Number(int(value)), "number_to_boolean"),
    Transform("number_to_string", (an_integer, a_price, a_measure), _to_text, "string_to_number"),
    Transform("date_format", (a_time, a_local_time, a_day), _reformatted, "date_format"),
    Transform("timezone", (a_time,), _in_zone, "timezone"),
    Transform("timezone_shift", (a_time, a_local_time), _shifted, "timezone_shift"),
    Transform("times_100", (a_price, an_integer), _scaled("100"), "divided_by_100"),
    Transform("times_1000", (a_measure, an_integer), _scaled("1000"), "divided_by_1000"),
    Transform("rounded", (a_measure,), _rounded, "unrounded"),
    Transform("trailing_slash", (a_path, a_url), _slashed, "trailing_slash"),
    Transform("url_host", (a_url,), _hosted, "url_host"),
    Transform("html_escaped", (a_marked_text,), lambda random, value: html.escape(value), "html_escaped"),
    Transform("unicode_form", (a_foreign_text,), lambda random, value: unicodedata.normalize("NFD", value), "unicode_form"),
    Transform("mojibake", (a_foreign_text,), lambda random, value: value.encode().decode("latin-1"), "mojibake"),
    Transform("leading_zeros", (a_code,), lambda random, value: "00" + value, "leading_zeros"),
    Transform("whitespace", (a_text, a_url), _padded, "whitespace"),
    Transform("case", (a_text, a_path), _cased, "case"),
    Transform("reordered", (a_list,), _shuffled, "reordered"),
]  # fmt: skip
BY_NAME = {one.name: one for one in TRANSFORMS}

# Applied to one value, in this order. The change is made from what the first has left.
CHAINS = [
    ("times_100", "number_to_string"), ("times_1000", "number_to_string"), ("rounded", "number_to_string"),
    ("number_to_string", "wrapped"), ("times_100", "wrapped"), ("case", "wrapped"), ("rounded", "times_100"),
    ("case", "whitespace"), ("unicode_form", "case"), ("html_escaped", "whitespace"), ("trailing_slash", "case"),
    ("trailing_slash", "url_host"), ("url_host", "case"), ("timezone_shift", "date_format"), ("mojibake", "whitespace"),
    ("number_to_string", "whitespace"), ("html_escaped", "wrapped"), ("date_format", "wrapped"), ("timezone_shift", "wrapped"),
]  # fmt: skip
RENAMED_TOO = ("number_to_string", "times_100", "case", "whitespace", "date_format", "wrapped", "boolean_to_string", "url_host")


def other(random: Random) -> Any:
    """Another value, which none of the transforms made, unless by accident."""
    kinds: list[Callable[[Random], Any]] = [an_integer, a_price, a_text, a_url, a_day, a_path, a_flag, a_null]
    return random.choice(kinds)(random)


@dataclass
class Case:
    """Two documents, and what was done to the candidate: names by pattern, more than one where two places have one pattern."""

    control: Any
    candidate: Any
    done: dict[str, set[str]] = field(default_factory=dict)
    places: list[tuple[str | int, ...]] = field(default_factory=list)


def document(random: Random) -> dict[str, Any]:
    """An object with members, and lists of objects, a few levels deep."""
    return _object(random, 3)


def _object(random: Random, depth: int) -> dict[str, Any]:
    makers = [an_integer, a_price, a_text, a_flag, a_time, a_url, a_day, a_null, a_measure]
    made = {name: random.choice(makers)(random) for name in random.sample(NAMES, random.randint(2, 5))}
    if depth:
        if random.random() < 0.8:
            made[random.choice(["customer", "address", "delivery"])] = _object(random, depth - 1)
        if random.random() < 0.8:
            items = [_object(random, depth - 2) if depth > 1 else {"k": an_integer(random)} for _ in range(random.randint(1, 4))]
            made[random.choice(["items", "lines", "events"])] = items
    return made


def differs(one: Any, other: Any) -> bool:
    """Whether comparing would see a difference: 12.50 and 12.5 are one number."""
    if type(one) is type(other) is Number:
        return Decimal(one) != Decimal(other)
    return type(one) is not type(other) or bool(one != other)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all objects."""
    found = [path] if isinstance(value, dict) else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for step, inner in inside for place in places(inner, (*path, step))]


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def pattern(path: tuple[str | int, ...]) -> str:
    return "$" + "".join("[*]" if isinstance(step, int) else f".{step}" for step in path)


def case(random: Random) -> Case:
    """One case: one transform, two at two places, two on one value, or a rename."""
    shop = document(random)
    made = Case(shop, copy.deepcopy(shop), places=places(shop))
    draw = random.random()
    if draw < 0.4:
        _apply(random, made, _one(random))
    elif draw < 0.7:
        _apply(random, made, _one(random))
        _apply(random, made, _one(random))
    elif draw < 0.9:
        _apply(random, made, [BY_NAME[name] for name in random.choice(CHAINS)])
    else:
        _apply(random, made, [BY_NAME[random.choice(RENAMED_TOO)]] if random.random() < 0.5 else [], rename=True)
    return made


def changed(random: Random) -> Case:
    """One case in which a value became another, by none of the transforms."""
    shop = document(random)
    made = Case(shop, copy.deepcopy(shop))
    place = random.choice(places(shop))
    name = random.choice([name for name, value in at(shop, place).items() if not isinstance(value, dict | list)])
    at(made.candidate, place)[name] = other(random)
    made.done[pattern((*place, name))] = {""}
    return made


def _one(random: Random) -> list[Transform]:
    return [random.choice(TRANSFORMS)]


def _apply(random: Random, made: Case, transforms: list[Transform], *, rename: bool = False) -> None:
    place = random.choice(made.places)
    ours, theirs = at(made.control, place), at(made.candidate, place)
    name = random.choice([name for name in NAMES if name not in ours and name not in theirs])
    fitted = next((one for one in transforms if one.name in ("url_host", "rounded")), transforms[0] if transforms else None)
    value = random.choice(fitted.values if fitted else (an_integer, a_price, a_text, a_time))(random)
    new, named = value, []
    for one in transforms:
        before, new = new, one.change(random, new)
        named += [one.name] if differs(before, new) else []
    if len(named) < len(transforms):  # one of them left the value as it was
        return _apply(random, made, transforms, rename=rename)
    back = len(transforms) == 1 and not rename and bool(transforms[0].back) and random.random() < 0.5
    if back:
        value, new, named = new, value, [transforms[0].back]
    other_name = random.choice([camel(name), next(n for n in reversed(NAMES) if n not in ours and n not in theirs and n != name)])
    if rename and other_name == name:
        other_name = name.upper()
    _put(ours, name, value)
    _put(theirs, other_name if rename else name, new)
    if rename:
        named.append("renamed_key")
        _done(made, (*place, other_name), named)
    _done(made, (*place, name), named)


def _done(made: Case, path: tuple[str | int, ...], named: list[str]) -> None:
    made.done.setdefault(pattern(path), set()).add("+".join(sorted(named)))


def _put(members: dict[str, Any], name: str, value: Any) -> None:
    if value is not GONE:
        members[name] = value
