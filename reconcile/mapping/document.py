"""The one place of `reconcile` that imports a YAML parser: a file's bytes to nodes."""

from __future__ import annotations

import codecs
from typing import Any

import yaml

from strangler.core.spec.node import DocumentError, Node, build

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(data: bytes) -> Node | None:
    """Parse one YAML document; None if it is empty. Raises DocumentError, which carries the one problem."""
    try:
        return build(yaml.parse(data.removeprefix(codecs.BOM_UTF8).decode("utf-8"), Loader=_Loader))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(None, f"not UTF-8 (line {line}): save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        message = f"not valid YAML: {error.problem or error.context}"
        raise DocumentError(error.problem_mark or error.context_mark, message) from None
    except yaml.reader.ReaderError as error:
        raise DocumentError(None, f"not valid YAML: {error.reason} at character {error.position + 1}") from None
    except UnicodeEncodeError:
        raise DocumentError(None, "not valid YAML: half of a surrogate pair") from None
