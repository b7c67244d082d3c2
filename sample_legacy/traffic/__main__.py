"""``python -m sample_legacy.traffic``"""

import argparse
import asyncio
import json
import signal
import sys

from sample_legacy import facts
from sample_legacy.traffic.drive import Summary, Unreachable, drive

_UNREACHABLE = 4


def main() -> None:
    """Drive, then say in one line what came of it."""
    arguments = _parser().parse_args()
    try:
        summary = asyncio.run(_drive(arguments))
    except Unreachable as error:
        print(error, file=sys.stderr)
        sys.exit(_UNREACHABLE)
    print(json.dumps(summary.as_dict()) if arguments.json else summary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sample_legacy.traffic", description="People who use the shop.")
    parser.add_argument("--url", default="http://127.0.0.1:9001", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=facts.DEFAULT_SEED, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, help="stop after so long (default: until interrupted)")
    parser.add_argument("--requests", type=int, help="stop after so many")
    parser.add_argument("--rate", type=float, default=20.0, help="per second, all users together; 0 is as fast as they can")
    parser.add_argument("--users", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--customers", type=int, default=facts.DEFAULT_CUSTOMERS, help="how many the server was seeded with")
    parser.add_argument("--writes", action=argparse.BooleanOptionalAction, default=True, help="log in, order, change, upload")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


async def _drive(arguments: argparse.Namespace) -> Summary:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await drive(
        arguments.url,
        arguments.seed,
        seconds=arguments.seconds,
        requests=arguments.requests,
        rate=arguments.rate,
        users=arguments.users,
        writes=arguments.writes,
        customers=arguments.customers,
        stop=stop,
    )


if __name__ == "__main__":
    main()
