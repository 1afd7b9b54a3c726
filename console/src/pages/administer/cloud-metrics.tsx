// What CloudWatch knows of functions, database and queues. Each look costs, so it is asked when a person says so.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { number } from "../../format";
import { name, t } from "../../strings";
import { Button, Empty, Loaded, useLoad } from "../../ui/basics";
import { Choice } from "../../ui/forms";
import { Plot } from "../../ui/plotted";

type Metric = Schemas["CloudMetric"];
const HOUR = 3600;
const ranges = [3, 24, 168, 720, 2160] as const;
const steps = [60, 300, 900, HOUR, 6 * HOUR, 24 * HOUR] as const;
const MOST_STEPS = 500;
/** Where CloudWatch has no value, nothing happened; of the others it is not known. */
const counted = ["invocations", "errors", "throttles", "messages_visible", "oldest_message_seconds", "connections", "capacity_acu", "capacity_acu_max"];
const summed = ["invocations", "errors", "throttles"];

/** The steps that the API takes of so many hours: it keeps minutes for 15 days, and five minutes for 63. */
function stepsOf(hours: number): number[] {
  const finest = hours <= 15 * 24 ? 60 : hours <= 63 * 24 ? 300 : HOUR;
  return steps.filter((step) => step % finest === 0 && (hours * HOUR) / step <= MOST_STEPS && (hours * HOUR) / step >= 2);
}

export function CloudMetrics() {
  const [hours, setHours] = useState<number>(24);
  const [step, setStep] = useState(stepsOf(24)[0]!);
  const [isAsked, setAsked] = useState(false);
  const choose = (value: number) => {
    setHours(value);
    setStep(stepsOf(value)[0]!);
  };
  return (
    <section class="plots">
      <div class="row">
        <h2>{t("cloud.title")}</h2><span class="grow" />
        <Choice label={t("usage.time")} value={String(hours)} options={ranges.map((value) => ({ value: String(value), text: t(`cloud.hours.${value}`) }))} onChange={(value) => choose(Number(value))} />
        <Choice label={t("cloud.step")} value={String(step)} options={stepsOf(hours).map((value) => ({ value: String(value), text: name("cloud.step", String(value)) }))} onChange={(value) => setStep(Number(value))} />
      </div>
      <p class="hint">{t("cloud.lead")}</p>
      {isAsked ? <Charts key={`${hours} ${step}`} hours={hours} step={step} /> : <div><Button onClick={() => setAsked(true)}>{t("cloud.ask")}</Button></div>}
    </section>
  );
}

function Charts({ hours, step }: { hours: number; step: number }) {
  const state = useLoad(async () => {
    const until = Date.now();
    const [from, to] = [until - hours * HOUR * 1000, until].map((at) => new Date(at).toISOString());
    return { from: from!, items: (await api.get("/cloud-metrics", { query: { from: from!, to: to!, step } })).items };
  }, []);
  return (
    <Loaded state={state}>
      {({ from, items }) => {
        if (items.length === 0) return <Empty icon="clock" title={t("cloud.none")} />;
        const seconds = moments(items, Date.parse(from) / 1000, step);
        const groups = new Map<string, Metric[]>();
        for (const item of items) {
          const key = `${item.kind}.${item.metric}`;
          groups.set(key, [...(groups.get(key) ?? []), item]);
        }
        return <>{[...groups].map(([key, members]) => <Chart key={key} members={members} seconds={seconds} />)}</>;
      }}
    </Loaded>
  );
}

/** Every step of the range, as CloudWatch counts them, in seconds. */
function moments(items: Metric[], from: number, step: number): number[] {
  const known = items.flatMap((item) => item.items.map((point) => Date.parse(point.at) / 1000));
  const [first, last] = [Math.min(...known), Math.max(...known)];
  const start = first - Math.floor((first - from) / step) * step;
  return Array.from({ length: Math.round((last - start) / step) + 1 }, (_, index) => start + index * step);
}

function Chart({ members, seconds }: { members: Metric[]; seconds: number[] }) {
  const [{ kind, metric }] = members as [Metric];
  const title = `${t(`cloud.kind.${kind}`)}: ${name("cloud.metric", metric)}`;
  const isKnown = counted.includes(metric);
  const lines = members.map((member) => {
    const values = new Map(member.items.map((point) => [Date.parse(point.at) / 1000, point.value]));
    return { text: member.name, values: seconds.map((at) => values.get(at) ?? (isKnown ? 0 : null)), isDotted: !isKnown };
  });
  const highest = (item: Metric) => Math.max(...item.items.map((point) => point.value));
  const total = (item: Metric) => item.items.reduce((sum, point) => sum + point.value, 0);
  return (
    <>
      <h3>{title}</h3>
      <Plot label={t("cloud.plot", { metric: title })} seconds={seconds} most={Math.max(1, ...members.map(highest)) * 1.1} lines={lines} />
      <dl class="facts" aria-label={title}>
        {members.map((item) => (
          <div key={item.name}><dt>{item.name}</dt><dd>{summed.includes(metric) ? t("cloud.total", { value: number(total(item)) }) : t("cloud.highest", { value: number(highest(item), 1) })}</dd></div>
        ))}
      </dl>
    </>
  );
}
