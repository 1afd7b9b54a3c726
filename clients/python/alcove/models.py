"""What the service takes and returns.

Written by generate.py; do not edit.
"""

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, RootModel


class AnonymousLogin(BaseModel):
    """
    A random secret that the client generates and stores, for example 32 random bytes in base64url.
    """

    client_id: str


class ApiKey(BaseModel):
    """
    An API key, without the key itself: `prefix` is its beginning.
    """

    id: UUID
    name: str
    prefix: str
    scopes: list[Literal["read", "write", "chat", "admin"]]
    expires_at: str
    last_used_at: str | None
    created_at: str


class ApiKeyPage(BaseModel):
    items: list[ApiKey]
    next_cursor: str | None = None


class AuditEntry(BaseModel):
    """
    One change: who made it, to what, when and from where.
    """

    id: UUID
    user_id: UUID | None
    action: str
    entity_type: str | None
    entity_id: UUID | None
    details: dict[str, Any]
    ip_address: str | None
    request_id: str | None
    created_at: str


class AuditEntryPage(BaseModel):
    items: list[AuditEntry]
    next_cursor: str | None = None


class BatchStages(BaseModel):
    """
    How many documents of a batch are at each stage of their processing.
    """

    extracting: int
    chunking: int
    embedding: int
    waiting: int
    storing: int


class Budget(BaseModel):
    """
    The budget of a user, or of each member of a group.
    """

    id: UUID
    user_id: UUID | None
    group_id: UUID | None
    monthly_cost_usd: float | None
    monthly_tokens: int | None
    created_at: str
    updated_at: str


class BudgetPage(BaseModel):
    items: list[Budget]
    next_cursor: str | None = None


class BulkSelection(BaseModel):
    """
    Which documents are used, in one request: `only` these, or `all_but` these, of all that the caller can see now.

    Documents that come later are used. To keep a conversation to a repository or to some documents for good, give it
    `filters`.
    """

    mode: Literal["only", "all_but"]
    documents: list[UUID]


class Chunk(BaseModel):
    """
    A chunk of a document: `text` is the document's text from `start_char` to `end_char`.

    `columns` is the first row of the table that the chunk starts in (`Item | Price`). It is null when the chunk itself
    holds that row.
    """

    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int
    id: UUID
    document_id: UUID
    token_count: int


class ChunkPage(BaseModel):
    items: list[Chunk]
    next_cursor: str | None = None


class ComparedConversation(BaseModel):
    """
    A conversation in numbers. `answer_ms` is the median duration of an answer in milliseconds.
    """

    conversation_id: UUID
    title: str
    message_count: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    likes: int
    dislikes: int
    models: list[str]
    answer_ms: float | None


class ComparisonVote(BaseModel):
    """
    The better answer.
    """

    preference: Literal["first", "second", "tie", "both_bad"]


class ConfidenceInterval(BaseModel):
    """
    A confidence interval; both bounds belong to it.
    """

    low: float
    high: float


class ConfigChange(BaseModel):
    """
    A change of one field: of the static or the dynamic level, or of a preference of the user who changed it.
    """

    id: UUID
    config_type: Literal["static", "dynamic", "user_pref"]
    field_name: str
    old_value: Any
    new_value: Any
    user_id: UUID | None
    changed_at: str


class ConfigChangePage(BaseModel):
    items: list[ConfigChange]
    next_cursor: str | None = None


class Contents(BaseModel):
    """
    A document's bytes: either `content`, posted here, or an upload announced by `filename` and `size_bytes`.
    """

    content: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None


class ConversationComparison(BaseModel):
    """
    Two conversations side by side.
    """

    first: ComparedConversation
    second: ComparedConversation


class ConversationPair(BaseModel):
    """
    Two of the caller's conversations.
    """

    first: UUID
    second: UUID


class ConversationSettings(BaseModel):
    """
    Changes of one conversation's own settings.
    """

    active_pipeline: str | None = None
    active_model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    system_prompt: str | None = None
    task_prompt: str | None = None
    active_condense_prompt: str | None = None
    active_chat_prompt: str | None = None
    active_system_prompt: str | None = None
    num_documents_to_retrieve: int | None = None
    use_hybrid_search: bool | None = None
    bm25_weight: float | None = None
    semantic_weight: float | None = None
    history_tokens: int | None = None
    context_tokens: int | None = None


class CreatedApiKey(BaseModel):
    """
    An API key with the key itself, which no other response contains.
    """

    id: UUID
    name: str
    prefix: str
    scopes: list[Literal["read", "write", "chat", "admin"]]
    expires_at: str
    last_used_at: str | None
    created_at: str
    key: str


class DataProcessor(BaseModel):
    """
    A server outside the functions that receives what users write: the documents, or parts of them, and questions.

    An embedding model receives all documents, and the questions that are searched with. A language model receives the
    chunks that were found for a question, the question and the conversation's history, when it is chosen to answer;
    `in_use` is the default choice, `on_offer` is another one. `host` is null for a service of the deployment's own AWS
    account. A key of one's own sends to the same host.
    """

    kind: Literal["embedding_model", "language_model"]
    name: str
    provider: str
    host: str | None
    status: Literal["in_use", "preparing", "on_offer"]
    receives: list[Literal["documents", "chunks", "questions", "history"]]


class DataProcessorPage(BaseModel):
    items: list[DataProcessor]
    next_cursor: str | None = None


class DocumentChanges(BaseModel):
    """
    Changes of a document other than its bytes.
    """

    title: str | None = None
    is_archived: bool | None = None


class DocumentText(BaseModel):
    """
    A document's whole extracted text.
    """

    document_id: UUID
    text: str


class DynamicChanges(BaseModel):
    """
    Changes of the administrators' settings.
    """

    active_pipeline: str | None = None
    active_model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    system_prompt: str | None = None
    task_prompt: str | None = None
    active_condense_prompt: str | None = None
    active_chat_prompt: str | None = None
    active_system_prompt: str | None = None
    num_documents_to_retrieve: int | None = None
    use_hybrid_search: bool | None = None
    bm25_weight: float | None = None
    semantic_weight: float | None = None
    history_tokens: int | None = None
    context_tokens: int | None = None
    ingestion_schedule: str | None = None
    jobs_per_user: int | None = None
    streams_per_user: int | None = None
    storage_mb_per_user: int | None = None
    storage_mb_per_group: int | None = None
    storage_mb_of_organisation: int | None = None
    registration_open: bool | None = None


