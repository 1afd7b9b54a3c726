// Showing a conversation to others: to a group, or by a link; and ending that.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { moment } from "../../format";
import { addressOf } from "../../links";
import { t } from "../../strings";
import { Button, Dialog, Loaded, useLoad } from "../../ui/basics";
import { Form } from "../../ui/forms";
import { copy } from "./message";

export function ShareDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [address, setAddress] = useState<{ share: string; text: string } | null>(null);
  const groups = useLoad(async () => (await api.get("/groups", { query: { limit: 100 } })).items.filter((group) => group.role !== null), []);
  const shares = useLoad(() => all((cursor) => api.get("/shares", { query: { conversation_id: id, limit: 100, ...(cursor && { cursor }) } })), []);
  const nameOf = (share: Schemas["Share"]) => {
    if (share.group_id === null) return t("share.by.link", { count: share.readers });
    const group = groups.data?.find((other) => other.id === share.group_id);
    return group?.title ?? group?.name ?? t("scope.group");
  };
  const isOpen = (share: Schemas["Share"]) => share.withdrawn_at === null && new Date(share.expires_at) > new Date();
  return (
    <Dialog wide title={t("share.title")} onClose={onClose}>
      <p class="hint">{t("share.text")}</p>
      <Loaded state={groups}>
        {(list) => (
          <Form
            action={t("share.action")}
            entries={[
              { name: "with", label: t("share.with"), kind: "choice", options: [{ value: "", text: t("share.link") }, ...list.map((group) => ({ value: group.id, text: group.title ?? group.name }))] },
              { name: "days", label: t("share.days"), kind: "number", min: 1, max: 365, step: "1", value: 30, required: true },
              { name: "later", label: t("share.later"), kind: "toggle" },
            ]}
            onSubmit={async (values) => {
              const created = await api.post("/shares", { body: { conversation_id: id, group_id: values["with"] as string | null, expires_in_days: Number(values["days"]), later_messages: values["later"] === true } });
              setAddress(created.token === null ? null : { share: created.id, text: created.url ?? addressOf("share", created.token) });
              await shares.reload();
            }}
          />
        )}
      </Loaded>
      {address && (
        <div class="once">
          <p>{t("share.once")}</p>
          <pre tabIndex={0} class="wrapped">{address.text}</pre>
          <Button icon="copy" onClick={() => copy(address.text)}>{t("action.copy")}</Button>
        </div>
      )}
      <h3>{t("share.now")}</h3>
      <Loaded state={shares}>
        {(items) => !items.some(isOpen) ? <p class="hint">{t("share.none")}</p> : (
          <ul class="plain-list">
            {items.filter(isOpen).map((share) => (
              <li key={share.id}>
                <span class="strong">{nameOf(share)}</span> <span class="hint">{t("share.until", { time: moment(share.expires_at) })}</span>
                <span class="grow" />
                <Button kind="danger" onClick={async () => { await api.delete("/shares/{share_id}", { path: { share_id: share.id } }); setAddress((now) => (now?.share === share.id ? null : now)); await shares.reload(); }}>{t("share.end")}</Button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Dialog>
  );
}
