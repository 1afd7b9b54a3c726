// Groups and their members.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago } from "../../format";
import { name, t } from "../../strings";
import { Button, confirm, Dialog, Loaded, useLoad } from "../../ui/basics";
import { Choice, FormDialog, SearchBox } from "../../ui/forms";
import { Table } from "./table";

type Group = Schemas["Group"];
const roles = enums.GroupRole as Schemas["GroupRole"][];

export function Groups() {
  const [editing, setEditing] = useState<Group | "new" | null>(null);
  const [membersOf, setMembersOf] = useState<Group | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/groups", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const erase = async (group: Group) => {
    if (!(await confirm(t("groups.delete"), t("groups.delete.text", { name: group.name }), t("action.delete")))) return;
    await api.delete("/groups/{group_id}", { path: { group_id: group.id } });
    await state.reload();
  };
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("groups.new")}</Button></div>
      <Table
        state={state} id={(group) => group.id} title={(group) => group.name} icon="account" empty={t("groups.none")}
        columns={[
          { text: t("field.name"), cell: (group) => <button type="button" class="link" onClick={() => setMembersOf(group)}>{group.name}</button> },
          { text: t("groups.role"), cell: (group) => (group.role ? name("role", group.role) : "–") },
          { text: t("field.added"), class: "wide-only", cell: (group) => ago(group.created_at) },
        ]}
        actions={(group) => [
          { text: t("groups.members"), icon: "account", act: () => setMembersOf(group) },
          { text: t("action.rename"), icon: "edit", act: () => setEditing(group) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(group) },
        ]}
      />
      {editing && (
        <FormDialog
          title={t(editing === "new" ? "groups.new" : "action.rename")} action={t("action.save")} onClose={() => setEditing(null)}
          entries={[{ name: "name", label: t("field.name"), required: true, value: editing === "new" ? "" : editing.name, maxLength: 200 }]}
          onSubmit={async (values) => {
            const body = { name: String(values["name"]) };
            if (editing === "new") await api.post("/groups", { body });
            else await api.patch("/groups/{group_id}", { path: { group_id: editing.id }, body });
            await state.reload();
          }}
        />
      )}
      {membersOf && <Members group={membersOf} onClose={() => setMembersOf(null)} />}
    </>
  );
}

function Members({ group, onClose }: { group: Group; onClose: () => void }) {
  const [query, setQuery] = useState("");
  const path = { group_id: group.id };
  const members = useLoad(() => all((cursor) => api.get("/groups/{group_id}/members", { path, query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const found = useLoad(async () => (query.trim() ? (await api.get("/users", { query: { q: query.trim(), limit: 10 } })).items : []), [query]);
  const put = async (user: string, role: Schemas["GroupRole"]) => {
    await api.put("/groups/{group_id}/members/{user_id}", { path: { ...path, user_id: user }, body: { role } });
    await members.reload();
  };
  const known = new Set(members.data?.map((member) => member.user_id));
  return (
    <Dialog wide title={t("groups.members.of", { name: group.name })} onClose={onClose}>
      <SearchBox label={t("groups.add")} value={query} onChange={setQuery} />
      <ul class="plain-list">
        {(found.data ?? []).filter((user) => !known.has(user.id)).map((user) => (
          <li key={user.id}>{user.display_name} <span class="hint">{user.email}</span><span class="grow" /><Button icon="plus" onClick={() => put(user.id, "member")}>{t("action.add")}</Button></li>
        ))}
      </ul>
      <Loaded state={members}>
        {(items) => items.length === 0 ? <p class="hint">{t("groups.no.members")}</p> : (
          <ul class="plain-list">
            {items.map((member) => (
              <li key={member.user_id}>
                <span>{member.display_name}</span><span class="grow" />
                <Choice label={t("groups.role.of", { name: member.display_name })} value={member.role} options={roles.map((value) => ({ value, text: name("role", value) }))} onChange={(role) => void put(member.user_id, role)} />
                <Button kind="quiet" icon="close" label={t("groups.remove", { name: member.display_name })} onClick={async () => { await api.delete("/groups/{group_id}/members/{user_id}", { path: { ...path, user_id: member.user_id } }); await members.reload(); }} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Dialog>
  );
}
