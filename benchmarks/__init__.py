"""What crmkit costs, as ratios to the best that can be had without it, measured side by side in one run."""
