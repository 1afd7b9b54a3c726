// Schedules of evaluations: a set is run again and again.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { moment, money } from "../../format";
import { t } from "../../strings";
import { Button, confirm, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "./table";

type Schedule = Schemas["EvalSchedule"];

export function EvalSchedules({ sets, onOpen }: { sets: Schemas["EvalSet"][]; onOpen: (run: string) => void }) {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(() => all((cursor) => api.get("/evals/schedules", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const erase = async (schedule: Schedule) => {
    if (!(await confirm(t("evals.schedule.delete"), t("evals.schedule.delete.text"), t("action.delete")))) return;
    await api.delete("/evals/schedules/{eval_schedule_id}", { path: { eval_schedule_id: schedule.id } });
    await state.reload();
  };
  return (
    <>
      <h2>{t("evals.schedules")}</h2>
      {sets.length > 0 && <div class="row"><Button icon="clock" onClick={() => setAdding(true)}>{t("evals.schedule.new")}</Button></div>}
      <Table
        state={state} id={(schedule) => schedule.id} title={(schedule) => schedule.name} icon="clock" empty={t("evals.no.schedules")}
        columns={[
          { text: t("field.name"), cell: (schedule) => <><span class="strong">{schedule.name}</span><span class="hint">{sets.find((set) => set.id === schedule.set_id)?.name}</span>{schedule.error_message && <span class="field-error">{schedule.error_message}</span>}</> },
          { text: t("evals.schedule.when"), cell: (schedule) => <code>{schedule.schedule}</code> },
          { text: t("connectors.next"), cell: (schedule) => moment(schedule.next_run_at) },
          { text: t("connectors.last"), class: "wide-only", cell: ({ last_run_id: run }) => (run ? <button type="button" class="link" onClick={() => onOpen(run)}>{t("evals.schedule.open")}</button> : "–") },
          { text: t("evals.budget"), class: "wide-only number", cell: (schedule) => money(schedule.budget_usd) },
        ]}
        actions={(schedule) => [{ text: t("action.delete"), icon: "trash", danger: true, act: () => erase(schedule) }]}
      />
      {isAdding && (
        <FormDialog
          title={t("evals.schedule.new")} action={t("action.create")} onClose={() => setAdding(false)}
          entries={[
            { name: "set_id", label: t("evals.schedule.set"), kind: "choice", options: sets.map((set) => ({ value: set.id, text: set.name })) },
            { name: "name", label: t("field.name"), maxLength: 200 },
            { name: "schedule", label: t("evals.schedule.when"), required: true, maxLength: 100, value: "0 3 * * 1", hint: t("evals.schedule.hint") },
            { name: "budget_usd", label: t("evals.budget"), kind: "number", min: 0, value: 1, required: true },
          ]}
          onSubmit={async ({ name: title, ...values }) => {
            await api.post("/evals/schedules", { body: { ...values, ...(title !== null && { name: title }) } as Schemas["NewEvalSchedule"] });
            await state.reload();
          }}
        />
      )}
    </>
  );
}
