"""What the service takes and returns.

Written by generate.py; do not edit.
"""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, RootModel


class Acceptance(BaseModel):
    """
    A new account for an invited person. `email` is required when the invitation names none.
    """

    token: str
    """
    The code of the invitation's link.
    """
    password: str
    """
    The account's password.
    """
    email: str | None = None
    """
    The account's address, when the invitation names none.
    """
    username: str | None = None
    """
    A username, if wanted: 2 to 64 of a-z, 0-9, '.', '_', '-'.
    """
    display_name: str | None = None
    """
    The name that other people see; by default the beginning of the e-mail address.
    """
    language: Literal["en", "de"] | None = None
    """
    The language of an e-mail that asks to verify the address.
    """


class AlertDelivery(BaseModel):
    """
    An alert's way through one channel.
    """

    channel: Literal["telegram", "email", "webhook"] = Field(..., examples=["telegram"])
    """
    How it is sent.
    """
    attempts: int
    """
    How often it was tried.
    """
    sent_at: AwareDatetime | None
    """
    When it arrived; null while it has not.
    """
    error: str | None
    """
    Why the last attempt failed, or whom an e-mail did not reach; null for none.
    """


class AlertThresholds(BaseModel):
    """
    From which values on an alert is raised, and which alerts are sent: the names and defaults of Arasul.
    """

    cpu_warning: float | None = 80
    """
    From which use of the processor on it is a warning, in percent.
    """
    cpu_critical: float | None = 95
    """
    From which use of the processor on it is critical, in percent.
    """
    ram_warning: float | None = 80
    """
    From which use of the memory on it is a warning, in percent.
    """
    ram_critical: float | None = 95
    """
    From which use of the memory on it is critical, in percent.
    """
    disk_warning: float | None = 80
    """
    From which use of the disk on it is a warning, in percent.
    """
    disk_critical: float | None = 95
    """
    From which use of the disk on it is critical, in percent.
    """
    gpu_warning: float | None = 85
    """
    From which use of the GPU on it is a warning, in percent.
    """
    gpu_critical: float | None = 95
    """
    From which use of the GPU on it is critical, in percent.
    """
    temperature_warning: float | None = 75
    """
    From which temperature on it is a warning, in °C.
    """
    temperature_critical: float | None = 85
    """
    From which temperature on it is critical, in °C.
    """
    notify_on_warning: bool | None = False
    """
    Whether warnings are sent.
    """
    notify_on_critical: bool | None = True
    """
    Whether critical alerts are sent.
    """
    notify_on_service_down: bool | None = True
    """
    Whether a silent host, waiting questions and failing repairs are sent.
    """
    notify_on_self_healing: bool | None = True
    """
    Whether warnings and critical events of self-healing are sent.
    """
    cooldown_minutes: int | None = 15
    """
    At least so many minutes lie between two alerts of the same kind about the same thing.
    """


class Announcement(BaseModel):
    """
    What administrators tell everybody.
    """

    id: UUID
    """
    The id. It never changes.
    """
    message: str
    """
    The text.
    """
    severity: Literal["info", "warning"] = Field(..., examples=["info"])
    """
    How important it is.
    """
    starts_at: AwareDatetime
    """
    From when it is shown.
    """
    ends_at: AwareDatetime
    """
    Until when it is shown.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class AnnouncementPage(BaseModel):
    items: list[Announcement]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class AnonymousLogin(BaseModel):
    """
    A random secret that the client generates and stores, for example 32 random bytes in base64url.
    """

    client_id: str
    """
    A random secret that the client makes and keeps: at least 22 characters.
    """


class ApiKey(BaseModel):
    """
    An API key, without the key itself: `prefix` is its beginning.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name that says what the key is for.
    """
    prefix: str
    """
    The beginning of the key, to recognise it.
    """
    scopes: list[Literal["read", "write", "chat", "admin", "metrics"]]
    """
    What the key may do.
    """
    expires_at: AwareDatetime | None
    """
    When the key expires; null for never.
    """
    last_used_at: AwareDatetime | None
    """
    When the key was used last; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class ApiKeyPage(BaseModel):
    items: list[ApiKey]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class AuditEntry(BaseModel):
    """
    One change: who made it, to what, when and from where.
    """

    id: UUID
    """
    The id. It never changes.
    """
    user_id: UUID | None
    """
    Who made the change; null for the service itself, and when the account is gone.
    """
    action: str
    """
    What was done.
    """
    entity_type: str | None
    """
    The kind of thing that was changed; null for none.
    """
    entity_id: UUID | None
    """
    The id of what was changed; null for none.
    """
    details: dict[str, Any]
    """
    What else is known about the change.
    """
    ip_address: str | None
    """
    The address that the request came from.
    """
    request_id: str | None
    """
    The id of the request, which is also in the log.
    """
    created_at: AwareDatetime
    """
    When the change was made.
    """


class AuditEntryPage(BaseModel):
    items: list[AuditEntry]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Backup(BaseModel):
    """
    A backup, and whether a drill has restored it.
    """

    id: UUID
    """
    The id. It never changes.
    """
    backup_path: str
    """
    Where the backup is.
    """
    update_event_id: UUID | None
    """
    The update before which it was made; null for none.
    """
    created_at: AwareDatetime
    """
    The moment that it holds.
    """
    backup_size_bytes: int
    """
    Its size in bytes.
    """
    components: list[str]
    """
    What it holds.
    """
    restoration_tested: bool
    """
    Whether the last drill restored it and found everything.
    """
    restoration_tested_at: AwareDatetime | None
    """
    When that drill was; null for none, and when the last one failed.
    """
    notes: str | None
    """
    What is known besides; null for nothing.
    """


class BackupPage(BaseModel):
    items: list[Backup]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class BatchStages(BaseModel):
    """
    How many documents of a batch are at each stage of their processing.
    """

    extracting: int
    """
    The documents whose text is being read.
    """
    recognising: int
    """
    The documents that wait until the text of their pictures is recognised (OCR).
    """
    chunking: int
    """
    The documents that are being cut into chunks.
    """
    embedding: int
    """
    The documents whose chunks are being embedded.
    """
    waiting: int
    """
    The documents that wait for the GPU task.
    """
    storing: int
    """
    The documents that are being stored.
    """


class Budget(BaseModel):
    """
    The budget of a user, or of each member of a group.
    """

    id: UUID
    """
    The id. It never changes.
    """
    user_id: UUID | None
    """
    The user whose budget it is; null for a group's.
    """
    group_id: UUID | None
    """
    The group whose members each have this budget; null for a user's.
    """
    monthly_cost_usd: float | None
    """
    The most US dollars in a calendar month (UTC); null for no limit.
    """
    monthly_tokens: int | None
    """
    The most tokens in a calendar month (UTC); null for no limit.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class BudgetPage(BaseModel):
    items: list[Budget]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class BulkRefusal(BaseModel):
    """
    A document with which the action could not be done.
    """

    document_id: UUID
    """
    The document that was left as it is.
    """
    code: str
    """
    Why, as a code.
    """
    detail: str
    """
    Why, as a sentence.
    """


class BulkSelection(BaseModel):
    """
    Which documents are used, in one request: `only` these, or `all_but` these, of all that the caller can see now. Documents that come later are used. To keep a conversation to a repository or to some documents for good, give it `filters`.
    """

    mode: Literal["only", "all_but"] = Field(..., examples=["only"])
    """
    Which documents are used.
    """
    documents: list[UUID]
    """
    The documents of the list.
    """


class CancelledEvent(BaseModel):
    """
    The job was cancelled. `message_id` is the stored part of the answer, null when there is none.
    """

    message_id: UUID | None = None
    """
    The id of the stored part of the answer; null when there is none.
    """


class Chunk(BaseModel):
    """
    A chunk of a document: `text` is the document's text from `start_char` to `end_char`. `columns` is the first row of the table that the chunk starts in (`Item | Price`). It is null when the chunk itself holds that row.
    """

    chunk_index: int
    """
    The chunk's place in the document, from 0.
    """
    text: str
    """
    The text.
    """
    page: int | None
    """
    The page of the document, from 1; null for a format without pages.
    """
    section: str | None
    """
    The headings above the text; null when there are none.
    """
    columns: str | None
    """
    The first row of the table that the chunk starts in; null when there is none, or when the chunk holds it.
    """
    start_char: int
    """
    Where the chunk begins in the document's text, in characters from 0.
    """
    end_char: int
    """
    Where the chunk ends in the document's text: the position after its last character.
    """
    id: UUID
    """
    The id. It never changes.
    """
    document_id: UUID
    """
    The id of a document.
    """
    token_count: int
    """
    The chunk's length in tokens of the embedding model.
    """


class ChunkPage(BaseModel):
    items: list[Chunk]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class CloudMetricPoint(BaseModel):
    """
    The value of one step.
    """

    at: AwareDatetime
    """
    The beginning of the step.
    """
    value: float
    """
    The value.
    """


class CodeProof(BaseModel):
    """
    A code that the app shows.
    """

    code: str
    """
    The six digits that the app shows.
    """


class ComparedConversation(BaseModel):
    """
    A conversation in numbers. `answer_ms` is the median duration of an answer in milliseconds.
    """

    conversation_id: UUID
    """
    The id of a conversation.
    """
    title: str
    """
    The conversation's title.
    """
    message_count: int
    """
    The number of its messages.
    """
    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """
    cost_usd: float
    """
    The cost in US dollars.
    """
    likes: int
    """
    The number of likes on its answers.
    """
    dislikes: int
    """
    The number of dislikes on its answers.
    """
    models: list[str]
    """
    The models that answered.
    """
    answer_ms: float | None
    """
    The median time of an answer in milliseconds; null without answers.
    """


class ComparisonOffer(BaseModel):
    """
    Whether a question can be compared: the pool has a champion and a challenger that can answer.
    """

    is_offered: bool
    """
    Whether two variants can answer a question.
    """


class ComparisonVote(BaseModel):
    """
    The better answer.
    """

    preference: Literal["first", "second", "tie", "both_bad"] = Field(..., examples=["first"])
    """
    Which answer is better.
    """


class CompletionMetadata(BaseModel):
    """
    `conversation_id` asks in a conversation that the service keeps; its stored messages are the history.
    """

    conversation_id: UUID | None = None
    """
    The conversation in which to ask. Its stored messages are the history then.
    """


class CompletionUsage(BaseModel):
    """
    The tokens of the answer; zero for the built-in reader, which uses none.
    """

    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """
    total_tokens: int
    """
    The sum of both.
    """


class ComponentUpdate(BaseModel):
    """
    What an update did to one component.
    """

    id: UUID
    """
    The id. It never changes.
    """
    component_name: str
    """
    The component's name.
    """
    component_type: str
    """
    What kind of component it is: `code`, `libraries`, `template` or `migrations`, or what another system called it.
    """
    version_from: str | None
    """
    The version, or the digest of its contents, before; null when it is not known.
    """
    version_to: str
    """
    The version, or the digest of its contents, that the update brings.
    """
    status: Literal["pending", "completed", "failed", "rolled_back"] = Field(..., examples=["pending"])
    """
    How far it is, or how it ended.
    """
    started_at: AwareDatetime
    """
    When it began.
    """
    completed_at: AwareDatetime | None
    """
    When it ended; null while it goes on.
    """
    error_message: str | None
    """
    Why it failed; null for none.
    """


class ConfidenceInterval(BaseModel):
    """
    A confidence interval; both bounds belong to it.
    """

    low: float
    """
    The lower bound.
    """
    high: float
    """
    The upper bound.
    """


class ConfigChange(BaseModel):
    """
    A change of one field: of the static or the dynamic level, or of a preference of the user who changed it.
    """

    id: UUID
    """
    The id. It never changes.
    """
    config_type: Literal["static", "dynamic", "user_pref"] = Field(..., examples=["static"])
    """
    The level that was changed.
    """
    field_name: str
    """
    The name of the setting.
    """
    old_value: Any
    """
    The value before the change.
    """
    new_value: Any
    """
    The value after the change.
    """
    user_id: UUID | None
    """
    Who made the change; null for a deployment.
    """
    changed_at: AwareDatetime
    """
    When the change was made.
    """


class ConfigChangePage(BaseModel):
    items: list[ConfigChange]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class ConfirmedEmail(BaseModel):
    """
    What a confirmation did: the address is changed, or the other address must confirm too.
    """

    status: Literal["waiting", "changed"] = Field(..., examples=["waiting"])
    """
    What the confirmation did.
    """


class ConnectorChanges(BaseModel):
    """
    Changes of a connector. New `settings` or `credentials` replace the present ones whole.
    """

    name: str | None = None
    """
    The new name.
    """
    settings: dict[str, Any] | None = None
    """
    The new settings, whole. The next run lists the whole source.
    """
    credentials: dict[str, Any] | None = None
    """
    The new credentials, whole; null removes them.
    """
    refresh_minutes: int | None = None
    """
    The minutes between the end of a run and the next one; null for runs by hand alone.
    """
    allow_private_addresses: bool | None = None
    """
    Whether the source may be in a private network. Only administrators permit this.
    """
    most_removed_percent: int | None = None
    """
    A run that would remove a larger part of the documents stops and waits for a person.
    """
    enabled: bool | None = None
    """
    False stops the connector, and its documents stay; true lets it run again.
    """


class ConnectorItem(BaseModel):
    """
    An item of a source: where it is there, and its document here. `error` says why it could not be read.
    """

    source_id: str
    """
    The item's id at the source.
    """
    document_id: UUID | None
    """
    The document that stands for it; null when a person deleted it, or when it could not be read yet.
    """
    path: str
    """
    The document's path in the connector's repository.
    """
    original_url: str | None
    """
    The item's address at the source; null when it has none.
    """
    authors: list[str]
    """
    The names of its authors, as the source gives them.
    """
    source_created_at: AwareDatetime | None
    """
    When it was created at the source; null when the source does not say.
    """
    source_modified_at: AwareDatetime | None
    """
    When it was changed at the source; null when the source does not say.
    """
    metadata: dict[str, Any]
    """
    What else the source says of it.
    """
    error: str | None
    """
    Why it could not be read in the last run; null when it could.
    """


class ConnectorItemPage(BaseModel):
    items: list[ConnectorItem]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class ConsentCode(BaseModel):
    """
    What the provider sent back, and the address to which it did.
    """

    code: str
    """
    The `code` that the provider sent back.
    """
    state: str
    """
    The `state` that the provider sent back.
    """
    redirect_uri: str
    """
    The address to which the provider sent the user back.
    """


class ConsentPage(BaseModel):
    """
    The provider's page at which the user consents. It sends the user back with `code` and `state`.
    """

    url: str
    """
    The provider's page.
    """


class Contents(BaseModel):
    """
    A document's bytes: either `content`, posted here, or an upload announced by `filename` and `size_bytes`.
    """

    content: str | None = None
    """
    The text itself, at most 500,000 characters.
    """
    filename: str | None = None
    """
    The file's name.
    """
    content_type: str | None = None
    """
    The media type; by default it follows from the file's name. For `content`: text/plain, text/markdown or text/html.
    """
    size_bytes: int | None = None
    """
    The number of bytes of the file that is uploaded next.
    """


class ConversationComparison(BaseModel):
    """
    Two conversations side by side.
    """

    first: ComparedConversation
    """
    The first conversation in numbers.
    """
    second: ComparedConversation
    """
    The second conversation in numbers.
    """


class ConversationPair(BaseModel):
    """
    Two of the caller's conversations.
    """

    first: UUID
    """
    The first conversation's id.
    """
    second: UUID
    """
    The second conversation's id.
    """


class ConversationSettings(BaseModel):
    """
    Changes of one conversation's own settings.
    """

    active_pipeline: str | None = None
    """
    How questions are answered: `qa` retrieves and answers, `agent` uses tools, `search` stops after the search.
    """
    active_model: str | None = None
    """
    An enabled model of the registry, which answers; `extractive` is the built-in reader, which calls no model.
    """
    temperature: float | Literal["unset"] | None = None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    max_tokens: int | Literal["unset"] | None = None
    """
    The longest answer, in tokens, at most the model's own limit and half of its window; `unset` leaves it to the provider.
    """
    top_p: float | Literal["unset"] | None = None
    """
    Nucleus sampling: from which share of the probability a word is drawn; `unset` leaves it to the provider.
    """
    top_k: int | Literal["unset"] | None = None
    """
    From how many candidates a word is drawn; `unset` leaves it to the provider.
    """
    repetition_penalty: float | Literal["unset"] | None = None
    """
    How much repetition is penalised, above 0; `unset` leaves it to the provider.
    """
    system_prompt: str | None = None
    """
    A text that replaces `active_system_prompt`; an empty text means none.
    """
    task_prompt: str | None = None
    """
    A text with `{context}` and `{query}` that replaces `active_chat_prompt`.
    """
    active_condense_prompt: str | None = None
    """
    The name of the prompt that rewrites a follow-up as a question that stands alone.
    """
    active_chat_prompt: str | None = None
    """
    The name of the prompt that presents chunks and question to the model.
    """
    active_system_prompt: str | None = None
    """
    The name of the prompt with the model's instructions.
    """
    num_documents_to_retrieve: int | None = None
    """
    The number of chunks that a search returns by default, and that an answer is made from.
    """
    use_hybrid_search: bool | None = None
    """
    Whether words (BM25) count beside meaning, in searches without a `mode`.
    """
    use_cross_encoder: bool | None = None
    """
    Whether the built-in reader lets a second model read question and chunk together and decide which quotations answer; without it, answers are quicker and take less memory.
    """
    bm25_weight: float | None = None
    """
    The weight of words (BM25) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    semantic_weight: float | None = None
    """
    The weight of meaning (vectors) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    active_reranker: str | None = None
    """
    Which model reads the best hits of a search again: `off`, `built_in`, or a registered reranker.
    """
    reranked_chunks: int | None = None
    """
    How many of the best hits the reranker reads; the cost is proportional.
    """
    history_tokens: int | None = None
    """
    The tokens of the conversation that a model reads, newest messages first; 0 for none.
    """
    context_tokens: int | None = None
    """
    The tokens of chunks that a model reads, best chunks first, as far as they fit into its window.
    """


class CreatedApiKey(BaseModel):
    """
    An API key with the key itself, which no other response contains.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name that says what the key is for.
    """
    prefix: str
    """
    The beginning of the key, to recognise it.
    """
    scopes: list[Literal["read", "write", "chat", "admin", "metrics"]]
    """
    What the key may do.
    """
    expires_at: AwareDatetime | None
    """
    When the key expires; null for never.
    """
    last_used_at: AwareDatetime | None
    """
    When the key was used last; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    key: str
    """
    The key itself. Only this response contains it.
    """


class CreatedShare(BaseModel):
    """
    A share with its link, which no other response contains; null for a group. `url` is null where this deployment knows no page; then `token` is handed over.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The conversation's id.
    """
    group_id: UUID | None
    """
    The id of the group that reads it; null for a link.
    """
    later_messages: bool
    """
    Whether messages that follow are shown too.
    """
    readers: int
    """
    The number of people who have opened the link.
    """
    expires_at: AwareDatetime
    """
    When the share ends by itself.
    """
    withdrawn_at: AwareDatetime | None
    """
    When it was withdrawn; null if it was not.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    token: str | None
    """
    The code of the link; null for a group.
    """
    url: str | None
    """
    The link; null for a group, and where this deployment knows no page.
    """


class CreatedWebhook(BaseModel):
    """
    A webhook with its secret, which no other response contains.
    """

    id: UUID
    """
    The id. It never changes.
    """
    scope: Literal["user", "org"] = Field(..., examples=["user"])
    """
    Whose events the webhook is told.
    """
    url: str
    """
    Where events are sent.
    """
    events: list[
        Literal[
            "document.completed",
            "document.failed",
            "document.deleted",
            "answer.completed",
            "answer.failed",
            "answer.cancelled",
            "connector.failed",
            "budget.nearing",
            "budget.spent",
            "alert.raised",
        ]
    ]
    """
    The events that it is told of.
    """
    description: str
    """
    What the webhook is for.
    """
    allow_private_addresses: bool
    """
    Whether the address may be a private one.
    """
    is_enabled: bool
    """
    Whether events are sent. What happens while it is false is not sent later.
    """
    disabled_reason: Literal["gone", "failing"] | None
    """
    Why the service disabled it; null when it did not.
    """
    failing_since: AwareDatetime | None
    """
    Since when no delivery has succeeded; null when the last one did.
    """
    previous_secret_until: AwareDatetime | None
    """
    Until when deliveries are also signed with the secret before the present one; null without one.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """
    secret: str
    """
    The secret that verifies deliveries. Only this response contains it.
    """


class DataProcessor(BaseModel):
    """
    A server outside the functions that receives what users write: the documents, or parts of them, and questions. An embedding model receives all documents, and the questions that are searched with. A language model receives the chunks that were found for a question, the question and the conversation's history, when it is chosen to answer; `in_use` is the default choice, `on_offer` is another one. A reranker receives the best of these chunks and the question. `host` is null for a service of the deployment's own AWS account. A key of one's own sends to the same host.
    """

    kind: Literal["embedding_model", "language_model", "reranker"] = Field(..., examples=["embedding_model"])
    """
    What the server is used for.
    """
    name: str
    """
    The name of the model.
    """
    provider: str
    """
    The provider of the model.
    """
    host: str | None
    """
    The server's host; null for a service of the deployment's own AWS account.
    """
    status: Literal["in_use", "preparing", "on_offer"] = Field(..., examples=["in_use"])
    """
    Whether the server is used now.
    """
    receives: list[Literal["documents", "chunks", "questions", "history"]]
    """
    What the server receives.
    """


class DataProcessorPage(BaseModel):
    items: list[DataProcessor]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class DeadLetter(BaseModel):
    """
    A message of a dead-letter queue that was sent once more.
    """

    id: UUID
    """
    The id. It never changes.
    """
    queue: Literal["ingest", "answer"] = Field(..., examples=["ingest"])
    """
    The queue whose dead-letter queue held the message.
    """
    object_key: str | None
    """
    The object that the message is about; null for none.
    """
    reason: str
    """
    Why it was there, as far as it is known.
    """
    redriven_at: AwareDatetime
    """
    When it was sent once more.
    """
    returned_at: AwareDatetime | None
    """
    When it came back: it stays in the dead-letter queue. Null for one that did not.
    """


class DeadLetterPage(BaseModel):
    items: list[DeadLetter]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Delivery(BaseModel):
    """
    One event for one webhook, and what became of it.
    """

    id: UUID
    """
    The id. It never changes.
    """
    event: str
    """
    The event's name.
    """
    payload: dict[str, Any]
    """
    What is sent: the event's name, its time and its data.
    """
    status: Literal["pending", "delivered", "failed"] = Field(..., examples=["pending"])
    """
    What became of it.
    """
    attempts: int
    """
    How often it was tried.
    """
    next_attempt_at: AwareDatetime | None
    """
    When it is tried next; null when it is not.
    """
    response_status: int | None
    """
    The status that the receiver answered last; null without an answer.
    """
    error: str | None
    """
    Why the last attempt failed; null when it did not.
    """
    milliseconds: int | None
    """
    How long the last attempt took.
    """
    delivered_at: AwareDatetime | None
    """
    When the receiver took it; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class DeliveryPage(BaseModel):
    items: list[Delivery]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class DocumentChanges(BaseModel):
    """
    Changes of a document other than its bytes. `metadata` and `tags` replace what was there. `scope`, with `group_id` for a group, moves the document to another space, with everything that hangs on it.
    """

    source_id: str | None = None
    """
    The document's id where it comes from, such as a file's id in a drive; null for none.
    """
    original_url: str | None = None
    """
    The document's address where it comes from; null for none.
    """
    file_modified_at: AwareDatetime | None = None
    """
    When the file was changed where it comes from; null for unknown.
    """
    extra_text: str | None = None
    """
    Text that is searched and cited with the document's own, which it follows; null for none. The document is ingested again when it changes.
    """
    title: str | None = None
    """
    The new title.
    """
    is_archived: bool | None = None
    """
    Whether the document is archived: searches do not find it.
    """
    scope: Literal["user", "group", "org"] | None = None
    """
    Who can read it from now on. What is packed into the document moves with it.
    """
    group_id: UUID | None = None
    """
    The group whose members can read it, for the scope `group`.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    The metadata from now on, in place of the former.
    """
    tags: list[UUID] | None = None
    """
    The ids of all tags from now on: the caller's own, and global ones.
    """


