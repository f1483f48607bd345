"""The revisions, in order; a released one is never changed.

``make migration name="what changes"`` writes the next one, from the difference between the revisions so far and the
declared entities; whoever releases it reads and corrects it, and adds what becomes of the rows that exist.
"""
