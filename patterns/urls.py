"""Addresses of the library, its pages and the ways into it."""

from django.urls import path

from patterns import views

urlpatterns = [
    path("patterns/", views.patterns, name="patterns"),
    path("patterns/map/", views.relations, name="map"),
    path("patterns/services/", views.services, name="services"),
    path("glossary/", views.glossary, name="glossary"),
    path("patterns/<slug:slug>/", views.pattern, name="pattern"),
    path("patterns/<slug:slug>/cheat-sheet/", views.cheat_sheet, name="cheat_sheet"),
]
