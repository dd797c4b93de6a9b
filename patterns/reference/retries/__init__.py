"""Retries with full jitter, a quota and a deadline, in one layer."""
