// A conversation as a file.
import { api, type Schemas } from "../../api";
import { t } from "../../strings";
import { thread } from "../../tree";
import type { Thread } from "./threads";

export function save(name: string, type: string, content: string | Uint8Array<ArrayBuffer>): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function fileName(title: string): string {
  return title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
}

/** The branches that are shown, with the sources of each answer. */
export function exportMarkdown({ conversation, messages, chosen }: Thread): void {
  const parts = [`# ${conversation.title}`];
  for (const { message } of thread(messages, chosen)) {
    parts.push(message.role === "user" ? `## ${message.content}` : message.content);
    for (const source of message.sources) {
      const place = [source.title, source.page && t("source.page", { page: source.page }), source.section].filter(Boolean).join(", ");
      parts.push(`> [${source.number}] ${place}: “${source.quote.replaceAll("\n", " ")}”`);
    }
  }
  save(`${fileName(conversation.title)}.md`, "text/markdown", `${parts.join("\n\n")}\n`);
}

/** Every message of every branch. */
export async function exportJson(id: string): Promise<void> {
  const replay = await api.get("/conversations/{conversation_id}/replay", { path: { conversation_id: id } });
  save(`${fileName(replay.title)}.json`, "application/json", JSON.stringify(replay, null, 2));
}

/** The newest branch as a file that the service makes. */
export async function exportFile(id: string, format: Schemas["ConversationFormat"]): Promise<void> {
  const file = await api.get("/conversations/{conversation_id}/export", { path: { conversation_id: id }, query: { format } });
  const content = file.encoding === "base64" ? Uint8Array.from(atob(file.content), (byte) => byte.charCodeAt(0)) : file.content;
  save(file.file_name, file.content_type, content);
}
