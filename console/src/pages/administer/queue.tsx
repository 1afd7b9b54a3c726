// The queue in numbers.
import { api } from "../../api";
import { milliseconds, number } from "../../format";
import { t } from "../../strings";
import { Loaded, useEvery, useLoad } from "../../ui/basics";

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
    </>
  );
}
