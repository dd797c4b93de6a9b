from django.urls import path

from sandboxes import views

urlpatterns = [
    path("", views.library, name="sandboxes"),
    path("<slug:slug>/", views.sandbox, name="sandbox"),
    path("<slug:slug>/<slug:chart>.csv", views.chart_csv, name="chart_csv"),
]
