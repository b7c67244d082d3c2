"""The control process as the supervisor starts it: control's work, and the pages of this room at the admin address."""

from __future__ import annotations

import uvloop

from strangler.control.admin import run
from strangler.control.lifeline import begin
from strangler.web.app import app

if __name__ == "__main__":
    uvloop.run(run(begin(), app))
