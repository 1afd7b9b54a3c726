// The service's API, with the types of its own description (`schema.d.ts`, which `make console` generates).
import type { components, paths } from "./schema";
import { said } from "./strings";
import { accessToken, BASE, SignedOut, uuid } from "./session";
import { patiently, pause } from "./waking";

export type Schemas = components["schemas"];

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type Success<O> = O extends { responses: infer R }
  ? { [S in keyof R & (200 | 201 | 202)]: R[S] extends { content: { "application/json": infer B } } ? B : never }[
      keyof R & (200 | 201 | 202)
    ]
  : never;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Q : undefined;

export interface Options<O> {
  path?: Record<string, string | number>;
  query?: Query<O>;
  body?: Body<O>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A POST that is sent again after a broken connection, and is done once all the same. */
  once?: boolean;
}

/** The service refused a request. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: { field: string; message: string }[] = [],
  ) {
    super(message);
  }
}

/** What asks for the password again; the shell sets it. Resolves with false when the person declines. */
export const proof = { ask: async (): Promise<boolean> => false };

export { pause };

async function refusal(response: Response): Promise<Refusal> {
  try {
    const problem = (await response.json()) as Schemas["Problem"];
    const message = problem.detail || problem.title || response.statusText;
    return new Refusal(response.status, problem.code ?? "", message, problem.errors);
  } catch {
    return new Refusal(response.status, "", response.statusText || String(response.status));
  }
}

/** A request with the caller's token. Waits where the service asks for it, and asks for a proof where one is due. */
export async function send(method: Method, address: string, init: RequestInit & { once?: boolean }): Promise<Response> {
  const repeatable = method === "get" || init.once === true;
  const headers: Record<string, string> = { ...(init.headers as Record<string, string>) };
  if (init.once) headers["Idempotency-Key"] = uuid();
  let renewed = false;
  for (let attempt = 0; ; attempt++) {
    let response: Response;
    try {
      headers["Authorization"] = `Bearer ${await accessToken()}`;
      response = await patiently(() => fetch(BASE + address, { ...init, method: method.toUpperCase(), headers }));
    } catch (error) {
      const isNetwork = error instanceof TypeError && !(init.signal?.aborted ?? false);
      if (!isNetwork || !repeatable || attempt >= 5) throw error;
      await pause(500 * 2 ** attempt);
      continue;
    }
    if (response.ok) return response;
    const wait = Number(response.headers.get("Retry-After") ?? 1);
    if (response.status === 429 && attempt < 4 && wait <= 30) {
      await pause(wait * 1000);
      continue;
    }
    if ((response.status === 503 || response.status === 504) && repeatable && attempt < 3) {
      await pause(1000 * 2 ** attempt);
      continue;
    }
    const problem = await refusal(response);
    if (response.status === 401 && !renewed) {
      renewed = true;
      await accessToken(true);
      continue;
    }
    const proofIsDue = problem.code === "recent_login_required" || problem.code === "stale_session";
    if (proofIsDue && (await proof.ask())) continue;
    throw problem;
  }
}

function fill(path: string, parts: Record<string, string | number> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parts[name])));
}

function search(query: object | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

async function call<O>(method: Method, path: string, options: Options<O>): Promise<Success<O>> {
  const headers = { ...options.headers };
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  if (body !== null) headers["Content-Type"] = "application/json";
  const init: RequestInit & { once?: boolean } = { body, headers };
  if (options.signal) init.signal = options.signal;
  if (options.once) init.once = true;
  const response = await send(method, fill(path, options.path) + search(options.query as object), init);
  return (response.status === 204 ? undefined : await response.json()) as Success<O>;
}

export const api = {
  get: <P extends PathsWith<"get"> & string>(path: P, options: Options<Operation<P, "get">> = {}) =>
    call<Operation<P, "get">>("get", path, options),
  post: <P extends PathsWith<"post"> & string>(path: P, options: Options<Operation<P, "post">> = {}) =>
    call<Operation<P, "post">>("post", path, options),
  put: <P extends PathsWith<"put"> & string>(path: P, options: Options<Operation<P, "put">> = {}) =>
    call<Operation<P, "put">>("put", path, options),
  patch: <P extends PathsWith<"patch"> & string>(path: P, options: Options<Operation<P, "patch">> = {}) =>
    call<Operation<P, "patch">>("patch", path, options),
  delete: <P extends PathsWith<"delete"> & string>(path: P, options: Options<Operation<P, "delete">> = {}) =>
    call<Operation<P, "delete">>("delete", path, options),
};

/** A request without a token: of somebody who is not signed in yet. */
export async function open<T>(method: "GET" | "POST", path: string, body?: object): Promise<T> {
  const response = await patiently(() => fetch(BASE + path, {
    method,
    ...(body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  }));
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

interface PageOf<T> {
  items: T[];
  next_cursor?: string | null;
}

/** Every entry of a list, page by page, at most `most` of them. */
export async function all<T>(page: (cursor: string | undefined) => Promise<PageOf<T>>, most = 1000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const next = await page(cursor);
    items.push(...next.items);
    cursor = next.next_cursor ?? undefined;
  } while (cursor && items.length < most);
  return items;
}

/** A sentence for people about whatever went wrong; empty when nothing has to be said. */
export function sentence(error: unknown, offline: string): string {
  if (error instanceof SignedOut) return "";
  if (error instanceof Refusal) {
    const fields = error.fields.map((field) => `${field.field}: ${field.message}`);
    return [said("problems", error.code, error.message), ...fields].join(" ");
  }
  if (error instanceof DOMException && error.name === "AbortError") return "";
  if (error instanceof TypeError) return offline;
  return error instanceof Error ? error.message : String(error);
}
