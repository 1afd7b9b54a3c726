// One's own tokens and cost over time, by model.
import { api, type Schemas } from "../../api";
import { money, number } from "../../format";
import { t } from "../../strings";
import { Empty, Loaded, useLoad } from "../../ui/basics";
import { Plot } from "../../ui/plotted";
import { Figures } from "../administer/queue";

const DAYS = 30;

export function Costs() {
  const state = useLoad(() => api.get("/analytics/tokens", { query: { since: new Date(Date.now() - DAYS * 86_400_000).toISOString() } }), []);
  return (
    <>
      <p class="hint">{t("costs.lead", { days: DAYS })}</p>
      <Loaded state={state}>
        {(use) => (
          <>
            <Figures items={[[t("costs.cost"), money(use.cost_usd)], [t("costs.answers"), number(use.answers)], [t("details.read"), number(use.prompt_tokens)], [t("details.written"), number(use.completion_tokens)]]} />
            {use.items.length === 0 ? <Empty icon="clock" title={t("costs.none")} /> : <><Daily items={use.items} /><ByModel items={use.items} /></>}
          </>
        )}
      </Loaded>
    </>
  );
}

type Use = Schemas["TokenUsage"];

function Daily({ items }: { items: Use[] }) {
  const first = Date.now() - DAYS * 86_400_000;
  const days = Array.from({ length: DAYS + 1 }, (_, index) => new Date(first + index * 86_400_000).toISOString().slice(0, 10));
  const sum = (value: (use: Use) => number) => days.map((day) => items.filter((use) => use.day === day).reduce((total, use) => total + value(use), 0));
  return (
    <Plot
      label={t("costs.plot")}
      seconds={days.map((day) => Date.parse(day) / 1000)}
      lines={[
        { text: t("costs.answers"), values: sum((use) => use.answers) },
        { text: t("costs.tokens"), values: sum((use) => use.prompt_tokens + use.completion_tokens) },
      ]}
    />
  );
}

function ByModel({ items }: { items: Use[] }) {
  const models = [...new Set(items.map((use) => use.model))];
  const of = (model: string, value: (use: Use) => number) => items.filter((use) => use.model === model).reduce((total, use) => total + value(use), 0);
  return (
    <div class="scroll">
      <table class="list">
        <thead><tr><th scope="col">{t("field.model")}</th><th scope="col" class="number">{t("costs.answers")}</th><th scope="col" class="number">{t("details.read")}</th><th scope="col" class="number">{t("details.written")}</th><th scope="col" class="number">{t("costs.cost")}</th></tr></thead>
        <tbody>
          {models.map((model) => <tr key={model}><td>{model}</td><td class="number">{number(of(model, (use) => use.answers))}</td><td class="number">{number(of(model, (use) => use.prompt_tokens))}</td><td class="number">{number(of(model, (use) => use.completion_tokens))}</td><td class="number">{money(of(model, (use) => use.cost_usd))}</td></tr>)}
        </tbody>
      </table>
    </div>
  );
}
