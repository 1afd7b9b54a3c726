// The queue in numbers, and its jobs in codes and times.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, milliseconds, moment, number } from "../../format";
import { name, said, t } from "../../strings";
import { Badge, Button, Loaded, useEvery, useLoad } from "../../ui/basics";
import { Choice } from "../../ui/forms";
import { Table } from "./table";

export function Figures({ items }: { items: [string, string][] }) {
  return <dl class="figures">{items.map(([label, value]) => <div key={label} class="card"><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}

export function Queue() {
  const state = useLoad(() => api.get("/queue"), []);
  useEvery(5000, state.reload);
  return (
    <>
      <p class="hint">{t("queue.lead")}</p>
      <Loaded state={state}>
        {(queue) => (
          <Figures items={[
            [t("queue.waiting"), number(queue.waiting)],
            [t("queue.processing"), number(queue.processing)],
            [t("queue.oldest"), milliseconds(queue.oldest_wait_ms)],
            [t("queue.half"), milliseconds(queue.wait_p50_ms)],
            [t("queue.most"), milliseconds(queue.wait_p95_ms)],
            [t("queue.started"), number(queue.started_last_hour)],
            [t("queue.finished"), number(queue.finished_last_hour)],
            [t("queue.failed"), number(queue.failed_last_hour)],
          ]} />
        )}
      </Loaded>
      <Jobs />
    </>
  );
}

type Status = Schemas["JobStatus"];
const statuses = enums.JobStatus as Status[];
const kindOf = { pending: "busy", processing: "busy", completed: "good", failed: "bad", cancelled: "plain" } as const;

function Jobs() {
  const [status, setStatus] = useState<Status | "">("");
  const load = (cursor?: string) => api.get("/jobs", { query: { limit: 50, ...(status && { status }), ...(cursor && { cursor }) } });
  const state = useLoad(() => load(), [status]);
  const more = async () => {
    const page = await load(state.data?.next_cursor ?? undefined);
    state.change((data) => ({ ...page, items: [...data.items, ...page.items] }));
  };
  const took = (from: string | null, to: string | null) => (from && to ? milliseconds(Date.parse(to) - Date.parse(from)) : "–");
  const code = (job: Schemas["JobReport"]) => job.error_code ?? (job.status === "pending" || job.status === "processing" ? job.last_error_code : null);
  return (
    <>
      <h2>{t("jobs.title")}</h2>
      <div class="row">
        <Choice<Status | ""> label={t("field.status")} value={status} options={[{ value: "", text: t("documents.every.status") }, ...statuses.map((value) => ({ value, text: name("job", value) }))]} onChange={setStatus} />
        <Button icon="again" onClick={state.reload}>{t("action.reload")}</Button>
      </div>
      <Table
        state={{ ...state, data: state.data?.items } as { data?: Schemas["JobReport"][]; error?: unknown; reload: () => Promise<void> }}
        id={(job) => job.id} title={(job) => job.id} icon="clock" empty={t("jobs.none")}
        columns={[
          { text: t("field.status"), cell: (job) => <><Badge kind={kindOf[job.status]}>{name("job", job.status)}</Badge>{code(job) && <span class="field-error">{said("failures", code(job)!)}</span>}</> },
          { text: t("field.model"), cell: (job) => <>{name("model", job.model)}<span class="hint">{name("pipeline", job.pipeline)}</span></> },
          { text: t("jobs.waited"), class: "wide-only number", cell: (job) => took(job.created_at, job.started_at) },
          { text: t("repairs.took"), class: "wide-only number", cell: (job) => took(job.started_at, job.finished_at) },
          { text: t("jobs.attempts"), class: "wide-only number", cell: (job) => number(job.attempts) },
          { text: t("audit.when"), cell: (job) => <span title={moment(job.created_at)}>{ago(job.created_at)}</span> },
        ]}
      />
      {state.data?.next_cursor && <Button onClick={more}>{t("action.more")}</Button>}
    </>
  );
}
