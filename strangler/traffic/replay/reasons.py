"""Why an exchange of a recording is put aside: it is not asked, or not compared, and never counts as agreement."""

from __future__ import annotations

# By label. The sentence is for people.
ASIDE: dict[str, str] = {
    "method": "its method is not among --methods; those that change things need --yes-write, too",
    "route": "it takes a route that was not asked for",
    "no_route": "no route of the file takes it, so nobody said that the new system should answer it",
    "stage": "its route stands at legacy, where the new system need not know it; --route NAME asks it all the same",
    "ambiguous_path": "servers could read its path differently",
    "upgrade": "it switches to another protocol",
    "stream": "its answer is an endless stream",
    "conditional": "its answer was to a condition or a range (304, 206, 412, 416), which held for that client only",
    "signed": "it is a signed callback: sent again, it is a replay",
    "no_answer": "the recording has no answer to it; --control asks somebody else for one",
    "no_body": "the recording has its answer without the body; --control asks somebody else for one",
    "request_body": "the recording has it without its body",
    "redacted": "a secret of it is not in the recording; --header and --cookie give a live one, --cookie NAME= goes without",
    "redacted_answer": "secrets in its answer were replaced, and the key is not here to do the same with the live answer",
    "not_made": "it is about something that was made in the recording, and not here",
    "adapt_path": "its path cannot be translated for modern",
    "unreadable": "it could not be read",
    "unsendable": "it is no HTTP that may be sent",
    "control_failed": "control gave no whole answer",
}
