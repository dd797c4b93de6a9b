"""The few statements that an exam runs hundreds of times a second, on rows of models, without building them anew.

Django makes the text of a query each time it is run, which takes most of the time of a small one. These are written out
once for a model; values and rows still go through the fields of the model, so every database holds and gives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field, Model
from django.db.models.query import RawQuerySet

Row = TypeVar("Row", bound=Model)


def select(model: type[Row], lock: bool = False, **equal: Any) -> RawQuerySet[Row]:
    """The rows whose fields equal these values, or are among them where a value is a tuple; nothing is among none.

    With `lock` they are locked until the transaction ends, where a database locks rows at all.
    """
    columns, values = [], []
    for name, value in equal.items():
        field = _field(model, name)
        several = value if isinstance(value, tuple) else (value,)
        columns.append((*_columns([field]), len(several)))
        values += [field.get_db_prep_value(one, connection) for one in several]
    return model._default_manager.raw(_selecting(model, tuple(columns), lock and _locks_rows()), values)


def insert(rows: Collection[Model]) -> None:
    """Save new rows of one model, which learn nothing of the keys they get."""
    for model in {type(row) for row in rows}:
        fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        with connection.cursor() as cursor:
            cursor.executemany(_inserting(model), [list(_values(row, fields)) for row in rows if type(row) is model])


def update(row: Model, names: Sequence[str]) -> None:
    """Save these fields of a row that exists."""
    model = type(row)
    fields = [_field(model, name) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(_updating(model, tuple(names)), [*_values(row, [*fields, model._meta.pk])])


def _values(row: Model, fields: Sequence[Field[Any, Any]]) -> Iterator[Any]:
    return (field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields)


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    return field


def _locks_rows() -> bool:
    return connection.features.has_select_for_update


# Nothing but names of tables and columns, all from the models, becomes part of these texts.


@lru_cache
def _selecting(model: type[Model], columns: tuple[tuple[str, int], ...], lock: bool) -> str:
    where = " AND ".join(f"{column} IN ({_places(count)})" if count else "1 = 0" for column, count in columns)
    wanted = ", ".join(_columns(model._meta.concrete_fields))
    return f"SELECT {wanted} FROM {model._meta.db_table} WHERE {where}{' FOR UPDATE' if lock else ''}"  # noqa: S608


@lru_cache
def _inserting(model: type[Model]) -> str:
    columns = _columns(field for field in model._meta.concrete_fields if not field.primary_key)
    return f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES ({_places(len(columns))})"  # noqa: S608


@lru_cache
def _updating(model: type[Model], names: tuple[str, ...]) -> str:
    settings = ", ".join(f"{column} = %s" for column in _columns(_field(model, name) for name in names))
    [key] = _columns([model._meta.pk])
    return f"UPDATE {model._meta.db_table} SET {settings} WHERE {key} = %s"  # noqa: S608


def _columns(fields: Iterable[Field[Any, Any]]) -> list[str]:
    return [str(field.column) for field in fields]


def _places(count: int) -> str:
    return ", ".join(["%s"] * count)
