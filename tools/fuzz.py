"""``python -m tools.fuzz``: look for counterexamples with new random examples until the time is over.

Rounds of the property tests follow each other, each with a seed of its own; the first failure ends the search, and its
seed and example are printed.  ``FUZZ_SECONDS`` says how long (an hour unless given), further arguments which tests.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time

RULES = ("tests/rules", "tests/storage/test_rules_agree.py", "tests/storage/test_suite.py")


def main() -> int:
    tests = sys.argv[1:] or [path for path in RULES if os.path.exists(path)]  # noqa: PTH110 - plain paths for pytest
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "3600"))
    rounds = 0
    while (left := end - time.monotonic()) > 0:
        seed = secrets.randbelow(2**32)
        failed = once(seed, tests, left)
        rounds += 1
        over = "" if time.monotonic() < end else ", and the time is over"
        print(f"round {rounds}, seed {seed}: {'a counterexample' if failed else 'nothing found'}{over}", flush=True)
        if failed:
            return failed
    return 0


def once(seed: int, tests: list[str], seconds: float) -> int:
    """One round; the time being over is no failure."""
    options = ["-q", "-x", "-n", "auto", "-m", "hypothesis", "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    with subprocess.Popen(command, start_new_session=True) as running:
        try:
            return running.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGTERM)
            return 0


if __name__ == "__main__":
    sys.exit(main())
