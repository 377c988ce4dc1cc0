"""Decisions.  No clock, I/O, log, thread or randomness in here.  Read controller.py first."""
