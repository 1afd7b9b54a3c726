// Webhooks: addresses that are told of events.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago, milliseconds, moment } from "../../format";
import { me } from "../../session";
import { name, t } from "../../strings";
import { Badge, Button, confirm, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "../administer/table";
import { copy } from "../ask/message";

type Webhook = Schemas["Webhook"];
const own = ["document.completed", "document.failed", "document.deleted", "answer.completed", "answer.failed", "answer.cancelled", "connector.failed", "budget.nearing", "budget.spent"] as const;

export function Webhooks() {
  const [editing, setEditing] = useState<Webhook | "new" | null>(null);
  const [created, setCreated] = useState<Schemas["CreatedWebhook"] | null>(null);
  const [deliveriesOf, setDeliveriesOf] = useState<Webhook | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/webhooks", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const isAdministrator = me.value?.is_admin ?? false;
  const events = isAdministrator ? [...own, "alert.raised" as const] : own;
  const path = (webhook: Webhook) => ({ path: { webhook_id: webhook.id } });
  const change = async (webhook: Webhook, body: Schemas["WebhookChanges"]) => {
    await api.patch("/webhooks/{webhook_id}", { ...path(webhook), body });
    await state.reload();
  };
  const test = async (webhook: Webhook) => {
    const delivery = await api.post("/webhooks/{webhook_id}/test", path(webhook));
    notify(t("webhooks.tested", { status: name("delivery", delivery.status) }));
  };
  const erase = async (webhook: Webhook) => {
    if (!(await confirm(t("webhooks.delete"), t("webhooks.delete.text", { url: webhook.url }), t("action.delete")))) return;
    await api.delete("/webhooks/{webhook_id}", path(webhook));
    await state.reload();
  };
  const old = editing === "new" ? null : editing;
  return (
    <>
      <p class="hint">{t("webhooks.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("webhooks.new")}</Button></div>
      <Table
        state={state} id={(webhook) => webhook.id} title={(webhook) => webhook.url} icon="out" empty={t("webhooks.none")}
        columns={[
          { text: t("webhooks.address"), cell: (webhook) => <><span class="strong">{webhook.url}</span><span class="hint">{webhook.description || webhook.events.join(", ")}</span></> },
          { text: t("field.status"), cell: (webhook) => (
            <span class="chips">
              <Badge kind={!webhook.is_enabled ? "bad" : webhook.failing_since ? "busy" : "good"}>{t(!webhook.is_enabled ? "models.disabled" : webhook.failing_since ? "webhooks.failing" : "models.enabled")}</Badge>
              {webhook.scope === "org" && <Badge>{t("scope.org")}</Badge>}
            </span>
          ) },
          { text: t("field.added"), class: "wide-only", cell: (webhook) => ago(webhook.created_at) },
        ]}
        actions={(webhook) => [
          { text: t("models.test"), icon: "check", act: () => test(webhook) },
          { text: t("webhooks.deliveries"), icon: "clock", act: () => setDeliveriesOf(webhook) },
          { text: t("action.edit"), icon: "edit", act: () => setEditing(webhook) },
          { text: t(webhook.is_enabled ? "models.disable" : "models.enable"), act: () => change(webhook, { is_enabled: !webhook.is_enabled }) },
          { text: t("webhooks.secret"), act: async () => setCreated(await api.post("/webhooks/{webhook_id}/secret", path(webhook))) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(webhook) },
        ]}
      />
      {editing && (
        <FormDialog
          title={t(old ? "action.edit" : "webhooks.new")} action={t("action.save")} onClose={() => setEditing(null)}
          entries={[
            { name: "url", label: t("webhooks.address"), required: true, value: old?.url, maxLength: 2048, hint: t("webhooks.address.hint") },
            { name: "description", label: t("field.description"), value: old?.description, maxLength: 200 },
            { name: "events", label: t("webhooks.events"), kind: "choices", value: old?.events ?? ["document.failed"], options: events.map((value) => ({ value, text: value })) },
            ...(!old && isAdministrator ? [{ name: "scope", label: t("webhooks.scope"), kind: "choice" as const, options: [{ value: "user", text: t("scope.user") }, { value: "org", text: t("scope.org") }] }] : []),
          ]}
          onSubmit={async (values) => {
            const body = { ...values, description: (values["description"] as string | null) ?? "" };
            if (old) return change(old, body as Schemas["WebhookChanges"]);
            setCreated(await api.post("/webhooks", { body: body as unknown as Schemas["NewWebhook"] }));
            await state.reload();
          }}
        />
      )}
      {created && (
        <Dialog title={t("webhooks.secret.title")} onClose={() => setCreated(null)} actions={<><Button icon="copy" onClick={() => copy(created.secret)}>{t("action.copy")}</Button><Button kind="primary" onClick={() => setCreated(null)}>{t("action.done")}</Button></>}>
          <p>{t("webhooks.secret.text")}</p>
          <pre tabIndex={0} class="wrapped">{created.secret}</pre>
        </Dialog>
      )}
      {deliveriesOf && <Deliveries webhook={deliveriesOf} onClose={() => setDeliveriesOf(null)} />}
    </>
  );
}

function Deliveries({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const path = { webhook_id: webhook.id };
  const state = useLoad(async () => (await api.get("/webhooks/{webhook_id}/deliveries", { path, query: { limit: 50 } })).items, []);
  return (
    <Dialog wide title={t("webhooks.deliveries")} onClose={onClose}>
      <Loaded state={state}>
        {(items) => items.length === 0 ? <p class="hint">{t("webhooks.no.deliveries")}</p> : (
          <ul class="plain-list">
            {items.map((delivery) => (
              <li key={delivery.id}>
                <code>{delivery.event}</code> <Badge kind={delivery.status === "delivered" ? "good" : delivery.status === "failed" ? "bad" : "busy"}>{name("delivery", delivery.status)}</Badge>
                <span class="hint">{moment(delivery.created_at)} · {milliseconds(delivery.milliseconds)} · {delivery.response_status ?? "–"}</span>
                <span class="grow" />
                <Button icon="again" onClick={async () => { await api.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/retry", { path: { ...path, delivery_id: delivery.id } }); await state.reload(); }}>{t("webhooks.retry")}</Button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Dialog>
  );
}
