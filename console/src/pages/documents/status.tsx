import { number } from "../../format";
import { name, said, t } from "../../strings";
import { Badge, Progress } from "../../ui/basics";
import { Icon } from "../../ui/icons";
import type { Document } from "./uploads";

/** How far a document is: searchable, with a reservation, on its way, or failed. */
export function Status({ document }: { document: Document }) {
  if (document.deleted_at) return <Badge>{t("status.deleted")}</Badge>;
  if (document.is_archived) return <Badge>{t("status.archived")}</Badge>;
  switch (document.status) {
    case "completed":
      return document.warnings.length > 0 ? <Badge kind="busy">{t("status.partly")}</Badge> : <Badge kind="good">{t("status.completed")}</Badge>;
    case "failed":
      return <Badge kind="bad">{t("status.failed")}</Badge>;
    default:
      return <Badge kind="busy">{document.stage ? name("ingestion", document.stage) : t("status.pending")}</Badge>;
  }
}

/** What the file holds that was not read. */
export function Warnings({ warnings }: { warnings: Document["warnings"] }) {
  if (warnings.length === 0) return null;
  return (
    <ul class="warnings">
      {warnings.map((warning) => (
        <li key={`${warning.code}:${warning.page ?? ""}`} class="notice">
          <Icon name="warning" /> {said("warnings", warning.code, warning.message)}{warning.page && ` (${t("source.page", { page: warning.page })})`}
        </li>
      ))}
    </ul>
  );
}

export function Ingestion({ document }: { document: Document }) {
  const { chunks_done: done, chunks_total: total } = document;
  const text = [document.stage ? name("ingestion", document.stage) : t("status.pending"), total ? `${number(done)} / ${number(total)}` : ""].join(" ");
  return (
    <div class="ingestion">
      <span>{text}</span>
      <Progress label={text} value={total ? done / total : null} />
    </div>
  );
}
