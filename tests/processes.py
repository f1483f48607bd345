"""Several processes that begin at the same moment, and processes that are killed."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from typing import Any

# Children are forked off a server that has imported everything, so they begin within a few milliseconds.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    [
        "alembic.command",
        "crmkit.plugins.storage.sql.store",
        "email_validator",
        "phonenumbers",
        "psycopg",
        "pytest",
        "sqlalchemy.dialects.sqlite",
        "tests.concurrency.world",
        "tests.crash.world",
    ]
)


def started(body: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """A process that runs *body*."""
    process = context.Process(target=body, args=arguments, daemon=True)
    process.start()
    return process


def together(body: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], *, seconds: float = 120) -> list[Any]:
    """What *body* answers in several processes, one for each tuple of arguments, which begin at the same moment.

    Raises:
        AssertionError: one of them raised, or did not come to an end; the message has its traceback.
    """
    barrier = context.Barrier(len(arguments))
    ends = [context.Pipe(duplex=False) for _ in arguments]
    crew = [started(_run, body, given, barrier, end) for given, (_, end) in zip(arguments, ends, strict=True)]
    try:
        answers = [end.recv() if end.poll(seconds) else (False, "it did not come to an end") for end, _ in ends]
    finally:
        for process in crew:
            process.kill()
            process.join()
    for well, answer in answers:
        assert well, answer
    return [answer for _, answer in answers]


def _run(body: Callable[..., Any], given: tuple[Any, ...], barrier: Barrier, end: Connection) -> None:
    try:
        barrier.wait(timeout=60)
        answer = (True, body(*given))
    except BaseException:  # noqa: BLE001 - whatever it was, the parent tells it
        answer = (False, traceback.format_exc())
    end.send(answer)