class DocumentQuery(BaseModel):
    """
    Which documents to list. A document must fulfil every condition. `tag` also holds for the documents of a repository that has the tag. Archived documents are listed with `archived` only, deleted ones, which can still be restored, with `deleted` only. `parent_id` holds for what was packed into that document. `metadata` is a name and a value, as in `department:HR`. `external_id` is the id that the document had in the system that it was moved in from.
    """

    limit: int | None = 20
    """
    The most entries of a page.
    """
    cursor: str | None = None
    """
    The `next_cursor` of the page before; without it, the first page.
    """
    q: str | None = None
    """
    A part of the name, which may be misspelt. The best entries come first.
    """
    status: Literal["pending", "processing", "completed", "failed"] | None = None
    """
    Only documents with this status.
    """
    has_warnings: bool | None = None
    """
    Only documents with warnings, or only those without.
    """
    source_type: (
        Literal[
            "upload",
            "inline",
            "attachment",
            "archive",
            "web",
            "git",
            "ticket",
            "file",
            "google_drive",
            "onedrive",
            "teams",
            "imap",
            "confluence",
        ]
        | None
    ) = None
    """
    Only documents that came this way.
    """
    archived: bool | None = None
    """
    Only archived documents; by default only those that are not.
    """
    deleted: bool | None = False
    """
    Only deleted documents that can still be restored.
    """
    created_after: AwareDatetime | None = None
    """
    Only documents that were added after this time.
    """
    created_before: AwareDatetime | None = None
    """
    Only documents that were added before this time.
    """
    modified_after: AwareDatetime | None = None
    """
    Only documents whose file was changed after this time.
    """
    modified_before: AwareDatetime | None = None
    """
    Only documents whose file was changed before this time.
    """
    metadata: str | None = None
    """
    Only documents whose metadata has this value: a name, a colon, and the value.
    """
    source_id: str | None = None
    """
    Only documents with this id where they come from.
    """
    external_id: str | None = None
    """
    Only the document that had this id in the system that it was moved in from.
    """
    tag: UUID | None = None
    """
    Only documents with this tag, or in a repository with it.
    """
    repository: UUID | None = None
    """
    Only documents in this repository.
    """
    batch: UUID | None = None
    """
    Only documents of this upload.
    """
    parent_id: UUID | None = None
    """
    Only documents that were packed into this one.
    """


class DocumentTag(BaseModel):
    """
    A tag of a document: one of the caller's own, or a global one.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The tag's name.
    """
    is_global: bool
    """
    Whether the tag is global; otherwise it is the caller's own.
    """


class DocumentText(BaseModel):
    """
    A document's whole extracted text.
    """

    document_id: UUID
    """
    The id of a document.
    """
    text: str
    """
    The whole extracted text.
    """


class DocumentVersion(BaseModel):
    """
    Bytes of a document that searches used from `created_at` on, until the next version. Former bytes are gone.
    """

    id: UUID
    """
    The id. It never changes.
    """
    version: int
    """
    The number of the version, from 1.
    """
    filename: str
    """
    The file's name then.
    """
    size_bytes: int | None
    """
    The number of its bytes.
    """
    sent_by: str | None
    """
    The name of the user who sent it; null for a connector, the inbox, a file out of another one, an erased account, and bytes that were replaced while they were read.
    """
    created_at: AwareDatetime
    """
    Since when searches use it.
    """


class DocumentVersionPage(BaseModel):
    items: list[DocumentVersion]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class DocumentWarning(BaseModel):
    """
    What a document's file holds that was not read: a stable code (docs/formats.md) and a sentence.
    """

    code: str
    """
    The kind of the warning.
    """
    message: str
    """
    A sentence for people.
    """
    page: int | None = None
    """
    The first page that the warning is about, from 1; null when it is about no page.
    """


class DoneEvent(BaseModel):
    """
    The answer is stored, with its sources. `notice` is a sentence for its reader, null for a whole answer.
    """

    message_id: UUID
    """
    The answer's id.
    """
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] = Field(..., examples=["stop"])
    """
    How the answer ended; it is whole only with `stop`.
    """
    notice: str | None
    """
    A sentence for the reader of an answer that is not whole; null for a whole one.
    """


class DynamicChanges(BaseModel):
    """
    Changes of the administrators' settings (RFC 7396). Null removes a value: the deployment's applies again.
    """

    active_pipeline: str | None = None
    """
    How questions are answered: `qa` retrieves and answers, `agent` uses tools, `search` stops after the search.
    """
    active_model: str | None = None
    """
    An enabled model of the registry, which answers; `extractive` is the built-in reader, which calls no model.
    """
    temperature: float | Literal["unset"] | None = None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    max_tokens: int | Literal["unset"] | None = None
    """
    The longest answer, in tokens, at most the model's own limit and half of its window; `unset` leaves it to the provider.
    """
    top_p: float | Literal["unset"] | None = None
    """
    Nucleus sampling: from which share of the probability a word is drawn; `unset` leaves it to the provider.
    """
    top_k: int | Literal["unset"] | None = None
    """
    From how many candidates a word is drawn; `unset` leaves it to the provider.
    """
    repetition_penalty: float | Literal["unset"] | None = None
    """
    How much repetition is penalised, above 0; `unset` leaves it to the provider.
    """
    system_prompt: str | None = None
    """
    A text that replaces `active_system_prompt`; an empty text means none.
    """
    task_prompt: str | None = None
    """
    A text with `{context}` and `{query}` that replaces `active_chat_prompt`.
    """
    active_condense_prompt: str | None = None
    """
    The name of the prompt that rewrites a follow-up as a question that stands alone.
    """
    active_chat_prompt: str | None = None
    """
    The name of the prompt that presents chunks and question to the model.
    """
    active_system_prompt: str | None = None
    """
    The name of the prompt with the model's instructions.
    """
    num_documents_to_retrieve: int | None = None
    """
    The number of chunks that a search returns by default, and that an answer is made from.
    """
    use_hybrid_search: bool | None = None
    """
    Whether words (BM25) count beside meaning, in searches without a `mode`.
    """
    use_cross_encoder: bool | None = None
    """
    Whether the built-in reader lets a second model read question and chunk together and decide which quotations answer; without it, answers are quicker and take less memory.
    """
    bm25_weight: float | None = None
    """
    The weight of words (BM25) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    semantic_weight: float | None = None
    """
    The weight of meaning (vectors) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    active_reranker: str | None = None
    """
    Which model reads the best hits of a search again: `off`, `built_in`, or a registered reranker.
    """
    reranked_chunks: int | None = None
    """
    How many of the best hits the reranker reads; the cost is proportional.
    """
    history_tokens: int | None = None
    """
    The tokens of the conversation that a model reads, newest messages first; 0 for none.
    """
    context_tokens: int | None = None
    """
    The tokens of chunks that a model reads, best chunks first, as far as they fit into its window.
    """
    registration_open: bool | None = None
    """
    Whether people can create accounts, or begin to use the service anonymously; administrators always can create accounts.
    """
    registration_domains: list[str] | None = None
    """
    The domains whose addresses can register, empty for all; such an account waits until its address is verified.
    """
    registration_requires_verification: bool | None = None
    """
    Whether nobody who registers can log in before the address is verified.
    """
    invitations_open: bool | None = None
    """
    Whether invitations can be made and accepted.
    """
    api_keys_may_last: bool | None = None
    """
    Whether API keys without an end can be created.
    """
    administrators_need_second_factor: bool | None = None
    """
    Whether an administrator with a password has an administrator's rights only with a second factor.
    """
    ingestion_schedule: str | None = None
    """
    When every document is compared with the bucket: a cron expression of five fields, in UTC; empty for once a day.
    """
    ocr_languages: str | None = None
    """
    The languages in which the text of scanned pages and pictures is recognised (OCR): up to 8 of Tesseract's names; empty for none.
    """
    max_upload_mb: int | None = None
    """
    The most megabytes of an uploaded file.
    """
    jobs_per_user: int | None = None
    """
    The most questions of one user that are answered at once, while the others wait; 0 for no limit.
    """
    streams_per_user: int | None = None
    """
    The most event streams of one user that wait at once (429 `too_many_streams`), and answers of `/openai/v1/chat/completions` and of the tool `ask` with them; 0 for no limit.
    """
    storage_mb_per_user: int | None = None
    """
    The most megabytes of files in a user's own space (409 `storage_full`); 0 for no limit.
    """
    storage_mb_per_group: int | None = None
    """
    The most megabytes of files in a group's space; 0 for no limit.
    """
    storage_mb_of_organisation: int | None = None
    """
    The most megabytes of files in the organisation's space; 0 for no limit.
    """


class DynamicConfig(BaseModel):
    """
    The administrators' level. Null means: this level does not set the value. `revision` counts the changes; the header `ETag` carries it.
    """

    active_pipeline: str | None
    """
    How questions are answered: `qa` retrieves and answers, `agent` uses tools, `search` stops after the search.
    """
    active_model: str | None
    """
    An enabled model of the registry, which answers; `extractive` is the built-in reader, which calls no model.
    """
    temperature: float | Literal["unset"] | None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    max_tokens: int | Literal["unset"] | None
    """
    The longest answer, in tokens, at most the model's own limit and half of its window; `unset` leaves it to the provider.
    """
    top_p: float | Literal["unset"] | None
    """
    Nucleus sampling: from which share of the probability a word is drawn; `unset` leaves it to the provider.
    """
    top_k: int | Literal["unset"] | None
    """
    From how many candidates a word is drawn; `unset` leaves it to the provider.
    """
    repetition_penalty: float | Literal["unset"] | None
    """
    How much repetition is penalised, above 0; `unset` leaves it to the provider.
    """
    system_prompt: str | None
    """
    A text that replaces `active_system_prompt`; an empty text means none.
    """
    task_prompt: str | None
    """
    A text with `{context}` and `{query}` that replaces `active_chat_prompt`.
    """
    active_condense_prompt: str | None
    """
    The name of the prompt that rewrites a follow-up as a question that stands alone.
    """
    active_chat_prompt: str | None
    """
    The name of the prompt that presents chunks and question to the model.
    """
    active_system_prompt: str | None
    """
    The name of the prompt with the model's instructions.
    """
    num_documents_to_retrieve: int | None
    """
    The number of chunks that a search returns by default, and that an answer is made from.
    """
    use_hybrid_search: bool | None
    """
    Whether words (BM25) count beside meaning, in searches without a `mode`.
    """
    use_cross_encoder: bool | None
    """
    Whether the built-in reader lets a second model read question and chunk together and decide which quotations answer; without it, answers are quicker and take less memory.
    """
    bm25_weight: float | None
    """
    The weight of words (BM25) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    semantic_weight: float | None
    """
    The weight of meaning (vectors) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    active_reranker: str | None
    """
    Which model reads the best hits of a search again: `off`, `built_in`, or a registered reranker.
    """
    reranked_chunks: int | None
    """
    How many of the best hits the reranker reads; the cost is proportional.
    """
    history_tokens: int | None
    """
    The tokens of the conversation that a model reads, newest messages first; 0 for none.
    """
    context_tokens: int | None
    """
    The tokens of chunks that a model reads, best chunks first, as far as they fit into its window.
    """
    registration_open: bool | None
    """
    Whether people can create accounts, or begin to use the service anonymously; administrators always can create accounts.
    """
    registration_domains: list[str] | None
    """
    The domains whose addresses can register, empty for all; such an account waits until its address is verified.
    """
    registration_requires_verification: bool | None
    """
    Whether nobody who registers can log in before the address is verified.
    """
    invitations_open: bool | None
    """
    Whether invitations can be made and accepted.
    """
    api_keys_may_last: bool | None
    """
    Whether API keys without an end can be created.
    """
    administrators_need_second_factor: bool | None
    """
    Whether an administrator with a password has an administrator's rights only with a second factor.
    """
    ingestion_schedule: str | None
    """
    When every document is compared with the bucket: a cron expression of five fields, in UTC; empty for once a day.
    """
    ocr_languages: str | None
    """
    The languages in which the text of scanned pages and pictures is recognised (OCR): up to 8 of Tesseract's names; empty for none.
    """
    max_upload_mb: int | None
    """
    The most megabytes of an uploaded file.
    """
    jobs_per_user: int | None
    """
    The most questions of one user that are answered at once, while the others wait; 0 for no limit.
    """
    streams_per_user: int | None
    """
    The most event streams of one user that wait at once (429 `too_many_streams`), and answers of `/openai/v1/chat/completions` and of the tool `ask` with them; 0 for no limit.
    """
    storage_mb_per_user: int | None
    """
    The most megabytes of files in a user's own space (409 `storage_full`); 0 for no limit.
    """
    storage_mb_per_group: int | None
    """
    The most megabytes of files in a group's space; 0 for no limit.
    """
    storage_mb_of_organisation: int | None
    """
    The most megabytes of files in the organisation's space; 0 for no limit.
    """
    revision: int
    """
    The number of the changes so far. The header `ETag` has it, too.
    """
    updated_by: UUID | None
    """
    The id of the administrator who made the last change; null for none.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class EmailAlertsChanges(BaseModel):
    """
    Changes of who gets alerts by e-mail. `recipients` replaces all of them.
    """

    enabled: bool | None = None
    """
    Whether alerts are sent by e-mail.
    """
    recipients: list[str] | None = None
    """
    Who gets them: all of them, ten at most.
    """


class EmailAlertsConfig(BaseModel):
    """
    Who gets alerts by e-mail.
    """

    enabled: bool
    """
    Whether alerts are sent by e-mail.
    """
    recipients: list[str]
    """
    Who gets them.
    """
    updated_at: AwareDatetime
    """
    When the configuration of alerts was changed last.
    """


class EmailChange(BaseModel):
    """
    A change of address that has begun. `old_email` is null when the former address need not confirm.
    """

    new_email: str
    """
    The address that the account is to get.
    """
    new_confirmed_at: AwareDatetime | None
    """
    When the new address confirmed; null before.
    """
    old_email: str | None
    """
    The former address, which must confirm too; null when it need not.
    """
    old_confirmed_at: AwareDatetime | None
    """
    When the former address confirmed; null before.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    expires_at: AwareDatetime
    """
    When the change ends by itself.
    """


class EmbeddingModelChanges(BaseModel):
    """
    Changes of a model that leave its vectors as they are. `api_key: null` removes the key. Another host of a model that is active or preparing requires `sends_private_documents: true`.
    """

    name: str | None = None
    """
    The new name.
    """
    base_url: str | None = None
    """
    The server's new address.
    """
    api_key: str | None = None
    """
    A new key; null removes the stored one.
    """
    sends_private_documents: bool | None = False
    """
    Confirms that chunks of private documents may be sent to the model's server.
    """


class EmbeddingProgress(BaseModel):
    """
    The progress of a model: the number of all chunks, and how many of them have a vector.
    """

    chunks_done: int
    """
    The number of chunks with a vector of this model.
    """
    chunks_total: int
    """
    The number of all chunks.
    """
    documents_left: int
    """
    The documents that still have chunks without a vector.
    """
    documents_failed: int
    """
    The documents that could not be embedded.
    """


class EmbeddingUsage(BaseModel):
    """
    An estimate of the tokens of all texts.
    """

    prompt_tokens: int
    """
    An estimate of the tokens of all texts.
    """
    total_tokens: int
    """
    The same number.
    """


class EmbeddingVector(BaseModel):
    """
    The vector of one text: numbers, or the base64 of little-endian float32.
    """

    object: Literal["embedding"] = "embedding"
    """
    The kind of the object.
    """
    index: int
    """
    The position of the text in the request.
    """
    embedding: list[float] | str
    """
    The vector.
    """


class ErrorEvent(BaseModel):
    """
    The job failed. docs/errors.md lists the codes. `message_id` is null.
    """

    code: str
    """
    Why the job failed; docs/errors.md lists the codes.
    """
    message: str
    """
    A sentence about the case.
    """
    message_id: None = Field(None)
    """
    Always null.
    """


class EvalCollection(BaseModel):
    """
    Make questions from the caller's own answers: those marked as mistakes, or those that were liked. The sources of an answer that was liked are the expected documents.
    """

    origin: Literal["mistakes", "likes"] = Field(..., examples=["mistakes"])
    """
    Which of the caller's answers.
    """


class EvalImport(BaseModel):
    """
    Questions as text: JSON Lines, or the queries and judgements of a BEIR collection. A line of `jsonl` has `question`, and where known `expected_documents`, `expected_words`, `should_decline`. BEIR's `queries` are JSON Lines with `_id` and `text`, its `qrels` lines of a query's id, a document's id and a score, separated by tabs. Documents are named by their id, their `source_id` or their title.
    """

    format: Literal["jsonl", "beir"]
    """
    The form of the text.
    """
    content: str | None = None
    """
    The lines of `jsonl`.
    """
    queries: str | None = None
    """
    BEIR's `queries.jsonl`.
    """
    qrels: str | None = None
    """
    BEIR's judgements, such as `qrels/test.tsv`.
    """


class EvalImportResult(BaseModel):
    """
    What was added, and the names of documents that no document of the caller's has.
    """

    questions: int
    """
    The number of questions that were added.
    """
    unknown_documents: list[str]
    """
    Names that no document of the caller's has, at most 100.
    """


class EvalQuestion(BaseModel):
    """
    A question of a set, and what a good answer to it has.
    """

    id: UUID
    """
    The id. It never changes.
    """
    question: str
    """
    The question.
    """
    expected_documents: list[UUID]
    """
    The documents that hold the answer.
    """
    expected_words: list[str]
    """
    Words that a good answer contains.
    """
    should_decline: bool
    """
    Whether a good answer says that the documents do not tell.
    """
    origin: Literal["written", "imported", "mistake", "like"] = Field(..., examples=["written"])
    """
    Where the question comes from.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class EvalQuestionPage(BaseModel):
    items: list[EvalQuestion]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class EvalResult(BaseModel):
    """
    What a run gave for one question.
    """

    question_id: UUID
    """
    The id of the question.
    """
    question: str
    """
    The question.
    """
    status: Literal["pending", "completed", "failed"] = Field(..., examples=["pending"])
    """
    Whether it was answered.
    """
    answer: str | None
    """
    The answer; null before it, and without one.
    """
    error_code: str | None
    """
    Why there is no answer, as a code; null otherwise.
    """
    retrieved_documents: list[UUID]
    """
    The documents that were found, best first.
    """
    cited_documents: list[UUID]
    """
    The documents that the answer cites.
    """
    measures: dict[
        Literal["recall", "mrr", "words", "citation_precision", "abstention", "failures", "cost_usd", "milliseconds"],
        float,
    ]
    """
    What was measured of this answer.
    """


class EvalResultPage(BaseModel):
    items: list[EvalResult]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class EvalSchedule(BaseModel):
    """
    A schedule of the caller's. `error_message` says why no run started at the last time; null when one did.
    """

    id: UUID
    """
    The id. It never changes.
    """
    set_id: UUID
    """
    The set that is run.
    """
    name: str
    """
    The name of the runs.
    """
    schedule: str
    """
    When to run: a cron expression of five fields, in UTC.
    """
    budget_usd: float
    """
    What the answers of one run may cost, in US dollars; 0 for no limit.
    """
    next_run_at: AwareDatetime
    """
    When the next run starts.
    """
    last_run_id: UUID | None
    """
    The last run; null before the first one, or when it was deleted.
    """
    error_message: str | None
    """
    Why no run started at the last time; null when one did.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class EvalSchedulePage(BaseModel):
    items: list[EvalSchedule]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class EvalSet(BaseModel):
    """
    A set of questions of the caller's.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The set's name.
    """
    description: str | None
    """
    What the set is for; null for nothing.
    """
    question_count: int
    """
    The number of questions.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class EvalSetPage(BaseModel):
    items: list[EvalSet]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class ExportedConversation(BaseModel):
    """
    A conversation as a file. `content` is its text, or for `base64` its bytes.
    """

    file_name: str
    """
    A name for the file.
    """
    content_type: str
    """
    The file's media type.
    """
    encoding: Literal["utf-8", "base64"] = Field(..., examples=["utf-8"])
    """
    How `content` holds the file.
    """
    content: str
    """
    The file.
    """


class ExportedRow(BaseModel):
    """
    A row of a table. docs/schema.md describes the tables.
    """

    table: str
    """
    The name of the table; docs/schema.md describes it.
    """
    row: dict[str, Any]
    """
    The row's columns with their values.
    """


class ExportedRowPage(BaseModel):
    items: list[ExportedRow]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Failure(BaseModel):
    """
    Why a document or a job failed: a stable code (docs/errors.md) and a sentence.
    """

    code: str
    """
    The stable code; docs/errors.md lists them.
    """
    message: str
    """
    A sentence about the case.
    """


class Feedback(BaseModel):
    """
    Feedback on an answer.
    """

    id: UUID
    """
    The id. It never changes.
    """
    message_id: UUID
    """
    The answer's id.
    """
    kind: str
    """
    `like`, `dislike` or `comment`.
    """
    reasons: list[str]
    """
    Why.
    """
    comment: str | None
    """
    A comment; null for none.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class FeedbackPage(BaseModel):
    items: list[Feedback]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class FieldError(BaseModel):
    """
    What is wrong with one field of the request.
    """

    field: str
    """
    The field's name, with dots for fields inside of it.
    """
    message: str
    """
    What the field must be.
    """


