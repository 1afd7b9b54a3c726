"""Every changed field is one audit row, written with the change or not at all (C3)."""

from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.config import setting_values
from tests.config.setting_values import VALUES
from tests.service import Service, User

# What is refused: before the row is touched, and after it was.
REFUSED: list[tuple[dict[str, Any], dict[str, str], int]] = [
    ({"temperature": 3}, {}, 422),
    ({"temperature": 1, "no_such_setting": 1}, {}, 422),
    ({"temperature": 1}, {"If-Match": '"0"'}, 412),
    ({"temperature": 1.5, "active_chat_prompt": "nobody-made-it"}, {}, 422),
    ({"temperature": 1.5, "active_model": "nobody-registered-it"}, {}, 422),
    ({"max_tokens": 7, "bm25_weight": 0, "semantic_weight": 0}, {}, 422),
    ({"max_tokens": 7, "task_prompt": "no placeholders"}, {}, 422),
]
NOT_AUDITED = {"id", "revision", "updated_by", "created_at", "updated_at"}

Row = tuple[str, Any, Any, Any]


def _audited(service: Service, kind: str) -> list[Row]:
    with service.database.connect("owner") as owner:
        return _written(owner, kind)


def _written(owner: "psycopg.Connection[Any]", kind: str = "dynamic") -> list[Row]:
    query = "select field_name, old_value, new_value, user_id from config_audit where config_type = %s order by id"
    return owner.execute(query, [kind]).fetchall()


def _present(service: Service, table: str) -> dict[str, Any]:
    with service.database.connect("owner") as owner:
        return _state(owner, table)


def _state(owner: "psycopg.Connection[Any]", table: str = "dynamic_config") -> dict[str, Any]:
    row = owner.execute(sql.SQL("select to_jsonb(t) from {} t").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return {name: value for name, value in row[0].items() if name not in NOT_AUDITED}


def _replayed(start: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    """`start` with every audited change made again; each must find the value that it says it replaced."""
    state = dict(start)
    for name, old, new, _ in rows:
        assert state[name] == old, f"the row before says otherwise of {name}"
        assert old != new, f"nothing changed in {name}"
        state[name] = new
    return state


STEPS = st.one_of(
    setting_values.changes("dynamic").map(lambda changes: (changes, {}, 200)),
    setting_values.changes("dynamic").map(lambda changes: (dict.fromkeys(changes), {}, 200)),
    st.sampled_from(REFUSED),
)


def test_c3_replaying_the_audit_from_the_defaults_gives_the_present_settings(service: Service) -> None:
    administrator = service.administrator()
    setting_values.register(service, administrator)
    assert _present(service, "dynamic_config") == dict.fromkeys(VALUES)
    unset = sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(name)) for name in VALUES)
    with service.database.connect("owner") as owner:

        @settings(max_examples=50)
        @given(st.lists(STEPS, min_size=1, max_size=8))
        def replays(steps: list[tuple[dict[str, Any], dict[str, str], int]]) -> None:
            owner.execute(sql.SQL("update dynamic_config set {}").format(unset))
            owner.execute("delete from config_audit")
            start = before = _state(owner)
            rows = 0
            for changes, headers, expected in steps:
                answer = administrator.request("PATCH", "/config/dynamic", changes, headers)
                assert answer.status == expected, answer.body
                after, written = _state(owner), _written(owner)
                changed = sum(before[name] != value for name, value in after.items())
                assert len(written) - rows == changed, "one row for each field that changed"
                assert expected == 200 or changed == 0
                before, rows = after, len(written)
            assert _replayed(start, _written(owner)) == before
            assert {row[3] for row in _written(owner)} <= {administrator.id}

        replays()


def test_c3_the_whole_history_replays_and_is_listed_in_pages(service: Service) -> None:
    administrator = service.administrator()
    setting_values.register(service, administrator)
    for number in range(1, 8):
        administrator.request("PATCH", "/config/dynamic", {"max_tokens": number, "use_hybrid_search": number % 2 == 0})
    administrator.request("PATCH", "/config/dynamic", {"active_model": "two", "max_tokens": None})
    model = administrator.get("/llms?limit=1").json["items"][0]
    administrator.request("PATCH", f"/llms/{model['id']}", {"is_default": True})
    listed = _list(administrator, "limit=4")
    replayed = _replayed(
        dict.fromkeys(VALUES),
        [(item["field_name"], item["old_value"], item["new_value"], None) for item in reversed(listed)],
    )
    assert replayed == _present(service, "dynamic_config")
    assert {item["user_id"] for item in listed} == {str(administrator.id)}
    assert replayed["active_model"] == model["name"], "the default model is a setting like the others"
    assert [item["new_value"] for item in _list(administrator, "field_name=max_tokens")] == [None, *range(7, 0, -1)]
    assert _list(administrator, "config_type=static") == []
    assert len(_list(administrator, "config_type=dynamic")) == len(listed)
    user = service.user()
    assert user.get("/config/audit").status == 403


def _list(administrator: User, query: str) -> list[Any]:
    items: list[Any] = []
    after = ""
    while True:
        page = administrator.get(f"/config/audit?{query}{after}")
        assert page.status == 200, page.body
        items += page.json["items"]
        if page.json["next_cursor"] is None:
            return items
        after = f"&cursor={page.json['next_cursor']}"


