// Assistants: a model, prompts and documents under a name.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { t } from "../../strings";
import { Badge, Button, confirm, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { countOf, ScopeButton } from "../../ui/scope";
import { Table } from "./table";

type Assistant = Schemas["Assistant"];

export function Assistants() {
  const [editing, setEditing] = useState<Assistant | "new" | null>(null);
  const [filters, setFilters] = useState<Schemas["SearchFilters"]>({});
  const state = useLoad(() => all((cursor) => api.get("/assistants", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const models = useLoad(() => all((cursor) => api.get("/llms", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const edit = (assistant: Assistant | "new") => {
    setFilters(assistant === "new" ? {} : assistant.filters);
    setEditing(assistant);
  };
  const erase = async (assistant: Assistant) => {
    if (!(await confirm(t("assistants.delete"), t("assistants.delete.text", { name: assistant.name }), t("action.delete")))) return;
    await api.delete("/assistants/{assistant_id}", { path: { assistant_id: assistant.id } });
    await state.reload();
  };
  const old = editing === "new" ? null : editing;
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => edit("new")}>{t("assistants.new")}</Button></div>
      <Table
        state={state} id={(item) => item.id} title={(item) => item.name} icon="ask" empty={t("assistants.none")}
        columns={[
          { text: t("field.name"), cell: (item) => <><span class="strong">{item.name}</span><span class="hint">{item.description}</span></> },
          { text: t("field.status"), cell: (item) => <span class="chips">{item.is_default && <Badge kind="good">{t("models.default")}</Badge>}{!item.is_visible && <Badge>{t("assistants.hidden")}</Badge>}</span> },
          { text: t("field.model"), class: "wide-only", cell: (item) => models.data?.find((model) => model.id === item.llm_id)?.name ?? t("ask.as.set") },
          { text: t("page.documents"), class: "wide-only", cell: (item) => (countOf(item.filters) ? t("scope.some", { count: countOf(item.filters) }) : t("scope.all")) },
        ]}
        actions={(item) => [
          { text: t("action.edit"), icon: "edit", act: () => edit(item) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(item) },
        ]}
      />
      {editing && (
        <FormDialog
          title={old?.name ?? t("assistants.new")} action={t("action.save")} onClose={() => setEditing(null)}
          entries={[
            { name: "name", label: t("field.name"), required: true, value: old?.name, maxLength: 100 },
            { name: "description", label: t("field.description"), value: old?.description, maxLength: 2000 },
            { name: "llm_id", label: t("field.model"), kind: "choice", value: old?.llm_id ?? "", options: [{ value: "", text: t("ask.as.set") }, ...(models.data ?? []).map((model) => ({ value: model.id, text: model.name }))] },
            { name: "system_prompt", label: t("assistants.system"), kind: "long", value: old?.system_prompt ?? "", maxLength: 20000, hint: t("assistants.system.hint") },
            { name: "starters", label: t("assistants.starters"), kind: "long", value: old?.starter_messages.join("\n") ?? "", hint: t("assistants.starters.hint") },
            { name: "is_default", label: t("assistants.default"), kind: "toggle", value: old?.is_default ?? false },
            { name: "is_visible", label: t("assistants.visible"), kind: "toggle", value: old?.is_visible ?? true },
          ]}
          onSubmit={async ({ starters, description, ...values }) => {
            const starter_messages = String(starters ?? "").split("\n").map((line) => line.trim()).filter(Boolean);
            const body = { ...values, description: (description as string | null) ?? "", starter_messages, filters } as Schemas["NewAssistant"];
            if (old) await api.patch("/assistants/{assistant_id}", { path: { assistant_id: old.id }, body });
            else await api.post("/assistants", { body });
            await state.reload();
          }}
        >
          <ScopeButton filters={filters} onChange={setFilters} />
        </FormDialog>
      )}
    </>
  );
}
