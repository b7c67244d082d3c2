"""``python -m sample_modern``"""

import argparse
import os
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from sample_legacy.shared import process
from sample_legacy.shared.numbers import BY_NAME
from sample_modern import planted, seed
from sample_modern.app import create_app

PROGRAM = "sample_modern"
KEY_VARIABLE = "STRANGLER_IDENTITY_KEY"


def main() -> None:
    """Create, seed, serve."""
    arguments = _parser().parse_args()
    app = _create(arguments)
    if arguments.init_only:
        app.state.shop.engine.dispose()
        return
    process.serve(app, PROGRAM, arguments.host, arguments.port)


def _parser() -> argparse.ArgumentParser:
    parser = process.arguments(PROGRAM, 9002, "sqlite:///modern.db", "The modern shop.")
    parser.add_argument("--planted", type=_planted, default="all", metavar="all|none|ID,…", help="default: %(default)s")
    parser.add_argument(
        "--seed-tables", type=_tables, default=seed.TABLES, metavar="TABLE,…", help=f"of {', '.join(seed.TABLES)}"
    )
    parser.add_argument("--build", default="1", help="what the x-build header says (default: %(default)s)")
    parser.add_argument(
        "--identity-key", type=_key, metavar="FILE", help="what the proxy signs x-user with (default: $STRANGLER_IDENTITY_KEY)"
    )
    return parser


def _create(arguments: argparse.Namespace) -> Starlette:
    try:
        return create_app(
            arguments.database,
            planted_ids=arguments.planted,
            seed_number=arguments.seed,
            customers=arguments.customers,
            tables=arguments.seed_tables,
            reset=arguments.reset,
            numbers=BY_NAME[arguments.numbers],
            build=arguments.build,
            identity_key=arguments.identity_key or os.environ.get(KEY_VARIABLE, "").strip().encode(),
        )
    except SQLAlchemyError as error:
        process.stop(PROGRAM, process.DATABASE, f"the database cannot be used: {str(error).splitlines()[0]}")


def _planted(text: str) -> str:
    try:
        planted.choose(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _key(text: str) -> bytes:
    try:
        return Path(text).read_bytes().strip()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be read: {error.strerror}") from None


def _tables(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if text != "none")
    if unknown := sorted({*names} - {*seed.TABLES}):
        raise argparse.ArgumentTypeError(f"no such table: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    main()
