// Prompts, each with its versions.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, moment } from "../../format";
import { name, t } from "../../strings";
import { Badge, Button, confirm, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "./table";

type Prompt = Schemas["Prompt"];
const kinds = enums.PromptKind as Schemas["PromptKind"][];

export function Prompts() {
  const [editing, setEditing] = useState<Prompt | "new" | null>(null);
  const [versionsOf, setVersionsOf] = useState<Prompt | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/prompts", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const erase = async (prompt: Prompt) => {
    if (!(await confirm(t("prompts.delete"), t("prompts.delete.text", { name: prompt.name }), t("action.delete")))) return;
    await api.delete("/prompts/{prompt_id}", { path: { prompt_id: prompt.id } });
    await state.reload();
  };
  const save = async (prompt: Prompt, content: string) => {
    await api.patch("/prompts/{prompt_id}", { path: { prompt_id: prompt.id }, body: { content } });
    await state.reload();
    notify(t("prompts.saved"));
  };
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("prompts.new")}</Button></div>
      <Table
        state={state} id={(prompt) => prompt.id} title={(prompt) => prompt.name} icon="text" empty={t("prompts.none")}
        columns={[
          { text: t("field.name"), cell: (prompt) => <button type="button" class="link" onClick={() => setEditing(prompt)}>{prompt.name}</button> },
          { text: t("field.kind"), cell: (prompt) => <Badge>{name("prompt", prompt.kind)}</Badge> },
          { text: t("prompts.version"), class: "wide-only", cell: (prompt) => prompt.version },
          { text: t("field.changed"), class: "wide-only", cell: (prompt) => ago(prompt.updated_at) },
        ]}
        actions={(prompt) => [
          { text: t("action.edit"), icon: "edit", act: () => setEditing(prompt) },
          { text: t("prompts.versions"), icon: "clock", act: () => setVersionsOf(prompt) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(prompt) },
        ]}
      />
      {editing && (
        <FormDialog
          title={editing === "new" ? t("prompts.new") : editing.name} action={t("action.save")} onClose={() => setEditing(null)}
          entries={editing === "new" ? [
            { name: "kind", label: t("field.kind"), kind: "choice", options: kinds.map((value) => ({ value, text: name("prompt", value) })) },
            { name: "name", label: t("field.name"), required: true },
            { name: "content", label: t("field.text"), kind: "long", required: true, maxLength: 20000, hint: t("prompts.hint") },
          ] : [{ name: "content", label: t("field.text"), kind: "long", required: true, maxLength: 20000, value: editing.content, hint: t("prompts.hint") }]}
          onSubmit={async (values) => {
            if (editing !== "new") return save(editing, String(values["content"]));
            await api.post("/prompts", { body: values as Schemas["NewPrompt"] });
            await state.reload();
          }}
        />
      )}
      {versionsOf && <Versions prompt={versionsOf} onClose={() => setVersionsOf(null)} onRestore={async (content) => { await save(versionsOf, content); setVersionsOf(null); }} />}
    </>
  );
}

function Versions({ prompt, onClose, onRestore }: { prompt: Prompt; onClose: () => void; onRestore: (content: string) => Promise<void> }) {
  const state = useLoad(async () => (await api.get("/prompts/{prompt_id}/versions", { path: { prompt_id: prompt.id }, query: { limit: 50 } })).items, []);
  return (
    <Dialog wide title={t("prompts.versions.of", { name: prompt.name })} onClose={onClose}>
      <Loaded state={state}>
        {(versions) => versions.map((version) => (
          <details key={version.id} open={version.version === prompt.version}>
            <summary>{t("prompts.number", { number: version.version })} · {moment(version.created_at)}</summary>
            <pre tabIndex={0} class="wrapped">{version.content}</pre>
            {version.version !== prompt.version && <Button icon="again" onClick={() => onRestore(version.content)}>{t("prompts.restore")}</Button>}
          </details>
        ))}
      </Loaded>
    </Dialog>
  );
}
