"""Measuring two ways of doing the same thing, turn by turn, and printing the ratio of their medians."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Run = Callable[[], object]


@dataclass
class Comparison:
    """One line of the table.

    Attributes:
        ours, peer: what is compared; each call is one run.
        before: what puts both in the same state before every run; it is not measured.
        goal: the ratio that should be reached, at most (or at least, if *faster*).
        count: how many things one run does; *peer_count*, if the peer's does another number of them.
    """

    name: str
    ours: Run
    peer: Run
    peer_name: str
    goal: float
    faster: bool = False
    count: int = 1
    peer_count: int | None = None
    rounds: int = 5
    before: Run | None = None
    times: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "peer": []})

    def measure(self) -> str:
        for run in (self.ours, self.peer):
            self._time(run)  # warm up
        for n in range(self.rounds):
            sides = [("ours", self.ours), ("peer", self.peer)]
            for side, run in sides if n % 2 == 0 else sides[::-1]:
                self.times[side].append(self._time(run))
        ours = statistics.median(self.times["ours"]) / self.count
        peer = statistics.median(self.times["peer"]) / (self.peer_count or self.count)
        ratio = peer / ours if self.faster else ours / peer
        reached = ratio >= self.goal if self.faster else ratio <= self.goal
        word = "times faster" if self.faster else "times the cost"
        sign = "≥" if self.faster else "≤"
        return (
            f"| {self.name} | {_each(ours)} | {self.peer_name} | {_each(peer)} "
            f"| {ratio:.2f} {word} | {sign} {self.goal:g} {'✓' if reached else '✗'} |"
        )

    def _time(self, run: Run) -> float:
        if self.before is not None:
            self.before()
        gc.collect()
        gc.disable()
        begin = time.perf_counter()
        try:
            run()
        finally:
            gc.enable()
        return time.perf_counter() - begin


def _each(each: float) -> str:
    units = (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9))
    unit, factor = next(((unit, factor) for unit, factor in units if each * factor >= 1), units[-1])
    return f"{each * factor:.2f} {unit}"


def table(title: str, comparisons: list[Comparison]) -> None:
    print(f"\n## {title}\n")
    print("| what | crmkit | compared with | it | ratio | goal |")
    print("| --- | --- | --- | --- | --- | --- |")
    for comparison in comparisons:
        print(comparison.measure(), flush=True)
