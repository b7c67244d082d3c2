"""Reads the configuration, in a process of its own that ends when it has.

Ten thousand routes take seconds to parse, and tens of megabytes. Whoever restarts what dies must not be held up by either.
"""

from __future__ import annotations

import base64
import os
import pickle
import socket
from collections.abc import Mapping
from dataclasses import astuple, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from strangler.config.file import Snapshot
from strangler.config.keyfile import IDENTITY
from strangler.config.load import contents, sound
from strangler.control import data_document
from strangler.control.access import check_writable
from strangler.control.cutover.record import record_of
from strangler.control.flipping import by_hand
from strangler.control.flipping.by_hand import Ruling
from strangler.control.flipping.draft import edited
from strangler.control.flipping.guard import guard
from strangler.control.flipping.world import Judge, World
from strangler.control.frames import Head
from strangler.control.lifeline import begin, hear, say_and_end
from strangler.core.cutover import Record, decode
from strangler.core.cutover_terms import stranded
from strangler.core.errors import ConfigError, UsageError
from strangler.core.flip import Place, place_of
from strangler.core.model import OWN_AUTHORITY, Config, Listener, Stage
from strangler.core.units import Share
from strangler.engines import check as check_engines
from strangler.proxy import tls


def read(
    path: Path, environ: Mapping[str, str], held: str, served: Mapping[str, list[Any]] | None, judge: Judge, coming: str = ""
) -> tuple[Head, bytes]:
    """What the supervisor needs to know about the file, and the pickled configuration; or what is wrong with it.

    Args:
        served: where each route is served, as an earlier answer gave it; None if nothing is served yet: then the file is
            taken as it is. Else what has moved up without a flip needs what a flip needs.
        judge: the guard.
        held: the listeners whose sockets are open, as an earlier answer gave them; "" if none are. Another address in the
            file means nothing to workers that have these sockets: it waits for the next start.
        coming: the record of a cutover, decided: file and record are read as it will leave them; "" without one.
    """
    digest, ruling = "", Ruling()
    try:
        data, record = contents(path), record_of(path)
        if coming:
            data, record = _as_it_comes(path, data, decode(coming.encode()))
        digest = sha256(data).hexdigest()
        config = sound(path, data, environ)
        check_engines(listener.engine for listener in config.listen)
        check_writable(config.log)
        if any(route.adapt.response.python or route.compare.python for route in config.routes):
            check_functions(config)
        config, told = with_authority(config)
        check_certificates(config)
        if any(upstream.identity for upstream in config.upstreams.values()):
            IDENTITY.find(environ, config.folder)
        if lost := list(stranded(config, record)):
            raise UsageError("\n".join(f"{path}: {line}" for line in lost))
        if served is None and record == Record():
            ruling = _by_nobody(path, config, environ)
        elif served is not None:
            ruling = _by_hand(World(path, environ, judge), data, config, served)
    except UsageError as error:
        return {"is": "problems", "text": str(error), "listed": isinstance(error, ConfigError), "digest": digest}, b""
    if ruling.refused:
        return {"is": "problems", "text": "\n".join(ruling.refused), "listed": True, "digest": digest}, b""
    listen = _unpack(held) if held else config.listen
    kept = replace(config, listen=tuple(_as_written(listener, config) for listener in listen))
    return {
        "is": "read",
        "digest": digest,
        "routes": len(config.routes),
        "notes": [*ruling.notes, *(told if served is None else ())],
        "places": {route.name: [route.stage, place_of(route).weight] for route in config.routes},
        "workers": config.workers,
        "store": sha256(config.store.encode()).hexdigest(),  # it may hold a password
        "listen": [astuple(listener.address) for listener in config.listen],
        "listen.engine": [listener.engine for listener in config.listen],
        "schemes": ["https" if listener.tls else "http" for listener in config.listen],
        "mappings": list(config.mappings),
        "data": str(data_document.path_of(config)),
        "admin": astuple(config.admin.address),
        "admin.tls": astuple(config.admin.tls) if config.admin.tls else None,
        "held": _pack(kept.listen),
        "moved": sorted(record.moved),
        "hold": {"token": move.token, "routes": list(move.routes), "seconds": move.hold} if (move := record.move) else None,
    }, pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)


