"""The inbox: an event's effect once, in the consumer's own transaction."""

from reconcile.inbox.inbox import Inbox, Verdict
from reconcile.inbox.message import Message

__all__ = ["Inbox", "Message", "Verdict"]