class DynamicConfig(BaseModel):
    """
    The administrators' level. `revision` counts the changes; the header `ETag` carries it.
    """

    active_pipeline: str | None
    active_model: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    repetition_penalty: float | None
    system_prompt: str | None
    task_prompt: str | None
    active_condense_prompt: str | None
    active_chat_prompt: str | None
    active_system_prompt: str | None
    num_documents_to_retrieve: int | None
    use_hybrid_search: bool | None
    bm25_weight: float | None
    semantic_weight: float | None
    history_tokens: int | None
    context_tokens: int | None
    ingestion_schedule: str | None
    jobs_per_user: int | None
    streams_per_user: int | None
    storage_mb_per_user: int | None
    storage_mb_per_group: int | None
    storage_mb_of_organisation: int | None
    registration_open: bool | None
    revision: int
    updated_by: UUID | None
    updated_at: str


class EmbeddingModelChanges(BaseModel):
    """
    Changes of a model that leave its vectors as they are. `api_key: null` removes the key.

    Another host of a model that is active or preparing requires `sends_private_documents: true`.
    """

    name: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    sends_private_documents: bool | None = False


class EmbeddingProgress(BaseModel):
    """
    The progress of a model: the number of all chunks, and how many of them have a vector.
    """

    chunks_done: int
    chunks_total: int
    documents_left: int
    documents_failed: int


class ExportedRow(BaseModel):
    """
    A row of a table. docs/schema.md describes the tables.
    """

    table: str
    row: dict[str, Any]


class ExportedRowPage(BaseModel):
    items: list[ExportedRow]
    next_cursor: str | None = None


class Failure(BaseModel):
    """
    Why a document or a job failed: a stable code (docs/errors.md) and a sentence.
    """

    code: str
    message: str


class Feedback(BaseModel):
    """
    Feedback on an answer.
    """

    id: UUID
    message_id: UUID
    kind: str
    reasons: list[str]
    comment: str | None
    created_at: str


class FeedbackPage(BaseModel):
    items: list[Feedback]
    next_cursor: str | None = None


class Group(BaseModel):
    """
    A group. `role` is the caller's role in it, null for a caller who is not a member.
    """

    id: UUID
    name: str
    role: Literal["member", "editor", "admin"] | None
    created_at: str
    updated_at: str


class GroupMember(BaseModel):
    """
    A member of a group.
    """

    user_id: UUID
    display_name: str
    username: str | None
    role: Literal["member", "editor", "admin"]
    created_at: str


class GroupMemberPage(BaseModel):
    items: list[GroupMember]
    next_cursor: str | None = None


class GroupPage(BaseModel):
    items: list[Group]
    next_cursor: str | None = None


class Health(BaseModel):
    """
    The function runs.
    """

    status: Literal["ok"] = "ok"


class Job(BaseModel):
    """
    A job that answers one question.

    The status is `processing` only while a worker holds the job. Only `GET /jobs/{id}` returns `position`, which counts
    from 1 while the job can be claimed, and, while another attempt waits or runs, `last_error`: why the last attempt
    failed, and `next_attempt_at`: when the next one starts at the earliest.
    """

    id: UUID
    conversation_id: UUID
    message_id: UUID
    answer_id: UUID | None
    pipeline: str
    model: str
    status: Literal["pending", "processing", "completed", "failed", "cancelled"]
    priority: int
    position: int | None
    error: Failure | None
    last_error: Failure | None
    next_attempt_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobPriority(BaseModel):
    """
    A job's new priority. A higher priority is answered first.
    """

    priority: int


class LinkedLoginProvider(BaseModel):
    """
    A way in which the account can log in, and the account's name there. `local` is the password.
    """

    name: Literal["local", "github", "oidc"]
    account: str | None


class Llm(BaseModel):
    """
    A language model, without its key. `endpoint` and `key_last_four` are null unless the caller administers.
    """

    id: UUID
    name: str
    provider: str
    model_id: str
    endpoint: str | None
    key_last_four: str | None
    context_tokens: int
    max_tokens: int | None
    prompt_price: float
    completion_price: float
    is_enabled: bool
    is_default: bool
    created_at: str
    updated_at: str


class LlmChanges(BaseModel):
    """
    Changes of a language model. Null removes `endpoint`, `api_key` or `max_tokens`.
    """

    model_id: str | None = None
    endpoint: str | None = None
    api_key: str | None = None
    context_tokens: int | None = None
    max_tokens: int | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
    is_enabled: bool | None = None
    is_default: Literal[True] | None = None


class LlmPage(BaseModel):
    items: list[Llm]
    next_cursor: str | None = None


class LlmProviderKey(BaseModel):
    """
    A stored key, without the key itself.
    """

    provider: Literal["openai", "openrouter", "anthropic"]
    last_four: str
    created_at: str
    last_used_at: str | None


class LlmProviderKeys(BaseModel):
    """
    The caller's keys, at most one for each provider.
    """

    items: list[LlmProviderKey]


class LlmTestResult(BaseModel):
    """
    A model's answer to a small question: milliseconds to its first and last delta, its own name, and a sample.
    """

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str


class LoginProvider(BaseModel):
    """
    A login provider that is available.
    """

    name: Literal["local", "anonymous", "github", "oidc"]
    title: str
    start_path: str


class LoginProviders(BaseModel):
    """
    Every login provider that is available, and the name of the deployment that a person logs in to.
    """

    deployment_name: str
    items: list[LoginProvider]


class LoginRequest(BaseModel):
    """
    An e-mail address or a username, the password, and the token that an earlier login left on this device.
    """

    email: str | None = None
    username: str | None = None
    password: str
    device_token: str | None = None


