// What users, and the members of groups, may spend in a month.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago, money, number } from "../../format";
import { t } from "../../strings";
import { Button, useLoad } from "../../ui/basics";
import { FormDialog, type Entry, type Values } from "../../ui/forms";
import { Table } from "./table";

type Budget = Schemas["Budget"];

export function Budgets() {
  const [editing, setEditing] = useState<Budget | "new" | null>(null);
  const state = useLoad(async () => {
    const [budgets, users, groups] = await Promise.all([
      all((cursor) => api.get("/budgets", { query: { limit: 100, ...(cursor && { cursor }) } })),
      all((cursor) => api.get("/users", { query: { limit: 100, ...(cursor && { cursor }) } }), 500),
      all((cursor) => api.get("/groups", { query: { limit: 100, ...(cursor && { cursor }) } })),
    ]);
    return { budgets, users, groups };
  }, []);
  const nameOf = (budget: Budget) => state.data?.users.find((user) => user.id === budget.user_id)?.display_name ?? state.data?.groups.find((group) => group.id === budget.group_id)?.name ?? "–";
  const limits = (budget?: Budget): Entry[] => [
    { name: "monthly_cost_usd", label: t("budgets.cost"), kind: "number", min: 0, value: budget?.monthly_cost_usd ?? "" },
    { name: "monthly_tokens", label: t("budgets.tokens"), kind: "number", min: 0, step: "1", value: budget?.monthly_tokens ?? "" },
  ];
  const put = async (whose: { user_id?: string | null; group_id?: string | null }, values: Values) => {
    const body = Object.fromEntries(["monthly_cost_usd", "monthly_tokens"].filter((field) => values[field] !== null).map((field) => [field, values[field]])) as unknown as Schemas["NewBudget"];
    if (whose.user_id) await api.put("/users/{user_id}/budget", { path: { user_id: whose.user_id }, body });
    else await api.put("/groups/{group_id}/budget", { path: { group_id: whose.group_id! }, body });
    await state.reload();
  };
  const erase = async (budget: Budget) => {
    if (budget.user_id) await api.delete("/users/{user_id}/budget", { path: { user_id: budget.user_id } });
    else await api.delete("/groups/{group_id}/budget", { path: { group_id: budget.group_id! } });
    await state.reload();
  };
  const table = { ...state, data: state.data?.budgets } as { data?: Budget[]; error?: unknown; reload: () => Promise<void> };
  return (
    <>
      <div class="row"><Button kind="primary" icon="plus" disabled={!state.data} onClick={() => setEditing("new")}>{t("budgets.new")}</Button></div>
      <p class="hint">{t("budgets.lead")}</p>
      <Table
        state={table} id={(budget) => budget.id} title={nameOf} icon="clock" empty={t("budgets.none")}
        columns={[
          { text: t("budgets.whose"), cell: (budget) => <><span class="strong">{nameOf(budget)}</span><span class="hint">{t(budget.user_id ? "budgets.user" : "budgets.group")}</span></> },
          { text: t("budgets.cost"), class: "number", cell: (budget) => money(budget.monthly_cost_usd) },
          { text: t("budgets.tokens"), class: "number", cell: (budget) => number(budget.monthly_tokens) },
          { text: t("field.changed"), class: "wide-only", cell: (budget) => ago(budget.updated_at) },
        ]}
        actions={(budget) => [
          { text: t("action.edit"), icon: "edit", act: () => setEditing(budget) },
          { text: t("action.delete"), icon: "trash", danger: true, act: () => erase(budget) },
        ]}
      />
      {editing === "new" && state.data && (
        <FormDialog
          title={t("budgets.new")} action={t("action.create")} onClose={() => setEditing(null)}
          entries={[
            { name: "whose", label: t("budgets.whose"), kind: "choice", required: true, options: [{ value: "", text: t("budgets.choose") }, ...state.data.groups.map((group) => ({ value: `group:${group.id}`, text: `${t("budgets.group")}: ${group.name}` })), ...state.data.users.map((user) => ({ value: `user:${user.id}`, text: `${user.display_name}${user.email ? ` (${user.email})` : ""}` }))] },
            ...limits(),
          ]}
          onSubmit={(values) => {
            const [kind, id] = String(values["whose"]).split(":");
            return put(kind === "user" ? { user_id: id! } : { group_id: id! }, values);
          }}
        />
      )}
      {editing && editing !== "new" && <FormDialog title={nameOf(editing)} action={t("action.save")} entries={limits(editing)} onClose={() => setEditing(null)} onSubmit={(values) => put(editing, values)} />}
    </>
  );
}
