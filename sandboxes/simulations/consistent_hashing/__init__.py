"""Consistent hashing: six ways to find a key's node, and what happens to keys and caches when the nodes change."""
