"""Import and export: what leaves the house for other systems, and what comes in from them."""
