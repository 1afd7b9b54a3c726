// What administrators are told, by Telegram and webhooks, and from which values on.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago } from "../../format";
import { href } from "../../router";
import { name, t } from "../../strings";
import { Badge, Button, Loaded, notify, useLoad } from "../../ui/basics";
import { Choice, Form, type Entry } from "../../ui/forms";
import { Table } from "./table";

type Level = Schemas["Level"];
type Telegram = Schemas["TelegramConfig"];
type Email = Schemas["EmailAlertsConfig"];
const levels = enums.Level as Level[];
const measures = ["cpu", "ram", "disk", "gpu", "temperature"] as const;
const occasions = ["notify_on_warning", "notify_on_critical", "notify_on_service_down", "notify_on_self_healing"] as const;

export function Alerts() {
  const [level, setLevel] = useState<Level | "">("");
  const alerts = useLoad(async () => (await api.get("/alerts", { query: { limit: 100, ...(level && { level }) } })).items, [level]);
  const state = useLoad(() => api.get("/alerts/telegram"), []);
  const save = async (body: Schemas["TelegramChanges"]) => {
    const telegram = await api.patch("/alerts/telegram", { body });
    state.change(() => telegram);
    notify(t("note.saved"));
  };
  return (
    <>
      <div class="row"><Choice<Level | ""> label={t("repairs.severity")} value={level} options={[{ value: "", text: t("repairs.every") }, ...levels.map((value) => ({ value, text: name("severity", value) }))]} onChange={setLevel} /></div>
      <Table
        state={alerts} id={(alert) => alert.id} title={(alert) => alert.subject} icon="check" empty={t("health.no.alerts")}
        columns={[
          { text: t("field.name"), cell: (alert) => <><span class="strong">{alert.subject}</span><span class="hint">{alert.message}</span></> },
          { text: t("repairs.severity"), cell: (alert) => <Badge kind={alert.level === "ok" ? "good" : alert.level === "critical" ? "bad" : "busy"}>{name("severity", alert.level)}</Badge> },
          { text: t("alerts.told"), class: "wide-only", cell: (alert) => alert.deliveries.map((delivery) => <span key={delivery.channel} class="hint">{delivery.channel}: {delivery.sent_at ? ago(delivery.sent_at) : (delivery.error ?? t("alerts.waiting"))}</span>) },
          { text: t("audit.when"), cell: (alert) => ago(alert.created_at) },
        ]}
      />
      <h2>{t("alerts.channels")}</h2>
      <p class="hint">{t("alerts.webhooks")} <a href={href("account", "webhooks")}>{t("account.webhooks")}</a></p>
      <EmailChannel />
      <Loaded state={state}>{(telegram) => <><Channel telegram={telegram} onSave={save} /><Thresholds telegram={telegram} onSave={save} /></>}</Loaded>
    </>
  );
}

function EmailChannel() {
  const state = useLoad(() => api.get("/alerts/email"), []);
  const save = async (body: Schemas["EmailAlertsChanges"]) => {
    const email = await api.patch("/alerts/email", { body });
    state.change(() => email);
    notify(t("note.saved"));
  };
  return (
    <section class="card">
      <h3>{t("alerts.email")}</h3>
      <p class="hint">{t("alerts.email.hint")}</p>
      <Loaded state={state}>
        {(email: Email) => (
          <Form
            key={email.updated_at}
            action={t("action.save")}
            entries={[
              { name: "enabled", label: t("alerts.email.enabled"), kind: "toggle", value: email.enabled },
              { name: "recipients", label: t("alerts.recipients"), value: email.recipients.join(", "), maxLength: 2000 },
            ]}
            onSubmit={({ enabled, recipients }) => save({ enabled: enabled === true, recipients: String(recipients ?? "").split(/[,;\s]+/).filter(Boolean) })}
            extra={email.enabled && <Button onClick={async () => { await api.post("/alerts/email/test"); notify(t("alerts.email.tested")); }}>{t("alerts.test")}</Button>}
          />
        )}
      </Loaded>
    </section>
  );
}

interface Props {
  telegram: Telegram;
  onSave: (changes: Schemas["TelegramChanges"]) => Promise<void>;
}

function Channel({ telegram, onSave }: Props) {
  return (
    <section class="card">
      <h3>Telegram</h3>
      <p class="hint">{t("alerts.telegram")}</p>
      <Form
        key={telegram.updated_at}
        action={t("action.save")}
        entries={[
          { name: "enabled", label: t("alerts.enabled"), kind: "toggle", value: telegram.enabled },
          { name: "bot_token", label: t("alerts.token"), kind: "password", hint: t(telegram.has_bot_token ? "alerts.token.kept" : "models.key.hint"), maxLength: 200 },
          { name: "chat_id", label: t("alerts.chat"), value: telegram.chat_id ?? "", maxLength: 100 },
          { name: "quiet_from", label: t("alerts.quiet.from"), kind: "time", value: telegram.quiet_from?.slice(0, 5) ?? "" },
          { name: "quiet_until", label: t("alerts.quiet.until"), kind: "time", value: telegram.quiet_until?.slice(0, 5) ?? "" },
          { name: "quiet_time_zone", label: t("alerts.zone"), value: telegram.quiet_time_zone, required: true, maxLength: 100 },
          { name: "critical_in_quiet_hours", label: t("alerts.critical"), kind: "toggle", value: telegram.critical_in_quiet_hours },
        ]}
        onSubmit={({ bot_token: token, ...values }) => onSave({ ...values, ...(token !== null && { bot_token: token }) } as Schemas["TelegramChanges"])}
        extra={telegram.has_bot_token && <Button onClick={async () => { await api.post("/alerts/telegram/test"); notify(t("alerts.tested")); }}>{t("alerts.test")}</Button>}
      />
    </section>
  );
}

function Thresholds({ telegram, onSave }: Props) {
  const present = telegram.alert_thresholds;
  const value = (field: string) => present[field as keyof typeof present];
  const limits: Entry[] = measures.flatMap((measure) => (["warning", "critical"] as const).map((when): Entry => ({
    name: `${measure}_${when}`, label: `${t(`hosts.${measure}`)}: ${name("severity", when)}`, kind: "number", min: 1, max: 150, value: value(`${measure}_${when}`), required: true,
  })));
  return (
    <section class="card">
      <h3>{t("alerts.thresholds")}</h3>
      <Form
        key={telegram.updated_at}
        class="columns"
        action={t("action.save")}
        entries={[
          ...limits,
          { name: "cooldown_minutes", label: t("alerts.cooldown"), kind: "number", min: 0, step: "1", value: present.cooldown_minutes, required: true },
          ...occasions.map((field): Entry => ({ name: field, label: t(`alerts.${field}`), kind: "toggle", value: value(field) })),
        ]}
        onSubmit={(values) => onSave({ alert_thresholds: values as Schemas["AlertThresholds"] })}
      />
    </section>
  );
}
