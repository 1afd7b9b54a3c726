// Settings: each with its value, the level that it comes from, and what it means. Meaning, type and range are those of
// the API's own description, so that they are written once.
import { useState } from "preact/hooks";
import { all, api, open, type Schemas } from "../../api";
import { moment } from "../../format";
import { name, t } from "../../strings";
import { Badge, Button, Dialog, Loaded, useLoad } from "../../ui/basics";
import { FormDialog, SearchBox, UNSET, type Entry } from "../../ui/forms";
import { modelChoices } from "../../ui/models";

interface Described {
  description?: string;
  anyOf?: { type?: string; minimum?: number; maximum?: number; enum?: string[]; const?: string; maxLength?: number }[];
}

interface Setting {
  name: string;
  value: unknown;
  level: string;
  own: unknown; // what the administrators have set; null for nothing
  passed: Schemas["PassedOver"][];
  described: Described;
  isChangeable: boolean;
  choices: string[] | undefined;
}

let description: Promise<Record<string, Described>> | null = null;

function describe(): Promise<Record<string, Described>> {
  description ??= open<{ components: { schemas: Record<string, { properties: Record<string, Described> }> } }>("GET", "/openapi.json").then(({ components: { schemas } }) => ({
    ...schemas["StaticConfig"]!.properties,
    ...schemas["DynamicChanges"]!.properties,
  }));
  return description;
}

export function Settings() {
  const [query, setQuery] = useState("");
  const [editing, setEditing] = useState<Setting | null>(null);
  const [historyOf, setHistoryOf] = useState<string | null>(null);
  const state = useLoad(async () => {
    const [effective, dynamic, fields, models, rerankers] = await Promise.all([
      api.get("/config/effective"), api.get("/config/dynamic"), describe(), modelChoices(), all((cursor) => api.get("/rerankers", { query: { limit: 100, ...(cursor && { cursor }) } })),
    ]);
    const choices: Record<string, string[]> = {
      active_model: models.map((model) => model.value),
      active_reranker: ["off", "built_in", ...rerankers.map((reranker) => reranker.name)],
    };
    const values = dynamic as unknown as Record<string, unknown>;
    const settings = Object.entries(effective as unknown as Record<string, Schemas["EffectiveValue"]>).map(([key, entry]): Setting => ({
      name: key, value: entry.value, level: entry.level, own: values[key] ?? null, passed: entry.passed_over, described: fields[key] ?? {}, isChangeable: key in values, choices: choices[key],
    }));
    return { settings, revision: dynamic.revision };
  }, []);
  const save = async (setting: Setting, value: unknown) => {
    await api.patch("/config/dynamic", { body: { [setting.name]: value } as Schemas["DynamicChanges"], headers: { "If-Match": `"${state.data!.revision}"` } });
    await state.reload();
  };
  const text = query.trim().toLowerCase();
  return (
    <>
      <p class="hint">{t("settings.lead")}</p>
      <SearchBox label={t("settings.find")} value={query} onChange={setQuery} />
      <Loaded state={state}>
        {({ settings }) => (
          <ul class="settings">
            {settings.filter((setting) => `${setting.name} ${setting.described.description ?? ""}`.toLowerCase().includes(text)).map((setting) => (
              <li key={setting.name} class="card">
                <div class="setting-name">
                  <code>{setting.name}</code>
                  <p class="hint">{(setting.described.description ?? "").split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part))}</p>
                  {setting.passed.map((passed) => <p key={passed.level} class="notice">{t("settings.passed", { value: written(passed.value), level: name("level", passed.level) })}</p>)}
                </div>
                <div class="setting-value">
                  <span class="value">{written(setting.value)}</span>
                  <Badge kind={setting.level === "static" ? "plain" : "good"}>{name("level", setting.level)}</Badge>
                </div>
                <div class="setting-actions">
                  {setting.isChangeable && <Button icon="edit" label={t("settings.change", { name: setting.name })} onClick={() => setEditing(setting)} />}
                  {setting.isChangeable && setting.own !== null && <Button onClick={() => save(setting, null)}>{t("settings.reset")}</Button>}
                  {setting.isChangeable && <Button kind="quiet" icon="clock" label={t("settings.history.of", { name: setting.name })} onClick={() => setHistoryOf(setting.name)} />}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {editing && (
        <FormDialog
          title={editing.name}
          action={t("action.save")}
          entries={[entryOf(editing)]}
          onClose={() => setEditing(null)}
          onSubmit={(values) => save(editing, values["value"])}
        ><p class="hint">{t("settings.effect")}</p></FormDialog>
      )}
      {historyOf && <History name={historyOf} onClose={() => setHistoryOf(null)} />}
    </>
  );
}

export function written(value: unknown): string {
  if (value === null || value === undefined) return t("settings.unset");
  if (value === UNSET) return t("form.unset");
  if (typeof value === "boolean") return t(value ? "value.yes" : "value.no");
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  return value === "" ? t("settings.empty") : String(value);
}

function entryOf({ value, described, choices }: Setting): Entry {
  const type = described.anyOf?.find((option) => option.type !== "null") ?? {};
  const entry: Entry = { name: "value", label: t("field.value"), value: value ?? "", ...(described.description && { hint: described.description.replaceAll("`", "") }) };
  if (type.type === "boolean") return { ...entry, kind: "toggle", value: value === true };
  if (choices) {
    const options = choices.includes(String(value)) ? choices : [String(value), ...choices];
    return { ...entry, kind: "choice", options: options.map((option) => ({ value: option, text: name("model", option) })) };
  }
  if (type.type === "integer" || type.type === "number") {
    return { ...entry, kind: "number", unset: described.anyOf?.some((option) => option.const === UNSET) ?? false, step: type.type === "integer" ? "1" : "any", ...(type.minimum !== undefined && { min: type.minimum }), ...(type.maximum !== undefined && { max: type.maximum }) };
  }
  if ((type.maxLength ?? 0) > 1000) return { ...entry, kind: "long" };
  return entry;
}

function History({ name: field, onClose }: { name: string; onClose: () => void }) {
  const state = useLoad(async () => (await api.get("/config/audit", { query: { field_name: field, limit: 50 } })).items, []);
  const people = useLoad(() => all((cursor) => api.get("/users", { query: { limit: 100, ...(cursor && { cursor }) } }), 500), []);
  const who = (id: string | null) => (id === null ? t("audit.service") : (people.data?.find((user) => user.id === id)?.display_name ?? "…"));
  return (
    <Dialog title={t("settings.history.of", { name: field })} onClose={onClose}>
      <Loaded state={state}>
        {(changes) => changes.length === 0 ? <p class="hint">{t("settings.no.history")}</p> : (
          <ul class="plain-list">{changes.map((change) => <li key={change.id}><span>{moment(change.changed_at)}</span><span class="strong">{who(change.user_id)}</span><span><s>{written(change.old_value)}</s> → {written(change.new_value)}</span></li>)}</ul>
        )}
      </Loaded>
    </Dialog>
  );
}
