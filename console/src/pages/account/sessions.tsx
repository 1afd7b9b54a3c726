// Where one is signed in.
import { all, api } from "../../api";
import { ago } from "../../format";
import { forget } from "../../session";
import { t } from "../../strings";
import { Badge, Button, confirm, useLoad } from "../../ui/basics";
import { Table } from "../administer/table";

// A browser calls itself by the names of others too, so the special names come first.
const browsers = { Edge: /Edg\//, Opera: /OPR\//, Firefox: /Firefox\//, Chrome: /Chrome\//, Safari: /Safari\// };
const systems = { Windows: /Windows/, Android: /Android/, iOS: /iPhone|iPad/, macOS: /Mac OS X/, Linux: /Linux/ };

/** Which browser on which system, as people call them; what is no known browser is shown as it calls itself. */
function program(agent: string | null | undefined): string {
  const find = (names: Record<string, RegExp>) => Object.keys(names).find((key) => names[key]!.test(agent ?? ""));
  const [browser, system] = [find(browsers), find(systems)];
  return browser && system ? t("sessions.program", { browser, system }) : (agent ?? "–");
}

export function Sessions() {
  const state = useLoad(() => all((cursor) => api.get("/me/sessions", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const outEverywhere = async () => {
    if (!(await confirm(t("sessions.all"), t("sessions.all.text"), t("sessions.all")))) return;
    await api.post("/auth/logout-all", { query: { keep_api_keys: true } });
    forget();
  };
  return (
    <>
      <div class="row"><Button icon="out" onClick={outEverywhere}>{t("sessions.all")}</Button></div>
      <Table
        state={state} id={(session) => session.id} title={(session) => program(session.user_agent)} icon="account" empty={t("sessions.none")}
        columns={[
          { text: t("sessions.device"), cell: (session) => <><span class="strong" title={session.user_agent ?? undefined}>{program(session.user_agent)}</span><span class="hint">{session.ip_address}</span></> },
          { text: t("sessions.used"), cell: (session) => (session.current ? <Badge kind="good">{t("sessions.this")}</Badge> : ago(session.last_activity_at)) },
          { text: t("sessions.since"), class: "wide-only", cell: (session) => ago(session.created_at) },
        ]}
        actions={(session) => session.current ? [] : [{ text: t("sessions.end"), icon: "out", danger: true, act: async () => { await api.delete("/me/sessions/{session_id}", { path: { session_id: session.id } }); await state.reload(); } }]}
      />
    </>
  );
}
