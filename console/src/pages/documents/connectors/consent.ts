// The consent of a user at Google or Microsoft: the page leaves, and comes back with `?code=…&state=…`.
import { api } from "../../../api";

const KEY = "alcove:consent";

/** The console's own address, which the client at the provider must know. */
export const redirectUri = (): string => location.origin + location.pathname;

export async function beginConsent(connector: string): Promise<void> {
  const { url } = await api.post("/connectors/{connector_id}/authorization", { path: { connector_id: connector }, body: { redirect_uri: redirectUri() } });
  sessionStorage.setItem(KEY, connector);
  location.assign(url);
}

/** Finish a consent that this tab began; null where the address is none of it. Returns the connector's id. */
export async function finishConsent(query: URLSearchParams): Promise<string | null> {
  const connector = sessionStorage.getItem(KEY);
  const [code, state] = [query.get("code"), query.get("state")];
  sessionStorage.removeItem(KEY);
  if (!connector) return null;
  if (code && state) await api.post("/connectors/{connector_id}/authorization/code", { path: { connector_id: connector }, body: { code, state, redirect_uri: redirectUri() } });
  return connector;
}