class Group(BaseModel):
    """
    A group. `role` is the caller's role in it, null for a caller who is not a member. `title` is what its own administrators call it. Claims of a login provider name groups by `name`.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The group's name.
    """
    title: str | None
    """
    What members call the group; null for its name.
    """
    role: Literal["member", "editor", "admin"] | None
    """
    The caller's role in the group; null for a caller who is not a member.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class GroupMember(BaseModel):
    """
    A member of a group.
    """

    user_id: UUID
    """
    The member's id.
    """
    display_name: str
    """
    The name that other people see.
    """
    username: str | None
    """
    The member's username; null for none.
    """
    role: Literal["member", "editor", "admin"] = Field(..., examples=["member"])
    """
    The member's role.
    """
    created_at: AwareDatetime
    """
    When the membership began.
    """


class GroupMemberPage(BaseModel):
    items: list[GroupMember]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class GroupPage(BaseModel):
    items: list[Group]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class GroupTitle(BaseModel):
    """
    What members call a group; null for its name.
    """

    title: str | None = None
    """
    What members call the group; null for its name.
    """


class HealingEvent(BaseModel):
    """
    A fault that was found, and what was done about it.
    """

    id: UUID
    """
    The id. It never changes.
    """
    event_type: str
    """
    What was found.
    """
    severity: Literal["info", "warning", "critical"] = Field(..., examples=["info"])
    """
    How bad it is.
    """
    description: str
    """
    What was found, in a sentence.
    """
    action_taken: str
    """
    What was done, in a sentence.
    """
    entity_id: UUID | None
    """
    The job or document; null for none.
    """
    created_at: AwareDatetime
    """
    When it was found.
    """


class HealingEventPage(BaseModel):
    items: list[HealingEvent]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Health(BaseModel):
    """
    The function runs.
    """

    status: Literal["ok"] = "ok"
    """
    Always `ok`.
    """


class Heir(BaseModel):
    """
    The user who gets the documents.
    """

    heir_id: UUID
    """
    The id of the user who gets the documents.
    """


class Holdings(BaseModel):
    """
    What an account holds, in numbers alone. `groups_without_other_administrator`: groups that nobody else administers, but administrators of the service.
    """

    private_documents: int
    """
    The number of documents in the user's own space.
    """
    private_bytes: int
    """
    The bytes of the user's own space, deleted documents included.
    """
    shared_documents: int
    """
    The number of the user's documents in spaces of groups and of the organisation.
    """
    repositories: int
    """
    The number of the user's own repositories.
    """
    connectors: int
    """
    The number of sources that the user connected.
    """
    conversations: int
    """
    The number of conversations.
    """
    memories: int
    """
    The number of memories.
    """
    api_keys: int
    """
    The number of API keys that are valid.
    """
    invitations: int
    """
    The number of the user's invitations that can be accepted.
    """
    groups_without_other_administrator: int
    """
    The number of groups that nobody else administers.
    """


class Host(BaseModel):
    """
    A host that sent measurements, and its newest ones.
    """

    name: str
    """
    The host's name.
    """
    first_seen_at: AwareDatetime
    """
    When the host was heard first.
    """
    last_seen_at: AwareDatetime
    """
    When the host was heard last.
    """
    left_at: AwareDatetime | None
    """
    When its agent ended as it should; null while it runs.
    """
    silent_since: AwareDatetime | None
    """
    Since when the host is silent though it did not leave; null for none.
    """
    cpu_percent: float | None
    """
    The newest value; null without a measurement in the last day.
    """
    ram_percent: float | None
    """
    The newest value; null without a measurement in the last day.
    """
    disk_percent: float | None
    """
    The newest value; null without a measurement in the last day.
    """
    temperature_celsius: float | None
    """
    The newest value; null where no sensor is read.
    """
    gpu_percent: float | None
    """
    The newest value; null without a GPU.
    """


class HostMetricsPoint(BaseModel):
    """
    The measurements of one step: means, and the highest values.
    """

    at: AwareDatetime
    """
    The beginning of the step.
    """
    samples: int
    """
    How many measurements the point is made of.
    """
    cpu_percent: float | None
    """
    The mean, in percent.
    """
    cpu_percent_max: float | None
    """
    The highest value, in percent.
    """
    ram_percent: float | None
    """
    The mean, in percent.
    """
    ram_percent_max: float | None
    """
    The highest value, in percent.
    """
    disk_percent: float | None
    """
    The highest value, in percent.
    """
    disk_used_bytes: int | None
    """
    The highest value.
    """
    disk_free_bytes: int | None
    """
    The lowest value.
    """
    temperature_celsius: float | None
    """
    The mean, in °C; null where no sensor is read.
    """
    temperature_celsius_max: float | None
    """
    The highest value, in °C.
    """
    gpu_percent: float | None
    """
    The mean, in percent; null without a GPU.
    """
    gpu_percent_max: float | None
    """
    The highest value, in percent.
    """
    gpu_memory_percent: float | None
    """
    The highest value, in percent.
    """
    gpu_temperature_celsius: float | None
    """
    The highest value, in °C.
    """


class HostMetricsSeries(BaseModel):
    """
    One host's measurements over time, oldest first. A step without measurements has no point.
    """

    host: str
    """
    The host's name.
    """
    step: int
    """
    How many seconds one point stands for.
    """
    items: list[HostMetricsPoint]
    """
    The points, oldest first.
    """


class Hosts(BaseModel):
    """
    Every host that was heard within retention.
    """

    items: list[Host]
    """
    The hosts, by name.
    """


class InvitationGroup(BaseModel):
    """
    A group that the invited person is to join. `name` is null for who cannot see the group.
    """

    group_id: UUID
    """
    The group's id.
    """
    name: str | None
    """
    The group's name; null for who cannot see the group.
    """
    role: Literal["member", "editor", "admin"] = Field(..., examples=["member"])
    """
    The role that the invited person gets in the group.
    """


class InvitationLink(BaseModel):
    """
    The code of an invitation's link.
    """

    token: str
    """
    The code of the invitation's link.
    """


class InvitedGroup(BaseModel):
    """
    A group that the invited person is to join, and the role in it.
    """

    group_id: UUID
    """
    The group's id.
    """
    role: Literal["member", "editor", "admin"] | None = Field("member", examples=["member"])
    """
    The role that the invited person gets in the group.
    """


class Job(BaseModel):
    """
    A job that answers one question. The status is `processing` only while a worker holds the job. Only `GET /jobs/{id}` returns `position`, which counts from 1 while the job can be claimed, and, while another attempt waits or runs, `last_error`: why the last attempt failed, and `next_attempt_at`: when the next one starts at the earliest.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The id of a conversation.
    """
    message_id: UUID
    """
    The question's id.
    """
    answer_id: UUID | None
    """
    The answer's id; null before it is stored.
    """
    pipeline: str
    """
    The pipeline that answers.
    """
    model: str
    """
    The name of the language model.
    """
    status: Literal["pending", "processing", "completed", "failed", "cancelled"] = Field(..., examples=["pending"])
    """
    How far the job is.
    """
    priority: int
    """
    The priority; a higher one is answered first.
    """
    position: int | None
    """
    The place in the queue, from 1; null unless the job waits, and in every response but GET /jobs/{job_id}.
    """
    error: Failure | None
    """
    Why the job failed: a code and a sentence; null when it did not.
    """
    last_error: Failure | None
    """
    Why the last attempt failed, while the job waits for another one; otherwise null.
    """
    next_attempt_at: AwareDatetime | None
    """
    When the next attempt starts at the earliest; null when none waits.
    """
    cancelled_by: str | None = None
    """
    Who cancelled the job: `user`, or `deletion` of its conversation; null when nobody did.
    """
    cancellation_reason: str | None = None
    """
    Why, as the user said; null when nothing was said.
    """
    created_at: AwareDatetime
    """
    When the question was queued.
    """
    started_at: AwareDatetime | None
    """
    When the work began; null before that.
    """
    finished_at: AwareDatetime | None
    """
    When the work ended; null before that.
    """


class JobPriority(BaseModel):
    """
    A job's new priority. A higher priority is answered first.
    """

    priority: int
    """
    The new priority, from -10 to 10. A higher one is answered first.
    """


class JobReport(BaseModel):
    """
    A job of any user as an administrator sees it: numbers, times and codes, and no word of a conversation.
    """

    id: UUID
    """
    The id. It never changes.
    """
    user_id: UUID
    """
    Whose question it answers.
    """
    status: Literal["pending", "processing", "completed", "failed", "cancelled"] = Field(..., examples=["pending"])
    """
    How far the job is.
    """
    model: str
    """
    What answers; `hidden` in a comparison without a vote.
    """
    pipeline: str
    """
    How it is answered; `hidden` in a comparison without a vote.
    """
    priority: int
    """
    The priority; a higher one is answered first.
    """
    attempts: int
    """
    How often a worker began.
    """
    error_code: str | None
    """
    Why the job failed, as a code; null when it did not.
    """
    last_error_code: str | None
    """
    Why the last attempt failed, as a code; null when none did.
    """
    created_at: AwareDatetime
    """
    When the question was queued.
    """
    started_at: AwareDatetime | None
    """
    When the work began; null before that.
    """
    finished_at: AwareDatetime | None
    """
    When the work ended; null before that.
    """


class JobReportPage(BaseModel):
    items: list[JobReport]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class LearnedMemory(BaseModel):
    """
    A memory that was learned from the question. `merged` means that an existing memory was extended.
    """

    id: UUID
    """
    The id. It never changes.
    """
    content: str
    """
    What was learned.
    """
    kind: str
    """
    What kind of memory it is.
    """
    merged: bool
    """
    Whether an existing memory was extended.
    """


class Link(BaseModel):
    """
    The code of a link that was sent.
    """

    token: str
    """
    The code of the link, from its fragment.
    """


class LinkedLoginProvider(BaseModel):
    """
    A way in which the account can log in, and the account's name there. `local` is the password.
    """

    name: Literal["local", "github", "oidc"] = Field(..., examples=["local"])
    """
    The login provider.
    """
    account: str | None
    """
    The account's name at the provider; null when it is unknown.
    """


class Llm(BaseModel):
    """
    A language model, without its key. `endpoint` and `key_last_four` are null unless the caller administers.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name by which settings and questions choose the model.
    """
    provider: str
    """
    The provider; docs/llms.md lists them.
    """
    model_id: str
    """
    The model's name at its provider.
    """
    endpoint: str | None
    """
    The server's address; null for the provider's own, and for callers who do not administer.
    """
    key_last_four: str | None
    """
    The last four characters of the stored key; null when there is none, or for a caller who may not see it.
    """
    context_tokens: int
    """
    The model's window in tokens.
    """
    max_tokens: int | None
    """
    The longest answer in tokens; null for the settings' value.
    """
    temperature: float | None
    """
    The temperature of this model, in place of the deployment's; null for the settings' value.
    """
    prompt_price: float
    """
    US dollars for a million tokens that the model reads.
    """
    completion_price: float
    """
    US dollars for a million tokens that the model writes.
    """
    is_enabled: bool
    """
    Whether the model can be chosen.
    """
    is_default: bool
    """
    Whether the model answers where no other is chosen.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class LlmChanges(BaseModel):
    """
    Changes of a language model. Null removes `endpoint`, `api_key`, `max_tokens` or `temperature`.
    """

    model_id: str | None = None
    """
    The model's name at its provider.
    """
    endpoint: str | None = None
    """
    The server's address; null removes it.
    """
    api_key: str | None = None
    """
    A new key; null removes the stored one.
    """
    context_tokens: int | None = None
    """
    The model's window in tokens.
    """
    max_tokens: int | None = None
    """
    The longest answer in tokens; null for the settings' value.
    """
    temperature: float | None = None
    """
    The temperature of this model, in place of the deployment's; null for the settings' value.
    """
    prompt_price: float | None = None
    """
    US dollars for a million tokens that the model reads.
    """
    completion_price: float | None = None
    """
    US dollars for a million tokens that the model writes.
    """
    is_enabled: bool | None = None
    """
    Whether the model can be chosen.
    """
    is_default: Literal[True] | None = None
    """
    `true` makes the model the one that answers where no other is chosen.
    """


class LlmPage(BaseModel):
    items: list[Llm]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class LlmProviderKey(BaseModel):
    """
    A stored key, without the key itself.
    """

    provider: Literal["openai", "openrouter", "anthropic"] = Field(..., examples=["openai"])
    """
    The provider of the model.
    """
    last_four: str
    """
    The last four characters of the key.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    last_used_at: AwareDatetime | None
    """
    When the key was used last; null before that.
    """


class LlmProviderKeys(BaseModel):
    """
    The caller's keys, at most one for each provider.
    """

    items: list[LlmProviderKey]
    """
    The caller's keys, at most one for each provider.
    """


class LlmTestResult(BaseModel):
    """
    A model's answer to a small question: milliseconds to its first and last delta, its own name, and a sample.
    """

    first_piece_ms: int
    """
    The milliseconds until the first part of the answer.
    """
    latency_ms: int
    """
    The milliseconds until the whole answer.
    """
    model: str
    """
    The name by which the provider calls the model.
    """
    sample: str
    """
    The beginning of the answer.
    """


class LoginProvider(BaseModel):
    """
    A login provider that is available.
    """

    name: Literal["local", "anonymous", "github", "oidc"] = Field(..., examples=["local"])
    """
    The provider's name.
    """
    title: str
    """
    A title for a button.
    """
    start_path: str
    """
    The route that begins the login.
    """


class LoginProviders(BaseModel):
    """
    Every login provider that is available, and the name of the deployment that a person logs in to.
    """

    deployment_name: str
    """
    The name of the deployment that a person logs in to.
    """
    items: list[LoginProvider]
    """
    The providers, the local one first.
    """


class LoginRequest(BaseModel):
    """
    An e-mail address or a username, the password, and the token that an earlier login left on this device. `code` is for an account with a second factor: what its app shows, or a recovery code.
    """

    email: str | None = None
    """
    The account's e-mail address.
    """
    password: str
    """
    The password.
    """
    device_token: str | None = None
    """
    What makes this device known, so that wrong passwords from elsewhere do not lock it out. Keep it, and send it with the next login.
    """
    code: str | None = None
    """
    A code of the account's second factor, or a recovery code; only for an account that has one.
    """
    username: str | None = None
    """
    The account's username.
    """


class LoginStart(BaseModel):
    """
    The address to open. In JSON mode, send `login_secret` as `X-Login-Secret` to the callback.
    """

    authorization_url: str
    """
    The provider's page to open.
    """
    login_secret: str | None = None
    """
    In JSON mode: send it as `X-Login-Secret` to the callback; otherwise null.
    """
    expires_in: int
    """
    The seconds within which the login must be finished.
    """


class MailRequest(BaseModel):
    """
    An address that may have an account, and the language of the e-mail.
    """

    email: str
    """
    The address. Whether an account has it, the answer does not say.
    """
    language: Literal["en", "de"] | None = None
    """
    The language of the e-mail; by default the deployment's.
    """


class ManagedUser(BaseModel):
    """
    An account as an administrator sees it. In a full queue, it gets `queue_weight` turns for one of weight 1.
    """

    login_providers: list[LinkedLoginProvider]
    """
    The login providers that the account is linked with.
    """
    second_factor: bool
    """
    Whether a login by password also requires a code.
    """
    id: UUID
    """
    The id. It never changes.
    """
    email: str | None
    """
    The e-mail address; null for an account without one.
    """
    email_verified: bool
    """
    Whether the e-mail address is known to be the user's own; otherwise it is only claimed.
    """
    username: str | None
    """
    The username; null for none.
    """
    display_name: str
    """
    The name that other people see.
    """
    auth_provider: str
    """
    How the account was created: `local`, `anonymous`, `github` or `oidc`.
    """
    is_admin: bool
    """
    Whether the user administers the service.
    """
    awaits_verification: bool
    """
    Whether nobody can log in before the address is verified.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    last_login_at: AwareDatetime | None
    """
    When the user logged in last; null before the first login.
    """
    is_active: bool
    """
    Whether the account can be used.
    """
    delete_after: AwareDatetime | None
    """
    When the account is erased; null when it is not to be.
    """
    failed_logins: int
    """
    The number of wrong passwords since the last right one.
    """
    locked_until: AwareDatetime | None
    """
    Until when the account is locked after five wrong passwords; null when it is not.
    """
    login_count: int
    """
    The number of logins.
    """
    queue_weight: int
    """
    The turns that the user gets in a full queue, for one turn of weight 1.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class ManagedUserPage(BaseModel):
    items: list[ManagedUser]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class McpRequest(BaseModel):
    """
    A JSON-RPC 2.0 request; without `id`, a notification. Fields that the protocol may add are ignored.
    """

    jsonrpc: Literal["2.0"]
    """
    The version of JSON-RPC.
    """
    id: int | str | None = None
    """
    The id that the response repeats; absent for a notification.
    """
    method: str
    """
    The method of the protocol.
    """
    params: dict[str, Any] | None = None
    """
    The parameters of the method.
    """


class McpResponse(BaseModel):
    """
    A JSON-RPC 2.0 response: `result` or `error`.
    """

    jsonrpc: Literal["2.0"] = "2.0"
    """
    The version of JSON-RPC.
    """
    id: int | str | None
    """
    The id of the request.
    """
    result: dict[str, Any] | None = None
    """
    What the method returns; absent after an error.
    """
    error: dict[str, Any] | None = None
    """
    The number of the error and a sentence; absent after a success.
    """


class Me(BaseModel):
    """
    The caller's own account.
    """

    login_providers: list[LinkedLoginProvider]
    """
    The login providers that the account is linked with.
    """
    second_factor: bool
    """
    Whether a login by password also requires a code.
    """
    id: UUID
    """
    The id. It never changes.
    """
    email: str | None
    """
    The e-mail address; null for an account without one.
    """
    email_verified: bool
    """
    Whether the e-mail address is known to be the user's own; otherwise it is only claimed.
    """
    username: str | None
    """
    The username; null for none.
    """
    display_name: str
    """
    The name that other people see.
    """
    auth_provider: str
    """
    How the account was created: `local`, `anonymous`, `github` or `oidc`.
    """
    is_admin: bool
    """
    Whether the user administers the service.
    """
    awaits_verification: bool
    """
    Whether nobody can log in before the address is verified.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    last_login_at: AwareDatetime | None
    """
    When the user logged in last; null before the first login.
    """


class MeasureInterval(BaseModel):
    """
    A mean over `questions` questions, with its 95 % interval by bootstrap.
    """

    mean: float
    """
    The mean.
    """
    low: float
    """
    The lower end of the 95 % interval.
    """
    high: float
    """
    The upper end of the 95 % interval.
    """
    questions: int
    """
    The number of questions that have this measure.
    """


class Measurement(BaseModel):
    """
    One measurement of a host. What the host does not have is null.
    """

    measured_at: AwareDatetime
    """
    When it was measured: within the last day.
    """
    cpu_percent: float
    """
    How busy the processor is, in percent.
    """
    ram_percent: float
    """
    How much of the memory is used, in percent.
    """
    ram_used_bytes: int
    """
    Used memory in bytes.
    """
    disk_percent: float
    """
    How full the disk is, in percent.
    """
    disk_used_bytes: int
    """
    Used bytes of the disk.
    """
    disk_free_bytes: int
    """
    Free bytes of the disk.
    """
    temperature_celsius: float | None = None
    """
    The highest temperature of the host, in °C; null where no sensor is read.
    """
    gpu_percent: float | None = None
    """
    How busy the busiest GPU is, in percent; null without a GPU.
    """
    gpu_memory_percent: float | None = None
    """
    How much memory of the fullest GPU is used, in percent; null without a GPU.
    """
    gpu_temperature_celsius: float | None = None
    """
    The temperature of the hottest GPU, in °C; null without a GPU.
    """


class MemberRole(BaseModel):
    """
    The role of a member: `member` reads documents, `editor` also writes them, `admin` also manages the group.
    """

    role: Literal["member", "editor", "admin"] | None = Field("member", examples=["member"])
    """
    The member's role.
    """


class Memory(BaseModel):
    """
    Something remembered. What was `learned` names the user's message that it came from, and what was taken from a `document` names that document, while they are there. `access_count` and `last_accessed_at` say how often and when it was recalled.
    """

    id: UUID
    """
    The id. It never changes.
    """
    content: str
    """
    What is remembered.
    """
    kind: Literal["fact", "preference", "instruction", "event"] = Field(..., examples=["fact"])
    """
    What kind of memory it is.
    """
    importance: float
    """
    How important it is, from 0 to 1.
    """
    source: Literal["written", "learned", "document"] = Field(..., examples=["written"])
    """
    How the memory came.
    """
    conversation_id: UUID | None
    """
    The conversation that it was learned from; null for another memory.
    """
    message_id: UUID | None
    """
    The message that it was learned from; null for another memory.
    """
    document_id: UUID | None
    """
    The document that it was taken from; null for another memory.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    access_count: int
    """
    How often the memory was recalled.
    """
    last_accessed_at: AwareDatetime | None
    """
    When the memory was recalled last; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class MemoryChanges(BaseModel):
    """
    Changes of a memory. `metadata` replaces what was there.
    """

    content: str | None = None
    """
    The new text.
    """
    kind: Literal["fact", "preference", "instruction", "event"] | None = None
    """
    What kind of memory it is.
    """
    importance: float | None = None
    """
    How important it is, from 0 to 1.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    All names and values; they replace what was there.
    """


class MemoryPage(BaseModel):
    items: list[Memory]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class MemorySearch(BaseModel):
    """
    A question to one's memory. `kinds` and `tag` restrict what is recalled.
    """

    query: str
    """
    What to recall.
    """
    top_k: int | None = 10
    """
    The most memories.
    """
    kinds: list[Literal["fact", "preference", "instruction", "event"]] | None = None
    """
    Only memories of these kinds.
    """
    tag: UUID | None = None
    """
    Only memories with this tag.
    """


class MessageScores(BaseModel):
    """
    The cosine similarity of the embeddings, and BM25. Both are null for a message that is not indexed yet.
    """

    semantic: float | None
    """
    How similar the meanings are, from -1 to 1; null for a message that is not indexed yet.
    """
    lexical: float | None
    """
    How well the words fit (BM25); null for a message that is not indexed yet.
    """


class MessageSearch(BaseModel):
    """
    A search over the caller's own messages. Every optional field except `limit` and `cursor` is a filter.
    """

    query: str
    """
    What to look for.
    """
    conversation_id: UUID | None = None
    """
    Only messages of this conversation.
    """
    role: Literal["user", "assistant", "system"] | None = None
    """
    Only questions, only answers, or only instructions.
    """
    metadata: dict[str, str | bool | int | float | list[str | bool | int | float | None] | None] | None = None
    """
    Only messages whose metadata has, for each name, the value or one of the values.
    """
    tag: UUID | None = None
    """
    Only messages of conversations with this tag.
    """
    created_after: AwareDatetime | None = None
    """
    Only messages after this time.
    """
    created_before: AwareDatetime | None = None
    """
    Only messages before this time.
    """
    limit: int | None = 20
    """
    The most hits of a page.
    """
    cursor: str | None = None
    """
    The `next_cursor` of the page before.
    """


class MistakeMark(BaseModel):
    """
    Whether a message is a mistake, with a note.
    """

    is_mistake: bool
    """
    Whether the message is a mistake; `false` removes the mark.
    """
    note: str | None = None
    """
    What is wrong.
    """


class ModelCard(BaseModel):
    """
    Something that answers or embeds.
    """

    id: str
    """
    What to send as `model`.
    """
    object: Literal["model"] = "model"
    """
    The kind of the object.
    """
    created: int
    """
    When it was registered, in seconds since 1970; 0 for what is built in.
    """
    owned_by: str
    """
    `alcove`, `assistant`, `embedding`, or the provider of the language model.
    """


class ModelList(BaseModel):
    """
    Every model that the caller can name.
    """

    object: Literal["list"] = "list"
    """
    The kind of the object.
    """
    data: list[ModelCard]
    """
    The models.
    """


class Neighbour(BaseModel):
    """
    A chunk before or after a hit in its document. Chunks may overlap, as their offsets show.
    """

    chunk_index: int
    """
    The chunk's place in the document, from 0.
    """
    text: str
    """
    The text.
    """
    page: int | None
    """
    The page of the document, from 1; null for a format without pages.
    """
    section: str | None
    """
    The headings above the text; null when there are none.
    """
    columns: str | None
    """
    The first row of the table that the chunk starts in; null when there is none, or when the chunk holds it.
    """
    start_char: int
    """
    Where the chunk begins in the document's text, in characters from 0.
    """
    end_char: int
    """
    Where the chunk ends in the document's text: the position after its last character.
    """
    chunk_id: UUID
    """
    The id of this chunk.
    """


class NewAnnouncement(BaseModel):
    """
    What everybody is to know, from now or a later time on.
    """

    message: str
    """
    The text.
    """
    severity: Literal["info", "warning"] | None = Field("info", examples=["info"])
    """
    How important it is.
    """
    starts_at: AwareDatetime | None = None
    """
    From when it is shown; null for now.
    """
    ends_at: AwareDatetime
    """
    Until when it is shown.
    """


class NewApiKey(BaseModel):
    """
    An API key for programs. The scope `admin` is for administrators only. Null `expires_in_days` means never, which administrators can allow.
    """

    name: str
    """
    A name that says what the key is for.
    """
    scopes: list[Literal["read", "write", "chat", "admin", "metrics"]]
    """
    What the key may do.
    """
    expires_in_days: int | None = 90
    """
    After how many days the key expires; null for never, where administrators allow it.
    """


class NewBudget(BaseModel):
    """
    The limits for a calendar month (UTC). At least one is required.
    """

    monthly_cost_usd: float | None = None
    """
    The most US dollars in a calendar month (UTC).
    """
    monthly_tokens: int | None = None
    """
    The most tokens in a calendar month (UTC).
    """


