"""The pool: leads that nobody has, and the way back into it when nothing happens."""
