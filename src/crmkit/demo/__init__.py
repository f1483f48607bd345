"""The demo: a story in the terminal, a year of a restaurant, and a page with everything that can be learned from it."""

from crmkit.demo.play import play

__all__ = ["play"]
