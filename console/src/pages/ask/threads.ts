// Conversations that were opened: their messages, the branches that were chosen, and what is being sent or written.
import { all, api, Refusal, sentence, type Schemas } from "../../api";
import { Cell, kept } from "../../state";
import { follow, live, type Live } from "../../stream";
import { t } from "../../strings";
import type { Message } from "../../tree";
import * as conversations from "./conversations";

export type Comparison = Schemas["PairwiseComparison"];
export type Filters = Schemas["SearchFilters"];

export interface Thread {
  conversation: conversations.Conversation;
  messages: Message[];
  comparisons: Comparison[];
  /** By the parent's id, `""` for the first messages: which branch is shown. */
  chosen: ReadonlyMap<string, string>;
  /** A question that is on its way to the service, and the message that it follows. */
  sending: { content: string; parent: string | null } | null;
  /** By the question's id: why its last job failed. */
  failures: ReadonlyMap<string, string>;
}

const threads = new Map<string, Cell<Thread>>();

interface KnownJob {
  job: string;
  conversation: string;
  at: number;
}

const DAY = 86_400_000;

/** Jobs that this browser has started and not seen the end of, by their question: a reload continues them. */
function knownJobs(): Record<string, KnownJob> {
  const jobs = JSON.parse(kept.get("jobs") ?? "{}") as Record<string, KnownJob>;
  return Object.fromEntries(Object.entries(jobs).filter(([, job]) => Date.now() - job.at < DAY));
}

function knowJob(question: string, job: KnownJob | null): void {
  const jobs = knownJobs();
  if (job) jobs[question] = job;
  else delete jobs[question];
  kept.set("jobs", JSON.stringify(jobs));
}

export async function open(id: string): Promise<Cell<Thread>> {
  const known = threads.get(id);
  if (known) {
    void refresh(id).catch(() => undefined);
    return known;
  }
  const path = { conversation_id: id };
  const [conversation, messages, comparisons] = await Promise.all([
    api.get("/conversations/{conversation_id}", { path }),
    loadMessages(id),
    loadComparisons(id),
  ]);
  const cell = new Cell<Thread>({ conversation, messages, comparisons, chosen: new Map(), sending: null, failures: new Map() });
  threads.set(id, cell);
  resume(cell);
  return cell;
}

function loadMessages(id: string): Promise<Message[]> {
  const path = { conversation_id: id };
  return all((cursor) => api.get("/conversations/{conversation_id}/messages", { path, query: { limit: 100, ...(cursor && { cursor }) } }), 5000);
}

function loadComparisons(id: string): Promise<Comparison[]> {
  const path = { conversation_id: id };
  return all((cursor) => api.get("/conversations/{conversation_id}/comparisons", { path, query: { limit: 100, ...(cursor && { cursor }) } }));
}

/** Continue to follow what was being written when the page was left. */
function resume(cell: Cell<Thread>): void {
  const { conversation, comparisons, messages } = cell.value;
  for (const comparison of comparisons) {
    if (comparison.status === "answering") followComparison(cell, comparison);
  }
  const ids = new Set(messages.map((message) => message.id));
  for (const [question, job] of Object.entries(knownJobs())) {
    if (job.conversation === conversation.id && ids.has(question)) watch(cell, job.job, question);
  }
}

export async function refresh(id: string): Promise<void> {
  const cell = threads.get(id);
  if (!cell) return;
  const [conversation, messages, comparisons] = await Promise.all([
    api.get("/conversations/{conversation_id}", { path: { conversation_id: id } }),
    loadMessages(id),
    cell.value.comparisons.length ? loadComparisons(id) : Promise.resolve([]),
  ]);
  cell.update((now) => ({ ...now, conversation, messages, comparisons }));
  conversations.put(conversation);
}

function watch(cell: Cell<Thread>, job: string, question: string): void {
  const id = cell.value.conversation.id;
  const onTitle = (title: string) => cell.update((now) => ({ ...now, conversation: { ...now.conversation, title } }));
  const onEnd = async (_: string, last: Live) => {
    if (last.error) cell.update((now) => ({ ...now, failures: new Map(now.failures).set(question, last.error) }));
    await refresh(id);
    knowJob(question, null);
  };
  follow(job, id, question, { onTitle, onEnd });
}

function choose(cell: Cell<Thread>, parent: string, message: string): void {
  cell.update((now) => ({ ...now, chosen: new Map(now.chosen).set(parent, message) }));
}

export function walk(cell: Cell<Thread>, message: Message): void {
  choose(cell, message.parent_message_id ?? "", message.id);
}

