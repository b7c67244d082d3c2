"""From a recording to a report, over real sockets: a system answers as a function says."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.config.load import read
from strangler.control.replaying.replay import Order, replay
from strangler.control.replaying.report import Report, Verdict, as_json
from strangler.control.replaying.run import Settings
from strangler.control.replaying.targets import target_of, with_everything, without_file
from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import Config, Side
from strangler.core.redact.redactor import Redactor
from strangler.traffic.entry import Entry, Message
from strangler.traffic.replay.bridge import Given
from tests.e2e.running import free_port
from tests.unit.control.replaying.given import Behaviour, Got, Say, System, recorded, system, written

KEY = {"STRANGLER_REDACTION_KEY": "k" * 32}


def product(got: Got) -> Say:
    return Say({"path": got.target, "price": 5})


class World:
    """A recording of one behaviour, replayed against another."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.config: Config = without_file()
        self.environ: dict[str, str] = {}

    def use(self, text: str) -> None:
        """Have this routes.yaml."""
        found = read(text.encode(), {}, self._folder).config
        assert found is not None
        self.config = with_everything(found)

    def system(self, behave: Behaviour) -> System:
        return self._stack.enter_context(system(behave))

    def replay(self, entries: list[Entry], behave: Behaviour | System, **order: Any) -> Report:
        candidate = behave if isinstance(behave, System) else self.system(behave)
        asked = Order(written(self._folder, entries), target_of(candidate.url, self.config, Side.MODERN))
        return replay(replace(asked, **order), self.config, self.environ)


@pytest.fixture
def world(tmp_path: Path):
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def test_an_identical_build_agrees(world: World) -> None:
    report = world.replay(recorded(product, *[("GET", f"/p/{at}") for at in range(30)]), product)
    assert (report.verdict, report.exit_code, report.agree) == (Verdict.PASS, 0, 1.0)
    assert report.tally.compared == report.tally.entries == 30
    assert report.tally.closes


def test_a_difference_is_found_with_its_cause_and_an_example(world: World) -> None:
    entries = recorded(product, *[("GET", f"/p/{at}") for at in range(4)])
    report = world.replay(entries, lambda got: Say({"path": got.target, "price": "5" if got.target == "/p/2" else 5}))
    document = as_json(report)
    assert (report.verdict, report.exit_code, document["agree"]) == (Verdict.BELOW, 3, 0.75)
    ((cause,),) = [route["causes"] for route in document["routes"]]
    assert (cause["pattern"], cause["kind"], cause["count"]) == ("$.price", "type", 1)
    assert document["examples"][cause["example"]]["target"] == "/p/2"


def test_the_bar_may_be_lower(world: World) -> None:
    entries = recorded(product, *[("GET", f"/p/{at}") for at in range(4)])
    wrong = world.system(lambda got: Say({"path": got.target, "price": 6 if got.target == "/p/2" else 5}))
    assert world.replay(entries, wrong, bar=0.75).exit_code == 0
    assert world.replay(entries, wrong, bar=0.76).exit_code == 3


def test_a_candidate_that_gives_no_answer_disagrees(world: World) -> None:
    entries = recorded(product, ("GET", "/a"), ("GET", "/b"))
    report = world.replay(entries, lambda got: None if got.target == "/b" else product(got))
    assert (report.agree, dict(report.tally.routes["everything"].failures)) == (0.5, {"bad_response": 1})
    assert report.verdict is Verdict.BELOW


def test_what_is_put_aside_is_no_agreement(world: World) -> None:
    entries = recorded(product, ("POST", "/a", {"x": 1}), ("POST", "/b", {"x": 1}))
    report = world.replay(entries, product)
    assert (report.verdict, report.exit_code, report.agree) == (Verdict.TOO_FEW, 3, None)
    assert dict(report.tally.aside) == {"method": 2}
    assert report.tally.closes


def test_too_few_are_no_pass(world: World) -> None:
    entries = recorded(product, ("GET", "/a"))
    assert world.replay(entries, product, least=2).verdict is Verdict.TOO_FEW


