"""``python -m crmkit``."""

import sys

from crmkit.command import main

if __name__ == "__main__":
    sys.exit(main())