class LoginStart(BaseModel):
    """
    The address to open. In JSON mode, send `login_secret` as `X-Login-Secret` to the callback.
    """

    authorization_url: str
    login_secret: str | None = None
    expires_in: int


class ManagedUser(BaseModel):
    """
    An account as an administrator sees it. In a full queue, it gets `queue_weight` turns for one of weight 1.
    """

    login_providers: list[LinkedLoginProvider]
    id: UUID
    email: str | None
    email_verified: bool
    username: str | None
    display_name: str
    auth_provider: str
    is_admin: bool
    created_at: str
    last_login_at: str | None
    is_active: bool
    failed_logins: int
    locked_until: str | None
    login_count: int
    queue_weight: int
    updated_at: str


class ManagedUserPage(BaseModel):
    items: list[ManagedUser]
    next_cursor: str | None = None


class Me(BaseModel):
    """
    The caller's own account.
    """

    login_providers: list[LinkedLoginProvider]
    id: UUID
    email: str | None
    email_verified: bool
    username: str | None
    display_name: str
    auth_provider: str
    is_admin: bool
    created_at: str
    last_login_at: str | None


class MemberRole(BaseModel):
    """
    The role of a member: `member` reads documents, `editor` also writes them, `admin` also manages the group.
    """

    role: Literal["member", "editor", "admin"] | None = "member"


class Memory(BaseModel):
    """
    Something remembered. What was `learned` names the user's message that it came from, while that is there.

    `access_count` and `last_accessed_at` say how often and when it was recalled.
    """

    id: UUID
    content: str
    kind: Literal["fact", "preference", "instruction", "event"]
    importance: float
    source: Literal["written", "learned"]
    conversation_id: UUID | None
    message_id: UUID | None
    access_count: int
    last_accessed_at: str | None
    created_at: str
    updated_at: str


class MemoryChanges(BaseModel):
    """
    Changes of a memory.
    """

    content: str | None = None
    kind: Literal["fact", "preference", "instruction", "event"] | None = None
    importance: float | None = None


class MemoryPage(BaseModel):
    items: list[Memory]
    next_cursor: str | None = None


class MemorySearch(BaseModel):
    """
    A question to one's memory. `kinds` restricts what is recalled.
    """

    query: str
    top_k: int | None = 10
    kinds: list[Literal["fact", "preference", "instruction", "event"]] | None = None


class MessageScores(BaseModel):
    """
    The cosine similarity of the embeddings, and BM25. Both are null for a message that is not indexed yet.
    """

    semantic: float | None
    lexical: float | None


class MessageSearch(BaseModel):
    """
    A search over the caller's own messages. Every optional field except `limit` and `cursor` is a filter.
    """

    query: str
    conversation_id: UUID | None = None
    role: Literal["user", "assistant"] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    limit: int | None = 20
    cursor: str | None = None


class MistakeMark(BaseModel):
    """
    Whether a message is a mistake, with a note.
    """

    is_mistake: bool
    note: str | None = None


class Neighbour(BaseModel):
    """
    A chunk before or after a hit in its document. Chunks may overlap, as their offsets show.
    """

    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int
    chunk_id: UUID


class NewApiKey(BaseModel):
    """
    An API key for programs. The scope `admin` is for administrators only.
    """

    name: str
    scopes: list[Literal["read", "write", "chat", "admin"]]
    expires_in_days: int | None = 90


class NewBudget(BaseModel):
    """
    The limits for a calendar month (UTC). At least one is required.
    """

    monthly_cost_usd: float | None = None
    monthly_tokens: int | None = None


class NewDocument(BaseModel):
    """
    A new document: a `title` and its `content`, or a file to be uploaded, with `filename` and `size_bytes`.

    `scope` decides who can read it: its owner, the members of `group_id`, or the whole organisation. Documents of one
    upload may share a `batch`, a UUID of the client's choice: GET /documents/batches/{id} returns their progress.
    """

    content: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    title: str | None = None
    scope: Literal["user", "group", "org"] | None = "user"
    group_id: UUID | None = None
    batch: UUID | None = None


class NewEmbeddingModel(BaseModel):
    """
    An embedding model: `builtin` is part of the deployment, `openai` is any server with OpenAI's protocol.

    A `dimension` below the model's own truncates its vectors. By default, vectors have the model's own dimension.
    """

    name: str
    provider: Literal["builtin", "openai"] | None = "builtin"
    model: str
    dimension: int | None = None
    base_url: str | None = None
    api_key: str | None = None


class NewFeedback(BaseModel):
    """
    A like, a dislike or a comment. `comment` is required for a comment.
    """

    kind: Literal["like", "dislike", "comment"]
    reasons: list[Literal["incorrect", "unhelpful", "inappropriate", "incomplete", "wrong_source", "other"]] | None = []
    comment: str | None = None


class NewGroup(BaseModel):
    """
    A group, or its new name.
    """

    name: str


class NewLlm(BaseModel):
    """
    A language model. `prompt_price` and `completion_price` are US dollars for a million tokens.
    """

    name: str
    provider: Literal["openai", "openrouter", "vllm", "tgi", "ollama", "anthropic", "bedrock"]
    model_id: str
    endpoint: str | None = None
    api_key: str | None = None
    context_tokens: int | None = 8192
    max_tokens: int | None = None
    prompt_price: float | None = 0
    completion_price: float | None = 0
    is_default: bool | None = False


class NewLlmProviderKey(BaseModel):
    """
    The caller's own key for an LLM provider.
    """

    key: str


class NewMemory(BaseModel):
    """
    A new memory. The default `kind` is fact; the default `importance` is 0.5.
    """

    content: str
    kind: Literal["fact", "preference", "instruction", "event"] | None = None
    importance: float | None = None


class NewPrompt(BaseModel):
    """
    A prompt's first version. docs/settings.md lists the placeholders of each kind.
    """

    kind: Literal["condense", "chat", "system"]
    name: str
    content: str