def test_nobody_there_is_told_before_anything_is_asked(world: World, tmp_path: Path) -> None:
    gone = target_of(f"http://127.0.0.1:{free_port()}", world.config, Side.MODERN)
    with pytest.raises(UnreachableError, match="connection refused; nothing was asked"):
        replay(Order(written(tmp_path, recorded(product, ("GET", "/a"))), gone), world.config, {})


def test_a_system_that_goes_in_the_middle_ends_the_run(world: World) -> None:
    served = 0

    def twice(got: Got) -> Say | None:
        nonlocal served
        served += 1
        return product(got) if served <= 2 else None

    candidate = world.system(twice)
    settings = Settings(at_once=1)
    entries = recorded(product, *[("GET", f"/{at}") for at in range(30)])
    report = world.replay(entries, candidate, settings=settings)
    assert report.verdict is Verdict.BELOW, "it takes connections, so it is there: all are asked"
    assert (report.tally.compared, report.tally.not_reached) == (30, 0)


def test_a_damaged_recording_is_no_pass(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, recorded(product, *[("GET", f"/{at}") for at in range(3)]))
    path.write_bytes(path.read_bytes()[:-40])
    report = replay(Order(path, target_of(world.system(product).url, world.config, Side.MODERN)), world.config, {})
    assert (report.verdict, report.exit_code) == (Verdict.DAMAGED, 3)
    assert report.damage


def test_an_answer_that_was_not_recorded_needs_a_live_control(world: World) -> None:
    entries = [replace(each, status=None, response=Message()) for each in recorded(product, ("GET", "/a"))]
    assert dict(world.replay(entries, product).tally.aside) == {"no_answer": 1}
    control = target_of(world.system(product).url, world.config, Side.LEGACY)
    report = world.replay(entries, product, control=control)
    assert (report.exit_code, report.tally.compared) == (0, 1)


def test_a_control_that_fails_says_nothing_of_the_candidate(world: World) -> None:
    control = target_of(world.system(lambda got: None).url, world.config, Side.LEGACY)
    report = world.replay(recorded(product, ("GET", "/a")), product, control=control)
    assert (dict(report.tally.aside), report.tally.compared, report.verdict) == ({"control_failed": 1}, 0, Verdict.TOO_FEW)


def shop(first: int) -> Behaviour:
    """A shop with logins and orders, whose numbers begin at `first`; sessions are its own."""
    orders: dict[str, Any] = {}

    def behave(got: Got) -> Say:
        path = got.target.partition("?")[0]
        session = f"session-of-{first}"
        if path == "/login":
            return Say(None, 303, (("location", "/"), ("set-cookie", f"session={session}; Path=/; HttpOnly")))
        if session not in (got.header("cookie") or ""):
            return Say({"error": "who are you"}, 401)
        if got.method == "POST":
            number = str(first + len(orders))
            orders[number] = {"id": int(number), "customer_id": first, "lines": [{"id": 1}]}
            return Say({**orders[number], "customer_id": 3}, 201, (("location", f"/orders/{number}"),))
        number = path.rpartition("/")[2]
        if path == "/orders":
            return Say({"items": [{"id": int(each)} for each in orders]})
        if number not in orders:
            return Say({"error": "no such order"}, 404)
        if got.method == "DELETE":
            del orders[number]
            return Say(None, 204)
        return Say({"id": int(number), "customer_id": 3, "self": f"/orders/{number}"})

    return behave


COOKIE = (("cookie", "session=session-of-57; user=anna"),)
SESSION = (
    ("POST", "/login", {"email": "a"}),
    ("POST", "/orders", {"customer_id": 3}, COOKIE),
    ("GET", "/orders/57", None, COOKIE),
    ("GET", "/orders", None, COOKIE),
    ("GET", "/orders?order_id=57", None, COOKIE),
    ("DELETE", "/orders/57", None, COOKIE),
    ("GET", "/orders/57", None, COOKIE),
)
WRITES = {"methods": ("GET", "POST", "DELETE"), "yes": 1}


