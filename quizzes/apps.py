"""The room of the questions: the bank, practice and what a learner answered."""

from django.apps import AppConfig


class QuizzesConfig(AppConfig):
    name = "quizzes"
    verbose_name = "Questions"