def _as_it_comes(path: Path, data: bytes, record: Record) -> tuple[bytes, Record]:
    """What a cutover will make of a file, by the way in which every flip edits it. Raises UsageError if it cannot."""
    assert record.move is not None
    snapshot = Snapshot(path, path, data, data.decode("utf-8"))
    return edited(snapshot, record.move.flips).encode("utf-8"), record


def _by_nobody(path: Path, config: Config, environ: Mapping[str, str]) -> Ruling:
    """Writes that go to modern although nothing was ever moved there, or nobody has kept that it was: the databases know.

    Raises UsageError where legacy owns what they write. What cannot be asked is served as it is written, and said.
    """
    if not config.mappings:
        return Ruling()
    from strangler.control.cutover.owners import sent_ahead  # opening databases takes a while to load

    lost, unread = sent_ahead(path, config, environ)
    if lost:
        raise UsageError("\n".join(f"{path}: {words}" for words in lost.values()))
    return Ruling(notes=(unread,) if unread else ())


def check_functions(config: Config) -> None:
    """Raises UsageError with all functions that routes translate or compare by and that cannot be used. What loads them brings
    half the engine along, which a file without any is read without."""
    from strangler.proxy.adapt import check_hooks
    from strangler.proxy.hooks import load_hook

    check_hooks(config)
    problems = []
    for route in config.routes:
        try:
            if route.compare.python:
                load_hook(route.compare.python, config.folder)
        except UsageError as error:
            problems.append(f"routes[{route.index}].compare.python: {error}")
    if problems:
        raise UsageError("; ".join(problems))


def with_authority(config: Config) -> tuple[Config, list[str]]:
    """A certificate for every listener that leaves it to us, and what people should know of that."""
    if not any(listener.tls == OWN_AUTHORITY for listener in config.listen):
        return config, []
    if find_spec("cryptography") is None:
        raise UsageError("listen.tls: ca needs what makes certificates: pip install 'strangler[mitmproxy]'")
    from strangler.engines.authority import FOLDER, Authority

    authority = Authority(Path(config.folder) / FOLDER)
    issued = authority.leaf(names_of(config))
    listen = tuple(replace(each, tls=issued) if each.tls == OWN_AUTHORITY else each for each in config.listen)
    return replace(config, listen=listen), [f"clients have to trust {authority.certificate}, the authority of this file's folder"]


def names_of(config: Config) -> list[str]:
    """By which names and addresses clients can ask for the listeners: this machine's, and the hosts of routes."""
    listening = [listener.address.host for listener in config.listen if listener.tls == OWN_AUTHORITY]
    hosts = [route.match.host for route in config.routes if route.match.host]
    mine = ["localhost", "127.0.0.1", "::1", socket.gethostname()]
    return [name for name in dict.fromkeys([*mine, *listening, *hosts]) if name not in ("0.0.0.0", "::", "")]


def check_certificates(config: Config) -> None:
    """Raises UsageError if a key, a certificate or an authority cannot be used. Workers read them for themselves."""
    tls.load(config.listen, config.upstreams)
    if config.admin.tls:
        tls.serving(config.admin.tls, "admin")


def _by_hand(world: World, data: bytes, config: Config, served: Mapping[str, list[Any]]) -> Ruling:
    snapshot = Snapshot(world.path, Path(os.path.realpath(world.path)), data, "")
    places = {name: Place(Stage(stage), Share(weight)) for name, (stage, weight) in served.items()}
    return by_hand.judge(world, snapshot, config, places)


def _as_written(held: Listener, config: Config) -> Listener:
    """The listener as the file has it now; as it was if the file has lost it. Its engine is that of the worker who has it."""
    found = next((listener for listener in config.listen if listener.address == held.address), held)
    return replace(found, engine=held.engine)


def _pack(listeners: tuple[Listener, ...]) -> str:
    return base64.b64encode(pickle.dumps(listeners)).decode()


def _unpack(held: str) -> tuple[Listener, ...]:
    listeners: tuple[Listener, ...] = pickle.loads(base64.b64decode(held))
    return listeners


if __name__ == "__main__":
    settings = begin()
    told = hear(settings)
    given = Path(settings["path"]), os.environ, settings["held"], told["served"], guard, told.get("record", "")
    say_and_end(settings, *read(*given))
