"""Serving one configuration file: start, reload on SIGHUP, stop. One process for now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from strangler.config.load import load
from strangler.control.access import AccessLog, open_log
from strangler.control.shortfalls import shortfalls
from strangler.core.decide import Table
from strangler.core.errors import UsageError
from strangler.core.model import Address, Config, Stage
from strangler.proxy.worker import serve as serve_worker


class Serving:
    """A file that is being served. `say` gets one line for people at a time.

    Raises UsageError (ConfigError with every problem of the file), before anything starts.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._path, self._environ, self._say = path, environ, say
        self._missed: list[str] = []
        self._take(load(path, environ))

    def run(self) -> None:
        """Serve until told to stop. Raises UnreachableError if an address cannot be bound."""
        out = open_log(self._config.log)
        access = AccessLog(out, self.stage_of) if out else None
        serve_worker(self._config, on_ready=self._ready, observe=access, reload=self.reload)
        if access:
            access.flush()

    def stage_of(self, route: str) -> Stage | None:
        """The stage at which a route stands; None for what no route matched."""
        return self._stages.get(route)

    def reload(self) -> Table | None:
        """Read the file again. Any problem keeps the whole table that serves, and is said."""
        try:
            before = self._config
            self._take(load(self._path, self._environ))
        except UsageError as error:
            self._say(f"{error}\nstrangler: {self._path} is not served: what was served before goes on")
            return None
        if (self._config.listen, self._config.log) != (before.listen, before.log):
            self._say("strangler: `listen` and `log` take effect at the next start")
        self._say(f"strangler: reloaded, {len(self._config.routes)} routes")
        return Table(self._config)

    def _ready(self, addresses: tuple[Address, ...]) -> None:
        for address in addresses:
            self._say(f"strangler serves {address if address.unix else f'http://{address}'}")

    def _take(self, config: Config) -> None:
        """Make `config` the one that is served, unless it asks for what this version must not serve without."""
        missed = shortfalls(config)
        for message in missed:
            if message not in self._missed:
                self._say(f"strangler: not in this version yet: {message}")
        self._missed = missed
        self._config = config
        self._stages = {route.name: route.stage for route in config.routes}
