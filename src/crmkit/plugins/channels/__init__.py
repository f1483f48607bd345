"""Ways to reach a customer: the port, and the channels that ship with crmkit."""
