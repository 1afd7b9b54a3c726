// A/B comparisons: the pool of variants, and what the votes prove.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { number, percent } from "../../format";
import { name, t } from "../../strings";
import { Badge, Button, confirm, Empty, Loaded, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { modelChoices } from "../../ui/models";
import { Table } from "./table";

type Variant = Schemas["Variant"];

export function Comparisons() {
  const [editing, setEditing] = useState<Variant | "new" | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/ab/pool", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const report = useLoad(() => api.get("/ab/metrics"), []);
  const models = useLoad(modelChoices, []);
  const path = (variant: Variant) => ({ path: { variant_id: variant.id } });
  const change = async (variant: Variant, body: Schemas["VariantChanges"]) => {
    await api.patch("/ab/pool/{variant_id}", { ...path(variant), body });
    await state.reload();
  };
  const promote = async (variant: Variant) => {
    if (!(await confirm(t("ab.promote"), t("ab.promote.text", { name: variant.name }), t("ab.promote")))) return;
    await api.post("/ab/pool/{variant_id}/promote", path(variant));
    await Promise.all([state.reload(), report.reload()]);
  };
  const erase = async (variant: Variant) => {
    if (!(await confirm(t("ab.delete"), t("ab.delete.text", { name: variant.name }), t("action.delete")))) return;
    await api.delete("/ab/pool/{variant_id}", path(variant));
    await state.reload();
  };
  return (
    <>
      <p class="hint">{t("ab.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("ab.new")}</Button></div>
      <Table
        state={state} id={(variant) => variant.id} title={(variant) => variant.name} icon="split" empty={t("ab.none")}
        columns={[
          { text: t("field.name"), cell: (variant) => <><span class="strong">{variant.name}</span><span class="hint">{Object.entries(variant.settings).map(([key, value]) => `${key}: ${String(value)}`).join(", ") || t("ask.as.set")}</span></> },
          { text: t("field.status"), cell: (variant) => <span class="chips">{variant.is_champion && <Badge kind="good">{t("ab.champion")}</Badge>}{!variant.is_active && <Badge>{t("models.disabled")}</Badge>}{!variant.is_usable && <Badge kind="bad">{t("ab.unusable")}</Badge>}</span> },
          { text: t("ab.weight"), class: "number", cell: (variant) => number(variant.weight, 3) },
        ]}
        actions={(variant) => [
          { text: t("action.edit"), icon: "edit", act: () => setEditing(variant) },
          { text: t(variant.is_active ? "models.disable" : "models.enable"), act: () => change(variant, { is_active: !variant.is_active }) },
          ...(variant.is_champion ? [] : [{ text: t("ab.promote"), icon: "check" as const, act: () => promote(variant) }]),
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(variant) },
        ]}
      />
      <h2>{t("ab.results")}</h2>
      <Loaded state={report}>
        {(result) => result.items.length === 0 ? <Empty icon="split" title={t("ab.no.votes")} /> : <ul class="cards wide-cards">{result.items.map((pair) => <Pair key={`${pair.champion.id}:${pair.challenger.id}`} pair={pair} />)}</ul>}
      </Loaded>
      {editing === "new" && (
        <FormDialog
          title={t("ab.new")} action={t("action.create")} onClose={() => setEditing(null)}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 100 },
            { name: "active_model", label: t("field.model"), kind: "choice", options: [{ value: "", text: t("ask.as.set") }, ...(models.data ?? [])] },
            { name: "temperature", label: t("ab.temperature"), kind: "number", unset: true, min: 0, max: 2 },
            { name: "num_documents_to_retrieve", label: t("ab.chunks"), kind: "number", min: 1, max: 100, step: "1" },
            { name: "weight", label: t("ab.weight"), kind: "number", min: 0.001, max: 1000, value: 1 },
            { name: "is_champion", label: t("ab.champion"), kind: "toggle" },
          ]}
          onSubmit={async ({ name: title, weight, is_champion, ...values }) => {
            const settings = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
            await api.post("/ab/pool", { body: { name: title, weight: weight ?? 1, is_champion, ...(Object.keys(settings).length && { settings }) } as Schemas["NewVariant"] });
            await state.reload();
          }}
        />
      )}
      {editing && editing !== "new" && (
        <FormDialog
          title={editing.name} action={t("action.save")} onClose={() => setEditing(null)}
          entries={[{ name: "name", label: t("field.name"), required: true, value: editing.name, maxLength: 100 }, { name: "weight", label: t("ab.weight"), kind: "number", min: 0.001, max: 1000, value: editing.weight }]}
          onSubmit={(values) => change(editing, values as Schemas["VariantChanges"])}
        />
      )}
    </>
  );
}

function Pair({ pair }: { pair: Schemas["ComparisonMetrics"] }) {
  const { low, high } = pair.sequential_test.interval;
  const title = t("ab.pair", { challenger: pair.challenger.name, champion: pair.champion.name });
  const at = (share: number) => 10 + share * 280;
  return (
    <li class="card">
      <h3>{title}</h3>
      <p><Badge kind={pair.sequential_test.verdict === "challenger_better" ? "good" : "plain"}>{name("verdict", pair.sequential_test.verdict)}</Badge> <span class="hint">{t("ab.votes", { votes: pair.votes, wins: pair.wins, losses: pair.losses, ties: pair.ties, bad: pair.both_bad })}</span></p>
      <svg class="interval" viewBox="0 0 300 34" role="img" aria-label={t("ab.interval", { rate: percent(pair.win_rate), low: percent(low), high: percent(high) })}>
        <line class="interval-axis" x1={at(0)} x2={at(1)} y1="17" y2="17" />
        <line class="interval-middle" x1={at(0.5)} x2={at(0.5)} y1="4" y2="30" />
        <line class="interval-range" x1={at(low)} x2={at(high)} y1="17" y2="17" />
        {pair.win_rate !== null && <circle class="interval-point" cx={at(pair.win_rate)} cy="17" r="5" />}
      </svg>
      <p class="hint">{t("ab.interval", { rate: percent(pair.win_rate), low: percent(low), high: percent(high) })}</p>
    </li>
  );
}
