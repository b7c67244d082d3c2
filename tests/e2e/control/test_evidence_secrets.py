"""No secret that goes through real processes is found again: not in the store, in no log, in nothing that any command says.

Each secret is sent where people send them, and both sides answer with some; nothing is equal, so that an example of all is kept.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from urllib.parse import quote, quote_plus, unquote_plus

from click.testing import CliRunner

from strangler.cli.main import cli
from strangler.store.store import Store
from tests.e2e.control.scripted import answer, chunked, scripted, send
from tests.e2e.control.serving import Serving, command, marked
from tests.e2e.control.test_evidence import quiet
from tests.e2e.web.test_admin_api import ask

JSON, TEXT, HTML, XML = (f"Content-Type: {kind}" for kind in ("application/json", "text/plain", "text/html", "application/xml"))
FORM = "Content-Type: application/x-www-form-urlencoded"
KEY = "8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d"
MARK = re.compile(r"«(.*?)»")

Wire = Callable[..., bytes]


def zipped(body: bytes, *headers: str) -> bytes:
    return chunked(gzip.compress(body), *headers, "Content-Encoding: gzip")


def based(body: bytes, *headers: str) -> bytes:
    return answer(b'{"blob": "%b"}' % b64encode(body), *headers)


def not_zipped(body: bytes, *headers: str) -> bytes:
    return answer(body, *headers, "Content-Encoding: gzip")


def cut_off(body: bytes, *headers: str) -> bytes:
    return answer(body + b"....", *headers, "Connection: close")[:-4]


def silent(body: bytes, *headers: str) -> bytes:
    return b""


def not_http(body: bytes, *headers: str) -> bytes:
    return body + b"\r\n\r\n"


def failed(body: bytes, *headers: str) -> bytes:
    return answer(body, *headers, status="500 Oops")


@dataclass(frozen=True)
class Case:
    """One request, and what each side answers. Secrets stand in « »; these signs are not sent."""

    name: str
    target: str = "/1"
    headers: tuple[str, ...] = ()
    body: str = ""
    legacy: str = '{"side": "legacy"}'
    modern: str = '{"side": "modern"}'
    kind: str = JSON
    sets: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # headers of the answers
    wires: tuple[Wire, Wire] = (answer, answer)
    path: str = "/{rest...}"

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def texts(self) -> Iterator[str]:
        yield from (self.target, self.body, self.legacy, self.modern, *self.headers, *self.sets[0], *self.sets[1])

    def secrets(self) -> set[str]:
        return {secret for text in self.texts() for secret in MARK.findall(text)}

    def request(self) -> bytes:
        body = plain(self.body).encode()
        first = (f"{self.method} {self.sent_to} HTTP/1.1", "Host: shop.example", "Connection: close")
        lines = (*first, f"Content-Length: {len(body)}", *map(plain, self.headers), "", "")
        return "\r\n".join(lines).encode() + body

    @property
    def sent_to(self) -> str:
        return f"/{self.name}{plain(self.target)}"

    def answers(self) -> Iterator[bytes]:
        for text, headers, wire in zip((self.legacy, self.modern), self.sets, self.wires, strict=True):
            yield wire(plain(text).encode(), self.kind, *map(plain, headers))


def plain(text: str) -> str:
    return MARK.sub(r"\1", text)


CASES = (
    Case("bearer", headers=("Authorization: Bearer «mF9-B5f-4.1JqM~bearer»",)),
    Case("basic", headers=("authorization: Basic «YW5uYTpYN3RyMG1wcWo=»", "PROXY-AUTHORIZATION: Basic «Ym9iOlc5a2pxd3p4dg==»")),
    Case("odd", headers=("aUtHoRiZaTiOn: «NoSchemeAtAll8812»", "X-API-KEY: «k3yInOddCase7731»", "x-Csrf-tOKEN: «csrfQ1w2e3r4»")),
    Case("cookie", headers=("Cookie: theme=dark; sid=«c00kieSid99127»; other=«0therC00kie5512»", "cOOkie: x=«Sec0ndC00kie71»")),
    Case("query", "/1?api_key=«qKey77Zx10»&access%5ftoken=«qTok55Yv21»&mail=«quinn.query@shop.example»&card=«4111111111111111»"),
    Case("path", "/«pia.path@shop.example»/«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwYXRoIn0.c2lnbmF0dXJlcGF0aA»/«5500-0000-0000-0004»"),
    Case("parameter", "/«pathParam0paque88»/7", path="/{reset_token}/{id}"),
    Case(
        "userinfo",
        "/1?next=https://«anna:us3rInf0Pw41»@shop.example/",
        headers=("Referer: http://«bob:refPw8823xq»@shop.example/?token=«refTok9911zq»",),
    ),
    Case(
        "json",
        legacy='{"a": [{"b": {"password": "«l3gacyDeepPw»", "n": 1}}], "client-secret": ["«l3gList1tem»"], "pin": «77341902»}',
        modern='{"a": [{"b": {"password": "«m0dernDeepPw»", "n": 2}}], "client-secret": ["«m0dList1tem»"], "pin": «99120445»}',
    ),
    Case(
        "keys",
        legacy='{"«kim.key@shop.example»": 1, "x": {"«4012888888881881»": 1}}',
        modern='{"«lee.key@shop.example»": 2, "x": {}}',
    ),
    Case(
        "label",
        legacy='[{"name": "password", "value": "«labelledPwL1»"}]',
        modern='[{"name": "password", "value": "«labelledPwM2»"}]',
    ),
    Case(
        "text",
        kind=TEXT,
        legacy="Dear «tom.text@shop.example»,\npassword: «textPw661Qz»\ncard «4222 2222 2222 2» ok\nBearer «textBearer8812»\n",
        modern="Dear «tim.text@shop.example»,\npassword: «textPw662Qz»\nsee https://«u:textUser9x1»@h.example/\n",
    ),
    Case(
        "html",
        kind=HTML,
        legacy='<form><input name="csrf_token" value="«htmlCsrf1aZ»"><b>one</b></form>',
        modern='<form><input name="csrf_token" value="«htmlCsrf2aZ»"><b>two</b></form>',
    ),
    Case(
        "xml",
        kind=XML,
        legacy="<r><password>«xmlPw1aZq»</password><n>1</n></r>",
        modern="<r><password>«xmlPw2aZq»</password></r>",
    ),
    Case("form", headers=(FORM,), body="user=x&password=«formPw%2B5512»&mail=«fred.form%40shop.example»&new_pwd=«formNew771»"),
    Case("body", headers=(JSON,), body='{"user": {"passphrase": "«reqBodyPw881»", "card": "«378282246310005»"}}'),
    Case("broken", legacy='{"password": "«brokenPw771L»", "a": ', modern='{"password": "«brokenPw772M»", "b": '),
    Case(
        "set",
        kind=TEXT,
        legacy="a",
        modern="b",
        sets=(
            ("Set-Cookie: session=«setC00kieL1»; Path=/", "sEt-cOOkie: b=«setC00kieL2»; HttpOnly"),
            ("Set-Cookie: session=«setC00kieM1»; Path=/", "X-Auth-Token: «answerTok881M»"),
        ),
    ),
    Case("location", sets=(("Location: /in?token=«locTokL771a»",), ("Location: /in?token=«locTokM772b»",))),
    Case(
        "gzip", legacy='{"password": "«gzipPw1Lx»", "n": 1}', modern='{"password": "«gzipPw2Mx»", "n": 2}', wires=(zipped, zipped)
    ),
    Case(
        "chunks", legacy='{"access_token": "«chunkTok1Lz»"}', modern='{"access_token": "«chunkTok2Mz»"}', wires=(chunked, chunked)
    ),
    Case("base64", legacy="to=«bea.base@shop.example»;", modern="to=«ben.base@shop.example»;", wires=(based, based)),
    Case(
        "echo",
        "/1?token=«ech0edT0ken55»",
        legacy='{"you": "sent «ech0edT0ken55»", "n": 1}',
        modern='{"you": "sent «ech0edT0ken55»"}',
    ),
    Case(
        "error",
        kind=TEXT,
        modern="Traceback: login(password='«tracePw881q»') for «tess.trace@shop.example»",
        wires=(answer, failed),
    ),
    Case("undecodable", headers=("Cookie: s=«failC00kie71a»",), modern="secret=«notGzipPw71»", wires=(answer, not_zipped)),
    Case("cut", modern='{"password": "«cutPw881Zq», "n', sets=((), ("Set-Cookie: s=«cutC00kie81b»",)), wires=(answer, cut_off)),
    Case("silent", "/1?token=«silentTok771»", headers=("Authorization: Bearer «silentBearer771»",), wires=(answer, silent)),
    Case("garbage", "/1?token=«garbageTok772»", modern="password=«garbagePw773» is not HTTP", wires=(answer, not_http)),
    Case("custom", legacy='{"password": "«customPw881L»"}', modern='{"password": "«customPw882M»"}'),
)

# Where modern gave no answer at all: counted, and nothing of it is kept.
NOT_KEPT = ("cut", "silent", "garbage")

JUDGE = """
def judge(control, candidate):
    raise ValueError(f"{control.body} {candidate.body}")
