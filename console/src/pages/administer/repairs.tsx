// What the service found and repaired by itself, and its scheduled work.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, milliseconds, moment } from "../../format";
import { name, t } from "../../strings";
import { Badge, Button, useLoad } from "../../ui/basics";
import { Choice } from "../../ui/forms";
import { Table } from "./table";

type Severity = Schemas["Severity"];
const severities = enums.Severity as Severity[];
const kindOf = { info: "plain", warning: "busy", critical: "bad" } as const;

export function Repairs() {
  const [severity, setSeverity] = useState<Severity | "">("");
  const load = (cursor?: string) => api.get("/self-healing-events", { query: { limit: 50, ...(severity && { severity }), ...(cursor && { cursor }) } });
  const events = useLoad(() => load(), [severity]);
  const work = useLoad(async () => (await api.get("/workflow-activity", { query: { limit: 50 } })).items, []);
  const more = async () => {
    const page = await load(events.data?.next_cursor ?? undefined);
    events.change((data) => ({ ...page, items: [...data.items, ...page.items] }));
  };
  return (
    <>
      <p class="hint">{t("repairs.lead")}</p>
      <div class="row"><Choice<Severity | ""> label={t("repairs.severity")} value={severity} options={[{ value: "", text: t("repairs.every") }, ...severities.map((value) => ({ value, text: name("severity", value) }))]} onChange={setSeverity} /></div>
      <Table
        state={{ ...events, data: events.data?.items } as { data?: Schemas["HealingEvent"][]; error?: unknown; reload: () => Promise<void> }}
        id={(event) => event.id} title={(event) => event.event_type} icon="check" empty={t("repairs.none")}
        columns={[
          { text: t("repairs.what"), cell: (event) => <><span class="strong">{event.description}</span><span class="hint">{event.action_taken}</span></> },
          { text: t("repairs.severity"), cell: (event) => <Badge kind={kindOf[event.severity]}>{name("severity", event.severity)}</Badge> },
          { text: t("field.kind"), class: "wide-only", cell: (event) => <code>{event.event_type}</code> },
          { text: t("audit.when"), cell: (event) => <span title={moment(event.created_at)}>{ago(event.created_at)}</span> },
        ]}
      />
      {events.data?.next_cursor && <Button onClick={more}>{t("action.more")}</Button>}
      <h2>{t("repairs.work")}</h2>
      <Table
        state={work} id={(run) => run.id} title={(run) => run.workflow_name} icon="clock" empty={t("repairs.no.work")}
        columns={[
          { text: t("field.name"), cell: (run) => <><span class="strong">{run.workflow_name}</span>{run.error && <span class="field-error">{run.error}</span>}</> },
          { text: t("field.status"), cell: (run) => <Badge kind={run.status === "failed" ? "bad" : "good"}>{name("run", run.status)}</Badge> },
          { text: t("repairs.took"), class: "wide-only number", cell: (run) => milliseconds(run.duration_ms) },
          { text: t("repairs.counts"), class: "wide-only", cell: (run) => <code>{Object.entries(run.counts).filter(([, value]) => String(value) !== "").map(([key, value]) => `${key} ${String(value)}`).join(", ")}</code> },
          { text: t("audit.when"), cell: (run) => ago(run.created_at) },
        ]}
      />
    </>
  );
}
