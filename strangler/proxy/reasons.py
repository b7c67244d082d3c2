"""Why an answer is ours: every refusal and every failure of an upstream, each with its status, label and sentence.

The label is a constant and doubles as the metric label. Nothing here knows of connections.
"""

from __future__ import annotations

from dataclasses import dataclass

from strangler.core.decide import Refuse


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        status: of the answer; 0 where there is nobody left to answer.
        label: constant, for counters.
        message: one sentence for the client; never an address or a header of the request.
        closes: whether the connection cannot be trusted to carry another request.
        later: whether it may be otherwise soon, so that the answer says when to come again.
    """

    status: int
    label: str
    message: str
    closes: bool = True
    later: bool = False


# What the client sent (RFC 9112 unless said otherwise).
MALFORMED = Reason(400, "malformed", "The request is not valid HTTP/1.1.")
MALFORMED_STREAM = Reason(400, "malformed_stream", "The request is not valid HTTP/2.")
BAD_METHOD = Reason(400, "bad_method", "The request method is not known.")
BAD_VERSION = Reason(400, "bad_version", "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
BAD_TARGET = Reason(400, "bad_target", "The request target is not valid.")
CONNECT = Reason(400, "connect", "CONNECT is not possible here.")
NO_HOST = Reason(400, "no_host", "The request has no Host header.")
REPEATED_HOST = Reason(400, "repeated_host", "The request has more than one Host header.")
BAD_HOST = Reason(400, "bad_host", "The Host header is not a valid authority.")
HOST_MISMATCH = Reason(400, "host_mismatch", "The Host header and the request target name different hosts.")
LENGTH_AND_CODING = Reason(400, "length_and_coding", "The request has both Content-Length and Transfer-Encoding.")
REPEATED_LENGTH = Reason(400, "repeated_length", "The request has more than one Content-Length.")
BAD_CODING = Reason(400, "bad_coding", "The only transfer coding accepted is chunked.")
CODING_ON_OLD_VERSION = Reason(400, "coding_on_1_0", "HTTP/1.0 has no transfer codings.")
HEADERS_TOO_LARGE = Reason(431, "headers_too_large", "The request headers are too large.")
TOO_MANY_HEADERS = Reason(431, "too_many_headers", "The request has too many headers.")
BODY_TOO_LARGE = Reason(413, "body_too_large", "The request body is too large.")
HEADER_TIMEOUT = Reason(408, "header_timeout", "The request headers did not arrive in time.")
BODY_TIMEOUT = Reason(408, "body_timeout", "The request body did not arrive in time.")
TOO_MANY_CONNECTIONS = Reason(503, "too_many_connections", "Too many connections are open.")
TLS_HANDSHAKE = Reason(0, "tls_handshake", "The client did not get through the TLS handshake.")

# What became of an upstream. CLIENT_GONE and TRUNCATED reach nobody; they label observations.
CONNECT_FAILED = Reason(502, "connect_failed", "The service behind this route cannot be reached.", closes=False)
TLS_FAILED = Reason(502, "tls_failed", "No secure connection to the service behind this route could be made.", closes=False)
CERTIFICATE = Reason(502, "certificate", "The service behind this route could not prove who it is.", closes=False)
CONNECT_TIMEOUT = Reason(504, "connect_timeout", "The service behind this route cannot be reached in time.", closes=False)
RESPONSE_TIMEOUT = Reason(504, "response_timeout", "The service behind this route did not answer in time.", closes=False)
RESET = Reason(502, "upstream_reset", "The service behind this route closed the connection without an answer.", closes=False)
BAD_RESPONSE = Reason(502, "bad_response", "The service behind this route sent an answer that is not valid HTTP.", closes=False)
UNAVAILABLE = Reason(503, "unavailable", "The service behind this route is not available; nothing was tried twice.", closes=False)
IDENTITY_UNKNOWN = Reason(503, "identity_unknown", "It cannot be found out who is asking.", closes=False)
ADAPT_PATH = Reason(400, "adapt_path", "The request path cannot be translated.", closes=False)
ADAPT_TOO_LARGE = Reason(502, "adapt_too_large", "The service behind this route answered with too much to translate.", False)
ADAPT_NOT_JSON = Reason(502, "adapt_not_json", "The service behind this route sent an answer that cannot be translated.", False)
ADAPT_ENCODED = Reason(502, "adapt_encoded", "The service behind this route packed its answer although it was not to.", False)
ADAPT_CONFLICT = Reason(502, "adapt_conflict", "The answer of the service behind this route holds a member twice.", False)
ADAPT_FAILED = Reason(502, "adapt_failed", "The answer of the service behind this route could not be translated.", False)
UNHEALTHY = Reason(503, "unhealthy", "The service behind this route is out of service.", closes=False, later=True)
BREAKER_OPEN = Reason(503, "breaker_open", "The service behind this route has failed too often just now.", False, later=True)
HELD = Reason(503, "held", "What is behind this route is just changing hands; nothing was done.", closes=False, later=True)
ENGINE_ERROR = Reason(502, "engine_error", "The proxy could not handle this request.")
CLIENT_GONE = Reason(0, "client_gone", "The client closed the connection before its answer was complete.")
TRUNCATED = Reason(0, "truncated", "The upstream stopped in the middle of its answer.")
STOPPED = Reason(0, "stopped", "The proxy stopped before the answer was complete.")

_ROUTING = {
    400: "The request path can be read in more than one way.",
    503: "The request could not be routed.",
}


def of(refuse: Refuse) -> Reason:
    """The reason for a refusal that `strangler.core` decided."""
    return Reason(refuse.status, refuse.reason, _ROUTING.get(refuse.status, "The request was refused."), closes=False)
