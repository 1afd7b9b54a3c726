// Invitations: whom one lets come in, or into groups.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, moment } from "../../format";
import { addressOf } from "../../links";
import { language, name, t } from "../../strings";
import { Badge, Button, confirm, Dialog, notify, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { copy } from "../ask/message";
import { Table } from "./table";

type Invitation = Schemas["Invitation"];

function stateOf(invitation: Invitation): "accepted" | "withdrawn" | "over" | "open" {
  if (invitation.accepted_at) return "accepted";
  if (invitation.withdrawn_at) return "withdrawn";
  return new Date(invitation.expires_at) < new Date() ? "over" : "open";
}

export function Invitations() {
  const [isAdding, setAdding] = useState(false);
  const [address, setAddress] = useState<string | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/invitations", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const groups = useLoad(() => all((cursor) => api.get("/groups", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const withdraw = async (invitation: Invitation) => {
    if (!(await confirm(t("invitations.withdraw"), t("invitations.withdraw.text"), t("invitations.withdraw")))) return;
    await api.delete("/invitations/{invitation_id}", { path: { invitation_id: invitation.id } });
    await state.reload();
  };
  const whom = (invitation: Invitation) => invitation.email ?? t("invitations.anybody");
  return (
    <>
      <p class="hint">{t("invitations.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" disabled={!groups.data} onClick={() => setAdding(true)}>{t("invitations.new")}</Button></div>
      <Table
        state={state} id={(invitation) => invitation.id} title={whom} icon="account" empty={t("invitations.none")}
        columns={[
          { text: t("invitations.whom"), cell: (invitation) => <><span class="strong">{whom(invitation)}</span><span class="hint">{[invitation.is_admin && t("people.admin"), ...invitation.groups.map((group) => `${group.name ?? t("scope.group")}: ${name("role", group.role)}`)].filter(Boolean).join(", ")}</span></> },
          { text: t("field.status"), cell: (invitation) => <Badge kind={stateOf(invitation) === "open" ? "busy" : stateOf(invitation) === "accepted" ? "good" : "plain"}>{t(`invitations.${stateOf(invitation)}`)}</Badge> },
          { text: t("invitations.until"), class: "wide-only", cell: (invitation) => moment(invitation.expires_at) },
          { text: t("field.added"), class: "wide-only", cell: (invitation) => ago(invitation.created_at) },
        ]}
        actions={(invitation) => stateOf(invitation) === "open" ? [{ text: t("invitations.withdraw"), icon: "trash", danger: true, act: () => withdraw(invitation) }] : []}
      />
      {isAdding && (
        <FormDialog
          title={t("invitations.new")} action={t("invitations.action")} onClose={() => setAdding(false)}
          entries={[
            { name: "email", label: t("field.email"), kind: "email", hint: t("invitations.email.hint") },
            { name: "send", label: t("invitations.send"), kind: "toggle", hint: t("invitations.send.hint") },
            { name: "group", label: t("invitations.group"), kind: "choice", options: [{ value: "", text: t("invitations.no.group") }, ...(groups.data ?? []).map((group) => ({ value: group.id, text: group.title ?? group.name }))] },
            { name: "role", label: t("invitations.role"), kind: "choice", options: enums.GroupRole.map((value) => ({ value, text: name("role", value) })) },
            { name: "is_admin", label: t("invitations.admin"), kind: "toggle" },
            { name: "expires_in_days", label: t("invitations.days"), kind: "number", min: 1, max: 90, step: "1", value: 7, required: true },
          ]}
          onSubmit={async ({ email, send, group, role, ...values }) => {
            const body = { ...values, ...(email !== null && { email }), send, language: language.value, groups: group === null ? [] : [{ group_id: group, role }] };
            const created = await api.post("/invitations", { body: body as Schemas["NewInvitation"] });
            if (created.token === null) notify(t("invitations.sent"));
            else setAddress(created.url ?? addressOf("invitation", created.token));
            await state.reload();
          }}
        />
      )}
      {address && (
        <Dialog title={t("invitations.link")} onClose={() => setAddress(null)} actions={<><Button icon="copy" onClick={() => copy(address)}>{t("action.copy")}</Button><Button kind="primary" onClick={() => setAddress(null)}>{t("action.done")}</Button></>}>
          <p>{t("invitations.link.text")}</p>
          <pre tabIndex={0} class="wrapped">{address}</pre>
        </Dialog>
      )}
    </>
  );
}
