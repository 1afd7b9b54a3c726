// Tags: the caller's own, and those for all users.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago } from "../../format";
import { me } from "../../session";
import { t } from "../../strings";
import { Badge, Button, confirm, Empty, Loaded, Menu, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";

export function Tags() {
  const [editing, setEditing] = useState<Schemas["Tag"] | "new" | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/tags", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const isAdministrator = me.value?.is_admin ?? false;
  const erase = async (tag: Schemas["Tag"]) => {
    if (!(await confirm(t("tags.delete", { tag: tag.name }), t("tags.delete.text"), t("action.delete")))) return;
    await api.delete("/tags/{tag_id}", { path: { tag_id: tag.id } });
    await state.reload();
  };
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("tags.new")}</Button></div>
      <Loaded state={state}>
        {(tags) => tags.length === 0 ? <Empty icon="tag" title={t("tags.none")} /> : (
          <table class="list">
            <thead><tr><th scope="col">{t("field.name")}</th><th scope="col">{t("field.added")}</th><th scope="col"><span class="sr">{t("field.actions")}</span></th></tr></thead>
            <tbody>
              {tags.map((tag) => (
                <tr key={tag.id}>
                  <td class="main-cell">{tag.name} {tag.is_global && <Badge>{t("tags.global")}</Badge>}</td>
                  <td>{ago(tag.created_at)}</td>
                  <td class="number">
                    {(!tag.is_global || isAdministrator) && <Menu label={t("tags.actions", { tag: tag.name })} entries={[{ text: t("action.rename"), icon: "edit", act: () => setEditing(tag) }, { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(tag) }]} />}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      {editing && (
        <FormDialog
          title={t(editing === "new" ? "tags.new" : "action.rename")}
          action={t("action.save")}
          entries={[
            { name: "name", label: t("field.name"), required: true, value: editing === "new" ? "" : editing.name, maxLength: 100 },
            ...(editing === "new" && isAdministrator ? [{ name: "is_global", label: t("tags.global"), kind: "toggle" as const }] : []),
          ]}
          onClose={() => setEditing(null)}
          onSubmit={async (values) => {
            const name = String(values["name"]);
            if (editing === "new") await api.post("/tags", { body: { name, is_global: values["is_global"] === true } });
            else await api.patch("/tags/{tag_id}", { path: { tag_id: editing.id }, body: { name } });
            await state.reload();
          }}
        />
      )}
    </>
  );
}