/** Choose the branches that lead to a message. */
export function show(cell: Cell<Thread>, id: string): void {
  const byId = new Map(cell.value.messages.map((message) => [message.id, message]));
  const chosen = new Map(cell.value.chosen);
  for (let message = byId.get(id); message; message = byId.get(message.parent_message_id ?? "")) {
    chosen.set(message.parent_message_id ?? "", message.id);
  }
  cell.update((now) => ({ ...now, chosen }));
}

/** Ask a question after `parent`; null begins a branch of its own. A broken connection asks once all the same. */
export async function ask(cell: Cell<Thread>, content: string, parent: string | null): Promise<void> {
  const id = cell.value.conversation.id;
  cell.update((now) => ({ ...now, sending: { content, parent } }));
  try {
    const body = { content, parent_message_id: parent };
    const queued = await api.post("/conversations/{conversation_id}/messages", { path: { conversation_id: id }, body, once: true });
    knowJob(queued.message.id, { job: queued.job.id, conversation: id, at: Date.now() });
    cell.update((now) => ({ ...now, messages: [...now.messages, queued.message], sending: null }));
    choose(cell, parent ?? "", queued.message.id);
    watch(cell, queued.job.id, queued.message.id);
  } finally {
    cell.update((now) => ({ ...now, sending: null }));
  }
}

/** Answer a question again. */
export async function again(cell: Cell<Thread>, question: string, changes: Schemas["Regeneration"] = {}): Promise<void> {
  const queued = await api.post("/messages/{message_id}/regenerate", { path: { message_id: question }, body: changes, once: true });
  knowJob(question, { job: queued.job.id, conversation: cell.value.conversation.id, at: Date.now() });
  const failures = new Map(cell.value.failures);
  failures.delete(question);
  const chosen = new Map(cell.value.chosen);
  chosen.delete(question);
  cell.update((now) => ({ ...now, failures, chosen }));
  watch(cell, queued.job.id, question);
}

/** Ask two variants. */
export async function compare(cell: Cell<Thread>, content: string, parent: string | null): Promise<void> {
  const id = cell.value.conversation.id;
  cell.update((now) => ({ ...now, sending: { content, parent } }));
  try {
    const body = { content, parent_message_id: parent };
    const comparison = await api.post("/conversations/{conversation_id}/comparisons", { path: { conversation_id: id }, body, once: true });
    const message = await api.get("/messages/{message_id}", { path: { message_id: comparison.message_id } });
    cell.update((now) => ({ ...now, messages: [...now.messages, message], comparisons: [comparison, ...now.comparisons], sending: null }));
    choose(cell, parent ?? "", message.id);
    followComparison(cell, comparison);
  } finally {
    cell.update((now) => ({ ...now, sending: null }));
  }
}

function followComparison(cell: Cell<Thread>, comparison: Comparison): void {
  const jobs = [comparison.first.job_id, comparison.second.job_id];
  const onEnd = async () => {
    if (jobs.every((job) => (live(job)?.value.status ?? "ended") === "ended")) await refresh(cell.value.conversation.id);
  };
  for (const job of jobs) follow(job, cell.value.conversation.id, comparison.message_id, { onEnd });
}

export async function vote(cell: Cell<Thread>, comparison: Comparison, preference: Schemas["Preference"]): Promise<void> {
  const path = { comparison_id: comparison.id };
  const voted = await api.post("/comparisons/{comparison_id}/preference", { path, body: { preference } });
  const answer = preference === "second" ? voted.second.answer : voted.first.answer;
  cell.update((now) => ({ ...now, comparisons: now.comparisons.map((other) => (other.id === voted.id ? voted : other)) }));
  if (answer) choose(cell, comparison.message_id, answer.id);
}

export async function stop(job: string): Promise<void> {
  try {
    await api.delete("/jobs/{job_id}", { path: { job_id: job } });
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "job_finished")) throw error;
  }
}

export async function change(cell: Cell<Thread>, changes: Schemas["ConversationChanges"]): Promise<void> {
  const path = { conversation_id: cell.value.conversation.id };
  const conversation = await api.patch("/conversations/{conversation_id}", { path, body: changes });
  cell.update((now) => ({ ...now, conversation }));
  if (changes.is_archived !== undefined) conversations.remove(conversation.id);
  conversations.put(conversation);
}

export function putMessage(cell: Cell<Thread>, message: Message): void {
  cell.update((now) => ({ ...now, messages: now.messages.map((other) => (other.id === message.id ? message : other)) }));
}

export const problemOf = (error: unknown): string => sentence(error, t("error.offline"));
