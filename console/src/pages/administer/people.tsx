// Accounts.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago, moment } from "../../format";
import { me } from "../../session";
import { language, t } from "../../strings";
import { Badge, Button, confirm, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { FormDialog, SearchBox } from "../../ui/forms";
import { Leaving } from "./leaving";
import { Table } from "./table";

type User = Schemas["ManagedUser"];

export function People() {
  const [query, setQuery] = useState("");
  const [editing, setEditing] = useState<User | "new" | null>(null);
  const [keysOf, setKeysOf] = useState<User | null>(null);
  const [leaving, setLeaving] = useState<User | null>(null);
  const [addressing, setAddressing] = useState<User | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/users", { query: { limit: 100, ...(query.trim() && { q: query.trim() }), ...(cursor && { cursor }) } }), 500), [query]);
  const change = async (user: User, changes: Schemas["UserChanges"]) => {
    await api.patch("/users/{user_id}", { path: { user_id: user.id }, body: changes });
    await state.reload();
  };
  const deactivate = async (user: User) => {
    if (user.is_active && !(await confirm(t("people.deactivate"), t("people.deactivate.text", { name: user.display_name }), t("people.deactivate")))) return;
    await change(user, { is_active: !user.is_active });
  };
  const restore = async (user: User) => {
    await api.post("/users/{user_id}/restore", { path: { user_id: user.id } });
    await state.reload();
  };
  const endFactor = async (user: User) => {
    if (!(await confirm(t("factor.end"), t("people.factor.text", { name: user.display_name }), t("factor.end")))) return;
    await api.delete("/users/{user_id}/second-factor", { path: { user_id: user.id } });
    await state.reload();
  };
  return (
    <>
      <div class="row">
        <SearchBox label={t("people.find")} value={query} onChange={setQuery} />
        <span class="grow" />
        <Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("people.new")}</Button>
      </div>
      <Table
        state={state}
        id={(user) => user.id}
        title={(user) => user.display_name}
        icon="account"
        empty={t("people.none")}
        columns={[
          { text: t("field.name"), cell: (user) => <><span class="strong">{user.display_name}</span><span class="hint">{user.email ?? user.username ?? t("people.anonymous")}</span></> },
          { text: t("field.status"), cell: (user) => (
            <span class="chips">
              {user.is_admin && <Badge kind="good">{t("people.admin")}</Badge>}
              {user.delete_after ? <Badge kind="bad">{t("people.leaves", { time: moment(user.delete_after) })}</Badge> : !user.is_active && <Badge kind="bad">{t("people.inactive")}</Badge>}
              {user.second_factor && <Badge>{t("people.factor")}</Badge>}
              {user.locked_until && new Date(user.locked_until) > new Date() && <Badge kind="busy">{t("people.locked")}</Badge>}
              {!user.is_admin && user.is_active && !user.locked_until && <Badge>{t("people.active")}</Badge>}
            </span>
          ) },
          { text: t("people.login"), class: "wide-only", cell: (user) => ago(user.last_login_at) },
          { text: t("field.added"), class: "wide-only", cell: (user) => ago(user.created_at) },
        ]}
        actions={(user) => [
          { text: t("action.edit"), icon: "edit", act: () => setEditing(user) },
          { text: t("people.keys"), act: () => setKeysOf(user) },
          ...(user.auth_provider === "anonymous" || user.id === me.value?.id ? [] : [{ text: t("address.change"), act: () => setAddressing(user) }]),
          ...(user.failed_logins > 0 || user.locked_until ? [{ text: t("people.unlock"), act: async () => { await api.post("/users/{user_id}/unlock", { path: { user_id: user.id } }); await state.reload(); } }] : []),
          ...(user.second_factor ? [{ text: t("factor.end"), act: () => endFactor(user) }] : []),
          ...(user.delete_after ? [{ text: t("people.restore"), icon: "again" as const, act: () => restore(user) }] : [
            { text: t(user.is_active ? "people.deactivate" : "people.activate"), danger: user.is_active, act: () => deactivate(user) },
            { text: t("leaving.title"), icon: "out" as const, danger: true, act: () => setLeaving(user) },
          ]),
        ]}
      />
      {editing === "new" && (
        <FormDialog
          title={t("people.new")}
          action={t("action.create")}
          entries={[
            { name: "email", label: t("field.email"), kind: "email", required: true },
            { name: "display_name", label: t("field.name"), maxLength: 200 },
            { name: "password", label: t("field.password"), kind: "password", hint: t("people.password"), autocomplete: "new-password" },
            { name: "is_admin", label: t("people.admin"), kind: "toggle" },
          ]}
          onClose={() => setEditing(null)}
          onSubmit={async (values) => { await api.post("/users", { body: values as Schemas["NewUser"] }); await state.reload(); notify(t("people.created")); }}
        />
      )}
      {editing && editing !== "new" && (
        <FormDialog
          title={editing.display_name}
          action={t("action.save")}
          entries={[
            { name: "display_name", label: t("field.name"), value: editing.display_name, required: true, maxLength: 200 },
            { name: "is_admin", label: t("people.admin"), kind: "toggle", value: editing.is_admin },
            { name: "queue_weight", label: t("people.weight"), hint: t("people.weight.hint"), kind: "number", value: editing.queue_weight, min: 1, max: 10, step: "1" },
            { name: "password", label: t("people.new.password"), kind: "password", hint: t("people.new.password.hint"), autocomplete: "new-password" },
          ]}
          onClose={() => setEditing(null)}
          onSubmit={(values) => change(editing, Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== null && value !== editing[name as keyof User])) as Schemas["UserChanges"])}
        />
      )}
      {addressing && (
        <FormDialog
          title={t("address.change")} action={t("signin.mail.send")} onClose={() => setAddressing(null)}
          entries={[{ name: "email", label: t("address.new"), kind: "email", required: true }]}
          onSubmit={async (values) => { await api.post("/users/{user_id}/email-change", { path: { user_id: addressing.id }, body: { email: String(values["email"]), language: language.value } }); notify(t("people.address.begun")); }}
        ><p class="hint">{t("people.address.text", { name: addressing.display_name })}</p></FormDialog>
      )}
      {leaving && <Leaving user={leaving} onClose={() => setLeaving(null)} onChange={state.reload} />}
      {keysOf && <Keys user={keysOf} onClose={() => setKeysOf(null)} />}
    </>
  );
}

function Keys({ user, onClose }: { user: User; onClose: () => void }) {
  const path = { user_id: user.id };
  const state = useLoad(async () => (await api.get("/users/{user_id}/api-keys", { path, query: { limit: 100 } })).items, []);
  return (
    <Dialog title={t("people.keys.of", { name: user.display_name })} onClose={onClose}>
      <Loaded state={state}>
        {(keys) => keys.length === 0 ? <p class="hint">{t("keys.none")}</p> : (
          <ul class="plain-list">
            {keys.map((key) => (
              <li key={key.id}>
                <span class="strong">{key.name}</span> <code>{key.prefix}…</code> <span class="hint">{key.scopes.join(", ")} · {t("keys.expires", { time: moment(key.expires_at) })}</span>
                <span class="grow" />
                <Button kind="danger" onClick={async () => { await api.delete("/users/{user_id}/api-keys/{key_id}", { path: { ...path, key_id: key.id } }); await state.reload(); }}>{t("keys.revoke")}</Button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Dialog>
  );
}
