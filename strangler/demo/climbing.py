"""The chapters of the ladder: up with evidence, down without, a hold, and up again."""

from __future__ import annotations

import time

from strangler.core.errors import Refusal
from strangler.core.explain import explain
from strangler.core.flip import Flip, Place
from strangler.core.model import Stage
from strangler.core.request import Request
from strangler.core.units import Share, format_percent
from strangler.demo import people
from strangler.demo.opening import FAULTY, GOOD
from strangler.demo.story import CROWD, GUESTS, PATIENCE, Story

ROUTE = "read-product"
SHARE_TOLERANCE = 0.09  # four standard deviations of a quarter or a half of 400 people
QUARTER, HALF = Place(Stage.CANARY, Share(0.25)), Place(Stage.CANARY, Share(0.5))


async def a_quarter(story: Story) -> None:
    """From shadow to canary, as soon as the guard has what it needs."""
    screen = story.screen
    screen.say("the bars of this demo are low, so that it fits in a minute: 80 % agreement with 80 % confidence")
    screen.check(f"in shadow, legacy answers all of {len(CROWD)} people", not await story.see_products(CROWD))
    await _flip(story, QUARTER, "1")
    story.first_quarter = await story.see_products(CROWD)
    _check_share(story, story.first_quarter, 0.25)
    await story.watch()


async def explained(story: Story) -> None:
    """Ask why somebody is where they are."""
    person, path = CROWD[0], f"/api/products/{people.PRODUCTS[0]}"
    explanation = explain(story.config(), Request("GET", path, headers=[(b"cookie", f"user={person}".encode())]))
    served = getattr(explanation.decision, "upstream", "nobody")
    await story.command("explain", "GET", path, "-H", f"cookie: user={person}")
    on_modern = person in story.first_quarter
    story.screen.check(f"{person} is served by {served}, as explained", on_modern == (served == "modern"))


async def a_faulty_build(story: Story) -> None:
    """The ladder takes the route back and holds it; what is held does not climb."""
    screen = story.screen
    screen.say("build 2 of modern goes live beside build 1, as deployments do; it forgot how long a product may be cached")
    await story.deploy("2", FAULTY)
    await story.see_products(GUESTS)
    fell = await story.until(lambda: story.place(ROUTE).stage is Stage.SHADOW)
    screen.check("the guard saw it, and the ladder took the route back to shadow by itself", fell)
    await story.command("journal", ROUTE, "--limit", "1")
    screen.check(f"legacy answers all of {len(GUESTS)} people again", not await story.see_products(GUESTS))
    ended = await story.command("flip", ROUTE, "canary", "--weight", "25%")
    screen.check("it is held: nothing climbs there until a person says so", _is_held(ended.code, ended.output))


def _is_held(code: int, output: str) -> bool:
    return code == Refusal.exit_code and "strangler resume" in output


async def to_the_top(story: Story) -> None:
    """A build without the fault, a person who resumes, and evidence of its own for each step."""
    screen = story.screen
    await story.deploy("3", GOOD)
    ended = await story.command("resume", ROUTE, "--reason", "build 3 has the header again")
    screen.check("build 3 is live, and a person has resumed", ended.code == 0)
    await _flip(story, HALF, "3")
    half = await story.see_products(CROWD)
    _check_share(story, half, 0.5)
    screen.check("who was on modern before is there again", story.first_quarter <= half)
    await _flip(story, Place(Stage.MODERN), "3")
    everybody = await story.see_products(CROWD)
    screen.check(f"modern serves all of {len(CROWD)} people", len(everybody) == len(CROWD))
    await story.watch()


async def by_itself(story: Story) -> None:
    """The route with `auto: true` and a short dwell."""
    name, top = "pictures", Place(Stage.MODERN)
    deadline = time.monotonic() + PATIENCE
    while story.place(name) != top and time.monotonic() < deadline:
        await people.see_pictures(story.workspace.proxy_url, GUESTS)
        await story.until(lambda: story.place(name) == top, 1.0)
    ended = await story.command("journal", name)
    climbed = story.place(name) == top and "by ladder" in ended.output
    story.screen.check(f"{name} climbed from shadow to modern, and nobody touched it", climbed)


async def the_journal(story: Story) -> None:
    """Who, when, from where to where, and why."""
    ended = await story.command("journal", ROUTE)
    told = [word in ended.output for word in ("25%", "50%", "modern", "held", "resumed")]
    story.screen.check("every step up and down is there, with who took it and what the guard said", all(told))
    await story.command("status")


async def _flip(story: Story, to: Place, build: str) -> None:
    """Wait for the evidence, then flip."""
    await story.evidence([Flip(ROUTE, story.place(ROUTE), to)], lambda: story.see_products(GUESTS), build)
    weight = ("--weight", format_percent(to.weight)) if to.stage is Stage.CANARY else ()
    ended = await story.command("flip", ROUTE, str(to.stage), *weight)
    story.screen.check(f"{ROUTE} stands at {to}: the guard let it", ended.code == 0 and story.place(ROUTE) == to)


def _check_share(story: Story, on_modern: frozenset[str], weight: float) -> None:
    share = len(on_modern) / len(CROWD)
    asked = f"{format_percent(Share(share))} of {len(CROWD)} people, for a weight of {format_percent(Share(weight))}"
    story.screen.check(f"modern serves {asked}", abs(share - weight) < SHARE_TOLERANCE)
