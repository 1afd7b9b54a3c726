// A conversation is a tree: asking again or editing a question begins another branch.
import type { Schemas } from "./api";

export type Message = Schemas["Message"];

/** What a thread is made of: a message, and the one before it. */
export interface Linked {
  id: string;
  parent_message_id?: string | null;
}

export interface Step<M extends Linked = Message> {
  message: M;
  /** The messages at this place of the thread, oldest first: the branches that one can walk. */
  siblings: M[];
}

/** The thread from the first message to the last one of the chosen branches; without a choice the newest branch. */
export function thread<M extends Linked = Message>(messages: M[], chosen: ReadonlyMap<string, string>): Step<M>[] {
  const children = new Map<string, M[]>();
  const known = new Set(messages.map((message) => message.id));
  for (const message of messages) {
    const parent = message.parent_message_id && known.has(message.parent_message_id) ? message.parent_message_id : "";
    children.set(parent, [...(children.get(parent) ?? []), message]);
  }
  const steps: Step<M>[] = [];
  let at = "";
  for (;;) {
    const siblings = children.get(at);
    if (!siblings?.length) return steps;
    const message = siblings.find((sibling) => sibling.id === chosen.get(at)) ?? siblings[siblings.length - 1]!;
    steps.push({ message, siblings });
    at = message.id;
  }
}
