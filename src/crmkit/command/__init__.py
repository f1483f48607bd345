"""The command line: ``python -m crmkit`` demo · migrate · worker · doctor."""

from crmkit.command.line import main

__all__ = ["main"]
