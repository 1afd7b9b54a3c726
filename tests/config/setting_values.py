"""What each setting may be, and what a preference calls it: shared by the tests that try them all."""

from typing import Any

from hypothesis import strategies as st

from tests.service import Service, User

CHAT = "Passages: {context} Question: {query}"
# Valid values of each setting; 0, false and "" wherever they are valid.
VALUES: dict[str, list[Any]] = {
    "active_pipeline": ["qa", "search"],
    "active_model": ["extractive", "one", "two"],
    "temperature": [0, 0.5, 2],
    "max_tokens": [1, 100_000],
    "top_p": [0, 0.25, 1],
    "top_k": [1, 1000],
    "repetition_penalty": [0.5, 2],
    "system_prompt": ["", "Be brief.", "{braces} stay"],
    "task_prompt": [CHAT, "{query}{context}"],
    "active_condense_prompt": ["default", "other"],
    "active_chat_prompt": ["default", "other"],
    "active_system_prompt": ["default", "other"],
    "num_documents_to_retrieve": [1, 100],
    "use_hybrid_search": [False, True],
    "bm25_weight": [0, 0.25, 1],
    "semantic_weight": [0.75, 1],
    "history_tokens": [0, 1_000_000],
    "context_tokens": [0, 4000],
    "ingestion_schedule": ["", "0 3 * * *"],
}
# The settings that a user may prefer otherwise, by the names of the preferences.
PREFERRED = {
    "active_model": "preferred_model",
    "temperature": "preferred_temperature",
    "max_tokens": "preferred_max_tokens",
    "num_documents_to_retrieve": "preferred_num_documents",
    "top_p": "preferred_top_p",
    "top_k": "preferred_top_k",
    "active_condense_prompt": "preferred_condense_prompt",
    "active_chat_prompt": "preferred_chat_prompt",
    "active_system_prompt": "preferred_system_prompt",
}
# What a deployment may leave open: its null is a value, "as the provider does it" or "none".
OPEN = {"top_p", "top_k", "repetition_penalty", "system_prompt", "task_prompt"}
# What holds in a conversation is asked for there; when documents are compared with the bucket is not.
OF_CONVERSATIONS = [name for name in VALUES if name != "ingestion_schedule"]
_TOGETHER = ("bm25_weight", "semantic_weight")


def changes(level: str) -> "st.SearchStrategy[dict[str, Any]]":
    """Valid changes of one level, where null takes a setting back."""
    names = {"user": list(PREFERRED), "conversation": OF_CONVERSATIONS}.get(level, list(VALUES))
    optional = {
        name: st.sampled_from(VALUES[name] + ([None] if level != "static" or name in OPEN else [])) for name in names
    }
    drawn = st.fixed_dictionaries({}, optional=optional).filter(bool)
    return drawn.map(_weights_together) if level == "conversation" else drawn


def _weights_together(drawn: dict[str, Any]) -> dict[str, Any]:
    """A conversation sets both weights or none."""
    provided = [drawn.get(name) for name in _TOGETHER]
    if any(name in drawn for name in _TOGETHER) and None in provided:
        return drawn | dict.fromkeys(_TOGETHER)
    return drawn


def register(service: Service, administrator: User) -> None:
    """The models and prompts that VALUES name."""
    for name in ("one", "two"):
        created = administrator.post("/llms", {"name": name, "provider": "openai", "model_id": f"model-{name}"})
        assert created.status == 201, created.body
    contents = {"condense": "{history} {query}", "chat": CHAT, "system": "Answer."}
    for kind, content in contents.items():
        created = administrator.post("/prompts", {"kind": kind, "name": "other", "content": content})
        assert created.status == 201, created.body


def as_preferences(provided: dict[str, Any]) -> dict[str, Any]:
    """Changes of settings under the names of the preferences."""
    return {PREFERRED[name]: value for name, value in provided.items()}