def test_a_session_is_bridged_between_builds_with_other_numbers(world: World) -> None:
    candidate = world.system(shop(912))
    report = world.replay(recorded(shop(57), *SESSION), candidate, **WRITES)
    assert report.agree == 1.0, as_json(report)["routes"]
    assert [got.target for got in candidate.got][-4:] == ["/orders", "/orders?order_id=912", "/orders/912", "/orders/912"]
    (bridged,) = report.bridged
    assert bridged.learned == {"order": 1}
    assert bridged.used == {"cookie session": 6, "id of order": 4}


def test_a_session_is_bridged_between_two_live_systems(world: World) -> None:
    control, candidate = world.system(shop(400)), world.system(shop(912))
    report = world.replay(
        recorded(shop(57), *SESSION), candidate, control=target_of(control.url, world.config, Side.LEGACY), **WRITES
    )
    assert report.agree == 1.0, as_json(report)["routes"]
    assert [got.target for got in control.got][-1] == "/orders/400"
    assert [got.target for got in candidate.got][-1] == "/orders/912"


def test_a_build_that_answers_with_another_order_is_not_excused(world: World) -> None:
    behave = shop(912)

    def wrong(got: Got) -> Say:
        said = behave(got)
        return replace(said, body={**said.body, "id": 57}) if got.method == "GET" and got.target == "/orders/912" else said

    report = world.replay(recorded(shop(57), *SESSION[:3]), wrong, **WRITES)
    assert report.tally.agreed == 2


def test_nothing_is_done_to_another_order_where_the_recorded_one_was_not_made(world: World) -> None:
    """Order 57 of the recording is not this system's order 57, which is somebody else's."""
    candidate = world.system(lambda got: Say({"error": "closed"}, 409) if got.target == "/orders" else Say({"id": 57}))
    report = world.replay(recorded(shop(57), *SESSION), candidate, **WRITES)
    assert [got.target for got in candidate.got] == ["/login", "/orders", "/orders"]
    assert report.tally.aside["not_made"] == 4


def test_what_writes_made_that_were_not_asked_is_not_looked_for(world: World) -> None:
    report = world.replay(recorded(shop(57), *SESSION), lambda got: Say({"items": [{"id": 57}]}))
    assert dict(report.tally.aside) == {"method": 3, "not_made": 3}
    assert report.agree == 1.0


@pytest.mark.parametrize(("methods", "yes", "named"), [(("GET", "POST"), 0, "--yes-write"), (("POST",), 1, "twice")])
def test_writes_are_meant_and_twice_to_legacy(world: World, methods: tuple[str, ...], yes: int, named: str) -> None:
    candidate = world.system(product)
    world.use(f'version: 1\nupstreams: {{legacy: {{url: "{candidate.url}"}}}}\nroutes: []\n')
    with pytest.raises(UsageError, match=named):
        world.replay(recorded(product, ("POST", "/a", {})), candidate, methods=methods, yes=yes)
    assert world.replay(recorded(product, ("POST", "/a", {})), candidate, methods=methods, yes=2).tally.compared == 1


TOKEN = "[secret:0123456789ab]"


def test_a_secret_that_is_not_in_the_recording_is_given_or_the_request_is_put_aside(world: World) -> None:
    entries = recorded(product, ("GET", "/a", None, (("cookie", f"session={TOKEN}"),)))
    candidate = world.system(product)
    report = world.replay(entries, candidate)
    assert dict(report.tally.details["redacted"]) == {"cookie session": 1}
    assert candidate.got == []
    assert world.replay(entries, candidate, given=Given((), {"session": "live"})).tally.compared == 1
    assert candidate.got[-1].header("cookie") == "session=live"


def redacted(entries: list[Entry]) -> list[Entry]:
    """Answers as they are recorded under the key."""
    token = Redactor(without_file().routes[0].redact, KEY["STRANGLER_REDACTION_KEY"].encode()).text("anna@example.org")
    assert token.startswith("[email:")
    bodies = ((each, (each.response.body or b"").replace(b"anna@example.org", token.encode())) for each in entries)
    return [replace(each, response=replace(each.response, body=body, size=len(body))) for each, body in bodies]


