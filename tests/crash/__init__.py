"""Crash at every point: a desk that is killed at every write and every send, and goes on."""
