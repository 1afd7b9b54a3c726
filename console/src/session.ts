// Who is signed in. The access token lives in memory; the refresh token and the device's token are kept by the browser.
import { kept, Cell } from "./state";
import type { components } from "./schema";
import { patiently } from "./waking";

type Tokens = components["schemas"]["Tokens"];
export type Me = components["schemas"]["Me"];

export const BASE = location.origin + location.pathname.replace(/\/console\/?$/, "");

export const me = new Cell<Me | null>(null);
export const signedIn = new Cell<boolean>(kept.get("refresh") !== null);

let access: { token: string; expires: number } | null = null;
let refreshing: Promise<string> | null = null;

export class SignedOut extends Error {}

/** Keep the tokens of a login or a refresh. */
export function accept(tokens: Tokens): void {
  access = { token: tokens.access_token, expires: Date.now() + (tokens.expires_in - 30) * 1000 };
  kept.set("refresh", tokens.refresh_token);
  if (tokens.device_token) kept.set("device", tokens.device_token);
  signedIn.set(true);
}

export function forget(): void {
  access = null;
  kept.set("refresh", null);
  me.set(null);
  signedIn.set(false);
}

kept.onChange("refresh", (value) => {
  if (value === null && signedIn.value) forget();
});

/** An access token that is still good. Raises SignedOut, or TypeError without a network. */
export function accessToken(renew = false): Promise<string> {
  if (!renew && access && access.expires > Date.now()) return Promise.resolve(access.token);
  refreshing ??= alone(refresh).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** One window of this browser refreshes at a time: a token that was used long ago ends its session. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(`alcove-refresh:${BASE}`, work) as Promise<T>) : work();
}

async function refresh(): Promise<string> {
  const token = kept.get("refresh");
  if (token === null) {
    forget();
    throw new SignedOut();
  }
  const response = await patiently(() => fetch(`${BASE}/auth/refresh`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh_token: token }),
  }));
  if (response.ok) {
    accept((await response.json()) as Tokens);
    return access!.token;
  }
  if (response.status === 400 || response.status === 401 || response.status === 403 || response.status === 422) {
    forget();
    throw new SignedOut();
  }
  throw new TypeError("The service does not answer.");
}

/** What a login provider left in the address: `#refresh_token=…&state=…` or `#error=…&state=…`. */
export async function acceptFragment(): Promise<string | null> {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("refresh_token");
  const error = fragment.get("error");
  if (token === null && error === null) return null;
  history.replaceState(null, "", location.pathname);
  const expected = sessionStorage.getItem("alcove:login-state");
  sessionStorage.removeItem("alcove:login-state");
  if (expected === null || fragment.get("state") !== expected) return "login_state_invalid";
  if (error !== null) return error;
  kept.set("refresh", token);
  signedIn.set(true);
  return null;
}

export function beginProviderLogin(startPath: string): void {
  const state = random();
  sessionStorage.setItem("alcove:login-state", state);
  const page = location.origin + location.pathname;
  location.assign(`${BASE}${startPath}?${new URLSearchParams({ return_to: page, state })}`);
}

export function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A random UUID, also where the page is not served over HTTPS. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
