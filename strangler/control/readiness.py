"""Whether this instance should get traffic, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def reasons_not_ready(state: Mapping[str, Any]) -> list[str]:
    """Why a load balancer should ask elsewhere; empty if it need not.

    A file that was refused is no reason: what was served before goes on. One worker of several is.
    """
    if not state["crew"]:
        return ["starting: the supervisor has not said anything yet"]
    reasons = ["stopping: requests in flight are being finished"] if state["stopping"] else []
    for place in state["crew"]:
        if not place["name"].startswith("worker "):
            continue
        if not place["revision"]:
            reasons.append(f"{place['name']} does not serve yet")
        elif place["revision"] != state["revision"]:
            reasons.append(f"{place['name']} serves revision {place['revision']}, the latest is {state['revision']}")
    return reasons
