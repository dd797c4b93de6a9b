"""Addresses of the library and its pages."""

from django.urls import path

from patterns import views

urlpatterns = [
    path("", views.patterns, name="patterns"),
    path("<slug:slug>/", views.pattern, name="pattern"),
]
