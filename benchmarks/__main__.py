"""``python -m benchmarks [--large] [name …]``: all benchmarks, or those named."""

from __future__ import annotations

import argparse
import importlib
import platform

import sqlalchemy

NAMES = ("foundation", "rules", "service", "sales", "forecast")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], default=[], help="which ones; all if none is named")
    parser.add_argument("--large", action="store_true", help="more rows")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLAlchemy {sqlalchemy.__version__}; medians of several runs")
    for name in given.names or NAMES:
        importlib.import_module(f"benchmarks.{name}").run(large=given.large)


if __name__ == "__main__":
    main()