class NewRepository(BaseModel):
    """
    A new repository. `scope` decides who can read it, as for documents. Names are unique within a scope.
    """

    name: str
    description: str | None = None
    url: str | None = None
    source_type: str | None = None
    metadata: dict[str, str | bool | int | float | None] | None = None
    scope: Literal["user", "group", "org"] | None = "user"
    group_id: UUID | None = None


class NewTag(BaseModel):
    """
    A new tag: the caller's own, or a global tag for all users (`is_global`), which an administrator creates.
    """

    name: str
    is_global: bool | None = False


class NewUser(BaseModel):
    """
    An account that an administrator creates.

    Without a password, it is for the person whom a login provider confirms with this address; or an administrator sets
    a password later.
    """

    email: str
    username: str | None = None
    display_name: str | None = None
    password: str | None = None
    is_admin: bool | None = False


class PassedOver(BaseModel):
    """
    A level's value that cannot be used now: a disabled model, or something that this deployment does not offer.
    """

    value: Any
    level: Literal["static", "dynamic", "user", "conversation"]


class PasswordChange(BaseModel):
    """
    A new password, and the current one as proof. API keys end too, unless `keep_api_keys` is true.
    """

    current_password: str
    new_password: str
    keep_api_keys: bool | None = False


class PasswordProof(BaseModel):
    """
    The caller's password, as a proof of who is there.
    """

    password: str


class PreferenceChanges(BaseModel):
    """
    Changes of preferences (RFC 7396). Null removes a preference.
    """

    preferred_model: str | None = None
    preferred_temperature: float | None = None
    preferred_max_tokens: int | None = None
    preferred_num_documents: int | None = None
    preferred_top_p: float | None = None
    preferred_top_k: int | None = None
    preferred_condense_prompt: str | None = None
    preferred_chat_prompt: str | None = None
    preferred_system_prompt: str | None = None
    theme: Literal["system", "light", "dark"] | None = None
    use_memories: bool | None = None
    learn_from_conversations: bool | None = None
    title_by_model: bool | None = None


class Preferences(BaseModel):
    """
    A user's preferences. Null means: the service's configuration applies.
    """

    preferred_model: str | None = None
    preferred_temperature: float | None = None
    preferred_max_tokens: int | None = None
    preferred_num_documents: int | None = None
    preferred_top_p: float | None = None
    preferred_top_k: int | None = None
    preferred_condense_prompt: str | None = None
    preferred_chat_prompt: str | None = None
    preferred_system_prompt: str | None = None
    theme: Literal["system", "light", "dark"] | None = "system"
    use_memories: bool | None = True
    learn_from_conversations: bool | None = False
    title_by_model: bool | None = False


class Error(BaseModel):
    field: str | None = None
    message: str | None = None


class Problem(BaseModel):
    """
    A problem document (RFC 9457).
    """

    type: str
    title: str
    status: int
    code: Literal[
        "bad_request",
        "bad_cursor",
        "unauthorized",
        "forbidden",
        "recent_login_required",
        "insufficient_scope",
        "not_found",
        "conflict",
        "not_empty",
        "too_many",
        "in_use",
        "idempotency_mismatch",
        "stale_update",
        "too_large",
        "unsupported_media_type",
        "validation_failed",
        "rate_limited",
        "internal_error",
        "unavailable",
        "registration_closed",
        "stale_session",
        "wrong_password",
        "email_taken",
        "last_administrator",
        "password_reused",
        "redirect_uri_refused",
        "login_state_invalid",
        "provider_refused",
        "anonymous_off",
        "provider_off",
        "last_login_way",
        "not_anonymous",
        "provider_failed",
        "bad_credentials",
        "bad_refresh_token",
        "comparisons_off",
        "comparison_unfinished",
        "comparison_void",
        "already_voted",
        "model_failed",
        "budget_exhausted",
        "job_finished",
        "too_many_streams",
        "queue_full",
        "account_required",
        "provider_key_rejected",
        "provider_unreachable",
        "name_taken",
        "path_taken",
        "storage_full",
        "model_active",
        "model_preparing",
        "confirmation_required",
        "embedding_model_refused",
        "embedding_failed",
    ]
    detail: str | None = None
    request_id: str
    errors: list[Error] | None = None


class ProfileChanges(BaseModel):
    """
    Changes of the caller's own account. A null `username` removes it.
    """

    display_name: str | None = None
    username: str | None = None


class Prompt(BaseModel):
    """
    A prompt and its newest version, which is the one in use.
    """

    id: UUID
    kind: Literal["condense", "chat", "system"]
    name: str
    version: int
    content: str
    created_at: str
    updated_at: str


class PromptContent(BaseModel):
    """
    A prompt's next version.
    """

    content: str


class PromptPage(BaseModel):
    items: list[Prompt]
    next_cursor: str | None = None


class PromptVersion(BaseModel):
    """
    One version of a prompt.
    """

    id: UUID
    version: int
    content: str
    created_by: UUID | None
    created_at: str


class PromptVersionPage(BaseModel):
    items: list[PromptVersion]
    next_cursor: str | None = None


class QueueStatistics(BaseModel):
    """
    The queue in numbers. `mine` are the caller's jobs. Waits are milliseconds of jobs started in the last hour.
    """

    waiting: int
    processing: int
    mine: int
    oldest_wait_ms: float | None
    wait_p50_ms: float | None
    wait_p95_ms: float | None
    started_last_hour: int
    finished_last_hour: int
    failed_last_hour: int


class Readiness(BaseModel):
    """
    The function reaches its database.
    """

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"


class RecalledMemory(BaseModel):
    """
    A memory that was recalled: `score` = `relevance` × `recency` × `weight` (docs/memory.md), each 0 to 1.
    """

    id: UUID
    content: str
    kind: Literal["fact", "preference", "instruction", "event"]
    importance: float
    source: Literal["written", "learned"]
    conversation_id: UUID | None
    message_id: UUID | None
    access_count: int
    last_accessed_at: str | None
    created_at: str
    updated_at: str
    score: float
    relevance: float
    recency: float
    weight: float


class RefreshRequest(BaseModel):
    """
    A refresh token. Each can be used once, and for 30 seconds more by a request that is repeated.
    """

    refresh_token: str


