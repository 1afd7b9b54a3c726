"""What each setting may be, and what a preference calls it: shared by the tests that try them all."""

from typing import Any, get_type_hints

from hypothesis import strategies as st

from chalicelib.config.registry.models import ModelName, PromptName, PromptText
from chalicelib.config.settings import declarations
from chalicelib.config.settings.models import DynamicChanges
from tests.service import Service, User

CHAT = "Passages: {context} Question: {query}"

# Of each type of a setting: valid values (0, false and "" wherever they are valid), and values that no level accepts.
Examples = tuple[list[Any], list[Any]]
_NO_TEXT: list[Any] = ["x" * 20_001, "a\x00b", 7, True, []]
_EXAMPLES: list[tuple[Any, Examples]] = [
    (declarations.Temperature, ([0, 0.5, "unset", 2], [-0.01, 2.01, 1e308, True, "0.5", "hot", [], {}])),
    (declarations.Ratio, ([0, 0.25, 1], [-0.01, 1.01, True, "0.5", [], {}])),
    (declarations.TopP, ([0, "unset", 1], [-0.01, 1.01, True, "0.5", "Unset", [], {}])),
    (declarations.Penalty, ([0.5, "unset", 2], [0, -1, 2.01, True, "1", []])),
    (declarations.Switch, ([False, True], [0, 1, "true", "yes", []])),
    (declarations.Amount, ([1, 100], [0, -1, 101, 1.5, True, "7", []])),
    (declarations.UploadMegabytes, ([1, 1000], [0, -1, 1001, 1.5, True, "7", []])),
    (declarations.TopK, ([1, "unset", 1000], [0, -1, 1001, 1.5, True, "7", []])),
    (declarations.PromptTokens, ([0, 1_000_000], [-1, 1_000_001, 0.5, True, "7", []])),
    (declarations.Bound, ([0, 1, 1_000_000_000], [-1, 1_000_000_001, 0.5, True, "7", []])),
    (
        declarations.Domains,
        (
            [[], ["example.org"], ["example.org", "sub.firm.example"]],
            [
                [""],
                ["example"],
                ["@example.org"],
                ["a b.org"],
                ["-" * 64 + ".org"],
                ["a.org"] * 101,
                [7],
                "a.org",
                {},
                True,
            ],
        ),
    ),
    (
        declarations.Languages,
        (
            ["", "eng", "eng+deu", "chi_sim+script/Latin"],
            ["+", "eng+", "eng deu", "eng,deu", "../eng", "eng\n", "e" * 101, "+".join(["eng"] * 9), 7, True, []],
        ),
    ),
    (declarations.MaxTokens, ([1, "unset", 100_000], [0, -1, 100_001, 2**40, 1.5, True, "7", []])),
    (PromptText, (["", "Be brief.", "{braces} stay"], _NO_TEXT)),
    (PromptName, (["default", "other"], ["", " ", "nobody-made-it", "../default", "Default", "x" * 101, 7, True, []])),
    (
        ModelName,
        (["extractive", "one", "two"], ["", " ", "nobody-registered-it", "x" * 101, "extractive\n", 7, True, []]),
    ),
    (
        declarations.Cron,
        (
            ["", "0 3 * * *", "*/15 8-18 * * MON-FRI", "0 0 29 2 *", "0 0 L * *", " 0 3 * * * "],
            [
                *("daily", "@daily", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "0 0 31 2 *"),
                *("0 0 * 2 MON#6", "*/0 * * * *", "5-1 * * * *", "² * * * *", "* * * * *\x00"),
                *("*," * 50 + "* * * * *", 7, True, []),
            ],
        ),
    ),
]


def _examples(name: str) -> Examples:
    kind = get_type_hints(DynamicChanges, include_extras=True)[name]
    for example, examples in _EXAMPLES:
        if kind == example | None:
            return examples
    raise LookupError(f"{name} has a type without examples: add them to _EXAMPLES")


VALUES: dict[str, list[Any]] = {name: _examples(name)[0] for name in DynamicChanges.model_fields} | {
    "active_pipeline": ["qa", "search"],
    "active_reranker": ["off", "built_in"],
    "task_prompt": [CHAT, "{query}{context}"],
    "semantic_weight": [0.75, 1],  # never 0 at the same time as bm25_weight
    "ingestion_schedule": ["", "0 3 * * *"],  # as they are stored
    "administrators_need_second_factor": [False],  # true would take the rights of who tries the next value
}
ACCEPTED: dict[str, list[Any]] = VALUES | {"ingestion_schedule": _examples("ingestion_schedule")[0]}
REFUSED: dict[str, list[Any]] = {name: _examples(name)[1] for name in DynamicChanges.model_fields}
REFUSED["active_pipeline"] = [*REFUSED["active_pipeline"], "qa "]
REFUSED["task_prompt"] = [
    *_NO_TEXT,
    *("", "{context}", "{query}", CHAT + "{query}", CHAT + "{history}", "{ context } {query}"),
]
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
OPEN = {"temperature", "max_tokens", "top_p", "top_k", "repetition_penalty", "system_prompt", "task_prompt"}
# Options of a model's call: a number, or "unset", in columns of JSON.
OPTIONS = {"temperature", "max_tokens", "top_p", "top_k", "repetition_penalty"}
# What holds in a conversation is asked for there; what administrators alone set, such as limits, is not.
OF_ADMINISTRATORS = set(DynamicChanges.model_fields) - set(declarations.DeclaredSettings.model_fields)
OF_CONVERSATIONS = [name for name in VALUES if name not in OF_ADMINISTRATORS]
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
