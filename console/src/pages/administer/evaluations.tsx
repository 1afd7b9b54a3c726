// Evaluations: sets of questions with what a good answer has, runs that measure the answers, and what differs.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago, milliseconds, money, number, percent } from "../../format";
import { name, said, t } from "../../strings";
import { Badge, Button, confirm, Dialog, Loaded, notify, Progress, useEvery, useLoad } from "../../ui/basics";
import { Choice, FormDialog } from "../../ui/forms";
import { modelChoices } from "../../ui/models";
import { EvalSchedules } from "./eval-schedules";
import { Table } from "./table";

type EvalSet = Schemas["EvalSet"];
type Run = Schemas["EvalRun"];
type Interval = Schemas["MeasureInterval"];
const runKinds = { running: "busy", completed: "good", stopped: "bad", cancelled: "plain" } as const;
const measures = ["recall", "mrr", "citation_precision", "words", "abstention", "failures", "cost_usd", "milliseconds"] as const;

export function Evaluations() {
  const [asking, setAsking] = useState<"set" | EvalSet | null>(null);
  const [importing, setImporting] = useState<EvalSet | null>(null);
  const [questionsOf, setQuestionsOf] = useState<EvalSet | null>(null);
  const [opened, setOpened] = useState<string | null>(null);
  const sets = useLoad(() => all((cursor) => api.get("/evals/sets", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const runs = useLoad(() => all((cursor) => api.get("/evals/runs", { query: { limit: 100, ...(cursor && { cursor }) } }), 300), []);
  useEvery(runs.data?.some((run) => run.status === "running") ? 4000 : null, runs.reload);
  const setOf = (run: Run) => sets.data?.find((set) => set.id === run.set_id)?.name ?? "–";
  const erase = async (set: EvalSet) => {
    if (!(await confirm(t("evals.delete"), t("evals.delete.text", { name: set.name }), t("action.delete")))) return;
    await api.delete("/evals/sets/{eval_set_id}", { path: { eval_set_id: set.id } });
    await Promise.all([sets.reload(), runs.reload()]);
  };
  const collect = async (set: EvalSet, origin: Schemas["EvalCollectionOrigin"]) => {
    const added = await api.post("/evals/sets/{eval_set_id}/collect", { path: { eval_set_id: set.id }, body: { origin } });
    notify(t("evals.added", { count: added.questions }));
    await sets.reload();
  };
  return (
    <>
      <p class="hint">{t("evals.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setAsking("set")}>{t("evals.new")}</Button></div>
      <Table
        state={sets} id={(set) => set.id} title={(set) => set.name} icon="check" empty={t("evals.none")}
        columns={[
          { text: t("field.name"), cell: (set) => <><button type="button" class="link" onClick={() => setQuestionsOf(set)}>{set.name}</button>{set.description && <span class="hint">{set.description}</span>}</> },
          { text: t("evals.questions"), class: "number", cell: (set) => number(set.question_count) },
          { text: t("field.changed"), class: "wide-only", cell: (set) => ago(set.updated_at) },
        ]}
        actions={(set) => [
          { text: t("evals.run"), icon: "again", act: () => setAsking(set) },
          { text: t("evals.import"), icon: "upload", act: () => setImporting(set) },
          { text: t("evals.collect.mistakes"), icon: "flag", act: () => collect(set, "mistakes") },
          { text: t("evals.collect.likes"), icon: "like", act: () => collect(set, "likes") },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(set) },
        ]}
      />
      <h2>{t("evals.runs")}</h2>
      <Table
        state={runs} id={(run) => run.id} title={(run) => run.name} icon="clock" empty={t("evals.no.runs")}
        columns={[
          { text: t("field.name"), cell: (run) => <><button type="button" class="link" onClick={() => setOpened(run.id)}>{run.name}</button><span class="hint">{setOf(run)} · {ago(run.created_at)}</span>{run.reason && <span class="field-error">{run.reason}</span>}</> },
          { text: t("field.status"), cell: (run) => <><Badge kind={runKinds[run.status]}>{name("evals", run.status)}</Badge>{run.status === "running" && <Progress label={run.name} value={run.finished_count / Math.max(1, run.question_count)} />}</> },
          { text: t("evals.questions"), class: "number", cell: (run) => `${number(run.finished_count)} / ${number(run.question_count)}` },
          { text: t("costs.cost"), class: "wide-only number", cell: (run) => `${money(run.cost_usd)} / ${money(run.budget_usd)}` },
        ]}
        actions={(run) => [
          ...(run.status === "running" ? [
            { text: t("evals.advance"), icon: "right" as const, act: async () => { await api.post("/evals/runs/{eval_run_id}/advance", { path: { eval_run_id: run.id } }); await runs.reload(); } },
            { text: t("evals.cancel"), icon: "stop" as const, act: async () => { await api.post("/evals/runs/{eval_run_id}/cancel", { path: { eval_run_id: run.id } }); await runs.reload(); } },
          ] : []),
          { text: t("action.delete"), icon: "trash", danger: true, act: async () => { await api.delete("/evals/runs/{eval_run_id}", { path: { eval_run_id: run.id } }); await runs.reload(); } },
        ]}
      />
      <EvalSchedules sets={sets.data ?? []} onOpen={setOpened} />
      {asking === "set" && <NewSet onClose={() => setAsking(null)} onDone={sets.reload} />}
      {asking && asking !== "set" && <NewRun set={asking} onClose={() => setAsking(null)} onDone={runs.reload} />}
      {importing && <Import set={importing} onClose={() => setImporting(null)} onDone={sets.reload} />}
      {questionsOf && <Questions set={questionsOf} onClose={() => setQuestionsOf(null)} />}
      {opened && <RunDialog id={opened} others={runs.data ?? []} onClose={() => setOpened(null)} />}
    </>
  );
}

interface Asking {
  onClose: () => void;
  onDone: () => Promise<void>;
}

function NewSet({ onClose, onDone }: Asking) {
  return (
    <FormDialog
      title={t("evals.new")} action={t("action.create")} onClose={onClose}
      entries={[
        { name: "name", label: t("field.name"), required: true, maxLength: 200 },
        { name: "description", label: t("field.description"), maxLength: 2000 },
        { name: "questions", label: t("evals.questions"), kind: "lines", hint: t("evals.questions.hint") },
      ]}
      onSubmit={async ({ questions, ...values }) => {
        const asked = (questions as string[]).map((line) => {
          const [question = "", words = ""] = line.split("|", 2);
          return { question: question.trim(), expected_words: words.split(",").map((word) => word.trim()).filter(Boolean) };
        });
        await api.post("/evals/sets", { body: { ...values, questions: asked } as Schemas["NewEvalSet"] });
        await onDone();
      }}
    />
  );
}

function NewRun({ set, onClose, onDone }: Asking & { set: EvalSet }) {
  const models = useLoad(modelChoices, []);
  if (!models.data) return null;
  return (
    <FormDialog
      title={t("evals.run.of", { name: set.name })} action={t("evals.run")} onClose={onClose}
      entries={[
        { name: "name", label: t("field.name"), maxLength: 200, hint: t("evals.run.name.hint") },
        { name: "active_model", label: t("field.model"), kind: "choice", options: [{ value: "", text: t("ask.as.set") }, ...models.data] },
        { name: "num_documents_to_retrieve", label: t("ab.chunks"), kind: "number", min: 1, max: 100, step: "1" },
        { name: "budget_usd", label: t("evals.budget"), kind: "number", min: 0, value: 1, required: true },
      ]}
      onSubmit={async ({ name: title, budget_usd: budget, ...values }) => {
        const settings = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
        const body = { set_id: set.id, budget_usd: budget, ...(title !== null && { name: title }), ...(Object.keys(settings).length && { settings }) };
        await api.post("/evals/runs", { body: body as Schemas["NewEvalRun"], once: true });
        await onDone();
      }}
    />
  );
}

function Import({ set, onClose, onDone }: Asking & { set: EvalSet }) {
  return (
    <FormDialog
      title={t("evals.import")} action={t("action.add")} onClose={onClose}
      entries={[{ name: "content", label: "JSON Lines", kind: "long", required: true, hint: t("evals.import.hint") }]}
      onSubmit={async (values) => {
        const added = await api.post("/evals/sets/{eval_set_id}/import", { path: { eval_set_id: set.id }, body: { format: "jsonl", content: String(values["content"]) } });
        notify([t("evals.added", { count: added.questions }), added.unknown_documents.length ? t("evals.unknown", { names: added.unknown_documents.slice(0, 5).join(", ") }) : ""].filter(Boolean).join(" "));
        await onDone();
      }}
    />
  );
}

function Questions({ set, onClose }: { set: EvalSet; onClose: () => void }) {
  const state = useLoad(() => all((cursor) => api.get("/evals/sets/{eval_set_id}/questions", { path: { eval_set_id: set.id }, query: { limit: 100, ...(cursor && { cursor }) } }), 2000), []);
  return (
    <Dialog wide title={set.name} onClose={onClose}>
      <Loaded state={state}>
        {(items) => items.length === 0 ? <p class="hint">{t("evals.no.questions")}</p> : (
          <ol class="plain-list">
            {items.map((item) => (
              <li key={item.id}>
                <span class="strong">{item.question}</span>
                <span class="hint">{[item.should_decline && t("evals.declines"), item.expected_words.join(", "), item.expected_documents.length > 0 && t("evals.documents", { count: item.expected_documents.length })].filter(Boolean).join(" · ")}</span>
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Dialog>
  );
}

/** A mean with its interval, as people read it. */
function shown(measure: string, { mean, low, high }: Interval, isDifference: boolean): string {
  const text = (value: number) => {
    const sign = isDifference && value > 0 ? "+" : "";
    return sign + (measure === "cost_usd" ? money(value) : measure === "milliseconds" ? milliseconds(value) : percent(value));
  };
  return `${text(mean)} (${text(low)} … ${text(high)})`;
}

function RunDialog({ id, others, onClose }: { id: string; others: Run[]; onClose: () => void }) {
  const [other, setOther] = useState("");
  const path = { eval_run_id: id };
  const state = useLoad(() => api.get("/evals/runs/{eval_run_id}", { path }), []);
  const results = useLoad(() => all((cursor) => api.get("/evals/runs/{eval_run_id}/results", { path, query: { limit: 100, ...(cursor && { cursor }) } }), 2000), []);
  const compared = useLoad(async () => (other ? (await api.get("/evals/runs/{eval_run_id}/comparisons/{other_run_id}", { path: { ...path, other_run_id: other } })).differences : null), [other]);
  return (
    <Loaded state={state}>
      {(run) => (
        <Dialog wide title={run.name} onClose={onClose}>
          <p><Badge kind={runKinds[run.status]}>{name("evals", run.status)}</Badge> {run.reason}</p>
          <label class="field">{t("evals.compare")}
            <Choice label={t("evals.compare")} value={other} options={[{ value: "", text: t("evals.compare.none") }, ...others.filter((candidate) => candidate.id !== id).map((candidate) => ({ value: candidate.id, text: `${candidate.name} (${ago(candidate.created_at)})` }))]} onChange={setOther} />
          </label>
          <div class="scroll" tabIndex={0}>
            <table class="list">
              <thead><tr><th scope="col">{t("evals.measure")}</th><th scope="col" class="number">{t("evals.mean")}</th>{compared.data && <th scope="col" class="number">{t("evals.difference")}</th>}</tr></thead>
              <tbody>
                {measures.filter((measure) => run.measures[measure]).map((measure) => {
                  const difference = compared.data?.[measure];
                  return (
                    <tr key={measure}>
                      <td class="main-cell">{t(`measure.${measure}`)}</td>
                      <td class="number">{shown(measure, run.measures[measure]!, false)}</td>
                      {compared.data && <td class="number">{difference ? <>{shown(measure, difference, true)} {difference.low <= 0 && difference.high >= 0 && <Badge>{t("evals.chance")}</Badge>}</> : "–"}</td>}
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
          <h3>{t("evals.answers")}</h3>
          <Loaded state={results}>
            {(items) => items.length === 0 ? <p class="hint">{t("evals.no.answers")}</p> : (
              <ul class="plain-list">
                {items.map((result) => (
                  <li key={result.question_id}>
                    <details>
                      <summary><span class="strong">{result.question}</span> {result.error_code && <Badge kind="bad">{said("failures", result.error_code)}</Badge>} <span class="hint">{Object.entries(result.measures).filter(([measure]) => !["cost_usd", "milliseconds", "failures"].includes(measure)).map(([measure, value]) => `${name("measure", measure)} ${percent(value)}`).join(", ")}</span></summary>
                      <p class="passage">{result.answer}</p>
                    </details>
                  </li>
                ))}
              </ul>
            )}
          </Loaded>
        </Dialog>
      )}
    </Loaded>
  );
}
