"""The tests of crmkit."""
