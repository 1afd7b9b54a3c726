// A conversation as a file.
import { api } from "../../api";
import { t } from "../../strings";
import { thread } from "../../tree";
import type { Thread } from "./threads";

export function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
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
