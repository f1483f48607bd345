"""The purchase log of CDNOW, 1997 and 1998: 6,919 purchases of 2,357 customers.

Source: B. G. S. Hardie's sample of the CDNOW data, as the package `lifetimes` ships it.  The package is installed
without its dependencies, for this file alone, and never imported.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest


def purchase_log() -> Path:
    """Where the file is."""
    try:
        files = importlib.metadata.files("lifetimes") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.fail("the log of CDNOW is missing: run `make test`, or pip install --no-deps -r .ci/data-packages.txt")
    return next(Path(str(file.locate())) for file in files if file.name == "CDNOW_sample.txt")
