import { number } from "../../format";
import { name, t } from "../../strings";
import { Badge, Progress } from "../../ui/basics";
import type { Document } from "./uploads";

/** How far a document is: searchable, with a reservation, on its way, or failed. */
export function Status({ document }: { document: Document }) {
  if (document.deleted_at) return <Badge>{t("status.deleted")}</Badge>;
  if (document.is_archived) return <Badge>{t("status.archived")}</Badge>;
  switch (document.status) {
    case "completed":
      return document.error ? <Badge kind="busy">{t("status.partly")}</Badge> : <Badge kind="good">{t("status.completed")}</Badge>;
    case "failed":
      return <Badge kind="bad">{t("status.failed")}</Badge>;
    default:
      return <Badge kind="busy">{document.stage ? name("ingestion", document.stage) : t("status.pending")}</Badge>;
  }
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
