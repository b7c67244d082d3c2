"""Python functions that a mapping names as MODULE:FUNCTION: found beside the mappings file, and called with a row's values.

A function is given raw values as the old database's driver reads them, in the order of `needs`, NULL as None; what it gives
is fitted to the new column as any other value. It must depend on its arguments alone: the same row is mapped again by every
relay, comparison and repair.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from reconcile.mapping.model import Column

Function = Callable[..., Any]
Functions = Mapping[str, Function]


def load(folder: Path, name: str, arguments: int) -> Function:
    """The function MODULE:FUNCTION. Raises ValueError with what is wrong: with its file, its name or what it takes."""
    module_name, _, function_name = name.partition(":")
    function = getattr(_module(folder, module_name), function_name, None)
    if not callable(function):
        raise ValueError(f"{module_name} has no function {function_name}")
    try:
        signature(function).bind(*range(arguments))
    except TypeError as error:
        raise ValueError(f"{name} cannot be called with the {arguments} columns of `needs`: {error}") from None
    except ValueError:  # a function written in C need not say what it takes
        pass
    return function  # type: ignore[no-any-return]


def loaded(folder: Path, columns: Mapping[str, Column]) -> dict[str, Function | str]:
    """By column, its function, or what is wrong with it."""
    return {
        name: _loaded(folder, column.python, len(column.needs)) for name, column in columns.items() if column.python is not None
    }


def _loaded(folder: Path, name: str, arguments: int) -> Function | str:
    try:
        return load(folder, name, arguments)
    except ValueError as error:
        return str(error)


def call(name: str, function: Function, arguments: tuple[Any, ...], note: object = None) -> Any:
    """What the function makes of a row. Raises ValueError, without any value in it, if it raises anything."""
    try:
        return function(*arguments)
    except Exception as error:
        raise ValueError(f"{name} raised {type(error).__name__}{_line(error)}") from error


def _line(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"


def _module(folder: Path, name: str) -> ModuleType:
    """A file beside the mappings file comes before an installed module of that name, and hides it from nobody else."""
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    known = f"mappings_{blake2b(str(file.resolve()).encode(), digest_size=8).hexdigest()}"
    try:
        if not file.is_file():
            return importlib.import_module(name)
        return sys.modules.get(known) or _executed(known, file, folder)
    except ModuleNotFoundError as error:
        what = (
            f"there is no {file.name} beside the mappings file"
            if name.startswith(error.name or "?")
            else f"it needs {error.name}"
        )
        raise ValueError(f"{name} cannot be loaded: {what}") from None
    except Exception as error:
        raise ValueError(f"{name} cannot be loaded: {type(error).__name__}: {error}{_line(error)}") from error


def _executed(known: str, file: Path, folder: Path) -> ModuleType:
    spec = spec_from_file_location(known, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[known] = module  # dataclasses and pickles look their module up while it is still being executed
    try:
        with _importing_from(folder):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known]
        raise
    return module


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))