class Regeneration(BaseModel):
    """
    Another answer to the same question, optionally by another pipeline or model.
    """

    pipeline: str | None = None
    model: str | None = None


class Registration(BaseModel):
    """
    A new local account.
    """

    email: str
    password: str
    username: str | None = None
    display_name: str | None = None


class ReindexResult(BaseModel):
    """
    The number of documents that will be ingested again.
    """

    documents: int


class Repository(BaseModel):
    """
    A collection of documents, each at a path.
    """

    id: UUID
    name: str
    description: str | None
    url: str | None
    source_type: str | None
    metadata: dict[str, str | bool | int | float | None]
    scope: Literal["user", "group", "org"]
    group_id: UUID | None
    is_archived: bool
    created_at: str
    updated_at: str


class RepositoryChanges(BaseModel):
    """
    Changes of a repository.
    """

    name: str | None = None
    description: str | None = None
    url: str | None = None
    source_type: str | None = None
    metadata: dict[str, str | bool | int | float | None] | None = None
    is_archived: bool | None = None


class RepositoryDocument(BaseModel):
    """
    A document, by its `id`, at its path in a repository.
    """

    id: UUID
    path: str
    title: str
    status: Literal["pending", "processing", "completed", "failed"]
    is_archived: bool
    added_at: str


class RepositoryDocumentPage(BaseModel):
    items: list[RepositoryDocument]
    next_cursor: str | None = None


class RepositoryPage(BaseModel):
    items: list[Repository]
    next_cursor: str | None = None


class RepositoryPlacement(BaseModel):
    """
    Where in a repository a document is: names joined by slashes, such as `src/core/pump.py`.
    """

    path: str


class ScorePart(BaseModel):
    """
    One of the two scores of a hit.

    `rank` is the hit's place, from 1, among the candidates of this score; null when only the other score proposed the
    hit. `scaled` is the score on a scale from its theoretical minimum (0) to the best score of this query (1). The
    scaled lexical score of a chunk of table rows is lower when the query's words are scattered over several rows.
    `weight` is the configured share of this score. `scaled` is null when the list is ordered by a single score. `score`
    is null when it is unknown.
    """

    rank: int | None
    score: float | None
    scaled: float | None
    weight: float


class Scores(BaseModel):
    """
    The two scores of a hit: the cosine of the embeddings (-1 to 1) and BM25 (0 and above).
    """

    semantic: float | None
    lexical: float


class SearchFilters(BaseModel):
    """
    Which documents to search. A document must fulfil every condition; null means no condition.

    A document fulfils a list when one entry of the list fits. A document has its own tags and the tags of its
    repositories.
    """

    documents: list[UUID] | None = None
    source_types: list[Literal["upload", "inline", "attachment", "archive"]] | None = None
    tags: list[UUID] | None = None
    repositories: list[UUID] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None


class SearchRequest(BaseModel):
    """
    A search. Mode `hybrid` fuses both scores by the configured weights; the other modes use one score.

    With `conversation_id`, the filters of the conversation and of its assistant hold as well.

    The settings decide `mode` and `top_k` when they are left out: the settings of the conversation when
    `conversation_id` is set, else the caller's. With `per_document`, the best `per_document` hits of each document
    stand before all other hits. `explain` adds to each hit an explanation of its rank, and to the result the words that
    no hit holds. `neighbours` is the number of
    chunks before and after each hit that are returned with it.
    """

    query: str
    mode: Literal["hybrid", "semantic", "lexical"] | None = None
    top_k: int | None = None
    per_document: int | None = None
    conversation_id: UUID | None = None
    explain: bool | None = False
    neighbours: int | None = 0
    filters: SearchFilters | None = None


class SelectedDocument(BaseModel):
    """
    A document, by its `id`, and whether searches use it. `tier` is the level of the decision.

    `tier` is `conversation`, else `user`, else `default` (by default, searches use every document).
    """

    id: UUID
    title: str
    scope: Literal["user", "group", "org"]
    group_id: UUID | None
    enabled: bool
    tier: Literal["default", "user", "conversation"]


class SelectedDocumentPage(BaseModel):
    items: list[SelectedDocument]
    next_cursor: str | None = None


class Selection(BaseModel):
    """
    Whether a document is used.
    """

    enabled: bool


class SelectionCounts(BaseModel):
    """
    How many documents are used and how many are not, copies and packed files among them.
    """

    enabled: int
    disabled: int


class SequentialTest(BaseModel):
    """
    A sequential test of the votes so far, valid at every moment. docs/comparisons.md explains it.
    """

    e_value: float
    p_value: float
    interval: ConfidenceInterval
    verdict: Literal["undecided", "challenger_better", "champion_better", "no_relevant_difference"]
    enough_votes: bool


class Session(BaseModel):
    """
    One login. `current` marks the session of this request; `authenticated_at` is its last proof of who is there.
    """

    id: UUID
    ip_address: str | None
    user_agent: str | None
    created_at: str
    last_activity_at: str
    authenticated_at: str
    expires_at: str
    current: bool


class SessionPage(BaseModel):
    items: list[Session]
    next_cursor: str | None = None


class SessionProof(BaseModel):
    """
    Until when the session may do what requires a recent login.
    """

    expires_at: str


class SideMetrics(BaseModel):
    """
    The jobs of one variant. Latencies are milliseconds of the worker; tokens and cost are sums.
    """

    id: UUID
    name: str
    jobs: int
    completed: int
    failed: int
    cancelled: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    cost_usd: float
    prompt_tokens: int
    completion_tokens: int


class Source(BaseModel):
    """
    The source of a citation `[number]`. `quote` is a literal part of the chunk.
    """

    number: int
    document_id: UUID
    chunk_id: UUID
    title: str
    page: int | None
    section: str | None
    quote: str
    score: float


class SpaceStorage(BaseModel):
    """
    What a space holds in bytes, deleted documents included until they are purged. A null limit is none.
    """

    scope: Literal["user", "group", "org"]
    group_id: UUID | None
    group_name: str | None
    used_bytes: int
    limit_bytes: int | None


