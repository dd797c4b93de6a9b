"""The room that knows all others: settings, start-up, home and health."""

from django.apps import AppConfig


class HalfopenConfig(AppConfig):
    name = "config"
    verbose_name = "Halfopen"
