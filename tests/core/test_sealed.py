"""Every sealed secret of the database is declared, so that a new master key reaches it at the next deploy."""

from chalicelib.core import sealed
from tests.service import Service


def test_every_table_with_a_wrapped_key_declares_it(service: Service) -> None:
    catalogue = service.rows(
        "select c.table_name, array_agg(k.column_name::text order by k.ordinal_position) "
        "from information_schema.columns c "
        "join information_schema.table_constraints p "
        "  on p.table_name = c.table_name and p.table_schema = c.table_schema and p.constraint_type = 'PRIMARY KEY' "
        "join information_schema.key_column_usage k using (constraint_schema, constraint_name) "
        "where c.column_name = 'wrapped_key' and c.table_schema = 'public' group by 1"
    )
    assert {table: tuple(key) for table, key in catalogue} == {
        table: columns.key for table, columns in sealed.registered().items()
    }