class Spending(BaseModel):
    """
    The caller's cost and tokens of this month, without the cost under the caller's own keys. Null means no limit.
    """

    cost_usd: float
    tokens: int
    allowed_cost_usd: float | None
    allowed_tokens: int | None


class StaticConfig(BaseModel):
    """
    The deployment's level of every setting, and the settings that no other level can change.
    """

    active_pipeline: str | None
    active_model: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    repetition_penalty: float | None
    system_prompt: str | None
    task_prompt: str | None
    active_condense_prompt: str | None
    active_chat_prompt: str | None
    active_system_prompt: str | None
    num_documents_to_retrieve: int | None
    use_hybrid_search: bool | None
    bm25_weight: float | None
    semantic_weight: float | None
    history_tokens: int | None
    context_tokens: int | None
    deployment_name: str
    session_lifetime_days: int
    registration_open: bool
    anonymous_allowed: bool
    anonymous_reads_organisation: bool
    provider_base_urls: dict[str, str]
    chunk_size: int
    chunk_overlap: int
    gpu_threshold_chunks: int
    available_pipelines: list[str]
    available_providers: list[str]
    ingestion_schedule: str
    jobs_per_user: int
    streams_per_user: int
    storage_mb_per_user: int
    storage_mb_per_group: int
    storage_mb_of_organisation: int


class StorageUse(BaseModel):
    """
    The storage of each space that the caller can see.
    """

    items: list[SpaceStorage]


class Tag(BaseModel):
    """
    A tag.
    """

    id: UUID
    name: str
    is_global: bool
    created_at: str
    updated_at: str


class TagChanges(BaseModel):
    """
    Another name for a tag.
    """

    name: str


class TagPage(BaseModel):
    items: list[Tag]
    next_cursor: str | None = None


class TimingStage(BaseModel):
    """
    One stage of an answer. `waiting` is the time in the queue, `total` spans the worker's stages.
    """

    stage: (
        Literal["analysis", "condensing", "retrieval", "memory", "tools", "answer", "learning", "title"]
        | Literal["waiting", "total"]
    )
    started_at: str
    milliseconds: float


class TokenUsage(BaseModel):
    """
    Tokens and cost of one day and model.
    """

    day: str
    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int


class Tokens(BaseModel):
    """
    The tokens of a session. `expires_in` is the lifetime of the access token in seconds.

    `device_token` comes with a login by password. A client keeps it, also after a logout, and sends it with the next
    login: strangers who guess at the account's password cannot lock out a known device. It opens nothing by itself.
    """

    access_token: str
    token_type: str | None = "Bearer"
    expires_in: int
    refresh_token: str
    device_token: str | None = None


class ToolCallRecord(BaseModel):
    """
    One call of a tool by the agent.
    """

    step_number: int
    tool_name: str
    tool_args: Any
    tool_result: str
    failed: bool
    milliseconds: float
    started_at: str


class Upload(BaseModel):
    """
    Where to send the bytes: one request with exactly these headers, before `expires_at`.
    """

    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    expires_at: str


class UsedPrompt(BaseModel):
    """
    The version of a prompt that an answer used. `name` is null for a prompt from the settings.
    """

    kind: str
    name: str | None
    version: int | None


class User(BaseModel):
    """
    An account, as its owner or an administrator sees it.

    `email_verified`: a login provider or an administrator vouches for the address. Who registers only claims it.
    """

    id: UUID
    email: str | None
    email_verified: bool
    username: str | None
    display_name: str
    auth_provider: str
    is_admin: bool
    created_at: str
    last_login_at: str | None


class UserChanges(BaseModel):
    """
    An administrator's changes of an account.

    A new password and a deactivation end its sessions and, unless `keep_api_keys` is true, its API keys.
    """

    display_name: str | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    queue_weight: int | None = None
    password: str | None = None
    keep_api_keys: bool | None = False


class Variant(BaseModel):
    """
    A variant. `is_usable` is true when its model, pipeline and prompts exist and are enabled.
    """

    id: UUID
    name: str
    settings: dict[str, Any]
    assistant_id: UUID | None
    weight: float
    is_champion: bool
    is_active: bool
    is_usable: bool
    archived_at: str | None
    created_at: str
    updated_at: str


class VariantChanges(BaseModel):
    """
    Changes of a variant. Its settings never change; create another variant for other settings.
    """

    name: str | None = None
    weight: float | None = None
    is_active: bool | None = None


class VariantOfAnswer(BaseModel):
    """
    The variant of an answer.
    """

    id: UUID
    name: str
    is_champion: bool
    pipeline: str
    model: str


class VariantPage(BaseModel):
    items: list[Variant]
    next_cursor: str | None = None


class VariantSettings(BaseModel):
    """
    The settings of a variant, by name. Null removes an optional setting.
    """

    active_pipeline: str | None = None
    active_model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    system_prompt: str | None = None
    task_prompt: str | None = None
    active_condense_prompt: str | None = None
    active_chat_prompt: str | None = None
    active_system_prompt: str | None = None
    num_documents_to_retrieve: int | None = None
    use_hybrid_search: bool | None = None
    bm25_weight: float | None = None
    semantic_weight: float | None = None
    history_tokens: int | None = None
    context_tokens: int | None = None


class WrittenMemory(BaseModel):
    """
    A memory as it is after writing; `merged` when the same was remembered already.
    """

    id: UUID
    content: str
    kind: Literal["fact", "preference", "instruction", "event"]
    importance: float
    source: Literal["written", "learned"]
    conversation_id: UUID | None
    message_id: UUID | None
    access_count: int
    last_accessed_at: str | None
    created_at: str
    updated_at: str
    merged: bool | None = False


class AccountUpgrade(BaseModel):
    """
    The account that an anonymous user becomes: a new local one, or an existing one.
    """

    register_: Registration | None = Field(None, alias="register")
    login: LoginRequest | None = None


class Assistant(BaseModel):
    """
    A persona that a conversation can have.
    """

    id: UUID
    name: str
    description: str
    llm_id: UUID | None
    system_prompt: str | None
    task_prompt: str | None
    starter_messages: list[str]
    filters: SearchFilters
    is_default: bool
    is_visible: bool
    created_by: UUID | None
    created_at: str
    updated_at: str


