"""`python -m config.local run` and `python -m config.local exec [--temporary] -- COMMAND ...`."""

from __future__ import annotations

import argparse
import sys

from config.local.errors import RunnerError
from config.local.execute import execute
from config.local.runner import run
from config.local.terminal import complain


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.local", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("run", help="start everything, run the demo, serve until Ctrl-C")
    command = parts.add_parser("exec", help="run a command with servers and environment")
    command.add_argument("--temporary", action="store_true", help="empty servers of its own")
    command.add_argument("command", nargs="+")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    try:
        if arguments.part == "exec":
            return execute(arguments.command, temporary=arguments.temporary)
        run()
    except RunnerError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
