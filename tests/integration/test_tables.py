"""The peewee models and the migrated database say the same: tables, columns, types, nullability, primary keys."""

from __future__ import annotations

import importlib
from pkgutil import iter_modules

import pytest
from peewee import CompositeKey, Field, Model

import models
from models.database import query
from models.tables import Table

pytestmark = pytest.mark.usefixtures("ledger_database")

#: Every module of models whose name ends so holds models; importing them makes them known.
for module in iter_modules(models.__path__, "models."):
    if module.name.endswith("tables"):
        importlib.import_module(module.name)
MODELS: list[type[Model]] = sorted(Table.__subclasses__(), key=lambda model: str(model._meta.table_name))

#: PostgreSQL's own name of each type that the models use.
TYPES = {
    "BIGINT": "int8",
    "BLOB": "bytea",
    "BOOL": "bool",
    "DOUBLE": "float8",
    "INT": "int4",
    "JSONB": "jsonb",
    "TEXT": "text",
    "TEXT[]": "_text",
    "TIMESTAMPTZ": "timestamptz",
    "UUID": "uuid",
}

Column = tuple[str, bool, bool]


def name_of(model: type[Model]) -> str:
    return str(model._meta.table_name)


def columns_of_model(model: type[Model]) -> dict[str, Column]:
    """Column to (type, may be null, part of the primary key), as the model has it."""
    primary = model._meta.primary_key
    keys = set(primary.field_names) if isinstance(primary, CompositeKey) else {getattr(primary, "column_name", "")}
    fields: list[Field[object]] = model._meta.sorted_fields
    return {
        field.column_name: (TYPES[field.field_type], bool(field.null), field.column_name in keys) for field in fields
    }


def columns_in_database(table: str) -> dict[str, Column]:
    rows = query(
        "SELECT a.attname, t.typname, NOT a.attnotnull, coalesce(a.attnum = ANY (i.indkey), false)"
        " FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
        " LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary"
        " WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped",
        (table,),
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def test_every_table_has_a_model_and_every_model_a_table() -> None:
    tables = query(
        "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    )

    assert sorted(map(name_of, MODELS)) == sorted(row[0] for row in tables)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_model_has_the_columns_of_its_table(model: type[Model]) -> None:
    declared = columns_of_model(model)

    found = columns_in_database(name_of(model))

    assert declared == found