def test_c3_changes_of_a_deploy_are_audited(service: Service) -> None:
    before = _present(service, "static_config")
    service.rows(
        "update static_config set deployment_name = 'Archive', chunk_size = 100, temperature = '0', top_p = '0', "
        "available_pipelines = '{qa}', provider_base_urls = '{\"openai\": null}' returning 1"
    )
    service.rows("update static_config set top_p = null, chunk_size = 100 returning 1")
    rows = _audited(service, "static")
    assert _replayed(before, rows) == _present(service, "static_config")
    assert [name for name, *_ in rows] == [
        "available_pipelines",
        "chunk_size",
        "deployment_name",
        "provider_base_urls",
        "temperature",
        "top_p",
        "top_p",
    ]
    assert {row[3] for row in rows} == {None}, "a deploy is nobody's"


def test_c3_the_application_cannot_write_the_audit_itself(service: Service) -> None:
    administrator = service.administrator()
    administrator.request("PATCH", "/config/dynamic", {"temperature": 0})
    columns, values = "config_type, field_name, old_value, new_value", [Jsonb(0), Jsonb(1)]
    with service.database.connect() as conn:
        for statement, set_values in (
            (f"insert into config_audit ({columns}) values ('dynamic', 'x', %s, %s)", values),
            ("update config_audit set new_value = '1'", []),
            ("delete from config_audit", []),
            ("truncate config_audit", []),
            ("alter table dynamic_config disable trigger audit", []),
        ):
            with conn.transaction(force_rollback=True), pytest.raises(psycopg.errors.InsufficientPrivilege):
                assert conn.execute("select assume_user(%s)", [administrator.id]).fetchone() == (True,)
                conn.execute(statement, set_values)
    assert _audited(service, "dynamic") == [("temperature", None, 0, administrator.id)]


def test_c3_rolled_back_changes_leave_no_audit_row(service: Service) -> None:
    administrator = service.administrator()
    with service.database.connect() as conn:
        with conn.transaction(force_rollback=True):
            conn.execute("select assume_user(%s)", [administrator.id])
            conn.execute("update dynamic_config set temperature = '1'")
            assert conn.execute("select count(*) from config_audit").fetchone() == (1,)
        with conn.transaction(force_rollback=True):
            conn.execute("select assume_user(%s)", [service.user().id])
            assert conn.execute("update dynamic_config set temperature = '1'").rowcount == 0, "only administrators"
            assert conn.execute("select count(*) from config_audit").fetchone() == (0,)
    assert _audited(service, "dynamic") == []


def test_c3_the_audit_of_a_change_outlives_its_authors_account(service: Service) -> None:
    first = service.administrator()
    second = service.user()
    assert first.request("PATCH", f"/users/{second.id}", {"is_admin": True}).status == 200
    second = service.log_in(second.email, second.password)
    assert second.request("PATCH", "/config/dynamic", {"temperature": 0}).status == 200
    assert second.request("DELETE", "/me", {"password": second.password}).status in {200, 202, 204}
    assert service.rows("select count(*) from users where id = %s", second.id) == [(0,)]
    assert _audited(service, "dynamic") == [("temperature", None, 0, None)]
    assert first.get("/config/dynamic").json["updated_by"] is None


def test_c3_every_changed_preference_is_one_row_with_old_and_new_value(service: Service) -> None:
    user = service.user()
    steps: list[tuple[dict[str, Any], list[Row]]] = [
        (
            {"theme": "dark", "preferred_temperature": 0},
            [("preferred_temperature", None, 0, user.id), ("theme", None, "dark", user.id)],
        ),
        ({"theme": "dark"}, []),
        (
            {"theme": "light", "preferred_temperature": None},
            [("preferred_temperature", 0, None, user.id), ("theme", "dark", "light", user.id)],
        ),
    ]
    expected: list[Row] = []
    for changes, added in steps:
        assert user.request("PATCH", "/me/preferences", changes).status == 200
        expected += added
        assert _audited(service, "user_pref") == expected
    refused = user.request("PATCH", "/me/preferences", {"theme": "dark", "preferred_model": "nobody-registered-it"})
    assert refused.status == 422
    assert _audited(service, "user_pref") == expected, "a refused change leaves no row"
    administrator = service.administrator()
    listed = administrator.get("/config/audit?config_type=user_pref").json["items"]
    assert [item["field_name"] for item in listed] == [row[0] for row in reversed(expected)]
    assert user.get("/config/audit").status == 403


def test_c3_a_deleted_model_leaves_a_row_for_each_preference_that_it_clears(service: Service) -> None:
    user, administrator = service.user(), service.administrator()
    setting_values.register(service, administrator)
    assert user.request("PATCH", "/me/preferences", {"preferred_model": "two"}).status == 200
    (llm,) = [item["id"] for item in administrator.get("/llms").json["items"] if item["name"] == "two"]
    assert administrator.delete(f"/llms/{llm}").status == 204
    assert _audited(service, "user_pref")[-1] == ("preferred_model", "two", None, administrator.id)


def test_o7_the_rows_of_an_erased_persons_preferences_are_gone(service: Service) -> None:
    user = service.user()
    assert user.request("PATCH", "/me/preferences", {"theme": "dark"}).status == 200
    assert user.delete("/me").status == 204
    assert _audited(service, "user_pref") == []
