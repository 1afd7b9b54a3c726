// Files on their way: announced, sent to the bucket, and followed until searches find them.
import { all, api, pause, sentence, type Schemas } from "../../api";
import { uuid } from "../../session";
import { Cell } from "../../state";
import { said, t } from "../../strings";
import { connect, disconnect, documentOf } from "./by-link";
import { NotExpected, send } from "./sending";

export type Document = Schemas["Document"];

export interface Upload {
  id: string;
  path: string; // where the file was in its folder
  size: number;
  state: "waiting" | "sending" | "ingesting" | "done" | "failed";
  sent: number; // bytes
  document: Document | null;
  problem: string;
  source: File | { text: string; title: string } | { address: string; refreshMinutes: number | null };
  target: Target;
}

export interface Target {
  scope: Schemas["SpaceKind"];
  group_id: string | null;
  repository: string | null;
  tags: string[];
}

export const uploads = new Cell<readonly Upload[]>([]);
/** Grows when a document has become searchable, so that lists load again. */
export const finished = new Cell(0);

const AT_ONCE = 3;
let active = 0;
let batch = uuid();
let isFollowing = false;

function change(id: string, changes: Partial<Upload>): void {
  uploads.update((items) => items.map((item) => (item.id === id ? { ...item, ...changes } : item)));
}

export function add(files: { file: File; path: string }[], target: Target): void {
  if (uploads.value.every((item) => item.state === "done" || item.state === "failed")) batch = uuid();
  const added = files.map(({ file, path }): Upload => ({
    id: uuid(), path, size: file.size, state: "waiting", sent: 0, document: null, problem: "", source: file, target,
  }));
  uploads.update((items) => [...items, ...added]);
  start();
}

export function addText(title: string, text: string, target: Target): void {
  const item: Upload = { id: uuid(), path: title, size: text.length, state: "waiting", sent: 0, document: null, problem: "", source: { title, text }, target };
  uploads.update((items) => [...items, item]);
  start();
}

export function addLink(address: string, refreshMinutes: number | null, target: Target): void {
  const item: Upload = { id: uuid(), path: address, size: 0, state: "waiting", sent: 0, document: null, problem: "", source: { address, refreshMinutes }, target };
  uploads.update((items) => [...items, item]);
  start();
}

/** Once more from the start; a big file that is sent in parts goes on where it was interrupted. */
export function again(id: string): void {
  uploads.update((items) => items.map((item) => (item.id !== id ? item : {
    ...item, state: "waiting", sent: 0, problem: "", document: item.document?.upload_parts && !item.document.upload ? item.document : null,
  })));
  start();
}

export function clear(): void {
  uploads.update((items) => items.filter((item) => item.state !== "done" && item.state !== "failed"));
}

function start(): void {
  while (active < AT_ONCE) {
    const next = uploads.value.find((item) => item.state === "waiting");
    if (!next) return;
    active += 1;
    change(next.id, { state: "sending" });
    void upload(next).finally(() => {
      active -= 1;
      start();
    });
  }
}

async function upload(item: Upload): Promise<void> {
  try {
    const document = item.document ?? (await ("address" in item.source ? fetchFrom(item.source, item.target) : announce(item, item.source)));
    change(item.id, { document });
    if (item.source instanceof File) await send(document, item.source, (sent) => change(item.id, { sent }));
    await place(item, document.id);
    change(item.id, { state: document.status === "completed" ? "done" : "ingesting", sent: item.size });
    void followIngestion();
  } catch (error) {
    const mustBeAnnounced = error instanceof NotExpected;
    change(item.id, { state: "failed", problem: sentence(error, t("upload.broken")), ...(mustBeAnnounced && { document: null }) });
  }
}

async function fetchFrom({ address, refreshMinutes }: { address: string; refreshMinutes: number | null }, target: Target): Promise<Document> {
  const connector = await connect(address, refreshMinutes, target);
  try {
    return await documentOf(connector, t("upload.link.none"), pause);
  } catch (error) {
    await disconnect(connector);
    throw error;
  }
}

function announce({ size, target }: Upload, source: File | { text: string; title: string }): Promise<Document> {
  const where = { scope: target.scope, group_id: target.group_id, batch };
  if (!(source instanceof File)) {
    return api.post("/documents", { body: { title: source.title, content: source.text, ...where }, once: true });
  }
  if (size === 0) throw new Error(t("upload.empty"));
  const body = { filename: source.name, size_bytes: size, ...(source.type && { content_type: source.type }), ...where };
  return api.post("/documents", { body, once: true });
}

/** Into the repository at the file's path, and with the tags. */
async function place({ path, target, source }: Upload, id: string): Promise<void> {
  if (target.repository && !("address" in source)) {  // a connector has a repository of its own
    const to = { repository_id: target.repository, document_id: id };
    await api.put("/repositories/{repository_id}/documents/{document_id}", { path: to, body: { path } });
  }
  for (const tag of target.tags) await api.put("/tags/{tag_id}/documents/{document_id}", { path: { tag_id: tag, document_id: id } });
}

/** Ask how far the documents are until every one has ended. */
async function followIngestion(): Promise<void> {
  if (isFollowing) return;
  isFollowing = true;
  try {
    for (let wait = 800; uploads.value.some((item) => item.state === "ingesting"); wait = Math.min(wait * 1.2, 4000)) {
      await pause(wait);
      try {
        await look();
      } catch {
        // The next look may succeed; the documents go on without it.
      }
    }
  } finally {
    isFollowing = false;
  }
}

async function look(): Promise<void> {
  const waiting = uploads.value.filter((item) => item.state === "ingesting");
  const batches = new Set(waiting.map((item) => item.document!.batch ?? ""));
  const lists = await Promise.all([...batches].filter(Boolean).map((id) =>
    all((cursor) => api.get("/documents", { query: { batch: id, limit: 100, ...(cursor && { cursor }) } }), 5000)));
  const byId = new Map(lists.flat().map((document) => [document.id, document]));
  for (const item of waiting) {
    // A copy of a document that was there before answers by its own id alone.
    const id = item.document!.id;
    const document = byId.get(id) ?? (await api.get("/documents/{document_id}", { path: { document_id: id } }));
    if (document.status === "completed") {
      change(item.id, { document, state: "done" });
      finished.update((number) => number + 1);
    } else if (document.status === "failed") {
      change(item.id, { document, state: "failed", problem: document.error ? said("failures", document.error.code, document.error.message) : t("document.failed") });
    } else {
      change(item.id, { document });
    }
  }
}

/** The files of what was dropped, with the files of dropped folders. */
export async function dropped(transfer: DataTransfer): Promise<{ file: File; path: string }[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files: { file: File; path: string }[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      files.push({ file, path: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const child of some) await visit(child);
    }
  };
  for (const entry of entries) await visit(entry);
  return files.filter(({ file }) => !file.name.startsWith("."));
}
