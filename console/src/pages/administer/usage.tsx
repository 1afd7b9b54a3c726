// What the service is used for, and by whom, in numbers: by day as a plot, by user, group and model as a table.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { money, number } from "../../format";
import { t } from "../../strings";
import { Empty, Loaded, useLoad } from "../../ui/basics";
import { Choice } from "../../ui/forms";
import { Plot } from "../../ui/plotted";
import { Figures } from "./queue";
import { Table } from "./table";

type Entry = Schemas["UsageEntry"];
const times = [7, 30, 90, 365] as const;
const dimensions = enums.UsageDimension as Schemas["UsageDimension"][];

export function Usage() {
  const [days, setDays] = useState(30);
  const [by, setBy] = useState<Schemas["UsageDimension"]>("user");
  const since = () => new Date(Date.now() - days * 86_400_000).toISOString();
  const daily = useLoad(async () => (await api.get("/reports/usage", { query: { by: "day", since: since() } })).items, [days]);
  const state = useLoad(async () => (await api.get("/reports/usage", { query: { by, since: since() } })).items, [days, by]);
  const label = (entry: Entry) => entry.label ?? (entry.key || "–");
  return (
    <>
      <p class="hint">{t("usage.lead")}</p>
      <div class="row"><Choice label={t("usage.time")} value={String(days)} options={times.map((value) => ({ value: String(value), text: t("usage.days", { days: value }) }))} onChange={(value) => setDays(Number(value))} /></div>
      <Loaded state={daily}>{(items) => items.length === 0 ? <Empty icon="clock" title={t("costs.none")} /> : <OverTime items={items} days={days} />}</Loaded>
      <h2>{t("usage.by")}</h2>
      <div class="tabs" role="group" aria-label={t("usage.by")}>
        {dimensions.map((value) => <button key={value} type="button" aria-pressed={value === by} onClick={() => setBy(value)}>{t(`usage.by.${value}`)}</button>)}
      </div>
      <Table
        state={state} id={(entry) => entry.key} title={label} icon="clock" empty={t("costs.none")}
        columns={[
          { text: t("field.name"), cell: (entry) => <span class="strong">{label(entry)}</span> },
          { text: t("costs.cost"), class: "number", cell: (entry) => money(entry.cost_usd) },
          { text: t("costs.answers"), class: "number", cell: (entry) => number(entry.answers) },
          { text: t("costs.tokens"), class: "wide-only number", cell: (entry) => number(entry.prompt_tokens + entry.completion_tokens) },
          { text: t("usage.unsourced"), class: "wide-only number", cell: (entry) => number(entry.answers_without_sources) },
          { text: t("usage.failed"), class: "wide-only number", cell: (entry) => number(entry.failed_questions) },
          { text: t("usage.failed.documents"), class: "wide-only number", cell: (entry) => number(entry.failed_documents) },
          { text: t("usage.rated"), class: "wide-only number", cell: (entry) => `${number(entry.likes)} / ${number(entry.dislikes)}` },
          { text: t("usage.mistakes"), class: "wide-only number", cell: (entry) => number(entry.mistakes) },
        ]}
      />
    </>
  );
}

function OverTime({ items, days }: { items: Entry[]; days: number }) {
  const sum = (value: (entry: Entry) => number) => items.reduce((total, entry) => total + value(entry), 0);
  const byDay = new Map(items.map((entry) => [entry.key, entry]));
  const first = Date.now() - days * 86_400_000;
  const dates = Array.from({ length: days + 1 }, (_, index) => new Date(first + index * 86_400_000).toISOString().slice(0, 10));
  return (
    <>
      <Figures items={[[t("costs.cost"), money(sum((entry) => entry.cost_usd))], [t("costs.answers"), number(sum((entry) => entry.answers))], [t("usage.unsourced"), number(sum((entry) => entry.answers_without_sources))], [t("usage.failed"), number(sum((entry) => entry.failed_questions))]]} />
      <Plot
        label={t("usage.plot")}
        seconds={dates.map((date) => Date.parse(date) / 1000)}
        lines={[
          { text: t("costs.answers"), values: dates.map((date) => byDay.get(date)?.answers ?? 0) },
          { text: `${t("costs.cost")} (USD)`, values: dates.map((date) => byDay.get(date)?.cost_usd ?? 0) },
        ]}
      />
    </>
  );
}
