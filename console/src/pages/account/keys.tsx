// API keys for programs, and own keys for the providers of language models.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, moment } from "../../format";
import { me } from "../../session";
import { name, t } from "../../strings";
import { Button, confirm, Dialog, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "../administer/table";
import { copy } from "../ask/message";

const ofAdministrators = ["admin", "metrics"];

export function Keys() {
  const [isAdding, setAdding] = useState(false);
  const [created, setCreated] = useState<Schemas["CreatedApiKey"] | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/me/api-keys", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const revoke = async (key: Schemas["ApiKey"]) => {
    if (!(await confirm(t("keys.revoke"), t("keys.revoke.text", { name: key.name }), t("keys.revoke")))) return;
    await api.delete("/me/api-keys/{key_id}", { path: { key_id: key.id } });
    await state.reload();
  };
  return (
    <>
      <p class="hint">{t("keys.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{t("keys.new")}</Button></div>
      <Table
        state={state} id={(key) => key.id} title={(key) => key.name} icon="account" empty={t("keys.none")}
        columns={[
          { text: t("field.name"), cell: (key) => <><span class="strong">{key.name}</span><span class="hint"><code>{key.prefix}…</code></span></> },
          { text: t("keys.scopes"), cell: (key) => key.scopes.map((scope) => name("keys.scope", scope)).join(", ") },
          { text: t("keys.used"), class: "wide-only", cell: (key) => ago(key.last_used_at) },
          { text: t("keys.end"), class: "wide-only", cell: (key) => moment(key.expires_at) },
        ]}
        actions={(key) => [{ text: t("keys.revoke"), icon: "trash", danger: true, act: () => revoke(key) }]}
      />
      <OwnProviderKeys />
      {isAdding && (
        <FormDialog
          title={t("keys.new")} action={t("action.create")} onClose={() => setAdding(false)}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 100 },
            { name: "scopes", label: t("keys.scopes"), kind: "choices", value: ["read"], options: enums.KeyScope.filter((value) => !ofAdministrators.includes(value) || me.value?.is_admin).map((value) => ({ value, text: name("keys.scope", value) })) },
            { name: "expires_in_days", label: t("keys.days"), kind: "number", min: 1, max: 730, step: "1", value: 90 },
          ]}
          onSubmit={async (values) => { setCreated(await api.post("/me/api-keys", { body: values as unknown as Schemas["NewApiKey"] })); await state.reload(); }}
        />
      )}
      {created && (
        <Dialog title={created.name} onClose={() => setCreated(null)} actions={<><Button icon="copy" onClick={() => copy(created.key)}>{t("action.copy")}</Button><Button kind="primary" onClick={() => setCreated(null)}>{t("action.done")}</Button></>}>
          <p>{t("keys.once")}</p>
          <pre tabIndex={0} class="wrapped">{created.key}</pre>
        </Dialog>
      )}
    </>
  );
}

function OwnProviderKeys() {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(async () => (await api.get("/me/provider-keys")).items, []);
  return (
    <>
      <h2>{t("keys.own")}</h2>
      <p class="hint">{t("keys.own.lead")}</p>
      <div class="row"><Button icon="plus" onClick={() => setAdding(true)}>{t("keys.own.new")}</Button></div>
      <Table
        state={state} id={(key) => key.provider} title={(key) => key.provider} icon="account" empty={t("keys.own.none")}
        columns={[
          { text: t("models.provider"), cell: (key) => key.provider },
          { text: t("models.key"), cell: (key) => <code>…{key.last_four}</code> },
          { text: t("keys.used"), cell: (key) => ago(key.last_used_at) },
        ]}
        actions={(key) => [{ text: t("action.delete"), icon: "trash", danger: true, act: async () => { await api.delete("/me/provider-keys/{provider}", { path: { provider: key.provider } }); await state.reload(); } }]}
      />
      {isAdding && (
        <FormDialog
          title={t("keys.own.new")} action={t("action.save")} onClose={() => setAdding(false)}
          entries={[
            { name: "provider", label: t("models.provider"), kind: "choice", options: enums.OwnKeyProvider.map((value) => ({ value, text: value })) },
            { name: "key", label: t("models.key"), kind: "password", required: true },
          ]}
          onSubmit={async (values) => { await api.put("/me/provider-keys/{provider}", { path: { provider: String(values["provider"]) }, body: { key: String(values["key"]) } }); await state.reload(); }}
        />
      )}
    </>
  );
}
