// Embedding models, and how far the preparation of one is.
import { useState } from "preact/hooks";
import { api, Refusal, type Schemas } from "../../api";
import { moment, number } from "../../format";
import { name, said, t } from "../../strings";
import { Badge, Button, confirm, Progress, useEvery, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "./table";

type Model = Schemas["EmbeddingModel"];

export function EmbeddingModels() {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(async () => (await api.get("/embedding-models")).items, []);
  useEvery(state.data?.some((model) => model.status === "preparing") ? 3000 : null, state.reload);
  const path = (model: Model) => ({ path: { embedding_model_id: model.id } });
  const activate = async (model: Model) => {
    if (!(await confirm(t("embedding.activate"), t("embedding.activate.text", { name: model.name }), t("embedding.activate")))) return;
    try {
      await api.post("/embedding-models/{embedding_model_id}/activate", path(model));
    } catch (error) {
      if (!(error instanceof Refusal && error.code === "confirmation_required")) throw error;
      if (!(await confirm(t("embedding.sends"), t("embedding.sends.text", { host: model.base_url ?? "" }), t("embedding.sends.action")))) return;
      await api.post("/embedding-models/{embedding_model_id}/activate", { ...path(model), query: { sends_private_documents: true } });
    }
    await state.reload();
  };
  const erase = async (model: Model) => {
    if (!(await confirm(t("embedding.delete"), t("embedding.delete.text", { name: model.name }), t("action.delete")))) return;
    await api.delete("/embedding-models/{embedding_model_id}", path(model));
    await state.reload();
  };
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{t("embedding.new")}</Button></div>
      <Table
        state={state} id={(model) => String(model.id)} title={(model) => model.name} icon="administer" empty={t("embedding.none")}
        columns={[
          { text: t("field.name"), cell: (model) => <><span class="strong">{model.name}</span><span class="hint">{model.provider} · {model.model} · {t("embedding.dimension", { count: model.dimension })}</span>{model.error && <span class="field-error">{said("failures", model.error.code, model.error.message)}</span>}</> },
          { text: t("field.status"), cell: (model) => (
            <>
              <Badge kind={model.status === "active" ? "good" : model.status === "preparing" ? "busy" : "plain"}>{name("embedding", model.status)}</Badge>
              {model.progress && <><Progress label={t("embedding.progress")} value={model.progress.chunks_total ? model.progress.chunks_done / model.progress.chunks_total : null} /><span class="hint">{number(model.progress.chunks_done)} / {number(model.progress.chunks_total)}</span></>}
            </>
          ) },
          { text: t("embedding.since"), class: "wide-only", cell: (model) => moment(model.activated_at) },
        ]}
        actions={(model) => [
          ...(model.status === "inactive" ? [{ text: t("embedding.activate"), icon: "check" as const, act: () => activate(model) }, { text: t("action.delete"), icon: "trash" as const, danger: true, act: () => erase(model) }] : []),
          ...(model.status === "preparing" ? [{ text: t("embedding.cancel"), icon: "close" as const, act: async () => { await api.post("/embedding-models/{embedding_model_id}/cancel", path(model)); await state.reload(); } }] : []),
        ]}
      />
      {isAdding && (
        <FormDialog
          title={t("embedding.new")} action={t("action.create")} onClose={() => setAdding(false)}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 200 },
            { name: "model", label: t("models.id"), required: true, maxLength: 200 },
            { name: "base_url", label: t("models.endpoint"), required: true, hint: t("embedding.endpoint") },
            { name: "api_key", label: t("models.key"), kind: "password" },
            { name: "dimension", label: t("embedding.length"), kind: "number", step: "1", min: 1, max: 4000 },
          ]}
          onSubmit={async (values) => { await api.post("/embedding-models", { body: { ...values, provider: "openai" } as unknown as Schemas["NewEmbeddingModel"] }); await state.reload(); }}
        />
      )}
    </>
  );
}
