from django.urls import path

from sandboxes.views import checks, experiments, many, replay, sandbox

urlpatterns = [
    path("", sandbox.library, name="sandboxes"),
    path("experiments/", experiments.experiments, name="experiments"),
    path("experiments/<uuid:experiment_id>/", experiments.experiment, name="experiment"),
    path("experiments/<uuid:experiment_id>/delete/", experiments.delete, name="experiment_delete"),
    path("<slug:slug>/", sandbox.sandbox, name="sandbox"),
    path("<slug:slug>/replications/", many.replications, name="replications"),
    path("<slug:slug>/sweep/", many.sweep, name="sweep"),
    path("<slug:slug>/<slug:kind>/<slug:name>.csv", many.picture_csv, name="picture_csv"),
    path("<slug:slug>/checks/", checks.checks, name="checks"),
    path("<slug:slug>/replay/", replay.replay, name="replay"),
    path("<slug:slug>/<slug:chart>.csv", sandbox.chart_csv, name="chart_csv"),
]
