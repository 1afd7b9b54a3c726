"""Conversations shared with a group or by a link, copied, and exported with their sources (M16)."""

import base64
import io
from typing import Any

import docx
import pytest

from chalicelib.chat.sharing import sharing
from tests.auth.mailboxes import race
from tests.service import Service, User

QUESTION = "How often is the coolant pump inspected?"
PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."


def _answered(user: User, **document: Any) -> str:
    """A conversation with an answer that cites a document of the user's; its id."""
    user.add("Pump manual", PUMP, **document)
    conversation: str = user.post("/conversations", {"title": "Pumps"}).json["id"]
    requested = user.post(
        f"/conversations/{conversation}/messages", {"content": "How often is the coolant pump inspected?"}
    )
    assert requested.status == 202, requested.body
    user.service.pump_answer()
    answer = user.get(f"/conversations/{conversation}/messages").json["items"][1]
    assert answer["sources"], answer
    return conversation


def _link(user: User, conversation: str, **more: Any) -> Any:
    created = user.post("/shares", {"conversation_id": conversation, **more})
    assert created.status == 201, created.body
    return created.json


def _opened(reader: User, share: Any) -> str:
    opened = reader.post("/shared-conversations", {"token": share["token"]})
    assert opened.status == 200, opened.body
    return f"/shared-conversations/{opened.json['id']}"


def _group(administrator: User, *members: User) -> str:
    group: str = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for member in members:
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": "editor"}).status == 204
    return group


def test_a_reader_sees_the_answer_and_of_hidden_documents_the_number_alone(service: Service) -> None:
    administrator, owner, reader = service.administrator(), service.user(), service.user()
    share = _link(owner, _answered(owner))
    path = _opened(reader, share)
    question, answer = reader.get(f"{path}/messages").json["items"]
    assert (question["role"], "ninety days" in answer["content"]) == ("user", True)
    (source,) = answer["sources"]
    assert source == {"number": 1, "document_id": None, "title": None, "page": None, "section": None, "quote": None}
    for other in (administrator, service.user()):
        assert other.get(path).status == 404
        assert other.get(f"{path}/messages").status == 404
        assert other.post(f"{path}/fork").status == 404


def test_a_reader_who_may_read_the_document_sees_the_source(service: Service) -> None:
    """Row-level security decides when the messages are read: with the right the source goes, too."""
    administrator, owner, reader = service.administrator(), service.user(), service.user()
    group = _group(administrator, owner, reader)
    conversation = _answered(owner, scope="group", group_id=group)
    path = _opened(reader, _link(owner, conversation))
    (source,) = reader.get(f"{path}/messages").json["items"][1]["sources"]
    assert (source["title"], source["quote"] is not None) == ("Pump manual", True)
    assert administrator.delete(f"/groups/{group}/members/{reader.id}").status == 204
    (source,) = reader.get(f"{path}/messages").json["items"][1]["sources"]
    assert (source["title"], source["quote"]) == (None, None)


def test_a_group_reads_what_is_shared_with_it_while_it_has_the_members(service: Service) -> None:
    administrator, owner, reader, outsider = service.administrator(), service.user(), service.user(), service.user()
    group = _group(administrator, owner, reader)
    share = _link(owner, _answered(owner), group_id=group)
    assert (share["token"], share["url"]) == (None, None)
    (listed,) = reader.get("/shared-conversations").json["items"]
    assert (listed["id"], listed["title"], listed["group_id"]) == (share["id"], "Pumps", group)
    assert outsider.get("/shared-conversations").json["items"] == []
    refused = outsider.post("/shares", {"conversation_id": share["conversation_id"], "group_id": group})
    assert refused.status == 404
    own = outsider.post("/conversations", {}).json["id"]
    assert outsider.post("/shares", {"conversation_id": own, "group_id": group}).status == 404, "not a member"
    assert administrator.delete(f"/groups/{group}/members/{reader.id}").status == 204
    assert reader.get(f"/shared-conversations/{share['id']}").status == 404


def test_what_a_former_member_shared_with_a_group_rests_until_the_member_is_back(service: Service) -> None:
    administrator, owner, reader = service.administrator(), service.user(), service.user()
    group = _group(administrator, owner, reader)
    conversation = owner.post("/conversations", {}).json["id"]
    path = f"/shared-conversations/{_link(owner, conversation, group_id=group)['id']}"
    member = f"/groups/{group}/members/{owner.id}"
    assert administrator.delete(member).status == 204
    assert reader.get(path).status == 404
    assert reader.get("/shared-conversations").json["items"] == []
    assert administrator.put(member, {"role": "member"}).status == 204
    assert reader.get(path).status == 200


