"""``python -m sample_legacy``"""

from sqlalchemy.exc import SQLAlchemyError

from sample_legacy.app import create_app
from sample_legacy.shared import process
from sample_legacy.shared.numbers import BY_NAME

PROGRAM = "sample_legacy"


def main() -> None:
    """Create, seed, serve."""
    arguments = process.arguments(PROGRAM, 9001, "sqlite:///legacy.db", "The legacy shop.").parse_args()
    try:
        app = create_app(
            arguments.database,
            seed_number=arguments.seed,
            customers=arguments.customers,
            reset=arguments.reset,
            numbers=BY_NAME[arguments.numbers],
        )
    except SQLAlchemyError as error:
        process.stop(PROGRAM, process.DATABASE, f"the database cannot be used: {str(error).splitlines()[0]}")
    if arguments.init_only:
        app.state.shop.engine.dispose()
        return
    process.serve(app, PROGRAM, arguments.host, arguments.port)


if __name__ == "__main__":
    main()
