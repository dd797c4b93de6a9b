"""Implementations to lift: a naive and a sound one of each, run against moto by the tests. The app imports none."""
