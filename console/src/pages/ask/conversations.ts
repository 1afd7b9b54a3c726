// The conversations of the list, the latest activity first.
import { api, type Schemas } from "../../api";
import { Cell } from "../../state";

export type Conversation = Schemas["Conversation"];
export type Shelf = "active" | "archived" | "deleted" | "shared";

export const shelf = new Cell<Shelf>("active");
export const conversations = new Cell<Conversation[] | null>(null);
export const nextCursor = new Cell<string | null>(null);

const activity = (conversation: Conversation): string => conversation.last_message_at ?? conversation.created_at;

function sorted(items: Conversation[]): Conversation[] {
  return [...items].sort((a, b) => activity(b).localeCompare(activity(a)));
}

let turn = 0;

export async function load(more = false): Promise<void> {
  const mine = ++turn;
  if (shelf.value === "shared") return nextCursor.set(null);  // its list loads itself
  const cursor = more ? (nextCursor.value ?? undefined) : undefined;
  const query = { limit: 100, ...(cursor && { cursor }), ...(shelf.value !== "active" && { [shelf.value]: true }) };
  const page = await api.get("/conversations", { query });
  if (mine !== turn) return;
  const before = more ? (conversations.value ?? []) : [];
  conversations.set(sorted([...before, ...page.items]));
  nextCursor.set(page.next_cursor ?? null);
}

/** Show a conversation as it is now. */
export function put(conversation: Conversation): void {
  if (shelf.value !== "active" || conversation.is_archived) return;
  const others = (conversations.value ?? []).filter((other) => other.id !== conversation.id);
  conversations.set(sorted([conversation, ...others]));
}

export function remove(id: string): void {
  conversations.update((items) => items && items.filter((item) => item.id !== id));
}