"""


def routes(serving: Serving) -> str:
    """The file: a route for each case, so that an example of each is kept."""
    lines = []
    for case in CASES:
        compare = "headers: [content-type, location, set-cookie, x-auth-token]"
        compare += ', python: "strangler_test_judge:judge"' if case.name == "custom" else ""
        lines.append(f'  - {{name: {case.name}, match: {{path: "/{case.name}{case.path}"}}, compare: {{{compare}}}}}')
    return f"""version: 1
listen: [{{address: "127.0.0.1:{serving.port}"}}]
admin: {{address: "127.0.0.1:{serving.admin}"}}
log: {{access: access.log}}
workers: 2
upstreams:
  legacy: {{url: "http://127.0.0.1:{serving.legacy.port}"}}
  modern: {{url: "http://127.0.0.1:{serving.modern.port}"}}
defaults: {{stage: shadow, unsafe: independent, shadow: {{methods: [GET, POST]}}}}
routes:
""" + "\n".join(lines)


def forms(secret: str) -> Iterator[bytes]:
    """Every writing in which a secret must not be found."""
    for text in {secret, unquote_plus(secret), re.sub("[ -]", "", secret)}:
        raw = text.encode()
        yield from {raw, quote(text, safe="").encode(), quote_plus(text).encode(), encode_basestring_ascii(text)[1:-1].encode()}
        yield from (raw.hex().encode(), raw[::-1])
        for lead in range(3):
            inner = b64encode(bytes(lead) + raw)[4 * bool(lead) :].rstrip(b"=")[:-1]
            yield from (inner, urlsafe_b64encode(bytes(lead) + raw)[4 * bool(lead) :].rstrip(b"=")[:-1])


def everything_said(serving: Serving) -> dict[str, bytes]:
    """The output of every command that reads, of all that is stored, by command."""
    said: dict[str, bytes] = {}

    def say(*arguments: str) -> str:
        told = CliRunner().invoke(cli, [*arguments, "-c", str(serving.file)])
        said[" ".join(arguments)] = told.output.encode()
        return told.stdout

    listed = json.loads(say("diffs", "--json"))
    for words in ("diffs --limit 100", "check", "check --json", "status", "status --json", "journal"):
        say(*words.split())
    for cause in (cause for route in listed["routes"] for cause in route["causes"]):
        say("diffs", "--cause", cause["id"], "--json")
        say("diffs", "accept", cause["id"], "--dry-run", "--json")
        say("diffs", "show", cause["example"])
    for route in listed["routes"]:
        say("diffs", route["route"])
        say("diffs", "what-if", "treat_equal case", route["route"])
    return said


async def everything_answered(serving: Serving, example: str) -> dict[str, bytes]:
    """What the admin API says, by path, to whoever has the token."""
    paths = ["/api/status", "/api/diffs?limit=100", "/api/ledger", "/api/journal", f"/api/diffs/{example}"]
    paths += [f"/api/routes/{case.name}" for case in CASES]
    answers = {path: await ask(serving, "GET", path) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    return {path: answer.content for path, answer in answers.items()}


def every_example(serving: Serving) -> dict[str, str]:
    """What `diffs show --json` says of each example there is, by route."""
    store = Store.open("sqlite:///strangler.db", serving.folder, read_only=True)
    rows = [row for case in CASES for row in store.examples(case.name)]
    store.close()
    shown = {}
    for row in rows:
        shown[row.example.route] = CliRunner().invoke(cli, ["diffs", "show", row.id, "--json", "-c", str(serving.file)]).output
    return shown


async def test_no_secret_is_found_again(serving: Serving) -> None:
    legacy, modern = await scripted(serving)
    (serving.folder / "strangler_test_judge.py").write_text(JUDGE)
    for case in CASES:
        legacy.script[case.sent_to], modern.script[case.sent_to] = case.answers()
    serving.put(routes(serving))
    await serving.start(environ={"STRANGLER_REDACTION_KEY": KEY})
    for case in CASES:
        assert (await send(serving.port, case.request())).startswith((b"HTTP/1.1 200", b"HTTP/1.1 302"))
    ledger = await quiet(serving, len(CASES))
    assert dict(ledger.compared) == {"mismatch": len(CASES) - 5, "candidate_failed": 4}
    assert dict(ledger.skipped) == {"compare_failed": 1}
    found = {f"{path.name} while it runs": path.read_bytes() for path in serving.folder.glob("strangler.db*")}
    found |= {path: (await serving.ask(path)).content for path in ("/metrics", "/healthz", "/readyz")}
    found["command lines"] = "\n".join(map(command, marked(serving.mark))).encode()
    found |= await asyncio.to_thread(everything_said, serving)
    shown = await asyncio.to_thread(every_example, serving)
    found |= await everything_answered(serving, json.loads(shown["json"])["id"])
    assert set(shown) == {case.name for case in CASES} - {"custom", *NOT_KEPT}
    found |= {f"example of {route}": text.encode() for route, text in shown.items()}
    assert await serving.stop() == 0
    found["output"] = "".join(serving.said).encode() + (await serving.complaints()).encode()
    found |= {str(path): path.read_bytes() for path in serving.folder.rglob("*") if path.is_file() and path != serving.file}
    logged = (serving.folder / "access.log").read_text().splitlines()
    assert {json.loads(line)["route"] for line in logged} == {case.name for case in CASES}
    wanted = [(secret, form) for secret in secrets() for form in set(forms(secret))]
    assert {(place, secret) for place, text in found.items() for secret, form in wanted if form in text} == set()


def secrets() -> set[str]:
    """All that must not be found: what was sent, and the key of the tokens."""
    return {KEY, *(secret for case in CASES for secret in case.secrets())}


def test_what_is_looked_for_would_be_found() -> None:
    assert len(secrets()) > 60
    sent = b"".join(case.request() for case in CASES)
    assert [case.name for case in CASES for secret in MARK.findall("".join(case.headers)) if secret.encode() not in sent] == []
    assert b64encode(b"id=bea.base@shop.example;")[6:30] in b64encode(b"id=bea.base@shop.example;")
