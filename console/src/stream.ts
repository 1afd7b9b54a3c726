// Answers that are being written. They are followed by number, so a broken connection loses and repeats nothing, and
// they are followed whichever page is open.
import { pause, Refusal, send, type Schemas } from "./api";
import { Cell } from "./state";
import { said } from "./strings";

export interface Live {
  job: string;
  conversation: string;
  question: string;
  text: string;
  thinking: string;
  tools: { id: string; name: string; detail: string; state: "running" | "done" | "failed" }[];
  found: FoundChunk[] | null;
  status: "pending" | "processing" | "waiting" | "ended";
  note: string;
  error: string;
  isOffline: boolean;
  learned: string[];
}

export interface FoundChunk {
  chunk_id: string;
  document_id: string;
  title: string;
  start_char: number;
  page: number | null;
  section: string | null;
}

const all = new Map<string, Cell<Live>>();
export const running = new Cell<readonly string[]>([]);
/** Where a chunk begins in its document, as the searches of this visit have said. */
export const starts = new Map<string, number>();

export function live(job: string): Cell<Live> | undefined {
  return all.get(job);
}

/** The answers to a question that are being written now, or whose stored messages are not loaded yet. */
export function liveFor(question: string): Cell<Live>[] {
  return running.value.map((job) => all.get(job)!).filter((cell) => cell.value.question === question);
}

interface Ends {
  onTitle?: (title: string) => void;
  /** After the last event, with its name. The answer counts as running until this is done. */
  onEnd: (event: string, last: Live) => Promise<unknown>;
}

/** Follow a job to its end. */
export function follow(job: string, conversation: string, question: string, ends: Ends): Cell<Live> {
  const known = all.get(job);
  if (known) return known;
  const cell = new Cell<Live>({
    job, conversation, question,
    text: "", thinking: "", tools: [], found: null, status: "pending", note: "", error: "", isOffline: false, learned: [],
  });
  all.set(job, cell);
  running.update((jobs) => [...jobs, job]);
  void run(cell, ends);
  return cell;
}

async function run(cell: Cell<Live>, ends: Ends): Promise<void> {
  let after = 0;
  let failures = 0;
  let last = "";
  while (cell.value.status !== "ended") {
    try {
      const response = await send("get", `/jobs/${cell.value.job}/events?after=${after}`, {});
      if (response.status === 204) break;
      const text = await response.text();
      failures = 0;
      if (cell.value.isOffline) cell.update((now) => ({ ...now, isOffline: false }));
      let next = cell.value;
      for (const event of parse(text)) {
        if (event.number <= after) continue;
        after = event.number;
        next = apply(next, event.name, event.data, ends);
        if (next.status === "ended") last = event.name;
      }
      cell.set(next);
      await pause(50);
    } catch (error) {
      if (error instanceof Refusal && error.status !== 429 && error.status < 500) {
        cell.update((now) => ({ ...now, error: said("problems", error.code, error.message) }));
        break;
      }
      failures += 1;
      cell.update((now) => ({ ...now, isOffline: true }));
      await Promise.race([pause(Math.min(1000 * failures, 5000)), online()]);
    }
  }
  cell.update((now) => ({ ...now, status: "ended", isOffline: false }));
  try {
    await ends.onEnd(last, cell.value);
  } finally {
    running.update((jobs) => jobs.filter((job) => job !== cell.value.job));
  }
}

function online(): Promise<void> {
  return new Promise((resolve) => addEventListener("online", () => resolve(), { once: true }));
}

interface JobEvent {
  number: number;
  name: string;
  data: Record<string, unknown>;
}

/** The events of a response, as the HTML standard's server-sent events. */
export function parse(text: string): JobEvent[] {
  const events: JobEvent[] = [];
  for (const block of text.split("\n\n")) {
    const fields = new Map(block.split("\n").map((line) => {
      const at = line.indexOf(": ");
      return [line.slice(0, at), line.slice(at + 2)] as const;
    }));
    const [number, name, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
    if (number && name && data) events.push({ number: Number(number), name, data: JSON.parse(data) });
  }
  return events;
}

function apply(now: Live, name: string, data: Record<string, unknown>, ends: Ends): Live {
  switch (name) {
    case "meta":
      return applyMeta(now, data, ends);
    case "retrieval": {
      const found = data["sources"] as FoundChunk[];
      for (const chunk of found) starts.set(chunk.chunk_id, chunk.start_char);
      return { ...now, found };
    }
    case "token":
      return { ...now, text: now.text + String(data["text"]), note: "" };
    case "thinking":
      return { ...now, thinking: now.thinking + String(data["text"]) };
    case "tool_call": {
      const detail = typeof data["arguments"] === "string" ? data["arguments"] : JSON.stringify(data["arguments"]);
      return { ...now, tools: [...now.tools, { id: String(data["id"]), name: String(data["name"]), detail, state: "running" }] };
    }
    case "tool_result": {
      const state = data["failed"] ? "failed" : "done";
      return { ...now, tools: now.tools.map((tool) => (tool.id === data["id"] ? { ...tool, state } : tool)) };
    }
    case "done":
    case "cancelled":
      return { ...now, status: "ended" };
    case "error":
      return { ...now, status: "ended", error: said("failures", String(data["code"] ?? ""), String(data["message"])) };
    default:
      return now;
  }
}

function applyMeta(now: Live, data: Record<string, unknown>, ends: Ends): Live {
  if (data["restart"]) return { ...now, text: "" };
  if (data["status"] === "processing") return { ...now, status: "processing", thinking: "", tools: [], note: "" };
  if (data["status"] === "waiting") return { ...now, status: "waiting", note: String(data["message"]) };
  if (typeof data["title"] === "string") ends.onTitle?.(data["title"]);
  if (Array.isArray(data["learned"])) {
    return { ...now, learned: (data["learned"] as Schemas["LearnedMemory"][]).map((memory) => memory.content) };
  }
  return now;
}
