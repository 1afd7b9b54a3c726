// Who changed what, when, and from where.
import { useState } from "preact/hooks";
import { all, api } from "../../api";
import { moment } from "../../format";
import { t } from "../../strings";
import { Button, Empty, Loaded, useLoad } from "../../ui/basics";

export function Audit() {
  const [action, setAction] = useState("");
  const [from, setFrom] = useState("");
  const query = { limit: 50, ...(action.trim() && { action: action.trim() }), ...(from && { from: `${from}T00:00:00Z` }) };
  const state = useLoad(() => api.get("/audit-logs", { query }), [action, from]);
  const people = useLoad(() => all((cursor) => api.get("/users", { query: { limit: 100, ...(cursor && { cursor }) } }), 500), []);
  const names = new Map(people.data?.map((user) => [user.id, user.display_name]));
  const more = async () => {
    const page = await api.get("/audit-logs", { query: { ...query, cursor: state.data!.next_cursor! } });
    state.change((data) => ({ ...page, items: [...data.items, ...page.items] }));
  };
  return (
    <>
      <div class="filters">
        <input class="search-box" type="search" aria-label={t("audit.action")} placeholder={t("audit.action.hint")} value={action} maxLength={100} onChange={(event) => setAction(event.currentTarget.value)} />
        <label class="inline">{t("audit.after")} <input type="date" value={from} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
      </div>
      <Loaded state={state}>
        {(page) => page.items.length === 0 ? <Empty icon="clock" title={t("audit.none")} /> : (
          <>
            <div class="scroll" tabIndex={0}>
              <table class="list">
                <thead><tr><th scope="col">{t("audit.when")}</th><th scope="col">{t("audit.who")}</th><th scope="col">{t("audit.action")}</th><th scope="col" class="wide-only">{t("audit.details")}</th></tr></thead>
                <tbody>
                  {page.items.map((entry) => (
                    <tr key={entry.id}>
                      <td>{moment(entry.created_at)}</td>
                      <td>{entry.user_id ? (names.get(entry.user_id) ?? t("audit.gone")) : t("audit.service")}<span class="hint">{entry.ip_address}</span></td>
                      <td><code>{entry.action}</code></td>
                      <td class="wide-only details">{Object.keys(entry.details).length > 0 && <code>{JSON.stringify(entry.details)}</code>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {page.next_cursor && <Button onClick={more}>{t("action.more")}</Button>}
          </>
        )}
      </Loaded>
    </>
  );
}
