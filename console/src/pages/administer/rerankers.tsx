// Rerankers on servers: models that read the best hits of a search again.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { href } from "../../router";
import { t } from "../../strings";
import { Badge, Button, confirm, useLoad } from "../../ui/basics";
import { FormDialog, type Entry } from "../../ui/forms";
import { Table } from "./table";

type Reranker = Schemas["Reranker"];

export function Rerankers() {
  const [editing, setEditing] = useState<Reranker | "new" | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/rerankers", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const active = useLoad(async () => ((await api.get("/config/effective")) as unknown as Record<string, Schemas["EffectiveValue"]>)["active_reranker"]?.value, []);
  const erase = async (reranker: Reranker) => {
    if (!(await confirm(t("rerankers.delete"), t("models.delete.text", { name: reranker.name }), t("action.delete")))) return;
    await api.delete("/rerankers/{reranker_id}", { path: { reranker_id: reranker.id } });
    await state.reload();
  };
  const fields = (reranker?: Reranker): Entry[] => [
    { name: "model", label: t("models.id"), maxLength: 200, value: reranker?.model ?? "", hint: t("rerankers.model.hint") },
    { name: "base_url", label: t("models.endpoint"), kind: "url", required: true, maxLength: 2048, value: reranker?.base_url ?? "", hint: t("rerankers.address.hint") },
    { name: "api_key", label: t("models.key"), kind: "password", hint: reranker?.key_last_four ? t("models.key.kept", { end: reranker.key_last_four }) : t("models.key.hint") },
  ];
  return (
    <>
      <p class="hint">{t("rerankers.lead")} <a href={href("administer", "settings")}>{t("administer.settings")}</a></p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("rerankers.new")}</Button></div>
      <Table
        state={state} id={(reranker) => reranker.id} title={(reranker) => reranker.name} icon="search" empty={t("rerankers.none")}
        columns={[
          { text: t("field.name"), cell: (reranker) => <><span class="strong">{reranker.name}</span><span class="hint">{[reranker.provider, reranker.model].filter(Boolean).join(" · ")}</span></> },
          { text: t("field.status"), cell: (reranker) => (reranker.name === active.data ? <Badge kind="good">{t("rerankers.used")}</Badge> : "–") },
          { text: t("models.endpoint"), class: "wide-only", cell: (reranker) => reranker.base_url ?? "–" },
        ]}
        actions={(reranker) => [
          { text: t("action.edit"), icon: "edit", act: () => setEditing(reranker) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(reranker) },
        ]}
      />
      {editing === "new" && (
        <FormDialog
          title={t("rerankers.new")} action={t("action.create")} onClose={() => setEditing(null)}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 100, hint: t("rerankers.name.hint") },
            { name: "provider", label: t("models.provider"), kind: "choice", options: enums.RerankerProvider.map((value) => ({ value, text: value })) },
            ...fields(),
          ]}
          onSubmit={async (values) => { await api.post("/rerankers", { body: values as unknown as Schemas["NewReranker"] }); await state.reload(); }}
        />
      )}
      {editing && editing !== "new" && (
        <FormDialog
          title={editing.name} action={t("action.save")} onClose={() => setEditing(null)} entries={fields(editing)}
          onSubmit={async ({ api_key: key, ...others }) => {
            const body = { ...others, ...(key !== null && { api_key: key }) } as Schemas["RerankerChanges"];
            await api.patch("/rerankers/{reranker_id}", { path: { reranker_id: editing.id }, body });
            await state.reload();
          }}
        />
      )}
    </>
  );
}
