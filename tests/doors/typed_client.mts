// The main job through openapi-fetch with the types that openapi-typescript generates; tsc checks the types.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

const TEXT = "# Valve manual\n\nThe valve V-3 is replaced every five years.\n";
const api = process.env.API!;

function check<T>(result: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (result.data === undefined) throw new Error(JSON.stringify(result.error));
  return result.data;
}

const anonymous = createClient<paths>({ baseUrl: api });
const body = { email: process.env.EMAIL!, password: process.env.PASSWORD! };
const tokens = check(await anonymous.POST("/auth/login", { body }));
const client = createClient<paths>({ baseUrl: api, headers: { Authorization: `Bearer ${tokens.access_token}` } });

const announced = { filename: "valve.md", content_type: "text/markdown", size_bytes: TEXT.length, scope: "user", title: "Valve manual" } as const;
let document = check(await client.POST("/documents", { body: announced }));
const upload = document.upload!;
const stored = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: TEXT });
if (!stored.ok) throw new Error(await stored.text());
const path = { document_id: document.id };
while (document.status !== "completed") {
  if (document.status === "failed") throw new Error(JSON.stringify(document.error));
  await new Promise((resolve) => setTimeout(resolve, 200));
  document = check(await client.GET("/documents/{document_id}", { params: { path } }));
}

const conversation = check(await client.POST("/conversations", { body: {} }));
const conversation_id = conversation.id;
const queued = check(
  await client.POST("/conversations/{conversation_id}/messages", {
    params: { path: { conversation_id }, header: { "Idempotency-Key": "k-2" } },
    body: { content: "How often is the valve V-3 replaced?" },
  }),
);
const events: string[] = [];
for (let last = 0; ; ) {
  const job = { path: { job_id: queued.job.id }, header: { "Last-Event-ID": String(last) } };
  const { data, response } = await client.GET("/jobs/{job_id}/events", { params: job, parseAs: "text" });
  if (response.status === 204) break;
  for (const [, id, event] of (data ?? "").matchAll(/^id: (\d+)\nevent: (\w+)$/gm)) {
    last = Number(id);
    events.push(event);
  }
}
const page = check(
  await client.GET("/conversations/{conversation_id}/messages", { params: { path: { conversation_id } } }),
);
const answer = page.items.at(-1)!;
console.log(JSON.stringify({ events, answer: answer.content, sources: answer.sources.map((source) => source.title) }));
