// Backups with their drills, and updates of the service.
import { all, api } from "../../api";
import { ago, bytes, moment } from "../../format";
import { name, t } from "../../strings";
import { Badge, useLoad } from "../../ui/basics";
import { Table } from "./table";

export function Backups() {
  const backups = useLoad(() => all((cursor) => api.get("/backups", { query: { limit: 100, ...(cursor && { cursor }) } }), 300), []);
  const updates = useLoad(() => all((cursor) => api.get("/updates", { query: { limit: 100, ...(cursor && { cursor }) } }), 300), []);
  const files = useLoad(() => all((cursor) => api.get("/updates/files", { query: { limit: 100, ...(cursor && { cursor }) } }), 300), []);
  return (
    <>
      <p class="hint">{t("backups.lead")}</p>
      <Table
        state={backups} id={(backup) => backup.id} title={(backup) => backup.backup_path} icon="archive" empty={t("backups.none")}
        columns={[
          { text: t("audit.when"), cell: (backup) => <><span class="strong">{moment(backup.created_at)}</span><span class="hint">{backup.backup_path}</span>{backup.notes && <span class="hint">{backup.notes}</span>}</> },
          { text: t("backups.tested"), cell: (backup) => <Badge kind={backup.restoration_tested ? "good" : "busy"}>{backup.restoration_tested ? t("backups.tested.at", { time: ago(backup.restoration_tested_at) }) : t("backups.untested")}</Badge> },
          { text: t("backups.parts"), class: "wide-only", cell: (backup) => backup.components.join(", ") },
          { text: t("field.size"), class: "number", cell: (backup) => bytes(backup.backup_size_bytes) },
        ]}
      />
      <h2>{t("updates.title")}</h2>
      <Table
        state={updates} id={(update) => update.id} title={(update) => update.version_to} icon="upload" empty={t("updates.none")}
        columns={[
          { text: t("updates.version"), cell: (update) => <><span class="strong">{update.version_from ?? "–"} → {update.version_to}</span>{update.error_message && <span class="field-error">{update.error_message}</span>}<span class="hint">{update.components.map((part) => `${part.component_name}: ${name("update", part.status)}`).join(", ")}</span></> },
          { text: t("field.status"), cell: (update) => <Badge kind={update.status === "completed" ? "good" : update.status === "failed" ? "bad" : "busy"}>{name("update", update.status)}</Badge> },
          { text: t("updates.by"), class: "wide-only", cell: (update) => update.initiated_by },
          { text: t("audit.when"), cell: (update) => ago(update.started_at) },
        ]}
      />
      <h2>{t("updates.files")}</h2>
      <Table
        state={files} id={(file) => file.id} title={(file) => file.filename} icon="documents" empty={t("updates.no.files")}
        columns={[
          { text: t("field.name"), cell: (file) => <><span class="strong">{file.filename}</span>{file.validation_error && <span class="field-error">{file.validation_error}</span>}</> },
          { text: t("updates.signature"), cell: (file) => <Badge kind={file.signature_verified ? "good" : "bad"}>{t(file.signature_verified ? "updates.signed" : "updates.unsigned")}</Badge> },
          { text: t("updates.applied"), class: "wide-only", cell: (file) => t(file.applied ? "value.yes" : "value.no") },
          { text: t("audit.when"), cell: (file) => ago(file.uploaded_at) },
        ]}
      />
    </>
  );
}