def test_redacted_answers_are_compared_with_live_ones_under_the_same_key(world: World) -> None:
    def person(got: Got) -> Say:
        return Say({"email": "bert@example.org" if got.target == "/b" else "anna@example.org", "price": 5})

    entries = redacted(recorded(lambda got: Say({"email": "anna@example.org", "price": 5}), ("GET", "/a"), ("GET", "/b")))
    report = world.replay(entries, person)
    assert dict(report.tally.aside) == {"redacted_answer": 2}
    world.environ = KEY
    report = world.replay(entries, person)
    assert report.agree == 0.5
    assert [cause.pattern for cause in report.tally.routes["everything"].causes] == ["$.email"]
    assert "example.org" not in str(as_json(report)["examples"]).replace("shop.example.org", "")


ADAPTED = """version: 1
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}, modern: {{url: "{url}"}}}}
routes:
  - name: person
    match: {{path: "/person/{{id}}"}}
    stage: shadow
    adapt: {{request: {{path: "/v2/people/{{id}}"}}, response: {{rename: {{$.full_name: $.name}}}}}}
    compare: {{ignore: [$.at]}}
"""


def test_modern_is_asked_and_read_as_the_proxy_does(world: World) -> None:
    candidate = world.system(lambda got: Say({"full_name": got.target.rpartition("/")[2], "at": 2}))
    world.use(ADAPTED.format(url=candidate.url))
    entries = recorded(lambda got: Say({"name": "7", "at": 1}), ("GET", "/person/7"), ("GET", "/other"))
    report = world.replay(entries, candidate)
    assert [got.target for got in candidate.got] == ["/v2/people/7"]
    assert (report.agree, dict(report.tally.routes["person"].allowed)) == (1.0, {"ignore $.at": 1})
    assert dict(report.tally.aside) == {"no_route": 1}


def test_secrets_of_translated_answers_are_compared_once_translated(world: World) -> None:
    candidate = world.system(lambda got: Say({"full_name": "anna@example.org"}))
    world.use(ADAPTED.format(url=candidate.url))
    world.environ = KEY
    report = world.replay(redacted(recorded(lambda got: Say({"name": "anna@example.org"}), ("GET", "/person/7"))), candidate)
    assert report.agree == 1.0, as_json(report)


def test_a_hook_translates_a_redacted_answer_once(world: World, tmp_path: Path) -> None:
    hook = (
        "from dataclasses import replace\n\ndef one(answer):\n    return replace(answer, body=answer.body.replace(b'5', b'55'))\n"
    )
    (tmp_path / "hook_of_replay.py").write_text(hook)
    candidate = world.system(lambda got: Say({"email": "anna@example.org", "price": 5}))
    adapt = "adapt: {response: {python: 'hook_of_replay:one'}}"
    world.use(
        f'version: 1\nupstreams: {{legacy: {{url: "http://127.0.0.1:1"}}, modern: {{url: "{candidate.url}"}}}}\n'
        f"routes: [{{name: person, match: {{path: '/person/{{id}}'}}, stage: shadow, {adapt}}}]\n"
    )
    world.environ = KEY
    entries = recorded(lambda got: Say({"email": "anna@example.org", "price": 55}), ("GET", "/person/7"))
    assert world.replay(redacted(entries), candidate).agree == 1.0
    assert world.replay(entries, candidate).agree == 1.0


def test_an_answer_larger_than_what_is_kept_is_compared_by_its_digest(world: World) -> None:
    large = {"text": "x" * 2**21}
    entries = recorded(lambda got: Say(large), ("GET", "/a"), ("GET", "/b"))
    report = world.replay(entries, lambda got: Say(large if got.target == "/a" else {"text": "y" * 2**21}))
    assert (report.tally.agreed, dict(report.tally.aside)) == (1, {"body_cap": 1})
    assert report.tally.closes


def test_causes_that_differ_by_the_thousand_do_not_grow_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strangler.control.replaying.tally.MOST_CAUSES", 3)
    entries = recorded(product, *[("GET", f"/p/{at}") for at in range(9)])
    report = world.replay(entries, lambda got: Say({"path": got.target, "price": 5, f"k{got.target[-1]}x": 1}))
    assert len(report.tally.routes["everything"].causes) == 4
    assert sum(line.number for line in report.tally.routes["everything"].causes.values()) == 9
