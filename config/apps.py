"""The room that knows all others: settings, start-up, home and health."""

from django.apps import AppConfig


class HalfopenConfig(AppConfig):
    name = "config"
    verbose_name = "Halfopen"

    def ready(self) -> None:
        # In the web process tasks are published by name; every thread must find this app and its queues.
        from config.celery import app

        app.set_default()
