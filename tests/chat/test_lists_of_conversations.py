"""Lists of conversations, and what tags filter besides documents (K11, M16)."""

from typing import Any

from tests.chat.answers import Answers
from tests.service import User


def _titles(user: User, query: str = "") -> list[str]:
    answer = user.get(f"/conversations?{query}")
    assert answer.status == 200, answer.body
    return [item["title"] for item in answer.json["items"]]


def _conversation(user: User, title: str, **more: Any) -> str:
    return str(user.post("/conversations", {"title": title} | more).json["id"])


def _activity(answers: Answers, conversation: str, day: int) -> None:
    answers.service.rows(
        "update conversations set last_message_at = make_timestamptz(2026, 1, %s, 12, 0, 0, 'UTC'), "
        "       created_at = '2026-01-01T00:00:00Z' where id = %s returning 1",
        day,
        conversation,
    )


def test_m16_the_last_active_conversation_comes_first_on_every_page(answers: Answers) -> None:
    user = answers.user()
    ids = {title: _conversation(user, title) for title in ("third", "first", "fourth", "second")}
    for day, title in enumerate(("fourth", "third", "second", "first"), 1):
        _activity(answers, ids[title], day)
    everything = ["first", "second", "third", "fourth"]
    assert _titles(user) == everything
    pages, cursor = [], ""
    for _ in range(4):
        page = user.get(f"/conversations?limit=1{cursor}").json
        pages += [item["title"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (pages, page["next_cursor"]) == (everything, None)


def test_m16_conversations_are_filtered_by_title_tag_assistant_and_dates(answers: Answers) -> None:
    user = answers.user()
    assistant = answers.administrator.post("/assistants", {"name": "HR"}).json["id"]
    pumps, valves = _conversation(user, "Coolant pumps"), _conversation(user, "Valves", assistant_id=assistant)
    _activity(answers, pumps, 2)
    _activity(answers, valves, 4)
    tag = user.post("/tags", {"name": "safety"}).json["id"]
    assert user.put(f"/tags/{tag}/conversations/{pumps}").status == 204
    assert _titles(user, "q=colant pmp") == ["Coolant pumps"]
    assert _titles(user, f"tag={tag}") == ["Coolant pumps"]
    assert _titles(user, f"assistant_id={assistant}") == ["Valves"]
    assert _titles(user, "active_after=2026-01-03T00:00:00Z") == ["Valves"]
    assert _titles(user, "active_before=2026-01-03T00:00:00Z") == ["Coolant pumps"]
    assert _titles(user, "created_after=2026-01-03T00:00:00Z") == []
    assert len(_titles(user, "created_before=2026-01-03T00:00:00Z")) == 2
    other = answers.user()
    assert _titles(other, f"tag={tag}") == []


def test_k11_tags_filter_the_searches_over_messages_and_memories(answers: Answers) -> None:
    user = answers.user()
    first, second = _conversation(user, "first"), _conversation(user, "second")
    for conversation in (first, second):
        answers.answered(user, "How often is the coolant pump inspected?", conversation)
    tag = user.post("/tags", {"name": "safety"}).json["id"]
    assert user.put(f"/tags/{tag}/conversations/{first}").status == 204
    question = {"query": "coolant pump inspected", "role": "user"}
    matches = {hit["conversation_id"] for hit in user.post("/messages/search", question).json["items"]}
    tagged = {hit["conversation_id"] for hit in user.post("/messages/search", question | {"tag": tag}).json["items"]}
    assert (matches, tagged) == ({first, second}, {first})
    memories = [user.post("/memories", {"content": text}).json["id"] for text in ("I like tea.", "I like green tea.")]
    assert user.put(f"/tags/{tag}/memories/{memories[1]}").status == 204
    recalled = user.post("/memories/search", {"query": "I like tea", "tag": tag}).json["items"]
    assert [memory["id"] for memory in recalled] == [memories[1]]
    assert len(user.post("/memories/search", {"query": "I like tea"}).json["items"]) == 2
