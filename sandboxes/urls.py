from django.urls import path

from sandboxes.views import experiments, sandbox

urlpatterns = [
    path("", sandbox.library, name="sandboxes"),
    path("experiments/", experiments.experiments, name="experiments"),
    path("experiments/<uuid:experiment_id>/", experiments.experiment, name="experiment"),
    path("experiments/<uuid:experiment_id>/delete/", experiments.delete, name="experiment_delete"),
    path("<slug:slug>/", sandbox.sandbox, name="sandbox"),
    path("<slug:slug>/<slug:chart>.csv", sandbox.chart_csv, name="chart_csv"),
]