class AssistantChanges(BaseModel):
    """
    Changes of an assistant.
    """

    name: str | None = None
    description: str | None = None
    llm_id: UUID | None = None
    system_prompt: str | None = None
    task_prompt: str | None = None
    starter_messages: list[str] | None = None
    filters: SearchFilters | None = None
    is_default: bool | None = None
    is_visible: bool | None = None


class AssistantPage(BaseModel):
    items: list[Assistant]
    next_cursor: str | None = None


class Batch(BaseModel):
    """
    The progress of the documents of one upload. `total` does not count texts that the caller already had.
    """

    id: UUID
    total: int
    pending: int
    processing: int
    completed: int
    failed: int
    stages: BatchStages
    chunks_done: int
    chunks_total: int


class ComparedAnswer(BaseModel):
    """
    One of two answers. It is whole only with the `finish_reason` `stop`.
    """

    id: UUID
    content: str
    sources: list[Source]
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"]


class ComparisonMetrics(BaseModel):
    """
    One challenger against one champion. `wins` are the challenger's; `win_rate` is wins / (wins + losses).
    """

    champion: SideMetrics
    challenger: SideMetrics
    is_current: bool
    comparisons: int
    open: int
    void: int
    votes: int
    wins: int
    losses: int
    ties: int
    both_bad: int
    first_preferred: int
    win_rate: float | None
    win_rate_interval: ConfidenceInterval
    sequential_test: SequentialTest


class ComparisonReport(BaseModel):
    """
    At most 100 pairs of champion and challenger: those of the present champion first, then the newest.
    """

    alpha: float
    minimum_effect: float
    items: list[ComparisonMetrics]


class ComparisonSide(BaseModel):
    """
    One side of a comparison. `variant` is null until the vote.
    """

    job_id: UUID
    status: Literal["pending", "processing", "completed", "failed", "cancelled"]
    error: Failure | None
    answer: ComparedAnswer | None
    variant: VariantOfAnswer | None


class Conversation(BaseModel):
    """
    A conversation and the number of its messages.
    """

    id: UUID
    title: str
    assistant_id: UUID | None
    settings: dict[str, Any]
    filters: SearchFilters
    is_archived: bool
    message_count: int
    last_message_at: str | None
    created_at: str
    updated_at: str


class ConversationChanges(BaseModel):
    """
    Changes of a conversation. A null `assistant_id` removes the assistant; `settings` are merged (RFC 7396), and
    `filters` are replaced: `{}` removes them.
    """

    title: str | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters | None = None
    is_archived: bool | None = None


class ConversationPage(BaseModel):
    items: list[Conversation]
    next_cursor: str | None = None


class Document(BaseModel):
    """
    A document. `chunks_done` of `chunks_total` is the progress of its present stage.

    Searches do not find an archived document (`is_archived`). `deleted_at` is set in lists of deleted documents.
    `parent_id` is the archive or e-mail that contained the document; `child_count` is the number of documents in it.
    """

    id: UUID
    title: str
    filename: str
    scope: Literal["user", "group", "org"]
    group_id: UUID | None
    batch: UUID | None
    is_archived: bool
    source_type: str
    content_type: str | None
    size_bytes: int | None
    status: Literal["pending", "processing", "completed", "failed"]
    stage: str | None
    chunks_done: int
    chunks_total: int | None
    chunk_count: int
    error: Failure | None
    created_at: str
    updated_at: str
    indexed_at: str | None
    deleted_at: str | None
    parent_id: UUID | None = None
    child_count: int | None = 0
    upload: Upload | None = None


class DocumentPage(BaseModel):
    items: list[Document]
    next_cursor: str | None = None


class EffectiveValue(BaseModel):
    """
    A setting's value and the level that it comes from. `passed_over` are the unusable values of higher levels.
    """

    value: Any
    level: Literal["static", "dynamic", "user", "conversation"]
    passed_over: list[PassedOver]


class EmbeddingModel(BaseModel):
    """
    A registered embedding model, without its key. Exactly one is `active`, at most one other `preparing`.

    `error` is the reason why the preparation does not proceed. The vectors of a model that retired at `retired_at` stay
    for a week: activating it again embeds only the missing chunks.
    """

    id: int
    name: str
    provider: Literal["builtin", "openai"]
    model: str
    dimension: int
    base_url: str | None
    key_last_four: str | None
    status: Literal["inactive", "preparing", "active"]
    progress: EmbeddingProgress | None
    error: Failure | None
    created_at: str
    updated_at: str
    activated_at: str | None
    retired_at: str | None


class EmbeddingModelPage(BaseModel):
    items: list[EmbeddingModel]
    next_cursor: str | None = None


class Explanation(BaseModel):
    """
    Why a hit stands at place `rank` of the list.

    In a list of fused scores, `score` is the sum of weight x scaled of both scores. With `per_document`, a hit may
    stand before a hit with a higher score.
    """

    rank: int
    score: float
    semantic: ScorePart
    lexical: ScorePart


class Hit(BaseModel):
    """
    A chunk that matches the query. `score` orders the list.

    In mode `semantic`, `score` is the cosine; in mode `lexical`, BM25; in mode `hybrid`, their fusion from 0 to 1,
    where 1 is the best by both scores. `explanation` and `neighbours` (in the document's order) are null unless
    requested.
    """

    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int
    chunk_id: UUID
    document_id: UUID
    title: str
    score: float
    scores: Scores
    explanation: Explanation | None = None
    neighbours: list[Neighbour] | None = None


