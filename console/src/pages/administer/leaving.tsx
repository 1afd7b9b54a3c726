// An account that is to go: what it holds, who gets its documents, and its end.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { bytes, number } from "../../format";
import { t } from "../../strings";
import { Button, confirm, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { Form, SearchBox } from "../../ui/forms";
import { Figures } from "./queue";

type User = Schemas["ManagedUser"];

export function Leaving({ user, onClose, onChange }: { user: User; onClose: () => void; onChange: () => Promise<void> }) {
  const path = { user_id: user.id };
  const state = useLoad(() => api.get("/users/{user_id}/holdings", { path }), []);
  const erase = async () => {
    if (!(await confirm(t("leaving.delete"), t("leaving.delete.text", { name: user.display_name }), t("leaving.delete")))) return;
    await api.delete("/users/{user_id}", { path });
    notify(t("leaving.deleted"));
    onClose();
    await onChange();
  };
  return (
    <Dialog wide title={t("leaving.of", { name: user.display_name })} onClose={onClose}>
      <Loaded state={state}>
        {(held) => (
          <Figures items={[
            [t("leaving.documents"), `${number(held.private_documents)} (${bytes(held.private_bytes)})`],
            [t("leaving.shared"), number(held.shared_documents)],
            [t("page.repositories"), number(held.repositories)],
            [t("ask.list"), number(held.conversations)],
            [t("account.memory"), number(held.memories)],
            [t("people.keys"), number(held.api_keys)],
            [t("leaving.groups"), number(held.groups_without_other_administrator)],
          ]} />
        )}
      </Loaded>
      {user.is_active ? <p class="notice">{t("leaving.active")}</p> : <Handover user={user} onDone={state.reload} />}
      <div class="row"><span class="grow" /><Button kind="danger" icon="trash" onClick={erase}>{t("leaving.delete")}</Button></div>
    </Dialog>
  );
}

function Handover({ user, onDone }: { user: User; onDone: () => Promise<void> }) {
  const [query, setQuery] = useState("");
  const found = useLoad(async () => (query.trim() ? (await api.get("/users", { query: { q: query.trim(), is_active: true, limit: 10 } })).items : []), [query]);
  return (
    <section>
      <h3>{t("leaving.handover")}</h3>
      <p class="hint">{t("leaving.handover.text")}</p>
      <SearchBox label={t("people.find")} value={query} onChange={setQuery} />
      {(found.data ?? []).length > 0 && (
        <Form
          key={query}
          action={t("leaving.handover")}
          entries={[{ name: "heir", label: t("leaving.heir"), kind: "choice", options: found.data!.filter((other) => other.id !== user.id).map((other) => ({ value: other.id, text: `${other.display_name}${other.email ? ` (${other.email})` : ""}` })) }]}
          onSubmit={async (values) => {
            await api.post("/users/{user_id}/handover", { path: { user_id: user.id }, body: { heir_id: String(values["heir"]) } });
            notify(t("leaving.handed"));
            await onDone();
          }}
        />
      )}
    </section>
  );
}
