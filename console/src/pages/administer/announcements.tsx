// What everybody is told at the top of every page.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { moment } from "../../format";
import { name, t } from "../../strings";
import { Badge, Button, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "./table";

export function Announcements() {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(() => all((cursor) => api.get("/announcements", { query: { all: true, limit: 100, ...(cursor && { cursor }) } })), []);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  return (
    <>
      <p class="hint">{t("announcements.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{t("announcements.new")}</Button></div>
      <Table
        state={state} id={(item) => item.id} title={(item) => item.message} icon="flag" empty={t("announcements.none")}
        columns={[
          { text: t("field.text"), cell: (item) => item.message },
          { text: t("field.kind"), cell: (item) => <Badge kind={item.severity === "warning" ? "busy" : "plain"}>{name("severity", item.severity)}</Badge> },
          { text: t("announcements.from"), class: "wide-only", cell: (item) => moment(item.starts_at) },
          { text: t("announcements.until"), class: "wide-only", cell: (item) => moment(item.ends_at) },
        ]}
        actions={(item) => [{ text: t("action.delete"), icon: "trash", danger: true, act: async () => { await api.delete("/announcements/{announcement_id}", { path: { announcement_id: item.id } }); await state.reload(); } }]}
      />
      {isAdding && (
        <FormDialog
          title={t("announcements.new")} action={t("announcements.action")} onClose={() => setAdding(false)}
          entries={[
            { name: "message", label: t("field.text"), kind: "long", required: true, maxLength: 2000 },
            { name: "severity", label: t("field.kind"), kind: "choice", options: enums.AnnouncementSeverity.map((value) => ({ value, text: name("severity", value) })) },
            { name: "day", label: t("announcements.last"), kind: "date", required: true, value: tomorrow },
          ]}
          onSubmit={async ({ message, severity, day }) => {
            const ends = new Date(`${String(day)}T23:59:59`).toISOString();
            await api.post("/announcements", { body: { message, severity, ends_at: ends } as Schemas["NewAnnouncement"] });
            await state.reload();
          }}
        />
      )}
    </>
  );
}
