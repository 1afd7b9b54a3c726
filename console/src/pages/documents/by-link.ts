// A document by its address: a connector of the type `web` that reads this one page, and keeps it as it is there.
import { api, Refusal, type Schemas } from "../../api";
import { said } from "../../strings";
import type { Target } from "./uploads";

const WAIT_MS = 1500;

/** What the address leads to is one document; a name for it is its address without the scheme. */
export async function connect(address: string, refreshMinutes: number | null, target: Target): Promise<string> {
  const name = address.replace(/^https?:\/\//i, "").replace(/\/$/, "").slice(0, 255);
  const made = await api.post("/connectors", {
    body: {
      name, type: "web", scope: target.scope, group_id: target.group_id, refresh_minutes: refreshMinutes,
      settings: { start_urls: [address], max_depth: 0, max_pages: 1, sitemaps: false },
    },
    once: true,
  });
  await api.post("/connectors/{connector_id}/sync", { path: { connector_id: made.id } });
  return made.id;
}

/** Wait for the run, and return the document. Raises Error with the reason when the address gave none. */
export async function documentOf(connector: string, none: string, pause: (milliseconds: number) => Promise<void>): Promise<Schemas["Document"]> {
  const path = { connector_id: connector };
  for (;;) {
    await pause(WAIT_MS);
    const [run] = (await api.get("/connectors/{connector_id}/runs", { path, query: { limit: 1 } })).items;
    if (run && run.status !== "pending" && run.status !== "running") {
      const [item] = (await api.get("/connectors/{connector_id}/items", { path, query: { limit: 1 } })).items;
      if (item?.document_id) return api.get("/documents/{document_id}", { path: { document_id: item.document_id } });
      throw new Error(run.error ? said("failures", run.error.code, run.error.message) : (item?.error ?? none));
    }
  }
}

/** Take a connector away that brought nothing, so that a wrong address leaves nothing behind. */
export async function disconnect(connector: string): Promise<void> {
  try {
    await api.delete("/connectors/{connector_id}", { path: { connector_id: connector } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
