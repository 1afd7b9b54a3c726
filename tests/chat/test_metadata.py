"""What clients say about conversations, messages and jobs: metadata, instructions from elsewhere, cancellations."""

from tests.service import Service


def test_conversations_are_listed_by_their_metadata(service: Service) -> None:
    caller = service.user()
    pumps = caller.post("/conversations", {"title": "Pumps", "metadata": {"project": "P-17", "phase": 2}}).json
    caller.post("/conversations", {"title": "Valves"})
    assert caller.get(f"/conversations/{pumps['id']}").json["metadata"] == {"project": "P-17", "phase": 2}
    for condition in ("project:P-17", "phase:2"):
        assert [each["id"] for each in caller.get(f"/conversations?metadata={condition}").json["items"]] == [
            pumps["id"]
        ]
    assert caller.get("/conversations?metadata=project:P-18").json["items"] == []
    changed = caller.request("PATCH", f"/conversations/{pumps['id']}", {"metadata": {"project": "P-18"}})
    assert changed.json["metadata"] == {"project": "P-18"}


def test_messages_are_found_by_their_metadata(service: Service) -> None:
    caller = service.user()
    place = f"/conversations/{caller.post('/conversations', {}).json['id']}/messages"
    first = caller.post(place, {"content": "Which pump leaks?", "metadata": {"ticket": "T-81"}}).json["message"]
    service.pump_answer()
    caller.post(place, {"content": "Which pump is loud?"})
    assert first["metadata"] == {"ticket": "T-81"}
    search = {"query": "pump", "metadata": {"ticket": ["T-81", "T-82"]}}
    hits = caller.post("/messages/search", search).json["items"]
    assert [each["message_id"] for each in hits] == [first["id"]]


def test_instructions_from_elsewhere_are_read_and_are_no_part_of_a_prompt_or_a_share(service: Service) -> None:
    caller = service.user()
    conversation = caller.post("/conversations", {}).json["id"]
    service.rows(
        "insert into messages (conversation_id, user_id, role, content) values (%s, %s, 'system', 'Answer in verse.') "
        "returning 1",
        conversation,
        caller.id,
    )
    queued = caller.post(f"/conversations/{conversation}/messages", {"content": "Which pump leaks?"}).json["message"]
    assert queued["parent_message_id"] is None
    service.pump_answer()
    roles = [each["role"] for each in caller.get(f"/conversations/{conversation}/messages").json["items"]]
    assert roles == ["system", "user", "assistant"]
    share = caller.post("/shares", {"conversation_id": conversation}).json
    reader = service.user()
    opened = reader.post("/shared-conversations", {"token": share["token"]}).json
    shown = reader.get(f"/shared-conversations/{opened['id']}/messages").json["items"]
    assert [each["role"] for each in shown] == ["user", "assistant"]


def test_a_cancelled_job_says_who_cancelled_it_and_why(service: Service) -> None:
    caller = service.user()
    conversation = caller.post("/conversations", {}).json["id"]
    job = caller.post(f"/conversations/{conversation}/messages", {"content": "Which pump leaks?"}).json["job"]
    cancelled = caller.delete(f"/jobs/{job['id']}?reason=The%20wrong%20hall.").json
    assert (cancelled["cancelled_by"], cancelled["cancellation_reason"]) == ("user", "The wrong hall.")
    other = caller.post(f"/conversations/{conversation}/messages", {"content": "Which one?"}).json["job"]
    caller.delete(f"/conversations/{conversation}")
    assert caller.get(f"/jobs/{other['id']}").json["cancelled_by"] == "deletion"


def test_a_trace_is_running_while_the_answer_is_written(service: Service) -> None:
    caller = service.user()
    conversation = caller.post("/conversations", {}).json["id"]
    queued = caller.post(f"/conversations/{conversation}/messages", {"content": "Which pump leaks?"}).json
    trace = f"/messages/{queued['message']['id']}/trace"
    assert caller.get(trace).status == 404
    service.rows("select * from claim_job(gen_random_uuid(), interval '1 minute')")
    service.rows(
        "update llm_jobs set status = 'processing', started_at = now() where id = %s returning 1", queued["job"]["id"]
    )
    running = caller.get(trace).json
    assert (running["status"], running["completed_at"]) == ("running", None)
    assert [event["event"] for event in running["events"]] == ["meta"]
    service.rows("update llm_queue set leased_until = now() where job_id = %s returning 1", queued["job"]["id"])
    service.pump_answer()
    assert caller.get(trace).json["status"] == "completed"