@pytest.mark.parametrize("ending", ["withdrawn", "expired", "deleted", "deactivated"])
def test_a_share_ends_for_everybody_at_once(service: Service, ending: str) -> None:
    owner, reader = service.user(), service.user()
    conversation = _answered(owner)
    share = _link(owner, conversation)
    path = _opened(reader, share)
    assert owner.get(f"/shares/{share['id']}").json["readers"] == 1
    if ending == "withdrawn":
        assert owner.delete(f"/shares/{share['id']}").status == 204
        assert owner.delete(f"/shares/{share['id']}").status == 404
    elif ending == "expired":
        service.rows("update conversation_shares set expires_at = now() returning 1")
    elif ending == "deactivated":
        changed = service.administrator().request("PATCH", f"/users/{owner.id}", {"is_active": False})
        assert changed.status == 200
    else:
        assert owner.delete(f"/conversations/{conversation}").status == 204
    assert reader.get(f"{path}/messages").status == 404
    assert reader.get("/shared-conversations").json["items"] == []
    again = service.user().post("/shared-conversations", {"token": share["token"]})
    assert (again.status, again.json["code"]) == (400, "share_invalid")


def test_a_link_is_not_guessed_and_not_in_the_database(service: Service) -> None:
    owner, reader = service.user(), service.user()
    share = _link(owner, owner.post("/conversations", {}).json["id"])
    assert share["token"] not in service.dump()
    assert reader.post("/shared-conversations", {"token": "A" * 43}).json["code"] == "share_invalid"
    tokens = service.request("POST", "/auth/anonymous", {"client_id": "0123456789abcdefghijklmnop"}).json
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    refused = service.request("POST", "/shared-conversations", {"token": share["token"]}, headers)
    assert refused.json["code"] == "share_invalid", "readers have an account"
    statuses = race(50, lambda: reader.post("/shared-conversations", {"token": share["token"]}))
    assert statuses == [200] * 50
    recorded = service.rows("select count(*) from audit_logs where action = 'conversation.share_opened'")
    assert recorded == [(50,)]
    assert owner.get(f"/shares/{share['id']}").json["readers"] == 1


def test_messages_that_follow_are_shared_on_purpose_alone(service: Service) -> None:
    owner, reader = service.user(), service.user()
    conversation = _answered(owner)
    paths = [_opened(reader, _link(owner, conversation, later_messages=later)) for later in (False, True)]
    requested = owner.post(f"/conversations/{conversation}/messages", {"content": "Something private?"})
    assert requested.status == 202
    service.pump_answer()
    assert [len(reader.get(f"{path}/messages").json["items"]) for path in paths] == [2, 4]


def test_a_copy_is_the_readers_own_and_has_the_sources_that_the_reader_sees(service: Service) -> None:
    administrator, owner, reader, other_user = service.administrator(), service.user(), service.user(), service.user()
    group = _group(administrator, owner, reader)
    share = _link(owner, _answered(owner, scope="group", group_id=group))
    copies = {}
    for person in (reader, other_user):
        created = person.post(f"{_opened(person, share)}/fork")
        assert (created.status, created.json["title"], created.json["message_count"]) == (201, "Pumps", 2)
        question, answer = person.get(f"/conversations/{created.json['id']}/messages").json["items"]
        assert answer["parent_message_id"] == question["id"]
        copies[person.id] = answer["sources"]
    assert [source["title"] for source in copies[reader.id]] == ["Pump manual"]
    assert copies[other_user.id] == []
    assert owner.delete(f"/shares/{share['id']}").status == 204
    stored = other_user.get("/conversations").json["items"]
    assert len(stored) == 1, "a copy stays when the share ends"
    mine = reader.get("/conversations").json["items"][0]["id"]
    assert reader.post(f"/conversations/{mine}/messages", {"content": "And then?"}).status == 202


