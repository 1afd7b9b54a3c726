// Language models.
import { useState } from "preact/hooks";
import { all, api, sentence, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { milliseconds, money, number } from "../../format";
import { t } from "../../strings";
import { Badge, Button, confirm, Dialog, Loaded, useLoad } from "../../ui/basics";
import { FormDialog, type Entry } from "../../ui/forms";
import { Table } from "./table";

type Llm = Schemas["Llm"];

export function Models() {
  const [editing, setEditing] = useState<Llm | "new" | null>(null);
  const [testing, setTesting] = useState<Llm | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/llms", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const change = async (model: Llm, changes: Schemas["LlmChanges"]) => {
    await api.patch("/llms/{llm_id}", { path: { llm_id: model.id }, body: changes });
    await state.reload();
  };
  const erase = async (model: Llm) => {
    if (!(await confirm(t("models.delete"), t("models.delete.text", { name: model.name }), t("action.delete")))) return;
    await api.delete("/llms/{llm_id}", { path: { llm_id: model.id } });
    await state.reload();
  };
  const fields = (model?: Llm): Entry[] => [
    { name: "model_id", label: t("models.id"), required: true, value: model?.model_id, maxLength: 200, hint: t("models.id.hint") },
    { name: "endpoint", label: t("models.endpoint"), value: model?.endpoint ?? "", hint: t("models.endpoint.hint") },
    { name: "api_key", label: t("models.key"), kind: "password", autocomplete: "off", hint: model?.key_last_four ? t("models.key.kept", { end: model.key_last_four }) : t("models.key.hint") },
    { name: "context_tokens", label: t("models.window"), kind: "number", step: "1", min: 256, value: model?.context_tokens ?? 8192 },
    { name: "max_tokens", label: t("models.longest"), kind: "number", step: "1", min: 1, value: model?.max_tokens ?? "" },
    { name: "prompt_price", label: t("models.price.read"), kind: "number", min: 0, value: model?.prompt_price ?? 0 },
    { name: "completion_price", label: t("models.price.written"), kind: "number", min: 0, value: model?.completion_price ?? 0 },
  ];
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("models.new")}</Button></div>
      <p class="hint">{t("models.lead")}</p>
      <Table
        state={state} id={(model) => model.id} title={(model) => model.name} icon="administer" empty={t("models.none")}
        columns={[
          { text: t("field.name"), cell: (model) => <><span class="strong">{model.name}</span><span class="hint">{model.provider} · {model.model_id}</span></> },
          { text: t("field.status"), cell: (model) => <span class="chips">{model.is_default && <Badge kind="good">{t("models.default")}</Badge>}<Badge kind={model.is_enabled ? "plain" : "bad"}>{t(model.is_enabled ? "models.enabled" : "models.disabled")}</Badge></span> },
          { text: t("models.window"), class: "wide-only number", cell: (model) => number(model.context_tokens) },
          { text: t("models.price"), class: "wide-only number", cell: (model) => `${money(model.prompt_price)} / ${money(model.completion_price)}` },
        ]}
        actions={(model) => [
          { text: t("models.test"), icon: "check", act: () => setTesting(model) },
          { text: t("action.edit"), icon: "edit", act: () => setEditing(model) },
          ...(model.is_default ? [] : [{ text: t("models.make.default"), act: () => change(model, { is_default: true }) }]),
          { text: t(model.is_enabled ? "models.disable" : "models.enable"), act: () => change(model, { is_enabled: !model.is_enabled }) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(model) },
        ]}
      />
      {editing === "new" && (
        <FormDialog
          title={t("models.new")} action={t("action.create")} onClose={() => setEditing(null)}
          entries={[
            { name: "name", label: t("field.name"), required: true, hint: t("models.name.hint") },
            { name: "provider", label: t("models.provider"), kind: "choice", options: enums.LlmProvider.map((value) => ({ value, text: value })) },
            ...fields(),
            { name: "is_default", label: t("models.make.default"), kind: "toggle" },
          ]}
          onSubmit={async (values) => { await api.post("/llms", { body: values as unknown as Schemas["NewLlm"] }); await state.reload(); }}
        />
      )}
      {editing && editing !== "new" && (
        <FormDialog
          title={editing.name} action={t("action.save")} onClose={() => setEditing(null)} entries={fields(editing)}
          onSubmit={(values) => {
            const { api_key: key, ...others } = values;
            return change(editing, { ...others, ...(key !== null && { api_key: key as string }) });
          }}
        />
      )}
      {testing && <Test model={testing} onClose={() => setTesting(null)} />}
    </>
  );
}

function Test({ model, onClose }: { model: Llm; onClose: () => void }) {
  const state = useLoad(async () => {
    try {
      return await api.post("/llms/{llm_id}/test", { path: { llm_id: model.id } });
    } catch (error) {
      return sentence(error, t("error.offline"));
    }
  }, []);
  return (
    <Dialog title={t("models.test.of", { name: model.name })} onClose={onClose}>
      <Loaded state={state}>
        {(result) => typeof result === "string" ? <p class="form-error">{result}</p> : (
          <>
            <p><Badge kind="good">{t("models.works")}</Badge> {result.model}</p>
            <dl class="facts">
              <div><dt>{t("models.first")}</dt><dd>{milliseconds(result.first_piece_ms)}</dd></div>
              <div><dt>{t("models.all")}</dt><dd>{milliseconds(result.latency_ms)}</dd></div>
            </dl>
            <blockquote class="quote">{result.sample}</blockquote>
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
