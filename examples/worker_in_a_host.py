"""A host application that runs the worker in a thread of its own, beside its web server.

Run it with ``python examples/worker_in_a_host.py``; it posts a message, waits until the worker has sent it, and stops.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from crmkit import CRM
from crmkit.command.worker import Worker
from crmkit.plugins.channels.memory import MemoryChannel

channel = MemoryChannel()
with tempfile.TemporaryDirectory() as folder, CRM.open(Path(folder) / "crm.sqlite3", channels=[channel]) as crm:
    worker = Worker(crm, every=0.1)
    thread = threading.Thread(target=worker.run, name="crmkit worker")
    thread.start()

    with crm.work() as work:
        work.post(channel="email", to="wang@example.com", body="Your album is ready.", key="album 1")
    while not channel.sent:
        time.sleep(0.05)

    worker.stop()  # what it has begun is finished
    thread.join()
    print(f"sent to {channel.sent[0].to}: {channel.sent[0].body}")