def test_a_conversation_is_exported_with_its_sources(service: Service) -> None:
    owner = service.user()
    conversation = _answered(owner)
    exported = {
        form: owner.get(f"/conversations/{conversation}/export?format={form}").json
        for form in ("markdown", "html", "docx")
    }
    assert [item["file_name"] for item in exported.values()] == ["Pumps.md", "Pumps.html", "Pumps.docx"]
    document = docx.Document(io.BytesIO(base64.b64decode(exported["docx"]["content"])))
    read = "\n".join(paragraph.text for paragraph in document.paragraphs)
    for text in (exported["markdown"]["content"], exported["html"]["content"], read):
        assert QUESTION in text
        assert "[1] Pump manual" in text.replace("\\", "")
        assert "ninety days" in text
    assert document.paragraphs[0].style is not None
    assert owner.get(f"/conversations/{conversation}/export?format=pdf").status == 422
    assert service.user().get(f"/conversations/{conversation}/export").status == 404


def _long(user: User, messages: int, characters: int) -> str:
    """A conversation with one branch of so many messages, which begin with their numbers; its id."""
    conversation: str = user.post("/conversations", {"title": "Long"}).json["id"]
    user.service.rows(
        "with recursive m (number, id, parent) as ("
        " select 1, uuidv7(), null::uuid union all select number + 1, uuidv7(), id from m where number < %s) "
        "insert into messages (id, conversation_id, user_id, parent_message_id, role, finish_reason, content) "
        "select id, %s, %s, parent, case number %% 2 when 1 then 'user' else 'assistant' end, "
        "       case number %% 2 when 0 then 'stop' end, rpad(format('Message %%s.', number), %s) "
        "  from m order by number returning 1",
        messages,
        conversation,
        user.id,
        characters,
    )
    return conversation


@pytest.mark.parametrize(
    ("messages", "characters", "left_out"), [(1203, 20, "203"), (40, 50_000, "10"), (1000, 20, "")]
)
def test_an_export_has_the_newest_messages_and_says_how_many_others_there_are(
    service: Service, messages: int, characters: int, left_out: str
) -> None:
    owner = service.user()
    conversation = _long(owner, messages, characters)
    first = int(left_out or 0) + 1
    for form in ("markdown", "html", "docx"):
        exported = owner.get(f"/conversations/{conversation}/export?format={form}")
        text = exported.json["content"]
        if form == "docx":
            paragraphs = docx.Document(io.BytesIO(base64.b64decode(text))).paragraphs
            text = "\n".join(paragraph.text for paragraph in paragraphs)
        assert (f"The first {left_out} messages are left out" in text) == bool(left_out)
        assert f"Message {first}." in text
        assert f"Message {messages}." in text
        assert f"Message {first - 1}." not in text
        assert len(exported.body) < 6_000_000, "more does not pass the gateway"


def test_an_export_of_quotation_marks_is_no_longer_than_a_response(service: Service) -> None:
    owner = service.user()
    conversation = _long(owner, 40, 50_000)
    change = "update messages set content = translate(content, ' ', '\"') where conversation_id = %s returning 1"
    service.rows(change, conversation)
    for form in ("markdown", "html"):
        exported = owner.get(f"/conversations/{conversation}/export?format={form}")
        assert (exported.status, "Message" in exported.json["content"]) == (200, True)


def test_a_copy_of_a_long_conversation_is_whole_or_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, reader = service.user(), service.user()
    path = _opened(reader, _link(owner, _long(owner, 1203, 20)))
    assert reader.post(f"{path}/fork").json["message_count"] == 1203
    monkeypatch.setattr(sharing, "_MOST_COPIED", 1202)
    refused = reader.post(f"{path}/fork")
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    assert len(reader.get("/conversations").json["items"]) == 1


def test_an_exported_page_loads_and_runs_nothing(service: Service) -> None:
    owner = service.user()
    conversation = owner.post("/conversations", {"title": "<script>alert(1)</script> ../../x"}).json["id"]
    hostile = "![a](https://evil.example/a.png) [b](https://evil.example) <img src=x onerror=alert(1)> \x01"
    service.rows(
        "insert into messages (conversation_id, user_id, role, content) values (%s, %s, 'user', %s) returning 1",
        conversation,
        owner.id,
        hostile,
    )
    exported = owner.get(f"/conversations/{conversation}/export?format=html").json
    for forbidden in ("<img", "<a ", "<script"):
        assert forbidden not in exported["content"]
    assert not {"/", "<", ">"} & set(exported["file_name"])
    whole = base64.b64decode(owner.get(f"/conversations/{conversation}/export?format=docx").json["content"])
    assert "alert(1)" in docx.Document(io.BytesIO(whole)).paragraphs[0].text
