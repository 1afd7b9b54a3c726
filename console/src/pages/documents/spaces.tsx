// The spaces that the caller can write to, and moving documents to another one.
import { api, Refusal, type Schemas } from "../../api";
import { t } from "../../strings";
import { complainAboutEach, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { Form } from "../../ui/forms";
import { save } from "../ask/export";

export type Space = Schemas["SpaceStorage"];

const MOST_IN_A_REQUEST = 100;

export async function writableSpaces(): Promise<Space[]> {
  return (await api.get("/me/storage")).items;
}

export function spaceKey(space: Space): string {
  return space.group_id ?? space.scope;
}

export function spaceChoices(spaces: Space[]): { value: string; text: string }[] {
  return spaces.map((space) => ({ value: spaceKey(space), text: space.group_name ?? t(space.scope === "org" ? "scope.org" : "scope.user") }));
}

/** One action with many documents. Complains about those that it cannot be done with; returns what was done. */
async function withAll(ids: string[], action: Omit<Schemas["BulkRequest"], "documents" | "where">): Promise<Schemas["BulkResult"][]> {
  const results: Schemas["BulkResult"][] = [];
  const failures: unknown[] = [];
  for (let at = 0; at < ids.length; at += MOST_IN_A_REQUEST) {
    const documents = ids.slice(at, at + MOST_IN_A_REQUEST);
    try {
      const result = await api.post("/documents/bulk", { body: { ...action, documents } as Schemas["BulkRequest"] });
      results.push(result);
      failures.push(...result.refused.map(({ code, detail }) => new Refusal(409, code, detail)));
    } catch (error) {
      failures.push(...documents.map(() => error));
    }
  }
  complainAboutEach(failures);
  return results;
}

/** Save the original of each document. The bucket sends them, so a link is followed for each. */
export async function downloadAll(ids: string[]): Promise<void> {
  const originals = (await withAll(ids, { action: "download" })).flatMap((result) => result.originals ?? []);
  const failures: unknown[] = [];
  for (const original of originals) {
    try {
      const response = await fetch(original.url);
      if (!response.ok) throw new Refusal(response.status, "", t("documents.not.loaded", { title: original.filename }));
      save(original.filename, original.content_type, new Uint8Array(await response.arrayBuffer()));
    } catch (error) {
      failures.push(error);
    }
  }
  complainAboutEach(failures);
}

/** Asks who can read the documents from now on, and moves them. */
export function MoveDialog({ ids, onlyGroups = false, onClose, onDone }: { ids: string[]; onlyGroups?: boolean; onClose: () => void; onDone: () => Promise<unknown> }) {
  const state = useLoad(async () => (await writableSpaces()).filter((space) => !onlyGroups || space.group_id !== null), []);
  const move = async (space: Space) => {
    const results = await withAll(ids, onlyGroups ? { action: "share", group_id: space.group_id! } : { action: "move", scope: space.scope, ...(space.group_id && { group_id: space.group_id }) });
    const moved = results.reduce((sum, result) => sum + result.documents.length, 0);
    if (moved) notify(t("documents.done", { count: moved }));
    onClose();
    await onDone();
  };
  return (
    <Dialog title={onlyGroups ? t("documents.share") : t("documents.move", { count: ids.length })} onClose={onClose}>
      <Loaded state={state}>
        {(spaces) => spaces.length === 0 ? <p class="hint">{t("documents.no.group")}</p> : (
          <Form
            entries={[{ name: "space", label: t("upload.space"), kind: "choice", options: spaceChoices(spaces), hint: t("documents.move.hint") }]}
            action={t("action.save")}
            onSubmit={(values) => move(spaces.find((space) => spaceKey(space) === values["space"])!)}
          />
        )}
      </Loaded>
    </Dialog>
  );
}
