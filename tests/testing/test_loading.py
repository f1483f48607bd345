"""What loads first makes no difference: Hypothesis asks for the strategies while it loads itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = "; from hypothesis import find, strategies as st; from crmkit import Money; find(st.from_type(Money), bool)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "import hypothesis",
        "import crmkit.testing.strategies",
        "from crmkit.testing.strategies.values import money",
        "from crmkit.testing import StorageSuite",
        "from crmkit.testing.suites.channels import ChannelSuite",
    ],
)
def test_strategies_load_in_any_order(first: str) -> None:
    ran = subprocess.run([sys.executable, "-c", first + ASK], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
