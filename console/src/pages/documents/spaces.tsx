// The spaces that the caller can write to, and moving documents to another one.
import { api, Refusal, type Schemas } from "../../api";
import { t } from "../../strings";
import { complain, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { Form } from "../../ui/forms";

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

/** Asks who can read the documents from now on, and moves them; those that cannot be moved are named. */
export function MoveDialog({ ids, onClose, onDone }: { ids: string[]; onClose: () => void; onDone: () => Promise<unknown> }) {
  const state = useLoad(writableSpaces, []);
  const move = async (space: Space) => {
    let moved = 0;
    const refused: Schemas["BulkRefusal"][] = [];
    for (let at = 0; at < ids.length; at += MOST_IN_A_REQUEST) {
      const documents = ids.slice(at, at + MOST_IN_A_REQUEST);
      const result = await api.post("/documents/bulk", { body: { action: "move", documents, scope: space.scope, ...(space.group_id && { group_id: space.group_id }) } });
      moved += result.documents.length;
      refused.push(...result.refused);
    }
    refused.slice(0, 2).forEach(({ code, detail }) => complain(new Refusal(409, code, detail)));
    if (moved) notify(t("documents.done", { count: moved }));
    onClose();
    await onDone();
  };
  return (
    <Dialog title={t("documents.move")} onClose={onClose}>
      <Loaded state={state}>
        {(spaces) => (
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
