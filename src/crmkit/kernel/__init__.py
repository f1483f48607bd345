"""Small shared words.  The kernel knows nothing of customers; it imports nothing of ours but ``crmkit.errors``."""
