"""The pages a person reads: one pattern each."""

from django.apps import AppConfig


class PatternsConfig(AppConfig):
    name = "patterns"