class NewConnector(BaseModel):
    """
    A new connector. `scope` decides who can read its documents, as for documents. docs/connectors.md lists each type's `settings` and `credentials`. Credentials are stored encrypted and never returned. Without `refresh_minutes` it syncs only when a person asks for it. With `mirrors_readers`, each document is visible to those whom the source names as its readers, and to nobody else.
    """

    name: str
    """
    The name; the connector's repository gets it too.
    """
    type: Literal["web", "git", "ticket", "file", "google_drive", "onedrive", "teams", "imap", "confluence"] = Field(
        ..., examples=["web"]
    )
    """
    What kind of source it reads.
    """
    scope: Literal["user", "group", "org"] | None = Field("user", examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None = None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    settings: dict[str, Any] | None = None
    """
    What to read; docs/connectors.md lists the settings of each type.
    """
    credentials: dict[str, Any] | None = None
    """
    How to log in at the source; null for a source without. They are stored encrypted and never returned.
    """
    refresh_minutes: int | None = None
    """
    The minutes between the end of a run and the next one; null for runs by hand alone.
    """
    allow_private_addresses: bool | None = False
    """
    Whether the source may be in a private network. Only administrators permit this.
    """
    most_removed_percent: int | None = 20
    """
    A run that would remove a larger part of the documents stops and waits for a person.
    """
    mirrors_readers: bool | None = False
    """
    Whether each document is visible to those alone whom the source names as its readers. It cannot be changed later.
    """


class NewConsent(BaseModel):
    """
    Where the provider sends the user back to; the client at the provider must know this address.
    """

    redirect_uri: str
    """
    Where the provider sends the user back to.
    """


class NewDocument(BaseModel):
    """
    A new document: a `title` and its `content`, or a file to be uploaded, with `filename` and `size_bytes`. `scope` decides who can read it: its owner, the members of `group_id`, or the whole organisation. Documents of one upload may share a `batch`, a UUID of the client's choice: GET /documents/batches/{id} returns their progress.
    """

    source_id: str | None = None
    """
    The document's id where it comes from, such as a file's id in a drive; null for none.
    """
    original_url: str | None = None
    """
    The document's address where it comes from; null for none.
    """
    file_modified_at: AwareDatetime | None = None
    """
    When the file was changed where it comes from; null for unknown.
    """
    extra_text: str | None = None
    """
    Text that is searched and cited with the document's own, which it follows; null for none. The document is ingested again when it changes.
    """
    content: str | None = None
    """
    The text itself, at most 500,000 characters.
    """
    filename: str | None = None
    """
    The file's name.
    """
    content_type: str | None = None
    """
    The media type; by default it follows from the file's name. For `content`: text/plain, text/markdown or text/html.
    """
    title: str | None = None
    """
    The title; by default the file's own title or name.
    """
    scope: Literal["user", "group", "org"] | None = Field("user", examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None = None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    batch: UUID | None = None
    """
    A UUID of your choice that documents of one upload share: GET /documents/batches/{batch_id} shows their progress.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    What the client says about the document in its own words: at most 50 names with values, 8,000 characters as JSON.
    """
    tags: list[UUID] | None = None
    """
    The ids of tags that the document gets: the caller's own, or global ones.
    """
    size_bytes: int | None = None
    """
    The number of bytes of the file that is uploaded next.
    """


class NewEmail(BaseModel):
    """
    The address that the account is to get, and the language of the e-mails.
    """

    email: str
    """
    The address that the account is to get.
    """
    language: Literal["en", "de"] | None = None
    """
    The language of the e-mails; by default the deployment's.
    """


class NewEmbeddingModel(BaseModel):
    """
    An embedding model: `builtin` is part of the deployment, `openai` is any server with OpenAI's protocol. A `dimension` below the model's own truncates its vectors. By default, vectors have the model's own dimension. The prefixes are what a model was trained with, such as `query: ` and `passage: ` of the E5 models. A built-in model has its own by default, another one has none.
    """

    name: str
    """
    A name for people.
    """
    provider: Literal["builtin", "openai"] | None = None
    """
    Where the model runs.
    """
    model: str
    """
    The model's name at its provider.
    """
    dimension: int | None = None
    """
    The length of the vectors; by default the model's own. A smaller number truncates them.
    """
    query_prefix: str | None = None
    """
    What the model expects before a query; empty for most models.
    """
    document_prefix: str | None = None
    """
    What the model expects before a text of a document; empty for most models.
    """
    base_url: str | None = None
    """
    The server's address; null for a model that is part of the deployment.
    """
    api_key: str | None = None
    """
    The provider's key. It is stored encrypted and never returned.
    """


class NewEmbeddings(BaseModel):
    """
    One text, or up to 64 texts. `dimensions`, if it is given, is that of the model.
    """

    model: str
    """
    The active embedding model, or `alcove`.
    """
    input: str | list[str]
    """
    One text, or up to 64 texts.
    """
    encoding_format: Literal["float", "base64"] | None = Field("float", examples=["float"])
    """
    Numbers, or the base64 of little-endian float32.
    """
    dimensions: int | None = None
    """
    The number of dimensions, if it is given: that of the model.
    """


class NewEvalQuestion(BaseModel):
    """
    A question, and what a good answer to it has: documents, words, or that it declines.
    """

    question: str
    """
    The question.
    """
    expected_documents: list[UUID] | None = None
    """
    The documents that hold the answer, by their ids.
    """
    expected_words: list[str] | None = None
    """
    Words that a good answer contains.
    """
    should_decline: bool | None = False
    """
    Whether a good answer says that the documents do not tell.
    """


class NewEvalSet(BaseModel):
    """
    A new set of questions. More questions can be imported later, or made from feedback.
    """

    name: str
    """
    The set's name.
    """
    description: str | None = None
    """
    What the set is for.
    """
    questions: list[NewEvalQuestion] | None = None
    """
    The first questions.
    """


class NewFeedback(BaseModel):
    """
    A like, a dislike or a comment. `comment` is required for a comment.
    """

    kind: Literal["like", "dislike", "comment"]
    """
    What kind of feedback it is.
    """
    reasons: list[Literal["incorrect", "unhelpful", "inappropriate", "incomplete", "wrong_source", "other"]] | None = []
    """
    Why.
    """
    comment: str | None = None
    """
    A comment.
    """


class NewGroup(BaseModel):
    """
    A group, or its new name.
    """

    name: str
    """
    The group's name, which no other group has.
    """


class NewHostMetrics(BaseModel):
    """
    Measurements of one host since the last request. `leaves`: the agent ends, and silence is expected.
    """

    host: str
    """
    The host's name, which its measurements are listed by.
    """
    interval_seconds: int | None = 60
    """
    How often the agent measures: a host that is not heard for three intervals, five minutes at least, is silent.
    """
    leaves: bool | None = False
    """
    Whether the agent ends with this request, so that silence is expected.
    """
    measurements: list[Measurement]
    """
    The measurements since the last request, at most 120.
    """


class NewInvitation(BaseModel):
    """
    An invitation. With `send`, its link goes to `email`; without, the response contains the link to hand over. Administrators of the service invite anybody; other people invite into groups that they administer.
    """

    email: str | None = None
    """
    The invited person's address; without one, the link is for whoever has it.
    """
    send: bool | None = False
    """
    Whether the link is sent to `email`. Otherwise the response contains it.
    """
    is_admin: bool | None = False
    """
    Whether the invited person is to administer the service.
    """
    groups: list[InvitedGroup] | None = None
    """
    The groups that the invited person is to join.
    """
    expires_in_days: int | None = 7
    """
    The days until the invitation ends.
    """
    language: Literal["en", "de"] | None = None
    """
    The language of the e-mail; by default the deployment's.
    """


class NewLlm(BaseModel):
    """
    A language model. `prompt_price` and `completion_price` are US dollars for a million tokens.
    """

    name: str
    """
    The name by which settings and questions choose the model.
    """
    provider: Literal["openai", "openrouter", "vllm", "tgi", "ollama", "anthropic", "bedrock"] = Field(
        ..., examples=["openai"]
    )
    """
    The provider of the model.
    """
    model_id: str
    """
    The model's name at its provider.
    """
    endpoint: str | None = None
    """
    The server's address, for a provider that has none of its own; otherwise null.
    """
    api_key: str | None = None
    """
    The provider's key; null for a server without keys, or where users bring their own. It is stored encrypted.
    """
    context_tokens: int | None = 8192
    """
    The most tokens that the model reads and writes in one call: its window.
    """
    max_tokens: int | None = None
    """
    The longest answer in tokens; null for the settings' value.
    """
    temperature: float | None = None
    """
    The temperature of this model, in place of the deployment's; null for the settings' value.
    """
    prompt_price: float | None = 0
    """
    US dollars for a million tokens that the model reads.
    """
    completion_price: float | None = 0
    """
    US dollars for a million tokens that the model writes.
    """
    is_default: bool | None = False
    """
    Whether the model answers where no other is chosen.
    """


class NewLlmProviderKey(BaseModel):
    """
    The caller's own key for an LLM provider.
    """

    key: str
    """
    The caller's own key. The provider is asked whether it is valid.
    """


class NewMemory(BaseModel):
    """
    A new memory. The default `kind` is fact; the default `importance` is 0.5. `document_id` is the document that it was taken from, one that the caller can read.
    """

    content: str
    """
    What to remember.
    """
    kind: Literal["fact", "preference", "instruction", "event"] | None = None
    """
    What kind of memory it is; by default a fact.
    """
    importance: float | None = None
    """
    How important it is, from 0 to 1; by default 0.5.
    """
    document_id: UUID | None = None
    """
    The document that it was taken from.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Names and values of your own, by which memories can be listed.
    """


class NewPrompt(BaseModel):
    """
    A prompt's first version. docs/settings.md lists the placeholders of each kind.
    """

    kind: Literal["condense", "chat", "system"] = Field(..., examples=["condense"])
    """
    What the prompt is for. It decides which placeholders the text must contain.
    """
    name: str
    """
    The name by which settings choose the prompt.
    """
    content: str
    """
    The text, with the placeholders of its kind.
    """


class NewRepository(BaseModel):
    """
    A new repository. `scope` decides who can read it, as for documents. Names are unique within a scope.
    """

    name: str
    """
    The name, unique within its scope.
    """
    description: str | None = None
    """
    A description for people.
    """
    url: str | None = None
    """
    Where the original is; null for nowhere.
    """
    source_type: str | None = None
    """
    A word of your own for the kind of source.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Data of your own: up to 50 names with a text, a number, true or false each.
    """
    scope: Literal["user", "group", "org"] | None = Field("user", examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None = None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """


class NewReranker(BaseModel):
    """
    A reranker on a server. Requests go to `base_url` with `/rerank` after it. `cohere` and `jina` are servers with the API of these providers, such as vLLM and llama.cpp (`jina`); they require `model`. `tei` is Hugging Face's Text Embeddings Inference, which serves one model.
    """

    name: str
    """
    The name that the setting `active_reranker` chooses it by.
    """
    provider: Literal["cohere", "jina", "tei"] = Field(..., examples=["cohere"])
    """
    Whose API the server speaks.
    """
    model: str | None = None
    """
    The model's name at its provider; not for `tei`.
    """
    base_url: str
    """
    The server's address; requests go to `/rerank` below it.
    """
    api_key: str | None = None
    """
    The provider's key. It is stored encrypted and never returned.
    """


class NewRetentionPeriod(BaseModel):
    """
    How many days rows of one kind are kept.
    """

    days: int
    """
    How many days rows are kept.
    """


class NewSecondFactor(BaseModel):
    """
    A key for an app of one-time passwords, as text and as the address that the app reads as a QR code.
    """

    secret: str
    """
    The key, to be typed into an app.
    """
    uri: str
    """
    The same as an address, for a QR code.
    """


class NewShare(BaseModel):
    """
    A conversation to show, read-only: to a group of the caller's, or without one to whoever opens the link. With `later_messages`, messages that follow are shown too.
    """

    conversation_id: UUID
    """
    The id of the caller's conversation.
    """
    group_id: UUID | None = None
    """
    The id of a group that the caller is in; null for a link.
    """
    expires_in_days: int | None = 30
    """
    The days until the share ends by itself.
    """
    later_messages: bool | None = False
    """
    Whether messages that follow are shown too.
    """


class NewTag(BaseModel):
    """
    A new tag: the caller's own, or a global tag for all users (`is_global`), which an administrator creates.
    """

    name: str
    """
    The tag's name.
    """
    is_global: bool | None = False
    """
    Whether all users see the tag. Only administrators create such tags.
    """


class NewUpdate(BaseModel):
    """
    The announcement of a signed package.
    """

    size_bytes: int
    """
    The package's size in bytes.
    """


class NewUser(BaseModel):
    """
    An account that an administrator creates. Without a password, it is for the person whom a login provider confirms with this address; or an administrator sets a password later.
    """

    email: str
    """
    The e-mail address.
    """
    username: str | None = None
    """
    The username, in small letters.
    """
    display_name: str | None = None
    """
    The name that other people see.
    """
    password: str | None = None
    """
    The password. Without one, the account can log in through a provider only.
    """
    is_admin: bool | None = False
    """
    Whether the user administers the service.
    """


class NewWebhook(BaseModel):
    """
    An address that is told of events: the caller's own, or the organisation's.
    """

    url: str
    """
    Where events are sent by POST: https and a public address, unless `allow_private_addresses` is true.
    """
    events: list[
        Literal[
            "document.completed",
            "document.failed",
            "document.deleted",
            "answer.completed",
            "answer.failed",
            "answer.cancelled",
            "connector.failed",
            "budget.nearing",
            "budget.spent",
            "alert.raised",
        ]
    ]
    """
    The events to be told of.
    """
    scope: Literal["user", "org"] | None = Field("user", examples=["user"])
    """
    Whose events: the caller's own, or the organisation's, which only an administrator can choose.
    """
    description: str | None = ""
    """
    What the webhook is for.
    """
    allow_private_addresses: bool | None = False
    """
    Whether the address may be a private one. Only an administrator can set this.
    """


class Original(BaseModel):
    """
    A link to a document's original file, good until `expires_at` for whoever has it. It needs no header.
    """

    document_id: UUID
    """
    The id of a document.
    """
    url: str
    """
    Where the file is, without any header; for a PDF it leads to the page.
    """
    expires_at: AwareDatetime
    """
    Until when the address works.
    """
    filename: str
    """
    The name under which the file is saved.
    """
    content_type: str
    """
    The media type with which the file is served.
    """
    size_bytes: int | None
    """
    The number of bytes; null while it is unknown.
    """


class PartAddress(BaseModel):
    """
    Where to send one part: one request with exactly these headers, before `expires_at`.
    """

    number: int
    """
    The number of the part.
    """
    url: str
    """
    Where to send the part's bytes.
    """
    method: Literal["PUT"] = "PUT"
    """
    The request's method.
    """
    headers: dict[str, str]
    """
    The headers to send, exactly these.
    """
    expires_at: AwareDatetime
    """
    Until when the address accepts the bytes.
    """


class PartAddresses(BaseModel):
    """
    The addresses of the parts that were asked for.
    """

    items: list[PartAddress]
    """
    An address for each part, by its number.
    """


class PartsProgress(BaseModel):
    """
    Which parts of the file have arrived.
    """

    part_bytes: int
    """
    The bytes of every part but the last.
    """
    count: int
    """
    The number of parts.
    """
    arrived: list[int]
    """
    The numbers of the parts that have arrived whole.
    """


class PartsRequest(BaseModel):
    """
    Which parts are sent next.
    """

    numbers: list[int]
    """
    The numbers of the parts that are sent next, from 1.
    """


class PassedOver(BaseModel):
    """
    A level's value that cannot be used now: a disabled model, or something that this deployment does not offer.
    """

    value: Any
    """
    The value that cannot be used now.
    """
    level: Literal["static", "dynamic", "user", "conversation"] = Field(..., examples=["static"])
    """
    The level of that value.
    """


class PasswordChange(BaseModel):
    """
    A new password, and the current one as proof. API keys end too, unless `keep_api_keys` is true.
    """

    current_password: str
    """
    The present password, as proof.
    """
    new_password: str
    """
    The new password: at least 8 characters, and none of the last five.
    """
    keep_api_keys: bool | None = False
    """
    Whether the account's API keys stay valid.
    """


class PasswordProof(BaseModel):
    """
    The caller's password, and a code of the second factor if the account has one, as a proof of who is there.
    """

    password: str
    """
    The password.
    """
    code: str | None = None
    """
    A code of the account's second factor, or a recovery code; only for an account that has one.
    """


class PasswordReset(BaseModel):
    """
    The code of a link that was sent, and the new password. API keys end too, unless `keep_api_keys` is true.
    """

    token: str
    """
    The code of the link, from its fragment.
    """
    new_password: str
    """
    The new password: at least 8 characters, and none of the last five.
    """
    keep_api_keys: bool | None = False
    """
    Whether the account's API keys stay valid.
    """


class PersonMatch(BaseModel):
    """
    A person who can be added to a group.
    """

    user_id: UUID
    """
    The person's id.
    """
    display_name: str
    """
    The name that other people see.
    """
    username: str | None
    """
    The person's username; null for none.
    """


class PersonQuery(BaseModel):
    """
    The whole verified e-mail address, or the whole username, of a person to find.
    """

    email: str | None = None
    """
    The person's whole e-mail address, which is verified.
    """
    username: str | None = None
    """
    The person's whole username.
    """


class PreferenceChanges(BaseModel):
    """
    Changes of preferences (RFC 7396). Null removes a preference; `interface` is replaced.
    """

    preferred_model: str | None = None
    """
    The name of the model that answers the user.
    """
    preferred_temperature: float | Literal["unset"] | None = None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    preferred_max_tokens: int | Literal["unset"] | None = None
    """
    The longest answer, in tokens; `unset` leaves it to the provider.
    """
    preferred_num_documents: int | None = None
    """
    The number of chunks that a search returns, and that an answer is made from.
    """
    preferred_top_p: float | Literal["unset"] | None = None
    """
    From which share of the probability a word is drawn.
    """
    preferred_top_k: int | Literal["unset"] | None = None
    """
    From how many candidates a word is drawn.
    """
    preferred_condense_prompt: str | None = None
    """
    The name of the prompt that rewrites a follow-up.
    """
    preferred_chat_prompt: str | None = None
    """
    The name of the prompt that presents chunks and question.
    """
    preferred_system_prompt: str | None = None
    """
    The name of the prompt with the model's instructions.
    """
    theme: Literal["system", "light", "dark"] | None = None
    """
    The colours of the user interface.
    """
    use_memories: bool | None = None
    """
    Whether answers use the user's memories.
    """
    learn_from_conversations: bool | None = None
    """
    Whether memories are learned from conversations.
    """
    title_by_model: bool | None = None
    """
    Whether a model writes the titles of conversations.
    """
    notify_by_email: bool | None = None
    """
    Whether an e-mail tells, once a day at most, of documents that failed or were read in part, of sources that failed, and of a budget near its end.
    """
    default_assistant_id: UUID | None = None
    """
    The assistant that new conversations begin with; null for the service's default.
    """
    interface: dict[str, str | bool | int | float | None] | None = None
    """
    All names and values that a client keeps for its user; they replace what was there.
    """


class Preferences(BaseModel):
    """
    A user's preferences. Null means: the service's configuration applies. New conversations begin with the assistant `default_assistant_id`, if it is there and visible, else with the service's. `interface` are names and values that a client keeps for its user; the service does not read them.
    """

    preferred_model: str | None = None
    """
    The name of the model that answers the user.
    """
    preferred_temperature: float | Literal["unset"] | None = None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    preferred_max_tokens: int | Literal["unset"] | None = None
    """
    The longest answer, in tokens; `unset` leaves it to the provider.
    """
    preferred_num_documents: int | None = None
    """
    The number of chunks that a search returns, and that an answer is made from.
    """
    preferred_top_p: float | Literal["unset"] | None = None
    """
    From which share of the probability a word is drawn.
    """
    preferred_top_k: int | Literal["unset"] | None = None
    """
    From how many candidates a word is drawn.
    """
    preferred_condense_prompt: str | None = None
    """
    The name of the prompt that rewrites a follow-up.
    """
    preferred_chat_prompt: str | None = None
    """
    The name of the prompt that presents chunks and question.
    """
    preferred_system_prompt: str | None = None
    """
    The name of the prompt with the model's instructions.
    """
    theme: Literal["system", "light", "dark"] | None = Field("system", examples=["system"])
    """
    The colours of the user interface.
    """
    use_memories: bool | None = True
    """
    Whether answers use the user's memories.
    """
    learn_from_conversations: bool | None = False
    """
    Whether memories are learned from conversations.
    """
    title_by_model: bool | None = False
    """
    Whether a model writes the titles of conversations.
    """
    notify_by_email: bool | None = False
    """
    Whether an e-mail tells, once a day at most, of documents that failed or were read in part, of sources that failed, and of a budget near its end.
    """
    default_assistant_id: UUID | None = None
    """
    The assistant that new conversations begin with; null for the service's default.
    """
    interface: dict[str, Any] | None = None
    """
    Names and values that a client keeps for its user; the service does not read them.
    """


class Problem(BaseModel):
    """
    A problem document (RFC 9457).
    """

    type: str
    """
    The address of the page about this code.
    """
    title: str
    """
    What the code means.
    """
    status: int | None = None
    """
    The HTTP status.
    """
    code: Literal[
        "bad_request",
        "bad_cursor",
        "unauthorized",
        "forbidden",
        "recent_login_required",
        "second_factor_required",
        "insufficient_scope",
        "not_found",
        "method_not_allowed",
        "conflict",
        "not_empty",
        "too_many",
        "in_use",
        "idempotency_mismatch",
        "stale_update",
        "too_large",
        "response_too_large",
        "unsupported_media_type",
        "validation_failed",
        "rate_limited",
        "internal_error",
        "unavailable",
        "waking",
        "timeout",
        "registration_closed",
        "domain_refused",
        "stale_session",
        "wrong_password",
        "email_taken",
        "last_administrator",
        "password_reused",
        "invitation_invalid",
        "redirect_uri_refused",
        "login_state_invalid",
        "provider_refused",
        "anonymous_off",
        "provider_off",
        "last_login_way",
        "not_anonymous",
        "provider_failed",
        "mail_off",
        "mail_limit",
        "link_invalid",
        "wrong_code",
        "second_factor_on",
        "second_factor_off",
        "bad_credentials",
        "code_required",
        "email_unverified",
        "bad_refresh_token",
        "comparisons_off",
        "comparison_unfinished",
        "comparison_void",
        "already_voted",
        "model_failed",
        "budget_exhausted",
        "model_unavailable",
        "job_finished",
        "too_many_streams",
        "queue_full",
        "share_invalid",
        "account_required",
        "provider_key_rejected",
        "provider_unreachable",
        "model_not_found",
        "unsupported_parameter",
        "answer_unfinished",
        "answer_failed",
        "webhook_address",
        "name_taken",
        "path_taken",
        "no_consent",
        "consent_refused",
        "connector_disabled",
        "settings_fixed",
        "private_addresses",
        "packed",
        "storage_full",
        "parts_missing",
        "from_connector",
        "model_active",
        "model_preparing",
        "confirmation_required",
        "embedding_model_refused",
        "embedding_failed",
        "reranker_refused",
        "reranking_failed",
        "alerts_by_email_off",
        "telegram_failed",
        "telegram_incomplete",
        "cloud_metrics_off",
        "cloud_metrics_denied",
        "updates_off",
    ]
    """
    What is wrong, for programs.
    """
    detail: str | None = None
    """
    A sentence about this case.
    """
    request_id: str
    """
    The id of the request: the log has it too.
    """
    errors: list[FieldError] | None = None
    """
    The fields that are wrong, at most 20, with `validation_failed`.
    """


class ProfileChanges(BaseModel):
    """
    Changes of the caller's own account. A null `username` removes it.
    """

    display_name: str | None = None
    """
    The new name that other people see.
    """
    username: str | None = None
    """
    The new username; null removes it.
    """


class Prompt(BaseModel):
    """
    A prompt and its newest version, which is the one in use.
    """

    id: UUID
    """
    The id. It never changes.
    """
    kind: Literal["condense", "chat", "system"] = Field(..., examples=["condense"])
    """
    What the prompt is for.
    """
    name: str
    """
    The name by which settings choose the prompt.
    """
    version: int
    """
    The number of the newest version, from 1.
    """
    content: str
    """
    The text of the newest version.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When the newest version was created.
    """


class PromptContent(BaseModel):
    """
    A prompt's next version.
    """

    content: str
    """
    The text of the next version.
    """


class PromptPage(BaseModel):
    items: list[Prompt]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class PromptVersion(BaseModel):
    """
    One version of a prompt.
    """

    id: UUID
    """
    The id. It never changes.
    """
    version: int
    """
    The number of the version, from 1.
    """
    content: str
    """
    The text of this version.
    """
    created_by: UUID | None
    """
    The id of the user who created it; null when that account is gone, or when a deployment created it.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class PromptVersionPage(BaseModel):
    items: list[PromptVersion]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class QueueStatistics(BaseModel):
    """
    The queue in numbers. `mine` are the caller's jobs. Waits are milliseconds of jobs started in the last hour.
    """

    waiting: int
    """
    The number of jobs that wait.
    """
    processing: int
    """
    The number of jobs that are being answered.
    """
    mine: int
    """
    The number of the caller's jobs that wait or are being answered.
    """
    oldest_wait_ms: float | None
    """
    How long the oldest job has waited, in milliseconds; null when none waits.
    """
    wait_p50_ms: float | None
    """
    Half of the jobs of the last hour waited at most this long, in milliseconds; null without jobs.
    """
    wait_p95_ms: float | None
    """
    95 of 100 jobs of the last hour waited at most this long, in milliseconds; null without jobs.
    """
    started_last_hour: int
    """
    The jobs that began in the last hour.
    """
    finished_last_hour: int
    """
    The jobs that were answered in the last hour.
    """
    failed_last_hour: int
    """
    The jobs that failed in the last hour.
    """


class QueuedEvent(BaseModel):
    """
    The question is stored. `pipeline` and `model` are absent for a side of a comparison.
    """

    status: str
    """
    Always `pending`.
    """
    pipeline: str | None = None
    """
    The pipeline that will answer; null for a side of a comparison.
    """
    model: str | None = None
    """
    The model that will answer; null for a side of a comparison.
    """


class Readiness(BaseModel):
    """
    The function reaches its database.
    """

    status: Literal["ready"] = "ready"
    """
    Always `ready`.
    """
    database: Literal["ok"] = "ok"
    """
    Always `ok`.
    """


class RecalledMemory(BaseModel):
    """
    A memory that was recalled: `score` = `relevance` × `recency` × `weight` (docs/memory.md), each 0 to 1.
    """

    id: UUID
    """
    The id. It never changes.
    """
    content: str
    """
    What is remembered.
    """
    kind: Literal["fact", "preference", "instruction", "event"] = Field(..., examples=["fact"])
    """
    What kind of memory it is.
    """
    importance: float
    """
    How important it is, from 0 to 1.
    """
    source: Literal["written", "learned", "document"] = Field(..., examples=["written"])
    """
    How the memory came.
    """
    conversation_id: UUID | None
    """
    The conversation that it was learned from; null for another memory.
    """
    message_id: UUID | None
    """
    The message that it was learned from; null for another memory.
    """
    document_id: UUID | None
    """
    The document that it was taken from; null for another memory.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    access_count: int
    """
    How often the memory was recalled.
    """
    last_accessed_at: AwareDatetime | None
    """
    When the memory was recalled last; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """
    score: float
    """
    `relevance` × `recency` × `weight`: it orders the list.
    """
    relevance: float
    """
    How well the memory fits the query, from 0 to 1.
    """
    recency: float
    """
    How recently the memory was used, from 0 to 1.
    """
    weight: float
    """
    What the importance contributes, from 0 to 1.
    """


class RecoveryCodes(BaseModel):
    """
    Codes that each replace the second factor once. No other response contains them.
    """

    codes: list[str]
    """
    The codes. Keep them where the app is not.
    """


class RefreshRequest(BaseModel):
    """
    A refresh token. Each can be used once, and for 30 seconds more by a request that is repeated.
    """

    refresh_token: str
    """
    The newest refresh token of the session.
    """


class Regeneration(BaseModel):
    """
    Another answer to the same question, optionally by another pipeline or model.
    """

    pipeline: str | None = None
    """
    The pipeline for this answer alone; by default the settings decide.
    """
    model: str | None = None
    """
    The model for this answer alone; by default the settings decide.
    """


class Registration(BaseModel):
    """
    A new local account. `language` is that of the e-mail that asks to confirm the address.
    """

    email: str
    """
    The e-mail address. It is not yet confirmed.
    """
    password: str
    """
    The password, at least 8 characters.
    """
    username: str | None = None
    """
    A username, if wanted: 2 to 64 of a-z, 0-9, '.', '_', '-'.
    """
    display_name: str | None = None
    """
    The name that other people see; by default the beginning of the e-mail address.
    """
    language: Literal["en", "de"] | None = None
    """
    The language of the e-mail that asks to verify the address; by default the deployment's.
    """


class ReindexResult(BaseModel):
    """
    The number of documents that will be ingested again.
    """

    documents: int
    """
    The number of documents that are ingested again.
    """


class ReplayDifference(BaseModel):
    """
    Something that an answer saw and that a replay cannot see as it was. `id` is a document's.
    """

    kind: Literal["document_unavailable", "document_changed", "prompt_deleted", "embedding_model_changed"] = Field(
        ..., examples=["document_unavailable"]
    )
    """
    What is no longer as it was.
    """
    id: UUID | None
    """
    The document's id; null for a prompt and for the embedding model.
    """
    name: str
    """
    The document's title, the prompt's kind and name, or the model's name.
    """


class Repository(BaseModel):
    """
    A collection of documents, each at a path.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name.
    """
    description: str | None
    """
    A description for people; null for none.
    """
    url: str | None
    """
    Where the original is; null for nowhere.
    """
    source_type: str | None
    """
    A word of your own for the kind of source; null for none.
    """
    metadata: dict[str, Any]
    """
    Data of your own: up to 50 names with a text, a number, true or false each.
    """
    scope: Literal["user", "group", "org"] = Field(..., examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    is_archived: bool
    """
    Whether the repository is archived. Searches still find its documents.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class RepositoryChanges(BaseModel):
    """
    Changes of a repository.
    """

    name: str | None = None
    """
    The new name.
    """
    description: str | None = None
    """
    A description for people; null removes it.
    """
    url: str | None = None
    """
    Where the original is; null removes it.
    """
    source_type: str | None = None
    """
    A word of your own for the kind of source; null removes it.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Data of your own: up to 50 names with a text, a number, true or false each.
    """
    is_archived: bool | None = None
    """
    Whether the repository is archived. Searches still find its documents.
    """


class RepositoryDocument(BaseModel):
    """
    A document, by its `id`, at its path in a repository.
    """

    id: UUID
    """
    The document's id.
    """
    path: str
    """
    Where the document is in the repository.
    """
    title: str
    """
    The document's title.
    """
    status: Literal["pending", "processing", "completed", "failed"] = Field(..., examples=["pending"])
    """
    How far the document is.
    """
    is_archived: bool
    """
    Whether the document is archived: searches do not find it.
    """
    added_at: AwareDatetime
    """
    When the document was put into the repository.
    """


class RepositoryDocumentPage(BaseModel):
    items: list[RepositoryDocument]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class RepositoryPage(BaseModel):
    items: list[Repository]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class RepositoryPlacement(BaseModel):
    """
    Where in a repository a document is: names joined by slashes, such as `src/core/pump.py`.
    """

    path: str
    """
    Where the document is: names joined by slashes.
    """


class Reranker(BaseModel):
    """
    A reranker on a server, without its key. Only administrators get `base_url` and `key_last_four`.
    """

    id: UUID
    """
    The id.
    """
    name: str
    """
    The name that the setting `active_reranker` chooses it by.
    """
    provider: Literal["cohere", "jina", "tei"] = Field(..., examples=["cohere"])
    """
    Whose API the server speaks.
    """
    model: str | None
    """
    The model's name at its provider; null for `tei`.
    """
    base_url: str | None
    """
    The server's address; null unless the caller administers.
    """
    key_last_four: str | None
    """
    The last four characters of the stored key; null when there is none, or for a caller who may not see it.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class RerankerChanges(BaseModel):
    """
    Changes of a reranker. `api_key: null` removes the key; another address requires the key again.
    """

    model: str | None = None
    """
    Another model of the same server.
    """
    base_url: str | None = None
    """
    The server's new address.
    """
    api_key: str | None = None
    """
    A new key; null removes the stored one.
    """


class RerankerPage(BaseModel):
    items: list[Reranker]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Reranking(BaseModel):
    """
    How a list was reranked: by which reranker, how many chunks it read, and how long that took. `error` says why it did not succeed; the list is then as it was before.
    """

    reranker: str
    """
    The reranker: `built_in`, or a registered one.
    """
    chunks: int
    """
    The number of chunks that it read.
    """
    milliseconds: float
    """
    How long that took.
    """
    error: str | None
    """
    Why the list was not reranked; null when it was.
    """


class RerankingPart(BaseModel):
    """
    What the reranker made of a hit: `score` is (1 - `weight`) x `fused` + `weight` x `relevance`. `rank` is its place in the fused list, and `fused` its score there. `relevance`, 0 to 1, is null for a hit that the reranker did not read, and counts as 0.
    """

    rank: int
    """
    The hit's place in the list before it was reranked, from 1.
    """
    fused: float
    """
    The score before.
    """
    relevance: float | None
    """
    How well the chunk answers, by the reranker, 0 to 1; null when it was not read.
    """
    weight: float
    """
    The share of the relevance in the score.
    """


class RestartEvent(BaseModel):
    """
    This attempt's answer differs from the earlier one's. The tokens before this event no longer count.
    """

    restart: bool | None = True
    """
    Always `true`.
    """


class RetentionPeriod(BaseModel):
    """
    How long rows of one kind are kept.
    """

    name: str
    """
    The kind of rows: a table, or what docs/security.md says.
    """
    days: int
    """
    How many days rows are kept.
    """


class RetentionPeriods(BaseModel):
    """
    Every kind of rows that is kept for a limited time.
    """

    items: list[RetentionPeriod]
    """
    The periods, by name.
    """


class RetrievalEvent(BaseModel):
    """
    The search is done. `sources` are the hits, best first, without their text.
    """

    sources: list[dict[str, Any]]
    """
    The hits, best first, without their text.
    """


class Root(BaseModel):
    """
    What the service is, and where its description is.
    """

    name: str
    """
    The service's name.
    """
    version: str
    """
    The version of the API.
    """
    documentation_url: str
    """
    The page that shows the API.
    """
    openapi_url: str
    """
    The API as an OpenAPI document.
    """
    login_providers_url: str
    """
    The list of the ways to log in.
    """
    health_url: str
    """
    Whether the service runs.
    """


class ScorePart(BaseModel):
    """
    One of the two scores of a hit. `rank` is the hit's place, from 1, among the candidates of this score; null when only the other score proposed the hit. `scaled` is the score on a scale from its theoretical minimum (0) to the best score of this query (1). The scaled lexical score of a chunk of table rows is lower when the query's words are scattered over several rows. `weight` is the configured share of this score. `scaled` is null when the list is ordered by a single score. `score` is null when it is unknown.
    """

    rank: int | None
    """
    The hit's place among the candidates of this score, from 1; null when only the other score proposed it.
    """
    score: float | None
    """
    The score; null when it is unknown.
    """
    scaled: float | None
    """
    The score from 0 to 1, the best of this query; null when one score alone orders the list.
    """
    weight: float
    """
    The share of this score in the sum.
    """


class Scores(BaseModel):
    """
    The two scores of a hit: the cosine of the embeddings (-1 to 1) and BM25 (0 and above).
    """

    semantic: float | None
    """
    How similar the meanings are, from -1 to 1; null when vectors were not compared.
    """
    lexical: float
    """
    How well the words fit (BM25), 0 or above.
    """


class SearchFilters(BaseModel):
    """
    Which documents to search. A document must fulfil every condition; null means no condition. A document fulfils a list when one entry of the list fits. A document has its own tags and the tags of its repositories. `metadata` names values: the document's value of each name is that value, or one of a list.
    """

    documents: list[UUID] | None = None
    """
    Only these documents.
    """
    source_types: (
        list[
            Literal[
                "upload",
                "inline",
                "attachment",
                "archive",
                "web",
                "git",
                "ticket",
                "file",
                "google_drive",
                "onedrive",
                "teams",
                "imap",
                "confluence",
            ]
        ]
        | None
    ) = None
    """
    Only documents that came in one of these ways.
    """
    tags: list[UUID] | None = None
    """
    Only documents with one of these tags, or in a repository with one.
    """
    repositories: list[UUID] | None = None
    """
    Only documents in one of these repositories.
    """
    created_after: AwareDatetime | None = None
    """
    Only documents that were added after this time.
    """
    created_before: AwareDatetime | None = None
    """
    Only documents that were added before this time.
    """
    modified_after: AwareDatetime | None = None
    """
    Only documents whose file was changed after this time, by their `file_modified_at`.
    """
    modified_before: AwareDatetime | None = None
    """
    Only documents whose file was changed before this time, by their `file_modified_at`.
    """
    metadata: dict[str, str | bool | int | float | list[str | bool | int | float | None] | None] | None = None
    """
    Only documents whose metadata has these values; a list of values means one of them.
    """


class SearchRequest(BaseModel):
    """
    A search. Mode `hybrid` fuses both scores by the configured weights; the other modes use one score. With `conversation_id`, the filters of the conversation and of its assistant hold as well. The settings decide `mode` and `top_k` when they are left out: the settings of the conversation when `conversation_id` is set, else the caller's. With `per_document`, the best `per_document` hits of each document stand before all other hits. `explain` adds to each hit an explanation of its rank, and to the result the words that no hit holds. `neighbours` is the number of chunks before and after each hit that are returned with it.
    """

    query: str
    """
    What to look for: a question, or words.
    """
    mode: Literal["hybrid", "semantic", "lexical"] | None = None
    """
    What the search compares; by default the settings decide.
    """
    top_k: int | None = None
    """
    The most hits; by default the settings decide.
    """
    per_document: int | None = None
    """
    The best hits of each document that stand before all others; by default no document takes turns.
    """
    conversation_id: UUID | None = None
    """
    Search as this conversation does: with its settings and its selection of documents.
    """
    explain: bool | None = False
    """
    Whether each hit explains its rank.
    """
    neighbours: int | None = 0
    """
    The number of chunks before and after each hit that are returned with it.
    """
    filters: SearchFilters | None = None
    """
    Which documents to search; by default all that the caller can read and selects.
    """


class SecondFactor(BaseModel):
    """
    The caller's second factor. It counts when `is_on`.
    """

    is_on: bool
    """
    Whether a login by password requires a code.
    """
    confirmed_at: AwareDatetime | None
    """
    When the second factor began to count; null before.
    """
    recovery_codes_left: int
    """
    The number of recovery codes that were not used.
    """


class SelectedDocument(BaseModel):
    """
    A document, by its `id`, and whether searches use it. `tier` is the level of the decision. `tier` is `conversation`, else `user`, else `default` (by default, searches use every document).
    """

    id: UUID
    """
    The document's id.
    """
    title: str
    """
    The document's title.
    """
    scope: Literal["user", "group", "org", "readers"] = Field(..., examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    enabled: bool
    """
    Whether searches and answers use the document.
    """
    tier: Literal["default", "user", "conversation"] = Field(..., examples=["default"])
    """
    Who decided that.
    """


class SelectedDocumentPage(BaseModel):
    items: list[SelectedDocument]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Selection(BaseModel):
    """
    Whether a document is used.
    """

    enabled: bool
    """
    Whether searches and answers use the document.
    """


class SelectionCounts(BaseModel):
    """
    How many documents are used and how many are not, copies and packed files among them.
    """

    enabled: int
    """
    The number of documents that are used.
    """
    disabled: int
    """
    The number of documents that are not used.
    """


class SequentialTest(BaseModel):
    """
    A sequential test of the votes so far, valid at every moment. docs/comparisons.md explains it.
    """

    e_value: float
    """
    The evidence against equality so far; docs/comparisons.md explains it.
    """
    p_value: float
    """
    The always-valid p-value.
    """
    interval: ConfidenceInterval
    """
    The confidence interval of the win rate, valid at every moment.
    """
    verdict: Literal["undecided", "challenger_better", "champion_better", "no_relevant_difference"] = Field(
        ..., examples=["undecided"]
    )
    """
    What the votes say so far.
    """
    enough_votes: bool
    """
    Whether there are enough votes for a verdict.
    """


class Session(BaseModel):
    """
    One login. `current` marks the session of this request; `authenticated_at` is its last proof of who is there.
    """

    id: UUID
    """
    The id. It never changes.
    """
    ip_address: str | None
    """
    The address that the login came from.
    """
    user_agent: str | None
    """
    The program that logged in, as it named itself.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    last_activity_at: AwareDatetime
    """
    When the session was used last.
    """
    authenticated_at: AwareDatetime
    """
    When the session's user last proved who they are, by a login or with the password.
    """
    expires_at: AwareDatetime
    """
    When the session ends by itself.
    """
    data: dict[str, Any]
    """
    Names and values that a client keeps with the session; the service does not read them.
    """
    current: bool
    """
    Whether this request belongs to this session.
    """


class SessionData(BaseModel):
    """
    What a client keeps with its session, in place of what it kept before.
    """

    data: dict[str, str | bool | int | float | None]
    """
    All names and values; they replace what was kept.
    """


class SessionPage(BaseModel):
    items: list[Session]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class SessionProof(BaseModel):
    """
    Until when the session may do what requires a recent login.
    """

    expires_at: AwareDatetime
    """
    Until when the proof counts as recent.
    """


class Share(BaseModel):
    """
    A share, without its link. `readers` counts the people who have opened the link.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The conversation's id.
    """
    group_id: UUID | None
    """
    The id of the group that reads it; null for a link.
    """
    later_messages: bool
    """
    Whether messages that follow are shown too.
    """
    readers: int
    """
    The number of people who have opened the link.
    """
    expires_at: AwareDatetime
    """
    When the share ends by itself.
    """
    withdrawn_at: AwareDatetime | None
    """
    When it was withdrawn; null if it was not.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class ShareLink(BaseModel):
    """
    The code of a share's link.
    """

    token: str
    """
    The code of the link, from its fragment.
    """


class SharePage(BaseModel):
    items: list[Share]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class SharedConversation(BaseModel):
    """
    A conversation that another user shows to the caller.
    """

    id: UUID
    """
    The id. It never changes.
    """
    title: str
    """
    The conversation's title.
    """
    shared_by: str
    """
    The name of the user who shares it.
    """
    group_id: UUID | None
    """
    The id of the group that reads it; null for a link.
    """
    expires_at: AwareDatetime
    """
    When the share ends by itself.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class SharedConversationPage(BaseModel):
    items: list[SharedConversation]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class SharedSource(BaseModel):
    """
    The source of a citation `[number]`. A document that the reader cannot see has a number alone.
    """

    number: int
    """
    The number of the citation.
    """
    document_id: UUID | None = None
    """
    The document's id; null for a document that the reader cannot see.
    """
    title: str | None = None
    """
    The document's title; null for a document that the reader cannot see.
    """
    page: int | None = None
    """
    The page; null without pages, and for a document that the reader cannot see.
    """
    section: str | None = None
    """
    The heading above; null without one, and for a document that the reader cannot see.
    """
    quote: str | None = None
    """
    A literal part of the document; null for a document that the reader cannot see.
    """


class ShownInvitation(BaseModel):
    """
    What an invitation gives, for who has its link. Without `email`, the invited person names an address.
    """

    email: str | None
    """
    The invited person's address; null when the person names one.
    """
    is_admin: bool
    """
    Whether the invited person is to administer the service.
    """
    inviter: str
    """
    The name of the user who invites.
    """
    group_names: list[str]
    """
    The names of the groups that the invited person is to join.
    """
    expires_at: AwareDatetime
    """
    When the invitation ends by itself.
    """


class SideMetrics(BaseModel):
    """
    The jobs of one variant. Latencies are milliseconds of the worker; tokens and cost are sums.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The variant's name.
    """
    jobs: int
    """
    The number of its jobs.
    """
    completed: int
    """
    The jobs that were answered.
    """
    failed: int
    """
    The jobs that failed.
    """
    cancelled: int
    """
    The jobs that were cancelled.
    """
    latency_p50_ms: float | None
    """
    Half of the answers took at most this long, in milliseconds; null without answers.
    """
    latency_p95_ms: float | None
    """
    95 of 100 answers took at most this long, in milliseconds; null without answers.
    """
    cost_usd: float
    """
    The cost in US dollars.
    """
    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """


class Source(BaseModel):
    """
    The source of a citation `[number]`. `quote` is a literal part of the chunk.
    """

    number: int
    """
    The number of the citation `[1]` in the answer.
    """
    document_id: UUID
    """
    The id of a document.
    """
    chunk_id: UUID
    """
    The id of a chunk: a part of a document's text.
    """
    title: str
    """
    The document's title.
    """
    page: int | None
    """
    The page of the document, from 1; null for a format without pages.
    """
    section: str | None
    """
    The headings above the text; null when there are none.
    """
    quote: str
    """
    A literal part of the chunk that supports the answer.
    """
    score: float
    """
    How well the chunk fits the question.
    """
    original: str
    """
    The path of the request that returns a link to the original file, at the source's page.
    """


class SpaceReport(BaseModel):
    """
    What one space holds, in numbers. `key` is the id of its user or group; null for the organisation's space.
    """

    kind: Literal["user", "group", "org"] = Field(..., examples=["user"])
    """
    Whose the space is.
    """
    key: UUID | None
    """
    The id of the user or group; null for the organisation's space.
    """
    label: str | None
    """
    The address or name of the user, or the name of the group.
    """
    documents: int
    """
    The number of documents.
    """
    failed_documents: int
    """
    The number of documents that could not be read.
    """
    documents_with_warnings: int
    """
    The number of documents that were read in part.
    """
    used_bytes: int
    """
    The bytes that it holds, deleted documents included.
    """
    limit_bytes: int | None
    """
    The bytes that it may hold; null for any number.
    """


class SpaceStorage(BaseModel):
    """
    What a space holds in bytes, deleted documents included until they are purged. A null limit is none.
    """

    scope: Literal["user", "group", "org"] = Field(..., examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    group_name: str | None
    """
    The group's name, for a group's space; otherwise null.
    """
    used_bytes: int
    """
    The bytes that the space holds, deleted documents included until they are purged.
    """
    limit_bytes: int | None
    """
    The most bytes of the space; null for no limit.
    """


class Spending(BaseModel):
    """
    The caller's cost and tokens of this month, without the cost under the caller's own keys. Null means no limit.
    """

    cost_usd: float
    """
    The cost of this month in US dollars, without answers under the caller's own keys.
    """
    tokens: int
    """
    The tokens of this month.
    """
    allowed_cost_usd: float | None
    """
    The lowest limit of the cost that applies; null for none.
    """
    allowed_tokens: int | None
    """
    The lowest limit of the tokens that applies; null for none.
    """


class StartedEvent(BaseModel):
    """
    A worker starts an attempt, counted from 1. Thinking and tool calls of earlier attempts no longer count.
    """

    status: str | None = "processing"
    """
    Always `processing`.
    """
    attempt: int
    """
    The number of the attempt, from 1.
    """


class StaticConfig(BaseModel):
    """
    The deployment's level of every setting, and the settings that no other level can change.
    """

    active_pipeline: str | None
    """
    How questions are answered: `qa` retrieves and answers, `agent` uses tools, `search` stops after the search.
    """
    active_model: str | None
    """
    An enabled model of the registry, which answers; `extractive` is the built-in reader, which calls no model.
    """
    temperature: float | Literal["unset"] | None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    max_tokens: int | Literal["unset"] | None
    """
    The longest answer, in tokens, at most the model's own limit and half of its window; `unset` leaves it to the provider.
    """
    top_p: float | Literal["unset"] | None
    """
    Nucleus sampling: from which share of the probability a word is drawn; `unset` leaves it to the provider.
    """
    top_k: int | Literal["unset"] | None
    """
    From how many candidates a word is drawn; `unset` leaves it to the provider.
    """
    repetition_penalty: float | Literal["unset"] | None
    """
    How much repetition is penalised, above 0; `unset` leaves it to the provider.
    """
    system_prompt: str | None
    """
    A text that replaces `active_system_prompt`; an empty text means none.
    """
    task_prompt: str | None
    """
    A text with `{context}` and `{query}` that replaces `active_chat_prompt`.
    """
    active_condense_prompt: str | None
    """
    The name of the prompt that rewrites a follow-up as a question that stands alone.
    """
    active_chat_prompt: str | None
    """
    The name of the prompt that presents chunks and question to the model.
    """
    active_system_prompt: str | None
    """
    The name of the prompt with the model's instructions.
    """
    num_documents_to_retrieve: int | None
    """
    The number of chunks that a search returns by default, and that an answer is made from.
    """
    use_hybrid_search: bool | None
    """
    Whether words (BM25) count beside meaning, in searches without a `mode`.
    """
    use_cross_encoder: bool | None
    """
    Whether the built-in reader lets a second model read question and chunk together and decide which quotations answer; without it, answers are quicker and take less memory.
    """
    bm25_weight: float | None
    """
    The weight of words (BM25) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    semantic_weight: float | None
    """
    The weight of meaning (vectors) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    active_reranker: str | None
    """
    Which model reads the best hits of a search again: `off`, `built_in`, or a registered reranker.
    """
    reranked_chunks: int | None
    """
    How many of the best hits the reranker reads; the cost is proportional.
    """
    history_tokens: int | None
    """
    The tokens of the conversation that a model reads, newest messages first; 0 for none.
    """
    context_tokens: int | None
    """
    The tokens of chunks that a model reads, best chunks first, as far as they fit into its window.
    """
    registration_open: bool | None
    """
    Whether people can create accounts, or begin to use the service anonymously; administrators always can create accounts.
    """
    registration_domains: list[str] | None
    """
    The domains whose addresses can register, empty for all; such an account waits until its address is verified.
    """
    registration_requires_verification: bool | None
    """
    Whether nobody who registers can log in before the address is verified.
    """
    invitations_open: bool | None
    """
    Whether invitations can be made and accepted.
    """
    api_keys_may_last: bool | None
    """
    Whether API keys without an end can be created.
    """
    administrators_need_second_factor: bool | None
    """
    Whether an administrator with a password has an administrator's rights only with a second factor.
    """
    ingestion_schedule: str | None
    """
    When every document is compared with the bucket: a cron expression of five fields, in UTC; empty for once a day.
    """
    ocr_languages: str | None
    """
    The languages in which the text of scanned pages and pictures is recognised (OCR): up to 8 of Tesseract's names; empty for none.
    """
    max_upload_mb: int | None
    """
    The most megabytes of an uploaded file.
    """
    jobs_per_user: int | None
    """
    The most questions of one user that are answered at once, while the others wait; 0 for no limit.
    """
    streams_per_user: int | None
    """
    The most event streams of one user that wait at once (429 `too_many_streams`), and answers of `/openai/v1/chat/completions` and of the tool `ask` with them; 0 for no limit.
    """
    storage_mb_per_user: int | None
    """
    The most megabytes of files in a user's own space (409 `storage_full`); 0 for no limit.
    """
    storage_mb_per_group: int | None
    """
    The most megabytes of files in a group's space; 0 for no limit.
    """
    storage_mb_of_organisation: int | None
    """
    The most megabytes of files in the organisation's space; 0 for no limit.
    """
    deployment_name: str
    """
    The name of this deployment, which `GET /auth/providers` gives a page to log in on.
    """
    session_lifetime_days: int
    """
    The days after which a session ends, however often it is refreshed: 1 to 365.
    """
    anonymous_allowed: bool
    """
    Whether the service can be used without an account.
    """
    anonymous_reads_organisation: bool
    """
    Whether anonymous users read the organisation's documents.
    """
    provider_base_urls: dict[str, str | None]
    """
    The addresses that replace those of LLM providers, by provider: where they are called, and where users' own keys are checked. With null for a provider, users can store no key for it; its models are still called at its public address. `GET /config/effective` shows it to administrators only.
    """
    chunk_size: int
    """
    The longest chunk: 16 to 8,192 tokens, never longer than the embedding model reads.
    """
    chunk_overlap: int
    """
    The tokens that neighbouring chunks share, at most half of `chunk_size`.
    """
    gpu_threshold_chunks: int
    """
    Documents of at least this many chunks are embedded by the GPU task; 0 for none.
    """
    available_pipelines: list[str]
    """
    The pipelines that can be chosen.
    """
    available_providers: list[str] | None
    """
    The providers whose models can be registered, chosen and called, with `extractive`; null for all.
    """


class StorageLimit(BaseModel):
    """
    The MB that a space may hold, in place of the settings' limit: 0 for any number, null for the settings' limit.
    """

    megabytes: int | None = None
    """
    The MB that the space may hold; 0 for any number, null for the settings' limit.
    """


class StorageReport(BaseModel):
    """
    What the spaces hold: the fullest first, at most 1,000.
    """

    items: list[SpaceReport]
    """
    The spaces.
    """


class StorageUse(BaseModel):
    """
    The storage of each space that the caller can see.
    """

    items: list[SpaceStorage]
    """
    The spaces that the caller can write to.
    """


class StreamOptions(BaseModel):
    """
    Options of a streamed answer.
    """

    include_usage: bool | None = False
    """
    Whether the stream ends with the number of tokens.
    """


class SyncRun(BaseModel):
    """
    A run of a connector, and what it did so far. `error` says why it failed, stopped, or waits at present.
    """

    id: UUID
    """
    The id. It never changes.
    """
    connector_id: UUID
    """
    The id of a connector; null for none.
    """
    started_by: Literal["schedule", "user"] = Field(..., examples=["schedule"])
    """
    What started the run.
    """
    status: Literal["pending", "running", "completed", "failed", "stopped", "cancelled"] = Field(
        ..., examples=["pending"]
    )
    """
    How the run stands.
    """
    allow_removals: bool
    """
    Whether the run may remove any number of documents.
    """
    pages: int
    """
    The number of pages of the source's listing so far.
    """
    listed: int
    """
    The number of items that the source listed.
    """
    created: int
    """
    The number of new documents.
    """
    updated: int
    """
    The number of documents whose bytes were replaced.
    """
    removed: int
    """
    The number of documents that the source no longer has.
    """
    unchanged: int
    """
    The number of items that are as they were.
    """
    withheld: int
    """
    The number of items that the source shows to some people alone, and that were left out.
    """
    failed: int
    """
    The number of items that could not be read; their documents keep the text that they had.
    """
    bytes: int
    """
    The number of bytes of new and replaced documents.
    """
    error: Failure | None
    """
    Why the run failed, stopped, or waits for its source at present; null when it does not.
    """
    queued_at: AwareDatetime
    """
    When the run was queued.
    """
    started_at: AwareDatetime | None
    """
    When a worker began with it; null before that.
    """
    finished_at: AwareDatetime | None
    """
    When the run ended; null before that.
    """


class SyncRunPage(BaseModel):
    items: list[SyncRun]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Tag(BaseModel):
    """
    A tag.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The tag's name.
    """
    is_global: bool
    """
    Whether all users see the tag.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class TagChanges(BaseModel):
    """
    Another name for a tag.
    """

    name: str
    """
    The tag's new name.
    """


class TagPage(BaseModel):
    items: list[Tag]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class TelegramChanges(BaseModel):
    """
    Changes of the configuration. `alert_thresholds` replaces all thresholds; what it omits gets its default.
    """

    bot_token: str | None = None
    """
    The bot's token from @BotFather; null deletes it.
    """
    chat_id: str | None = None
    """
    The chat that gets the alerts: its number, or the @name of a channel.
    """
    api_url: str | None = None
    """
    The address of the Bot API, for a Bot API server of one's own.
    """
    enabled: bool | None = None
    """
    Whether alerts are sent to Telegram.
    """
    alert_thresholds: AlertThresholds | None = None
    """
    All thresholds. What is left out gets its default.
    """
    quiet_from: str | None = None
    """
    When the quiet hours begin; null, with `quiet_until`, for none.
    """
    quiet_until: str | None = None
    """
    When the quiet hours end.
    """
    quiet_time_zone: str | None = None
    """
    The time zone of the quiet hours.
    """
    critical_in_quiet_hours: bool | None = None
    """
    Whether critical alerts are sent in quiet hours all the same.
    """


class TelegramConfig(BaseModel):
    """
    The configuration of alerts to Telegram, without the bot's token.
    """

    has_bot_token: bool
    """
    Whether a bot's token is stored; it is never returned.
    """
    chat_id: str | None
    """
    The chat that gets the alerts; null for none yet.
    """
    api_url: str
    """
    The address of the Bot API.
    """
    enabled: bool
    """
    Whether alerts are sent to Telegram.
    """
    alert_thresholds: AlertThresholds
    """
    From which values on alerts are raised, and which are sent.
    """
    quiet_from: str | None
    """
    When the quiet hours begin; null for none.
    """
    quiet_until: str | None
    """
    When the quiet hours end; null for none.
    """
    quiet_time_zone: str
    """
    The time zone of the quiet hours.
    """
    critical_in_quiet_hours: bool
    """
    Whether critical alerts are sent in quiet hours all the same.
    """
    updated_at: AwareDatetime
    """
    When the configuration was changed last.
    """


class TextPart(BaseModel):
    """
    A part of a message. Only `text` is supported.
    """

    type: str
    """
    The kind of the part. Only `text` is supported.
    """
    text: str | None = ""
    """
    The text.
    """


class ThinkingEvent(BaseModel):
    """
    A part of the model's thinking.
    """

    text: str
    """
    A part of the model's thinking.
    """


class Ticket(BaseModel):
    """
    A ticket for one request, for one minute, without the header `Authorization`.
    """

    ticket: str
    """
    The ticket. It is valid for one minute, for one request alone.
    """
    url: str
    """
    The address of that request, with the ticket.
    """
    expires_at: AwareDatetime
    """
    Until when the ticket is accepted.
    """


class TimingStage(BaseModel):
    """
    One stage of an answer. `waiting` is the time in the queue, `total` spans the worker's stages.
    """

    stage: Literal[
        "analysis", "condensing", "retrieval", "memory", "tools", "answer", "learning", "title", "waiting", "total"
    ] = Field(..., examples=["analysis"])
    """
    The stage; `waiting` is the time in the queue, `total` the time of the work.
    """
    started_at: AwareDatetime
    """
    When the stage began.
    """
    milliseconds: float
    """
    How long it took, in milliseconds.
    """


class TitleEvent(BaseModel):
    """
    The conversation has a new title.
    """

    title: str
    """
    The conversation's new title.
    """


class TokenEvent(BaseModel):
    """
    A part of the answer. The answer is the concatenation of all tokens since the last restart.
    """

    text: str
    """
    A part of the answer.
    """


class TokenUsage(BaseModel):
    """
    Tokens and cost of one day and model.
    """

    day: date
    """
    The day, in UTC.
    """
    model: str
    """
    The name of the language model.
    """
    provider: str
    """
    The model's provider.
    """
    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """
    cost_usd: float
    """
    The cost in US dollars.
    """
    answers: int
    """
    The number of answers.
    """


class Tokens(BaseModel):
    """
    The tokens of a session. `expires_in` is the lifetime of the access token in seconds. `device_token` comes with a login by password. A client keeps it, also after a logout, and sends it with the next login: strangers who guess at the account's password cannot lock out a known device. It opens nothing by itself.
    """

    access_token: str
    """
    Send it as `Authorization: Bearer …` with every request.
    """
    token_type: str | None = "Bearer"
    """
    Always `Bearer` (RFC 6750).
    """
    expires_in: int
    """
    The seconds until the access token expires.
    """
    refresh_token: str
    """
    Exchange it for new tokens with POST /auth/refresh, once.
    """
    device_token: str | None = None
    """
    What makes this device known, so that wrong passwords from elsewhere do not lock it out. Keep it, and send it with the next login.
    """


class ToolCallEvent(BaseModel):
    """
    The agent calls a tool. `arguments` is a string when the model wrote invalid JSON.
    """

    id: str
    """
    The call's name, which its result repeats.
    """
    name: str
    """
    The tool's name.
    """
    arguments: Any
    """
    What the model passes to the tool.
    """


class ToolCallRecord(BaseModel):
    """
    One call of a tool by the agent.
    """

    step_number: int
    """
    The number of the step, from 1.
    """
    tool_name: str
    """
    The tool's name.
    """
    tool_args: Any
    """
    What the model passed to the tool.
    """
    tool_result: str
    """
    What the tool returned.
    """
    failed: bool
    """
    Whether the call failed.
    """
    milliseconds: float
    """
    How long the call took, in milliseconds.
    """
    started_at: AwareDatetime
    """
    When the call began.
    """


class ToolResultEvent(BaseModel):
    """
    A tool has returned a result of `chars` characters. The trace holds the result.
    """

    id: str
    """
    The name of the call.
    """
    name: str
    """
    The tool's name.
    """
    failed: bool
    """
    Whether the call failed.
    """
    chars: int
    """
    The length of the result in characters.
    """


class UpdateFile(BaseModel):
    """
    A file that was given as an update.
    """

    id: UUID
    """
    The id. It never changes.
    """
    filename: str
    """
    The file's name.
    """
    file_path: str
    """
    Where the file is, or was in another system.
    """
    file_size_bytes: int | None
    """
    The file's size; null when it is not known.
    """
    checksum_sha256: str | None
    """
    The file's SHA-256 in hexadecimal digits; null when it is not known.
    """
    source: Literal["deploy", "upload", "dashboard", "usb", "auto"] = Field(..., examples=["deploy"])
    """
    How it came.
    """
    uploaded_at: AwareDatetime
    """
    When it came.
    """
    signature_verified: bool
    """
    Whether one of the signers' keys has signed it.
    """
    manifest: dict[str, Any] | None
    """
    What the package holds; null unless its signature is valid.
    """
    validation_status: Literal["pending", "valid", "invalid"] = Field(..., examples=["pending"])
    """
    Whether the file is a package that may be applied.
    """
    validation_error: str | None
    """
    Why it may not be applied; null for none.
    """
    applied: bool
    """
    Whether it was applied.
    """


class UpdateFilePage(BaseModel):
    items: list[UpdateFile]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class UpdateRollback(BaseModel):
    """
    A return to the former version.
    """

    id: UUID
    """
    The id. It never changes.
    """
    backup_id: UUID | None
    """
    The backup that it went back to; null when it restored none.
    """
    rollback_reason: str
    """
    Why.
    """
    initiated_by: str
    """
    Who began it.
    """
    started_at: AwareDatetime
    """
    When it began.
    """
    completed_at: AwareDatetime | None
    """
    When it ended; null while it goes on.
    """
    success: bool | None
    """
    Whether the former version serves again; null while it goes on.
    """
    error_message: str | None
    """
    Why it failed; null for none.
    """


class Upload(BaseModel):
    """
    Where to send the bytes: one request with exactly these headers, before `expires_at`.
    """

    url: str
    """
    Where to send the bytes.
    """
    method: Literal["PUT"] = "PUT"
    """
    The request's method.
    """
    headers: dict[str, str]
    """
    The headers to send, exactly these.
    """
    expires_at: AwareDatetime
    """
    Until when the address accepts the bytes.
    """


class UploadParts(BaseModel):
    """
    A file that is sent in parts: `count` parts of `part_bytes` each, of which the last one may be smaller.
    """

    part_bytes: int
    """
    The bytes of every part but the last.
    """
    count: int
    """
    The number of parts.
    """


class UrlCitation(BaseModel):
    """
    Where the answer cites a document: `content[start_index:end_index]` is the mark.
    """

    start_index: int
    """
    Where the mark begins in the answer, in characters.
    """
    end_index: int
    """
    Where the mark ends.
    """
    url: str
    """
    The address of the document.
    """
    title: str
    """
    The title.
    """
    document_id: UUID
    """
    The id of a document.
    """
    chunk_id: UUID
    """
    The id of a chunk: a part of a document's text.
    """
    page: int | None
    """
    The page of the document; null without pages.
    """
    quote: str
    """
    The words of the document that the answer rests on.
    """


class UsageEntry(BaseModel):
    """
    The use of one user, group, model or day, in numbers. `key` is the id of the user or group, the model's name, or the date (UTC); `label` the address or name of the user, or the name of the group. `answers_without_sources`: answers that cite no document. `failed_documents`: that could not be read and failed in this time; 0 for a model.
    """

    key: str
    """
    The id of the user or group, the model's name, or the date (UTC).
    """
    label: str | None
    """
    The address or name of the user, or the name of the group; null for a model and a day.
    """
    answers: int
    """
    The number of answers.
    """
    prompt_tokens: int
    """
    The tokens that models read.
    """
    completion_tokens: int
    """
    The tokens that models wrote.
    """
    cost_usd: float
    """
    The cost in US dollars, users' own keys included.
    """
    answers_without_sources: int
    """
    The number of answers that cite no document.
    """
    failed_questions: int
    """
    The number of questions that got no answer.
    """
    likes: int
    """
    The number of likes.
    """
    dislikes: int
    """
    The number of dislikes.
    """
    mistakes: int
    """
    The number of answers that are marked as mistakes.
    """
    failed_documents: int
    """
    The number of documents that could not be read; 0 for a model.
    """


class UsageEvent(BaseModel):
    """
    Tokens and cost of this attempt so far. `cost_usd` is null for a side of an open comparison.
    """

    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """
    estimated: bool
    """
    Whether the numbers are estimates, because the provider sent none.
    """
    cost_usd: float | None
    """
    The cost so far in US dollars; null for a side of an open comparison.
    """


class UsageReport(BaseModel):
    """
    The use of the service: the costliest first, or the newest day; at most 1,000.
    """

    items: list[UsageEntry]
    """
    The users, groups, models or days.
    """


class UsedPrompt(BaseModel):
    """
    The version of a prompt that an answer used. `name` is null for a prompt from the settings.
    """

    kind: str
    """
    What the prompt was for.
    """
    name: str | None
    """
    The prompt's name; null for a text from the settings.
    """
    version: int | None
    """
    The prompt's version; null for a text from the settings.
    """


class User(BaseModel):
    """
    An account, as its owner or an administrator sees it. `email_verified`: a login provider, an administrator or a link that was sent there vouches for the address. Who registers only claims it. `awaits_verification`: nobody can log in before.
    """

    id: UUID
    """
    The id. It never changes.
    """
    email: str | None
    """
    The e-mail address; null for an account without one.
    """
    email_verified: bool
    """
    Whether the e-mail address is known to be the user's own; otherwise it is only claimed.
    """
    username: str | None
    """
    The username; null for none.
    """
    display_name: str
    """
    The name that other people see.
    """
    auth_provider: str
    """
    How the account was created: `local`, `anonymous`, `github` or `oidc`.
    """
    is_admin: bool
    """
    Whether the user administers the service.
    """
    awaits_verification: bool
    """
    Whether nobody can log in before the address is verified.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    last_login_at: AwareDatetime | None
    """
    When the user logged in last; null before the first login.
    """


class UserChanges(BaseModel):
    """
    An administrator's changes of an account. A new password and a deactivation end its sessions and, unless `keep_api_keys` is true, its API keys.
    """

    display_name: str | None = None
    """
    The new name that other people see.
    """
    is_active: bool | None = None
    """
    `false` ends every session of the account at once.
    """
    is_admin: bool | None = None
    """
    Whether the user administers the service.
    """
    queue_weight: int | None = None
    """
    The turns that the user gets in a full queue, for one turn of weight 1.
    """
    password: str | None = None
    """
    A new password. It ends every session of the account.
    """
    keep_api_keys: bool | None = False
    """
    Whether the account's API keys stay valid.
    """


class Variant(BaseModel):
    """
    A variant. `is_usable` is true when its model, pipeline and prompts exist and are enabled.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The variant's name.
    """
    settings: dict[str, Any]
    """
    The variant's settings, by name.
    """
    assistant_id: UUID | None
    """
    The id of an assistant; null for none.
    """
    weight: float
    """
    How often the variant is drawn, beside the weights of the others.
    """
    is_champion: bool
    """
    Whether it is the champion.
    """
    is_active: bool
    """
    Whether the variant takes part in comparisons.
    """
    is_usable: bool
    """
    Whether its model, pipeline and prompts exist and are enabled.
    """
    archived_at: AwareDatetime | None
    """
    When the variant was removed from the pool; null for one that is in it.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class VariantChanges(BaseModel):
    """
    Changes of a variant. Its settings never change; create another variant for other settings.
    """

    name: str | None = None
    """
    The new name.
    """
    weight: float | None = None
    """
    How often the variant is drawn.
    """
    is_active: bool | None = None
    """
    Whether the variant takes part in comparisons.
    """


class VariantOfAnswer(BaseModel):
    """
    The variant of an answer.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The variant's name.
    """
    is_champion: bool
    """
    Whether it was the champion.
    """
    pipeline: str
    """
    The pipeline that answers.
    """
    model: str
    """
    The name of the language model.
    """


class VariantPage(BaseModel):
    items: list[Variant]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class VariantSettings(BaseModel):
    """
    The settings of a variant, by name. Null removes an optional setting.
    """

    active_pipeline: str | None = None
    """
    How questions are answered: `qa` retrieves and answers, `agent` uses tools, `search` stops after the search.
    """
    active_model: str | None = None
    """
    An enabled model of the registry, which answers; `extractive` is the built-in reader, which calls no model.
    """
    temperature: float | Literal["unset"] | None = None
    """
    How freely the model chooses its words, from 0 to 2; `unset` leaves it to the provider.
    """
    max_tokens: int | Literal["unset"] | None = None
    """
    The longest answer, in tokens, at most the model's own limit and half of its window; `unset` leaves it to the provider.
    """
    top_p: float | Literal["unset"] | None = None
    """
    Nucleus sampling: from which share of the probability a word is drawn; `unset` leaves it to the provider.
    """
    top_k: int | Literal["unset"] | None = None
    """
    From how many candidates a word is drawn; `unset` leaves it to the provider.
    """
    repetition_penalty: float | Literal["unset"] | None = None
    """
    How much repetition is penalised, above 0; `unset` leaves it to the provider.
    """
    system_prompt: str | None = None
    """
    A text that replaces `active_system_prompt`; an empty text means none.
    """
    task_prompt: str | None = None
    """
    A text with `{context}` and `{query}` that replaces `active_chat_prompt`.
    """
    active_condense_prompt: str | None = None
    """
    The name of the prompt that rewrites a follow-up as a question that stands alone.
    """
    active_chat_prompt: str | None = None
    """
    The name of the prompt that presents chunks and question to the model.
    """
    active_system_prompt: str | None = None
    """
    The name of the prompt with the model's instructions.
    """
    num_documents_to_retrieve: int | None = None
    """
    The number of chunks that a search returns by default, and that an answer is made from.
    """
    use_hybrid_search: bool | None = None
    """
    Whether words (BM25) count beside meaning, in searches without a `mode`.
    """
    use_cross_encoder: bool | None = None
    """
    Whether the built-in reader lets a second model read question and chunk together and decide which quotations answer; without it, answers are quicker and take less memory.
    """
    bm25_weight: float | None = None
    """
    The weight of words (BM25) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    semantic_weight: float | None = None
    """
    The weight of meaning (vectors) in a hybrid search. At least one of the two weights is above 0, and a conversation sets both or neither.
    """
    active_reranker: str | None = None
    """
    Which model reads the best hits of a search again: `off`, `built_in`, or a registered reranker.
    """
    reranked_chunks: int | None = None
    """
    How many of the best hits the reranker reads; the cost is proportional.
    """
    history_tokens: int | None = None
    """
    The tokens of the conversation that a model reads, newest messages first; 0 for none.
    """
    context_tokens: int | None = None
    """
    The tokens of chunks that a model reads, best chunks first, as far as they fit into its window.
    """


class Verification(BaseModel):
    """
    The code of a link that was sent, and the account's password, so that nobody vouches for another's account.
    """

    token: str
    """
    The code of the link, from its fragment.
    """
    password: str
    """
    The account's password.
    """


class WaitingEvent(BaseModel):
    """
    The attempt failed with `code`, a temporary failure that `message` explains. The next attempt starts after `retry_seconds`.
    """

    status: str | None = "waiting"
    """
    Always `waiting`.
    """
    attempt: int
    """
    The number of the attempt that failed, from 1.
    """
    retry_seconds: float
    """
    The seconds until the next attempt.
    """
    code: str
    """
    Why the attempt failed.
    """
    message: str
    """
    A sentence for people.
    """


class Webhook(BaseModel):
    """
    A webhook, without its secret.
    """

    id: UUID
    """
    The id. It never changes.
    """
    scope: Literal["user", "org"] = Field(..., examples=["user"])
    """
    Whose events the webhook is told.
    """
    url: str
    """
    Where events are sent.
    """
    events: list[
        Literal[
            "document.completed",
            "document.failed",
            "document.deleted",
            "answer.completed",
            "answer.failed",
            "answer.cancelled",
            "connector.failed",
            "budget.nearing",
            "budget.spent",
            "alert.raised",
        ]
    ]
    """
    The events that it is told of.
    """
    description: str
    """
    What the webhook is for.
    """
    allow_private_addresses: bool
    """
    Whether the address may be a private one.
    """
    is_enabled: bool
    """
    Whether events are sent. What happens while it is false is not sent later.
    """
    disabled_reason: Literal["gone", "failing"] | None
    """
    Why the service disabled it; null when it did not.
    """
    failing_since: AwareDatetime | None
    """
    Since when no delivery has succeeded; null when the last one did.
    """
    previous_secret_until: AwareDatetime | None
    """
    Until when deliveries are also signed with the secret before the present one; null without one.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class WebhookChanges(BaseModel):
    """
    Changes of a webhook. `is_enabled: true` also begins again what the service has disabled.
    """

    url: str | None = None
    """
    The new address.
    """
    events: (
        list[
            Literal[
                "document.completed",
                "document.failed",
                "document.deleted",
                "answer.completed",
                "answer.failed",
                "answer.cancelled",
                "connector.failed",
                "budget.nearing",
                "budget.spent",
                "alert.raised",
            ]
        ]
        | None
    ) = None
    """
    The events to be told of from now on.
    """
    description: str | None = None
    """
    What the webhook is for.
    """
    is_enabled: bool | None = None
    """
    Whether events are sent. True also enables what the service has disabled.
    """


class WebhookPage(BaseModel):
    items: list[Webhook]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class WorkflowRun(BaseModel):
    """
    One run of scheduled or background work.
    """

    id: UUID
    """
    The id. It never changes.
    """
    workflow_name: str
    """
    What ran: `tick`, or a repair that changed something or failed.
    """
    status: Literal["completed", "failed"] = Field(..., examples=["completed"])
    """
    How the run ended.
    """
    duration_ms: int
    """
    How long it ran, in milliseconds.
    """
    counts: dict[str, Any]
    """
    What it did, in numbers.
    """
    error: str | None
    """
    Why it failed; null for none.
    """
    created_at: AwareDatetime
    """
    When it ended.
    """


class WorkflowRunPage(BaseModel):
    items: list[WorkflowRun]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class WrittenMemory(BaseModel):
    """
    A memory as it is after writing; `merged` when the same was remembered already.
    """

    id: UUID
    """
    The id. It never changes.
    """
    content: str
    """
    What is remembered.
    """
    kind: Literal["fact", "preference", "instruction", "event"] = Field(..., examples=["fact"])
    """
    What kind of memory it is.
    """
    importance: float
    """
    How important it is, from 0 to 1.
    """
    source: Literal["written", "learned", "document"] = Field(..., examples=["written"])
    """
    How the memory came.
    """
    conversation_id: UUID | None
    """
    The conversation that it was learned from; null for another memory.
    """
    message_id: UUID | None
    """
    The message that it was learned from; null for another memory.
    """
    document_id: UUID | None
    """
    The document that it was taken from; null for another memory.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    access_count: int
    """
    How often the memory was recalled.
    """
    last_accessed_at: AwareDatetime | None
    """
    When the memory was recalled last; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """
    merged: bool | None = False
    """
    Whether the same was remembered already: then that memory was changed, and no other created.
    """


class AccountUpgrade(BaseModel):
    """
    The account that an anonymous user becomes: a new local one, or an existing one.
    """

    register_: Registration | None = Field(None, alias="register")
    """
    The new account that the anonymous user becomes.
    """
    login: LoginRequest | None = None
    """
    The existing account that everything moves to.
    """


class Alert(BaseModel):
    """
    An alert, and whether it has arrived.
    """

    id: UUID
    """
    The id. It never changes.
    """
    subject: str
    """
    What the alert is about.
    """
    kind: Literal["metric", "service", "healing", "test"] = Field(..., examples=["metric"])
    """
    What the alert is about.
    """
    level: Literal["ok", "warning", "critical"] = Field(..., examples=["ok"])
    """
    How bad it is; `ok` for a recovery or a test message.
    """
    message: str
    """
    The text that is sent.
    """
    hold_until: AwareDatetime | None
    """
    The end of the quiet hours in which it arose; null for none.
    """
    created_at: AwareDatetime
    """
    When it arose.
    """
    deliveries: list[AlertDelivery]
    """
    Its way through each channel.
    """


class AlertPage(BaseModel):
    items: list[Alert]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Annotation(BaseModel):
    """
    A citation.
    """

    type: Literal["url_citation"] = "url_citation"
    """
    The kind of the annotation.
    """
    url_citation: UrlCitation
    """
    The citation.
    """


class AnnouncedUpdate(BaseModel):
    """
    Where the package is to be put; it is verified and applied when it has arrived.
    """

    id: UUID
    """
    The id that the file has in `GET /updates/files`.
    """
    upload: Upload
    """
    Where to put the package.
    """


class Assistant(BaseModel):
    """
    A persona that a conversation can have.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name that people see.
    """
    description: str
    """
    What the assistant is good for.
    """
    llm_id: UUID | None
    """
    The id of a registered language model; null for the one that the settings name.
    """
    system_prompt: str | None
    """
    Instructions for the model; null for those of the settings.
    """
    task_prompt: str | None
    """
    The text that presents `{context}` and `{query}` to the model; null for that of the settings.
    """
    starter_messages: list[str]
    """
    Questions that a client offers at the beginning.
    """
    filters: SearchFilters
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    is_default: bool
    """
    Whether new conversations have this assistant.
    """
    is_visible: bool
    """
    Whether users see the assistant in lists.
    """
    created_by: UUID | None
    """
    The id of the user who created it; null when that account is gone, or when a deployment created it.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class AssistantChanges(BaseModel):
    """
    Changes of an assistant.
    """

    name: str | None = None
    """
    The new name.
    """
    description: str | None = None
    """
    What the assistant is good for.
    """
    llm_id: UUID | None = None
    """
    The id of the language model; null for the one that the settings name.
    """
    system_prompt: str | None = None
    """
    Instructions for the model; null for those of the settings.
    """
    task_prompt: str | None = None
    """
    The text that presents `{context}` and `{query}` to the model; null for that of the settings.
    """
    starter_messages: list[str] | None = None
    """
    Questions that a client offers at the beginning, at most 20.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    is_default: bool | None = None
    """
    Whether new conversations have this assistant.
    """
    is_visible: bool | None = None
    """
    Whether users see the assistant in lists.
    """


class AssistantPage(BaseModel):
    items: list[Assistant]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Batch(BaseModel):
    """
    The progress of the documents of one upload. `total` does not count texts that the caller already had.
    """

    id: UUID
    """
    The `batch` that the documents share.
    """
    total: int
    """
    The number of documents of the upload.
    """
    pending: int
    """
    The documents that wait.
    """
    processing: int
    """
    The documents that are being ingested.
    """
    completed: int
    """
    The documents that are searchable.
    """
    with_warnings: int
    """
    The searchable documents with warnings: a part of their files was not read.
    """
    failed: int
    """
    The documents that failed.
    """
    stages: BatchStages
    """
    The documents that are being ingested, by what is done with them.
    """
    chunks_done: int
    """
    The number of chunks that are done, over all documents.
    """
    chunks_total: int
    """
    The number of chunks that are known so far, over all documents.
    """


class BulkRequest(BaseModel):
    """
    One action on at most 100 `documents`, or on those of a filter `where`, `limit` of them for each request.
    """

    action: Literal[
        "delete", "restore", "archive", "unarchive", "tag", "untag", "move", "share", "reindex", "download"
    ] = Field(..., examples=["archive"])
    """
    What is done with each document: `share` is `move` to a group, `download` gives links to the originals.
    """
    documents: list[UUID] | None = None
    """
    Which documents, by their ids; or `where`.
    """
    where: DocumentQuery | None = None
    """
    Which documents, as the list of documents is filtered; or `documents`. Without `limit` 100 for each request.
    """
    after: UUID | None = None
    """
    With `where`: continue after this document, the `next_after` of the response before.
    """
    scope: Literal["user", "group", "org"] | None = None
    """
    For `move`: who can read the documents from now on.
    """
    group_id: UUID | None = None
    """
    For `move` to a group, and for `share`: the group.
    """
    tag: UUID | None = None
    """
    For `tag` and `untag`: the tag's id.
    """


class BulkResult(BaseModel):
    """
    What was done. The action is done with all documents that it can be done with, also when others are refused.
    """

    documents: list[UUID]
    """
    The documents with which it was done.
    """
    refused: list[BulkRefusal]
    """
    The documents with which it could not be done, and why.
    """
    originals: list[Original] | None = None
    """
    For `download`: the links to the originals.
    """
    next_after: UUID | None = None
    """
    With `where`: more documents may follow; continue with this as `after`. Null at the end.
    """


class ChatMessage(BaseModel):
    """
    A message of the conversation. The last one must be the user's question.
    """

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(..., examples=["user"])
    """
    Who says it. `system` and `developer` are instructions of the answer.
    """
    content: str | list[TextPart] | None = None
    """
    The text, or its parts.
    """


class CloudMetric(BaseModel):
    """
    One metric of a function, the database or a queue, oldest value first. A step without a value has no point.
    """

    kind: Literal["function", "database", "queue"] = Field(..., examples=["function"])
    """
    What it is measured of.
    """
    name: str
    """
    The function's or the queue's name without `alcove-<stage>-`; `database` for the database.
    """
    metric: str
    """
    Of a function `invocations`, `errors`, `throttles` (sums), `duration_ms` (mean) and `duration_ms_max`; of the database `capacity_acu`, `cpu_percent` (means), each with `_max`, and `connections` (the most); of a queue `messages_visible` and `oldest_message_seconds` (the most).
    """
    items: list[CloudMetricPoint]
    """
    The points, oldest first.
    """


class CloudMetrics(BaseModel):
    """
    The metrics of which CloudWatch has a value.
    """

    step: int
    """
    How many seconds one point stands for.
    """
    items: list[CloudMetric]
    """
    The metrics, by thing. One without a value in all the time is left out.
    """


class ComparedAnswer(BaseModel):
    """
    One of two answers. It is whole only with the `finish_reason` `stop`.
    """

    id: UUID
    """
    The id. It never changes.
    """
    content: str
    """
    The answer's text.
    """
    sources: list[Source]
    """
    The sources of the answer, by the numbers of its citations.
    """
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] = Field(..., examples=["stop"])
    """
    How the answer ended; it is whole only with `stop`.
    """


class ComparisonMetrics(BaseModel):
    """
    One challenger against one champion. `wins` are the challenger's; `win_rate` is wins / (wins + losses).
    """

    champion: SideMetrics
    """
    The champion's jobs.
    """
    challenger: SideMetrics
    """
    The challenger's jobs.
    """
    is_current: bool
    """
    Whether both are still in the pool, and the champion is the present one.
    """
    comparisons: int
    """
    The number of comparisons.
    """
    open: int
    """
    The comparisons that wait for a vote.
    """
    void: int
    """
    The comparisons in which a job failed or was cancelled.
    """
    votes: int
    """
    The number of votes.
    """
    wins: int
    """
    The votes for the challenger.
    """
    losses: int
    """
    The votes for the champion.
    """
    ties: int
    """
    The votes for neither, both good.
    """
    both_bad: int
    """
    The votes for neither, both bad.
    """
    first_preferred: int
    """
    The votes for the answer that was shown first.
    """
    win_rate: float | None
    """
    Wins divided by wins and losses; null without votes.
    """
    win_rate_interval: ConfidenceInterval
    """
    The confidence interval of the win rate.
    """
    sequential_test: SequentialTest
    """
    Whether the votes are enough for a verdict.
    """


class ComparisonReport(BaseModel):
    """
    At most 100 pairs of champion and challenger: those of the present champion first, then the newest.
    """

    alpha: float
    """
    The probability of a wrong verdict that is accepted.
    """
    minimum_effect: float
    """
    The smallest difference of the win rate that is relevant.
    """
    items: list[ComparisonMetrics]
    """
    The pairs of champion and challenger, the present champion's first.
    """


class ComparisonSide(BaseModel):
    """
    One side of a comparison. `variant` is null until the vote.
    """

    job_id: UUID
    """
    The id of the job that answers a question.
    """
    status: Literal["pending", "processing", "completed", "failed", "cancelled"] = Field(..., examples=["pending"])
    """
    How far this side's job is.
    """
    error: Failure | None
    """
    Why it failed: a code and a sentence; null when nothing failed.
    """
    answer: ComparedAnswer | None
    """
    The answer; null before it is written.
    """
    variant: VariantOfAnswer | None
    """
    The variant that answered; null until the vote.
    """


class CompletionMessage(BaseModel):
    """
    The answer.
    """

    role: Literal["assistant"] = "assistant"
    """
    Always `assistant`.
    """
    content: str
    """
    The answer, with marks such as `[1]` for its citations.
    """
    refusal: None = Field(None)
    """
    Always null: an answer that cannot be given says so in its text.
    """
    annotations: list[Annotation]
    """
    The citations, in the order of their marks.
    """


class Connector(BaseModel):
    """
    A connector. Its documents are in the repository `repository_id`, each at its path. `status` is `pending` before the first run, `syncing` during one, else `active`, `error` or `disabled`. `error` says what to do. `document_count` counts its documents.
    """

    id: UUID
    """
    The id. It never changes.
    """
    name: str
    """
    The name.
    """
    type: Literal["web", "git", "ticket", "file", "google_drive", "onedrive", "teams", "imap", "confluence"] = Field(
        ..., examples=["web"]
    )
    """
    What kind of source it reads.
    """
    scope: Literal["user", "group", "org"] = Field(..., examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    owner_id: UUID | None
    """
    The user who connected it: runs have this user's rights. Null after that account is erased.
    """
    repository_id: UUID | None
    """
    The repository that holds its documents at their paths; null when a person deleted it.
    """
    status: Literal["pending", "syncing", "active", "error", "disabled"] = Field(..., examples=["pending"])
    """
    How it stands.
    """
    settings: dict[str, Any]
    """
    What it reads.
    """
    has_credentials: bool
    """
    Whether it has credentials.
    """
    refresh_minutes: int | None
    """
    The minutes between the end of a run and the next one; null for runs by hand alone.
    """
    allow_private_addresses: bool
    """
    Whether the source may be in a private network.
    """
    most_removed_percent: int
    """
    A run that would remove a larger part of the documents stops and waits for a person.
    """
    mirrors_readers: bool
    """
    Whether each document is visible to those alone whom the source names as its readers.
    """
    document_count: int
    """
    The number of its documents.
    """
    error: Failure | None
    """
    Why the last run failed or stopped, and what to do; null when it did not.
    """
    next_run_at: AwareDatetime | None
    """
    When it runs next; null when it waits for a person.
    """
    last_sync_at: AwareDatetime | None
    """
    When a run was last completed; null before that.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class ConnectorPage(BaseModel):
    items: list[Connector]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Conversation(BaseModel):
    """
    A conversation and the number of its messages.
    """

    id: UUID
    """
    The id. It never changes.
    """
    title: str
    """
    The title.
    """
    assistant_id: UUID | None
    """
    The id of an assistant; null for none.
    """
    settings: dict[str, Any]
    """
    The settings of this conversation alone, by name.
    """
    filters: SearchFilters
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    is_archived: bool
    """
    Whether the conversation is archived: left out of the list.
    """
    message_count: int
    """
    The number of its messages.
    """
    last_message_at: AwareDatetime | None
    """
    When the last message was written; null before the first.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """


class ConversationChanges(BaseModel):
    """
    Changes of a conversation. A null `assistant_id` removes the assistant; `settings` are merged (RFC 7396); `filters` and `metadata` are replaced: `{}` removes them.
    """

    title: str | None = None
    """
    The new title.
    """
    assistant_id: UUID | None = None
    """
    Another assistant; null removes it.
    """
    settings: ConversationSettings | None = None
    """
    Changes of the conversation's own settings; null removes a setting.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    All names and values; they replace what was there.
    """
    is_archived: bool | None = None
    """
    Whether the conversation is archived: left out of the list.
    """


class ConversationPage(BaseModel):
    items: list[Conversation]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class CreatedInvitation(BaseModel):
    """
    An invitation with its link, which no other response contains; null when an e-mail has it. `url` is null where this deployment knows no page; then `token` is handed over.
    """

    id: UUID
    """
    The id. It never changes.
    """
    created_by: UUID
    """
    The user who invites.
    """
    email: str | None
    """
    The invited person's address; null for a link to whoever has it.
    """
    is_admin: bool
    """
    Whether the invited person is to administer the service.
    """
    groups: list[InvitationGroup]
    """
    The groups that the invited person is to join.
    """
    expires_at: AwareDatetime
    """
    When the invitation ends by itself.
    """
    accepted_at: AwareDatetime | None
    """
    When it was accepted; null before.
    """
    accepted_by: UUID | None
    """
    The user who accepted it; null before, and after the user's account is erased.
    """
    withdrawn_at: AwareDatetime | None
    """
    When it was withdrawn; null if it was not.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    token: str | None
    """
    The code of the link; null when an e-mail has it.
    """
    url: str | None
    """
    The link; null when an e-mail has it, and where this deployment knows no page.
    """


class Document(BaseModel):
    """
    A document. `chunks_done` of `chunks_total` is the progress of its present stage. Searches do not find an archived document (`is_archived`). `deleted_at` is set in lists of deleted documents. `parent_id` is the archive or e-mail that contained the document; `child_count` is the number of documents in it. `connector_id` is the connector that keeps it up to date, and `original_url` its address at the source.
    """

    id: UUID
    """
    The id. It never changes.
    """
    title: str
    """
    The title.
    """
    filename: str
    """
    The file's name.
    """
    scope: Literal["user", "group", "org", "readers"] = Field(..., examples=["user"])
    """
    Who can read it: its owner, a group's members, or the whole organisation.
    """
    group_id: UUID | None
    """
    The id of the group that it belongs to, when `scope` is `group`; otherwise null.
    """
    batch: UUID | None
    """
    The UUID that the documents of one upload share; null for none.
    """
    is_archived: bool
    """
    Whether the document is archived: searches do not find it.
    """
    source_type: str
    """
    How the document came: `upload`, `inline`, `attachment`, `archive`, or a type of connector such as `web`.
    """
    content_type: str | None
    """
    The media type; null while it is unknown.
    """
    size_bytes: int | None
    """
    The number of bytes; null before the upload.
    """
    status: Literal["pending", "processing", "completed", "failed"] = Field(..., examples=["pending"])
    """
    How far the document is.
    """
    stage: str | None
    """
    What is being done now, such as `extracting` or `embedding`; null when nothing is.
    """
    chunks_done: int
    """
    The number of chunks, or in the stage `recognising` of pages, that the present stage has finished.
    """
    chunks_total: int | None
    """
    The number of chunks, or of pages, that the present stage has to do; null while it is unknown.
    """
    chunk_count: int
    """
    The number of chunks that searches find.
    """
    error: Failure | None
    """
    Why the ingestion failed: a code and a sentence; null when it did not.
    """
    warnings: list[DocumentWarning]
    """
    What the document's file holds that was not read, or was read with doubt; empty for a file that was read whole.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """
    indexed_at: AwareDatetime | None
    """
    When the present text became searchable; null before that.
    """
    deleted_at: AwareDatetime | None
    """
    When the document was deleted; null unless it was.
    """
    parent_id: UUID | None = None
    """
    The archive or e-mail that contained the document; null for none.
    """
    child_count: int | None = 0
    """
    The number of documents that were packed into this one.
    """
    metadata: dict[str, Any]
    """
    What clients say about the document in their own words.
    """
    tags: list[DocumentTag]
    """
    The document's tags that the caller sees.
    """
    source_id: str | None
    """
    The document's id where it comes from; null where none was given.
    """
    original_url: str | None
    """
    The document's address where it comes from; null where none was given.
    """
    file_modified_at: AwareDatetime | None
    """
    When the file was changed where it comes from; null where that was not given.
    """
    extra_text: str | None
    """
    Text that is searched and cited with the document's own, which it follows; null for none.
    """
    connector_id: UUID | None = None
    """
    The connector that keeps the document up to date; null for none.
    """
    upload: Upload | None = None
    """
    Where to send the file's bytes in one request; null when no upload is expected, or only one in parts.
    """
    upload_parts: UploadParts | None = None
    """
    How to send the file's bytes in parts; null when no upload is expected.
    """


class DocumentPage(BaseModel):
    items: list[Document]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class EffectiveValue(BaseModel):
    """
    A setting's value and the level that it comes from. `passed_over` are the unusable values of higher levels.
    """

    value: Any
    """
    The value.
    """
    level: Literal["static", "dynamic", "user", "conversation"] = Field(..., examples=["static"])
    """
    The level that the value comes from.
    """
    passed_over: list[PassedOver]
    """
    The values of higher levels that cannot be used now.
    """


class EmbeddingList(BaseModel):
    """
    The vectors, in the order of the texts.
    """

    object: Literal["list"] = "list"
    """
    The kind of the object.
    """
    data: list[EmbeddingVector]
    """
    The vectors, in the order of the texts.
    """
    model: str
    """
    The embedding model.
    """
    usage: EmbeddingUsage
    """
    The tokens of the texts.
    """


class EmbeddingModel(BaseModel):
    """
    A registered embedding model, without its key. Exactly one is `active`, at most one other `preparing`. `error` is the reason why the preparation does not proceed. The vectors of a model that retired at `retired_at` stay for a week: activating it again embeds only the missing chunks.
    """

    id: int
    """
    The id.
    """
    name: str
    """
    The name for people.
    """
    provider: Literal["builtin", "openai"] = Field(..., examples=["builtin"])
    """
    Where the model runs.
    """
    model: str
    """
    The model's name at its provider.
    """
    dimension: int
    """
    The length of the model's vectors.
    """
    query_prefix: str
    """
    What stands before a query when it is embedded.
    """
    document_prefix: str
    """
    What stands before a chunk when it is embedded.
    """
    base_url: str | None
    """
    The server's address; null for a model that is part of the deployment.
    """
    key_last_four: str | None
    """
    The last four characters of the stored key; null when there is none, or for a caller who may not see it.
    """
    status: Literal["inactive", "preparing", "active"] = Field(..., examples=["inactive"])
    """
    Whether searches use the model.
    """
    progress: EmbeddingProgress | None
    """
    How far its preparation is; null when nothing is being prepared.
    """
    error: Failure | None
    """
    Why the preparation does not proceed: a code and a sentence; null when it does.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    updated_at: AwareDatetime
    """
    When it was changed last.
    """
    activated_at: AwareDatetime | None
    """
    When searches began to use the model; null before that.
    """
    retired_at: AwareDatetime | None
    """
    When searches stopped using the model; null for the active one.
    """


class EmbeddingModelPage(BaseModel):
    items: list[EmbeddingModel]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class EvalComparison(BaseModel):
    """
    How much more a run measures than another one, over the questions that both have answered. A difference whose interval holds 0 may be chance.
    """

    run_id: UUID
    """
    The run.
    """
    other_id: UUID
    """
    The run that it is compared with.
    """
    differences: dict[
        Literal["recall", "mrr", "words", "citation_precision", "abstention", "failures", "cost_usd", "milliseconds"],
        MeasureInterval,
    ]
    """
    The mean difference of each measure, the run minus the other, with its interval.
    """


class EvalRun(BaseModel):
    """
    A run, how far it is, and what was measured so far.
    """

    id: UUID
    """
    The id. It never changes.
    """
    set_id: UUID
    """
    The set of questions.
    """
    name: str
    """
    The run's name.
    """
    status: Literal["running", "completed", "stopped", "cancelled"] = Field(..., examples=["running"])
    """
    How the run is.
    """
    reason: str | None
    """
    Why the run stopped before its end; null otherwise.
    """
    question_count: int
    """
    The number of questions of the set.
    """
    finished_count: int
    """
    The number of questions that are measured.
    """
    failed_count: int
    """
    The number of questions that got no answer.
    """
    budget_usd: float
    """
    What the run's answers may cost, in US dollars.
    """
    cost_usd: float
    """
    What they have cost so far.
    """
    measures: dict[
        Literal["recall", "mrr", "words", "citation_precision", "abstention", "failures", "cost_usd", "milliseconds"],
        MeasureInterval,
    ]
    """
    The means with their intervals: `recall` (share of expected documents that were found), `mrr` (1 / rank of the first), `words` (share of expected words in the answer), `citation_precision` (share of cited documents that are expected), `abstention` (declined as it should), `failures`, `cost_usd`, `milliseconds`.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    finished_at: AwareDatetime | None
    """
    When the work ended; null before that.
    """


class EvalRunPage(BaseModel):
    items: list[EvalRun]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Explanation(BaseModel):
    """
    Why a hit stands at place `rank` of the list. In a list of fused scores, `score` is the sum of weight x scaled of both scores, unless it was reranked. With `per_document`, a hit may stand before a hit with a higher score.
    """

    rank: int
    """
    The hit's place in the list, from 1.
    """
    score: float
    """
    The score that orders the list.
    """
    semantic: ScorePart
    """
    What the meaning contributed.
    """
    lexical: ScorePart
    """
    What the words contributed.
    """
    reranking: RerankingPart | None = None
    """
    What the reranker contributed; null when the list was not reranked.
    """


class Hit(BaseModel):
    """
    A chunk that matches the query. `score` orders the list. In mode `semantic`, `score` is the cosine; in mode `lexical`, BM25; in mode `hybrid`, their fusion from 0 to 1, where 1 is the best by both scores, mixed with the reranker's judgement where the settings choose a reranker. `warnings` are those of the document. `explanation` and `neighbours` (in the document's order) are null unless requested.
    """

    chunk_index: int
    """
    The chunk's place in the document, from 0.
    """
    text: str
    """
    The text.
    """
    page: int | None
    """
    The page of the document, from 1; null for a format without pages.
    """
    section: str | None
    """
    The headings above the text; null when there are none.
    """
    columns: str | None
    """
    The first row of the table that the chunk starts in; null when there is none, or when the chunk holds it.
    """
    start_char: int
    """
    Where the chunk begins in the document's text, in characters from 0.
    """
    end_char: int
    """
    Where the chunk ends in the document's text: the position after its last character.
    """
    chunk_id: UUID
    """
    The id of the chunk.
    """
    document_id: UUID
    """
    The id of a document.
    """
    title: str
    """
    The document's title.
    """
    metadata: dict[str, Any]
    """
    The document's metadata.
    """
    tags: list[DocumentTag]
    """
    The document's tags that the caller sees.
    """
    original_url: str | None
    """
    The document's address where it comes from; null where none was given.
    """
    score: float
    """
    The score that orders the list. In mode `hybrid` it is from 0 to 1.
    """
    scores: Scores
    """
    The two scores by themselves.
    """
    warnings: list[DocumentWarning]
    """
    What the document's file holds that was not read, or was read with doubt; empty for a file that was read whole.
    """
    explanation: Explanation | None = None
    """
    Why the hit stands here; null unless `explain` was set.
    """
    neighbours: list[Neighbour] | None = None
    """
    The chunks around the hit, in the document's order; null unless they were requested.
    """
    original: str
    """
    The path of the request that returns a link to the original file, at the hit's page.
    """


class Invitation(BaseModel):
    """
    An invitation, without its link.
    """

    id: UUID
    """
    The id. It never changes.
    """
    created_by: UUID
    """
    The user who invites.
    """
    email: str | None
    """
    The invited person's address; null for a link to whoever has it.
    """
    is_admin: bool
    """
    Whether the invited person is to administer the service.
    """
    groups: list[InvitationGroup]
    """
    The groups that the invited person is to join.
    """
    expires_at: AwareDatetime
    """
    When the invitation ends by itself.
    """
    accepted_at: AwareDatetime | None
    """
    When it was accepted; null before.
    """
    accepted_by: UUID | None
    """
    The user who accepted it; null before, and after the user's account is erased.
    """
    withdrawn_at: AwareDatetime | None
    """
    When it was withdrawn; null if it was not.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class InvitationPage(BaseModel):
    items: list[Invitation]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class LearnedEvent(BaseModel):
    """
    Memories were learned from the question.
    """

    learned: list[LearnedMemory]
    """
    The memories.
    """


class Message(BaseModel):
    """
    A question with its analysis, or an answer with its sources, tokens and cost. Conversations from another system can have instructions too, with the role `system`: they can be read, and no prompt contains them. `finish_reason` says how an answer ended; it is whole only with `stop`. Otherwise `notice` is a sentence for its reader. `filters` are those that a question set itself, or all that its answer was within: of the assistant, of the conversation, of the question. A document had to fulfil every one of them.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The id of a conversation.
    """
    parent_message_id: UUID | None
    """
    The id of the message that this one follows; null at the beginning of a thread branch.
    """
    role: Literal["user", "assistant", "system"] = Field(..., examples=["user"])
    """
    Who wrote the message.
    """
    content: str
    """
    The text. An answer cites its sources as `[1]`.
    """
    sources: list[Source]
    """
    The sources of the answer, by the numbers of its citations.
    """
    pipeline: str | None
    """
    The pipeline that answered; null for a question.
    """
    model: str | None
    """
    The model that answered; null for a question.
    """
    rephrased_query: str | None
    """
    The question as it was searched for; null when it was not rewritten.
    """
    tone: str | None
    """
    How the question sounds, by its analysis; null for an answer.
    """
    behavior: str | None
    """
    What the user is doing, by the analysis; null for an answer.
    """
    context_type: str | None
    """
    What the question is about, by the analysis; null for an answer.
    """
    signal_strength: float | None
    """
    How clear the analysis is, from 0 to 1; null for an answer.
    """
    context_clarity: float | None
    """
    How well the question stands alone, from 0 to 1; null for an answer.
    """
    needs_knowledge: bool | None
    """
    Whether the question needs the documents; null for an answer.
    """
    thinking: str | None
    """
    The model's thinking, where it shows it; otherwise null.
    """
    prompts: list[UsedPrompt]
    """
    The prompts that the answer used.
    """
    filters: list[SearchFilters]
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    prompt_tokens: int | None
    """
    The number of tokens that the model read; null for a question.
    """
    completion_tokens: int | None
    """
    The number of tokens that the model wrote; null for a question.
    """
    cost_usd: float | None
    """
    The cost in US dollars; null for a question, or when it is not shown.
    """
    invented_citations: int
    """
    The number of citations that led to nothing and were removed.
    """
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] | None
    """
    How the answer ended; it is whole only with `stop`. Null for a question.
    """
    is_mistake: bool
    """
    Whether a user marked the message as a mistake.
    """
    mistake_note: str | None
    """
    The note of that mark; null for none.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    notice: str | None
    """
    A sentence for the reader of an answer that is not whole; null for a whole one.
    """


class MessageHit(BaseModel):
    """
    A message that matches the query, with an excerpt. `score` orders the list; 1 is the best by both scores.
    """

    message_id: UUID
    """
    The id of a message.
    """
    conversation_id: UUID
    """
    The id of a conversation.
    """
    conversation_title: str
    """
    The conversation's title.
    """
    role: Literal["user", "assistant", "system"] = Field(..., examples=["user"])
    """
    Who wrote the message.
    """
    excerpt: str
    """
    The part of the message that fits best.
    """
    created_at: AwareDatetime
    """
    When the message was written.
    """
    score: float
    """
    The score that orders the list; 1 is the best by meaning and words.
    """
    scores: MessageScores
    """
    The two scores by themselves.
    """


class MessageHitPage(BaseModel):
    items: list[MessageHit]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class MessagePage(BaseModel):
    items: list[Message]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class MessageTrace(BaseModel):
    """
    The steps of an answer, and its settings. While the answer is written, the trace is `running`: it has the events that were streamed so far, and its totals are those of the stream.
    """

    id: UUID
    """
    The id. It never changes.
    """
    job_id: UUID
    """
    The id of the job that answers a question.
    """
    message_id: UUID | None
    """
    The answer's id; null when there is none.
    """
    pipeline: str
    """
    The pipeline that answers.
    """
    model: str
    """
    The name of the language model.
    """
    status: str
    """
    How the attempt ended; `running` before that.
    """
    settings: dict[str, Any]
    """
    The settings that the answer used.
    """
    events: list[dict[str, Any]]
    """
    What happened, in order.
    """
    tool_calls: list[ToolCallRecord]
    """
    The calls of tools, in order.
    """
    total_tool_calls: int
    """
    The number of calls of tools.
    """
    total_tokens_used: int
    """
    The number of tokens read and written.
    """
    total_duration_ms: float
    """
    How long the answer took, in milliseconds.
    """
    cancelled_by: str | None
    """
    Who cancelled the answer; null when nobody did.
    """
    cancellation_reason: str | None
    """
    Why, as the user said; null when nothing was said.
    """
    started_at: AwareDatetime
    """
    When the attempt began.
    """
    completed_at: AwareDatetime | None
    """
    When the attempt ended; null before that.
    """


class NewAssistant(BaseModel):
    """
    A persona. `task_prompt` contains `{context}` and `{query}`. Where a field is null, the settings apply. Its conversations use only documents that fulfil its `filters`.
    """

    name: str
    """
    The name that people see.
    """
    description: str | None = ""
    """
    What the assistant is good for.
    """
    llm_id: UUID | None = None
    """
    The id of a registered language model; null for the one that the settings name.
    """
    system_prompt: str | None = None
    """
    Instructions for the model; null for those of the settings.
    """
    task_prompt: str | None = None
    """
    The text that presents `{context}` and `{query}` to the model; null for that of the settings.
    """
    starter_messages: list[str] | None = None
    """
    Questions that a client offers at the beginning, at most 20.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    is_default: bool | None = False
    """
    Whether new conversations have this assistant.
    """
    is_visible: bool | None = True
    """
    Whether users see the assistant in lists.
    """


class NewChatCompletion(BaseModel):
    """
    A question with its history. `model` is an id of `GET /openai/v1/models`. System messages become instructions of the answer.
    """

    model: str
    """
    `alcove`, `assistant/<name>`, or the name of a language model.
    """
    messages: list[ChatMessage]
    """
    The conversation so far. The last message is the question.
    """
    stream: bool | None = False
    """
    Whether the answer comes as server-sent events.
    """
    stream_options: StreamOptions | None = None
    """
    Options of the stream.
    """
    temperature: float | None = None
    """
    How freely the model chooses its words.
    """
    top_p: float | None = None
    """
    The share of the likeliest words that the model chooses from.
    """
    max_completion_tokens: int | None = None
    """
    The longest answer, in tokens. `max_tokens` is accepted as well.
    """
    metadata: CompletionMetadata | None = None
    """
    Where to ask.
    """
    n: int | None = None
    """
    The number of answers: one.
    """
    tools: list[Any] | None = None
    """
    Not supported: leave it out.
    """
    functions: list[Any] | None = None
    """
    Not supported: leave it out.
    """
    response_format: dict[str, Any] | None = None
    """
    Text only.
    """
    logprobs: bool | None = None
    """
    Not supported: leave it out.
    """
    stop: str | list[str] | None = None
    """
    Not supported: leave it out.
    """
    modalities: list[str] | None = None
    """
    Text only.
    """
    audio: dict[str, Any] | None = None
    """
    Not supported: leave it out.
    """


class NewConversation(BaseModel):
    """
    A new conversation. The default title is its first question, the default assistant is the service's. Its answers use only documents that fulfil its `filters` and those of its assistant.
    """

    title: str | None = None
    """
    The title; by default the first question.
    """
    assistant_id: UUID | None = None
    """
    The assistant; by default the service's default assistant, if it has one.
    """
    settings: ConversationSettings | None = None
    """
    Settings for this conversation alone.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Names and values of your own, by which conversations can be listed.
    """


class NewEvalRun(BaseModel):
    """
    A run of a set: every question is answered by the service itself, after all other questions that wait. `settings`, `assistant_id` and `filters` are those of a conversation; `variant_id` takes the settings and the assistant of a variant. The run stops when its answers have cost `budget_usd`.
    """

    set_id: UUID
    """
    The set of questions.
    """
    name: str | None = None
    """
    The run's name; by default the set's.
    """
    settings: ConversationSettings | None = None
    """
    Settings for the run, as for a conversation; by default the caller's.
    """
    assistant_id: UUID | None = None
    """
    The assistant that answers; by default the service's default assistant, if it has one.
    """
    filters: SearchFilters | None = None
    """
    Which documents the answers use; by default all that the caller can read and selects.
    """
    variant_id: UUID | None = None
    """
    A variant whose settings and assistant the run takes. Administrators only.
    """
    budget_usd: float | None = 1.0
    """
    What the run's answers may cost, in US dollars. 0: no limit.
    """


class NewEvalSchedule(BaseModel):
    """
    Runs of a set at the times of `schedule`, a cron expression of five fields in UTC; `budget_usd` is for each run. A time at which the run before still goes on is left out.
    """

    set_id: UUID
    """
    The set of questions.
    """
    name: str | None = None
    """
    The run's name; by default the set's.
    """
    settings: ConversationSettings | None = None
    """
    Settings for the run, as for a conversation; by default the caller's.
    """
    assistant_id: UUID | None = None
    """
    The assistant that answers; by default the service's default assistant, if it has one.
    """
    filters: SearchFilters | None = None
    """
    Which documents the answers use; by default all that the caller can read and selects.
    """
    variant_id: UUID | None = None
    """
    A variant whose settings and assistant the run takes. Administrators only.
    """
    budget_usd: float | None = 1.0
    """
    What the run's answers may cost, in US dollars. 0: no limit.
    """
    schedule: str
    """
    When to run: a cron expression of five fields, in UTC.
    """


class NewMessage(BaseModel):
    """
    A question. It follows the message `parent_message_id`, by default the conversation's last message. An explicit null starts a thread branch of its own, beside the conversation's first question. Its answer uses only documents that fulfil `filters`, and those of the conversation and its assistant. `pipeline` and `model` apply to this question only. Their defaults come from the settings.
    """

    content: str
    """
    The question.
    """
    parent_message_id: UUID | None = None
    """
    The message that the question follows; by default the conversation's last one. Null starts a thread branch of its own.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Names and values of your own, by which messages can be searched.
    """
    pipeline: str | None = None
    """
    The pipeline for this question alone; by default the settings decide.
    """
    model: str | None = None
    """
    The model for this question alone; by default the settings decide.
    """


class NewPairwiseComparison(BaseModel):
    """
    A question for two variants. It follows the message `parent_message_id`, by default the conversation's last message. An explicit null starts a thread branch of its own.
    """

    content: str
    """
    The question.
    """
    parent_message_id: UUID | None = None
    """
    The message that the question follows; by default the conversation's last one. Null starts a thread branch of its own.
    """
    filters: SearchFilters | None = None
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    metadata: dict[str, str | bool | int | float | None] | None = None
    """
    Names and values of your own, by which messages can be searched.
    """


class NewVariant(BaseModel):
    """
    A variant of the pool. Without settings and assistant it answers with the settings of the service. The assistant's model and prompts are copied into the variant; `settings` override them. The probability that a challenger is drawn is its share of the sum of all weights.
    """

    name: str
    """
    The variant's name.
    """
    settings: VariantSettings | None = None
    """
    The settings in which the variant differs from the service.
    """
    assistant_id: UUID | None = None
    """
    The assistant whose model and prompts the variant copies; null for none.
    """
    weight: float | None = 1
    """
    How often the variant is drawn, beside the weights of the others.
    """
    is_champion: bool | None = False
    """
    Whether it is the champion that challengers are compared with.
    """
    is_active: bool | None = True
    """
    Whether the variant takes part in comparisons.
    """


class PairwiseComparison(BaseModel):
    """
    Two answers to one question. The status is `answering` until both jobs have ended, then `open` for a vote, then `voted`. A comparison with a failed or cancelled job is `void`.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The id of a conversation.
    """
    message_id: UUID
    """
    The question's id.
    """
    status: Literal["answering", "open", "voted", "void"] = Field(..., examples=["answering"])
    """
    How far the comparison is.
    """
    first: ComparisonSide
    """
    The answer on the first side.
    """
    second: ComparisonSide
    """
    The answer on the second side.
    """
    preference: Literal["first", "second", "tie", "both_bad"] | None
    """
    The vote; null before it.
    """
    preferred_at: AwareDatetime | None
    """
    When the vote was cast; null before it.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class PairwiseComparisonPage(BaseModel):
    items: list[PairwiseComparison]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class QueuedMessage(BaseModel):
    """
    A stored question and its job.
    """

    message: Message
    """
    The stored question.
    """
    job: Job
    """
    The job that answers it.
    """


class RecalledMemories(BaseModel):
    """
    What was recalled, best first.
    """

    items: list[RecalledMemory]
    """
    The memories, best first.
    """


class ReplayedMessage(BaseModel):
    """
    A message with the milliseconds since the message before it.
    """

    id: UUID
    """
    The id. It never changes.
    """
    conversation_id: UUID
    """
    The id of a conversation.
    """
    parent_message_id: UUID | None
    """
    The id of the message that this one follows; null at the beginning of a thread branch.
    """
    role: Literal["user", "assistant", "system"] = Field(..., examples=["user"])
    """
    Who wrote the message.
    """
    content: str
    """
    The text. An answer cites its sources as `[1]`.
    """
    sources: list[Source]
    """
    The sources of the answer, by the numbers of its citations.
    """
    pipeline: str | None
    """
    The pipeline that answered; null for a question.
    """
    model: str | None
    """
    The model that answered; null for a question.
    """
    rephrased_query: str | None
    """
    The question as it was searched for; null when it was not rewritten.
    """
    tone: str | None
    """
    How the question sounds, by its analysis; null for an answer.
    """
    behavior: str | None
    """
    What the user is doing, by the analysis; null for an answer.
    """
    context_type: str | None
    """
    What the question is about, by the analysis; null for an answer.
    """
    signal_strength: float | None
    """
    How clear the analysis is, from 0 to 1; null for an answer.
    """
    context_clarity: float | None
    """
    How well the question stands alone, from 0 to 1; null for an answer.
    """
    needs_knowledge: bool | None
    """
    Whether the question needs the documents; null for an answer.
    """
    thinking: str | None
    """
    The model's thinking, where it shows it; otherwise null.
    """
    prompts: list[UsedPrompt]
    """
    The prompts that the answer used.
    """
    filters: list[SearchFilters]
    """
    Which documents searches and answers use; by default all that the caller can read and selects.
    """
    prompt_tokens: int | None
    """
    The number of tokens that the model read; null for a question.
    """
    completion_tokens: int | None
    """
    The number of tokens that the model wrote; null for a question.
    """
    cost_usd: float | None
    """
    The cost in US dollars; null for a question, or when it is not shown.
    """
    invented_citations: int
    """
    The number of citations that led to nothing and were removed.
    """
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] | None
    """
    How the answer ended; it is whole only with `stop`. Null for a question.
    """
    is_mistake: bool
    """
    Whether a user marked the message as a mistake.
    """
    mistake_note: str | None
    """
    The note of that mark; null for none.
    """
    metadata: dict[str, Any]
    """
    Names and values of its user's.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """
    delay_ms: float
    """
    The milliseconds since the message before.
    """
    notice: str | None
    """
    A sentence for the reader of an answer that is not whole; null for a whole one.
    """


class SearchResult(BaseModel):
    """
    The hits, best first. `reranking` is null where the settings choose no reranker, and outside of mode `hybrid`. `missing_terms` are the words of the query that no hit holds, in any spelling; null unless `explain` is set.
    """

    items: list[Hit]
    """
    The hits, best first.
    """
    missing_terms: list[str] | None = None
    """
    The identifiers and names of the query that no document holds; null where that was not looked for.
    """
    reranking: Reranking | None = None
    """
    How the list was reranked; null when it was not.
    """


class SharedMessage(BaseModel):
    """
    A question or an answer of a shared conversation.
    """

    id: UUID
    """
    The id. It never changes.
    """
    parent_message_id: UUID | None
    """
    The message before; null for the first.
    """
    role: Literal["user", "assistant", "system"] = Field(..., examples=["user"])
    """
    Who wrote it.
    """
    content: str
    """
    The text.
    """
    sources: list[SharedSource]
    """
    The sources of an answer.
    """
    finish_reason: Literal["stop", "length", "content_filter", "cancelled"] | None
    """
    How an answer ended; null for a question.
    """
    created_at: AwareDatetime
    """
    When it was created.
    """


class SharedMessagePage(BaseModel):
    items: list[SharedMessage]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class Timing(BaseModel):
    """
    The duration of an answer by stages.
    """

    job_id: UUID
    """
    The id of the job that answers a question.
    """
    created_at: AwareDatetime
    """
    When the question was queued.
    """
    started_at: AwareDatetime | None
    """
    When the work began; null before that.
    """
    finished_at: AwareDatetime | None
    """
    When the work ended; null before that.
    """
    stages: list[TimingStage]
    """
    The stages, in their order.
    """


class TokenAnalytics(BaseModel):
    """
    Tokens and cost: the totals, and `items` by day and model, at most the newest 1,000.
    """

    prompt_tokens: int
    """
    The number of tokens that the model read.
    """
    completion_tokens: int
    """
    The number of tokens that the model wrote.
    """
    cost_usd: float
    """
    The cost in US dollars.
    """
    answers: int
    """
    The number of answers.
    """
    items: list[TokenUsage]
    """
    By day and model, at most the newest 1,000.
    """


class UpdateEvent(BaseModel):
    """
    One update of the service.
    """

    id: UUID
    """
    The id. It never changes.
    """
    version_from: str | None
    """
    The version before; null when it is not known.
    """
    version_to: str
    """
    The version that it brings.
    """
    status: Literal["pending", "in_progress", "completed", "failed", "rolled_back"] = Field(..., examples=["pending"])
    """
    How far it is, or how it ended.
    """
    source: Literal["deploy", "upload", "rollback", "dashboard", "usb", "auto"] = Field(..., examples=["deploy"])
    """
    How it came.
    """
    components_updated: list[Any]
    """
    The names of what changed, or what another system noted of it.
    """
    error_message: str | None
    """
    Why it failed; null for none.
    """
    started_at: AwareDatetime
    """
    When it began.
    """
    completed_at: AwareDatetime | None
    """
    When it ended; null while it goes on.
    """
    requires_reboot: bool
    """
    Whether the machine had to start again; only another system's updates say so.
    """
    initiated_by: str
    """
    Who began it.
    """
    components: list[ComponentUpdate]
    """
    What it did to each component.
    """
    rollback: UpdateRollback | None
    """
    The return to the former version; null for none.
    """


class UpdateEventPage(BaseModel):
    items: list[UpdateEvent]
    """
    The entries of this page.
    """
    next_cursor: str | None = None
    """
    Send it as `cursor` to get the next page; null on the last page.
    """


class AnswerReplay(BaseModel):
    """
    A question that is answered once more as of `as_of`, when it was asked first. The settings, the model and the versions of the prompts are those of that time, and documents that were added later are left out. `differences` are what is no longer as it was.
    """

    message: Message
    """
    The question.
    """
    job: Job
    """
    The job that answers it once more.
    """
    as_of: AwareDatetime
    """
    When the question was asked first; documents that were added later are left out.
    """
    differences: list[ReplayDifference]
    """
    What the answer saw that is no longer as it was.
    """


class CompletionChoice(BaseModel):
    """
    The only choice.
    """

    index: int | None = 0
    """
    Always 0.
    """
    message: CompletionMessage
    """
    The answer.
    """
    logprobs: None = Field(None)
    """
    Always null.
    """
    finish_reason: Literal["stop", "length", "content_filter"] = Field(..., examples=["stop"])
    """
    Why the answer ended. It is whole with `stop` alone.
    """


class EffectiveConfig(RootModel[dict[str, EffectiveValue]]):
    """
    Every setting by its name.
    """

    root: dict[str, EffectiveValue]


class Replay(BaseModel):
    """
    The messages of a conversation: the first 1,000 at most, and 1.5 million characters.
    """

    conversation_id: UUID
    """
    The id of a conversation.
    """
    title: str
    """
    The conversation's title.
    """
    messages: list[ReplayedMessage]
    """
    The messages, oldest first, at most 1,000.
    """


class ChatCompletion(BaseModel):
    """
    An answer. With `stream`, the response is `text/event-stream` with `chat.completion.chunk` objects instead.
    """

    id: str
    """
    The id of the completion, with the id of the stored answer.
    """
    object: Literal["chat.completion"] = "chat.completion"
    """
    The kind of the object.
    """
    created: int
    """
    When the answer was stored, in seconds since 1970.
    """
    model: str
    """
    The model of the request.
    """
    choices: list[CompletionChoice]
    """
    One answer.
    """
    usage: CompletionUsage
    """
    The tokens of the answer.
    """
    metadata: dict[str, str]
    """
    The ids of the conversation and of the stored answer.
    """