class Message(BaseModel):
    """
    A question with its analysis, or an answer with its sources, tokens and cost.

    `finish_reason` says how an answer ended; it is whole only with `stop`. Otherwise `notice` is a sentence for its
    reader.

    `filters` are those that a question set itself, or all that its answer was within: of the assistant, of the
    conversation, of the question. A document had to fulfil every one of them.
    """

    id: UUID
    conversation_id: UUID
    parent_message_id: UUID | None
    role: Literal["user", "assistant"]
    content: str
    sources: list[Source]
    pipeline: str | None
    model: str | None
    rephrased_query: str | None
    tone: str | None
    behavior: str | None
    context_type: str | None
    signal_strength: float | None
    context_clarity: float | None
    needs_knowledge: bool | None
    thinking: str | None
    prompts: list[UsedPrompt]
    filters: list[SearchFilters]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    invented_citations: int
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] | None
    is_mistake: bool
    mistake_note: str | None
    created_at: str
    notice: str | None
    """
    A sentence for the reader of an answer that is not whole.
    """


class MessageHit(BaseModel):
    """
    A message that matches the query, with an excerpt. `score` orders the list; 1 is the best by both scores.
    """

    message_id: UUID
    conversation_id: UUID
    conversation_title: str
    role: Literal["user", "assistant"]
    excerpt: str
    created_at: str
    score: float
    scores: MessageScores


class MessageHitPage(BaseModel):
    items: list[MessageHit]
    next_cursor: str | None = None


class MessagePage(BaseModel):
    items: list[Message]
    next_cursor: str | None = None


class MessageTrace(BaseModel):
    """
    The steps of an answer, and its settings.
    """

    id: UUID
    job_id: UUID
    message_id: UUID | None
    pipeline: str
    model: str
    status: str
    settings: dict[str, Any]
    events: list[dict[str, Any]]
    tool_calls: list[ToolCallRecord]
    total_tool_calls: int
    total_tokens_used: int
    total_duration_ms: float
    started_at: str
    completed_at: str


class NewAssistant(BaseModel):
    """
    A persona. `task_prompt` contains `{context}` and `{query}`. Where a field is null, the settings apply.

    Its conversations use only documents that fulfil its `filters`.
    """

    name: str
    description: str | None = ""
    llm_id: UUID | None = None
    system_prompt: str | None = None
    task_prompt: str | None = None
    starter_messages: list[str] | None = None
    filters: SearchFilters | None = None
    is_default: bool | None = False
    is_visible: bool | None = True


class NewConversation(BaseModel):
    """
    A new conversation. The default title is its first question, the default assistant is the service's.

    Its answers use only documents that fulfil its `filters` and those of its assistant.
    """

    title: str | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters | None = None


class NewMessage(BaseModel):
    """
    A question. It follows the message `parent_message_id`, by default the conversation's last message. An explicit
    null starts a thread branch of its own, beside the conversation's first question. Its answer uses only documents
    that fulfil `filters`, and those of the conversation and its assistant.

    `pipeline` and `model` apply to this question only. Their defaults come from the settings.
    """

    content: str
    parent_message_id: UUID | None = None
    filters: SearchFilters | None = None
    pipeline: str | None = None
    model: str | None = None


class NewPairwiseComparison(BaseModel):
    """
    A question for two variants. It follows the message `parent_message_id`, by default the conversation's last
    message. An explicit null starts a thread branch of its own.
    """

    content: str
    parent_message_id: UUID | None = None
    filters: SearchFilters | None = None


class NewVariant(BaseModel):
    """
    A variant of the pool. Without settings and assistant it answers with the settings of the service.

    The assistant's model and prompts are copied into the variant; `settings` override them. The probability that a
    challenger is drawn is its share of the sum of all weights.
    """

    name: str
    settings: VariantSettings | None = None
    assistant_id: UUID | None = None
    weight: float | None = 1
    is_champion: bool | None = False
    is_active: bool | None = True


class PairwiseComparison(BaseModel):
    """
    Two answers to one question.

    The status is `answering` until both jobs have ended, then `open` for a vote, then `voted`. A comparison with a
    failed or cancelled job is `void`.
    """

    id: UUID
    conversation_id: UUID
    message_id: UUID
    status: Literal["answering", "open", "voted", "void"]
    first: ComparisonSide
    second: ComparisonSide
    preference: Literal["first", "second", "tie", "both_bad"] | None
    preferred_at: str | None
    created_at: str


class PairwiseComparisonPage(BaseModel):
    items: list[PairwiseComparison]
    next_cursor: str | None = None


class QueuedMessage(BaseModel):
    """
    A stored question and its job.
    """

    message: Message
    job: Job


class RecalledMemories(BaseModel):
    """
    What was recalled, best first.
    """

    items: list[RecalledMemory]


class ReplayedMessage(BaseModel):
    """
    A message with the milliseconds since the message before it.
    """

    id: UUID
    conversation_id: UUID
    parent_message_id: UUID | None
    role: Literal["user", "assistant"]
    content: str
    sources: list[Source]
    pipeline: str | None
    model: str | None
    rephrased_query: str | None
    tone: str | None
    behavior: str | None
    context_type: str | None
    signal_strength: float | None
    context_clarity: float | None
    needs_knowledge: bool | None
    thinking: str | None
    prompts: list[UsedPrompt]
    filters: list[SearchFilters]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    invented_citations: int
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] | None
    is_mistake: bool
    mistake_note: str | None
    created_at: str
    delay_ms: float
    notice: str | None
    """
    A sentence for the reader of an answer that is not whole.
    """


class SearchResult(BaseModel):
    """
    The hits, best first.

    `missing_terms` are the words of the query that no hit holds, in any spelling; null unless `explain` is set.
    """

    items: list[Hit]
    missing_terms: list[str] | None = None


class Timing(BaseModel):
    """
    The duration of an answer by stages.
    """

    job_id: UUID
    created_at: str
    started_at: str | None
    finished_at: str | None
    stages: list[TimingStage]


class TokenAnalytics(BaseModel):
    """
    Tokens and cost: the totals, and `items` by day and model, at most the newest 1,000.
    """

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int
    items: list[TokenUsage]


class EffectiveConfig(RootModel[dict[str, EffectiveValue]]):
    """
    Every setting by its name.
    """

    root: dict[str, EffectiveValue]


class Replay(BaseModel):
    """
    The messages of a conversation, at most the first 1,000.
    """

    conversation_id: UUID
    title: str
    messages: list[ReplayedMessage]
