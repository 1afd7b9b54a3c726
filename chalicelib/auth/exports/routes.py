"""Exports over HTTP: what is one's own, and what is the organisation's."""

from chalicelib.auth.exports import export
from chalicelib.auth.exports.models import ExportedRow, ExportQuery
from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page

routes = Routes(__name__)


@routes.get("/me/export", scope="account", proof=True, goes_on=export.goes_on)
def export_account(query: ExportQuery) -> Page[ExportedRow]:
    """Every row that belongs to the caller, table by table: account, settings, documents, conversations and all else.

    A page may hold fewer rows than `limit`. A `next_cursor` that is younger than 15 minutes requires no new login,
    up to a day after the first page.
    """
    with identity.as_caller() as conn:
        return export.page(conn, query)


@routes.get("/organisation/export", admin=True, proof=True, goes_on=export.organisation_goes_on)
def export_organisation(query: ExportQuery) -> Page[ExportedRow]:
    """Every row that is the organisation's: accounts, groups, settings, models, prompts, assistants, and documents that
    everybody reads. Nothing of what is a user's or a group's own.

    A page may hold fewer rows than `limit`. A `next_cursor` that is younger than 15 minutes requires no new login,
    up to a day after the first page.
    """
    with identity.as_caller() as conn:
        return export.page_of_organisation(conn, query)
