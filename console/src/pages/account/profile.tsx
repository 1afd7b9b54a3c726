// Who one is, what one has used, and the way out.
import { useState } from "preact/hooks";
import { all, api, open, type Schemas } from "../../api";
import { bytes, money, number } from "../../format";
import { accept, forget, me } from "../../session";
import { useCell } from "../../state";
import { name, t } from "../../strings";
import { Button, confirm, Loaded, notify, useLoad } from "../../ui/basics";
import { Form, FormDialog } from "../../ui/forms";
import { save } from "../ask/export";

export function Profile() {
  const account = useCell(me)!;
  const [asking, setAsking] = useState<"password" | "upgrade" | null>(null);
  const hasPassword = account.login_providers.some((provider) => provider.name === "local");
  const erase = async () => {
    if (!(await confirm(t("account.delete"), t("account.delete.text"), t("account.delete.action")))) return;
    await api.delete("/me");
    forget();
  };
  const out = async () => {
    try {
      await api.post("/auth/logout");
    } finally {
      forget();
    }
  };
  return (
    <>
      <section class="card">
        <p class="account-head"><span class="avatar" aria-hidden="true">{account.display_name.slice(0, 1).toUpperCase()}</span><span><span class="strong">{account.display_name}</span><span class="hint">{account.email ?? account.username ?? t("people.anonymous")}</span></span><span class="grow" /><Button icon="out" onClick={out}>{t("account.out")}</Button></p>
        {account.auth_provider === "anonymous" && <p class="notice">{t("account.anonymous")} <Button onClick={() => setAsking("upgrade")}>{t("signin.create")}</Button></p>}
        <Form
          entries={[
            { name: "display_name", label: t("field.name"), required: true, value: account.display_name, maxLength: 200, autocomplete: "name" },
            { name: "username", label: t("field.username"), value: account.username ?? "", hint: t("field.username.hint"), autocomplete: "username" },
          ]}
          action={t("action.save")}
          onSubmit={async (values) => { me.set(await api.patch("/me", { body: values as Schemas["ProfileChanges"] })); notify(t("note.saved")); }}
          extra={hasPassword && <Button onClick={() => setAsking("password")}>{t("account.password")}</Button>}
        />
      </section>
      <Use />
      <section class="card">
        <h2>{t("account.data")}</h2>
        <p class="hint">{t("account.data.text")}</p>
        <div class="row">
          <Button icon="download" onClick={exportAll}>{t("account.export")}</Button>
          <Button kind="danger" icon="trash" onClick={erase}>{t("account.delete")}</Button>
        </div>
      </section>
      {asking === "password" && (
        <FormDialog
          title={t("account.password")} action={t("action.save")} onClose={() => setAsking(null)}
          entries={[
            { name: "current_password", label: t("account.password.now"), kind: "password", required: true, autocomplete: "current-password" },
            { name: "new_password", label: t("account.password.new"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
          ]}
          onSubmit={async (values) => { await api.put("/me/password", { body: values as Schemas["PasswordChange"] }); notify(t("account.password.done")); }}
        ><p class="hint">{t("account.password.text")}</p></FormDialog>
      )}
      {asking === "upgrade" && (
        <FormDialog
          title={t("signin.create")} action={t("signin.create")} onClose={() => setAsking(null)}
          entries={[
            { name: "email", label: t("field.email"), kind: "email", required: true, autocomplete: "email" },
            { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
          ]}
          onSubmit={async (values) => {
            accept(await api.post("/auth/anonymous/upgrade", { body: { register: values as Schemas["Registration"] } }));
            me.set(await api.get("/me"));
          }}
        />
      )}
    </>
  );
}

function Use() {
  const state = useLoad(async () => {
    const [spending, storage, service] = await Promise.all([api.get("/me/spending"), api.get("/me/storage"), open<Schemas["LoginProviders"]>("GET", "/auth/providers")]);
    return { spending, storage: storage.items, service: service.deployment_name };
  }, []);
  return (
    <section class="card">
      <h2>{t("account.use")}</h2>
      <Loaded state={state}>
        {({ spending, storage }) => (<>
          <ul class="bars">
            <li><span>{t("costs.cost")}</span><meter aria-label={t("costs.cost")} min={0} max={spending.allowed_cost_usd ?? Math.max(1, spending.cost_usd)} value={spending.cost_usd} /><span class="figure">{money(spending.cost_usd)}{spending.allowed_cost_usd !== null && ` / ${money(spending.allowed_cost_usd)}`}</span></li>
            <li><span>{t("costs.tokens")}</span><meter aria-label={t("costs.tokens")} min={0} max={spending.allowed_tokens ?? Math.max(1, spending.tokens)} value={spending.tokens} /><span class="figure">{number(spending.tokens)}{spending.allowed_tokens !== null && ` / ${number(spending.allowed_tokens)}`}</span></li>
          </ul>
          <h2>{t("account.storage")}</h2>
          <ul class="bars">
            {storage.map((space) => (
              <li key={space.group_id ?? space.scope}><span>{space.group_name ?? name("scope", space.scope)}</span><meter aria-label={space.group_name ?? name("scope", space.scope)} min={0} max={space.limit_bytes ?? Math.max(1, space.used_bytes)} value={space.used_bytes} /><span class="figure">{bytes(space.used_bytes)}{space.limit_bytes !== null && ` / ${bytes(space.limit_bytes)}`}</span></li>
            ))}
          </ul>
        </>)}
      </Loaded>
    </section>
  );
}

/** Everything that belongs to the caller, as one file. */
async function exportAll(): Promise<void> {
  const rows = await all((cursor) => api.get("/me/export", { query: { limit: 1000, ...(cursor && { cursor }) } }), 1_000_000);
  save("alcove-export.json", "application/json", JSON.stringify(rows));
}
