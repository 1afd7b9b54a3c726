// Links that people get by e-mail or from each other: `#<kind>=<token>`. The token never stays in the address.
import { go } from "./router";
import { Cell } from "./state";

export const kinds = ["invitation", "password_reset", "verification", "unlock", "email_new", "email_old", "share"] as const;
export type LinkKind = (typeof kinds)[number];

export interface Link {
  kind: LinkKind;
  token: string;
}

const KEY = "alcove:link";

/** The link that was opened and not used yet. The tab keeps it while a login provider has the page. */
export const link = new Cell<Link | null>(stored());

function stored(): Link | null {
  try {
    return read(sessionStorage.getItem(KEY) ?? "");
  } catch {
    return null;
  }
}

function read(fragment: string): Link | null {
  const found = /^#?([a-z_]+)=([\w-]{1,200})$/.exec(fragment);
  const kind = kinds.find((other) => other === found?.[1]);
  return kind ? { kind, token: found![2]! } : null;
}

export function open(opened: Link | null): void {
  try {
    if (opened?.token) sessionStorage.setItem(KEY, `${opened.kind}=${opened.token}`);
    else sessionStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing: the link is lost when a login provider takes the page.
  }
  link.set(opened);
}

/** Take a link out of the address, where there is one. */
export function take(): void {
  const found = read(location.hash);
  if (!found) return;
  go("#/", true);
  open(found);
}

/** The address of a link, for who hands it over: a deployment that knows no page of its own returns the token alone. */
export function addressOf(kind: LinkKind, token: string): string {
  return `${location.origin}${location.pathname}#${kind}=${token}`;
}
