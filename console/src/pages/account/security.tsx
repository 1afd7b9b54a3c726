// How one signs in: the second factor, the address, and linked login providers.
import { useEffect, useState } from "preact/hooks";
import { api, open, Refusal, type Schemas } from "../../api";
import { moment } from "../../format";
import * as links from "../../links";
import { me } from "../../session";
import { useCell } from "../../state";
import { language, t } from "../../strings";
import { Badge, Button, complain, confirm, Dialog, Loaded, notify, useLoad } from "../../ui/basics";
import { Form, FormDialog } from "../../ui/forms";
import { copy } from "../ask/message";

export function Security() {
  const account = useCell(me)!;
  const hasPassword = account.login_providers.some((provider) => provider.name === "local");
  return (
    <>
      {hasPassword && <SecondFactor />}
      {account.auth_provider !== "anonymous" && <Address />}
      <Providers />
    </>
  );
}

async function renew(): Promise<void> {
  me.set(await api.get("/me"));
}

function SecondFactor() {
  const state = useLoad(() => api.get("/me/second-factor"), []);
  const [made, setMade] = useState<Schemas["NewSecondFactor"] | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const end = async () => {
    if (!(await confirm(t("factor.end"), t("factor.end.text"), t("factor.end")))) return;
    await api.delete("/me/second-factor");
    await Promise.all([state.reload(), renew()]);
  };
  const more = async () => {
    if (!(await confirm(t("factor.new.codes"), t("factor.new.codes.text"), t("factor.new.codes")))) return;
    setCodes((await api.post("/me/recovery-codes")).codes);
    await state.reload();
  };
  return (
    <section class="card">
      <h2>{t("factor.title")}</h2>
      <p class="hint">{t("factor.lead")}</p>
      <Loaded state={state}>
        {(factor) => factor.is_on ? (
          <>
            <p><Badge kind="good">{t("factor.on")}</Badge> {t("factor.left", { count: factor.recovery_codes_left })}</p>
            <div class="row">
              <Button onClick={more}>{t("factor.new.codes")}</Button>
              <Button kind="danger" onClick={end}>{t("factor.end")}</Button>
            </div>
          </>
        ) : (
          <>
            <p><Badge>{t("factor.off")}</Badge></p>
            <div class="row"><Button kind="primary" onClick={async () => setMade(await api.post("/me/second-factor"))}>{t("factor.begin")}</Button></div>
          </>
        )}
      </Loaded>
      {made && (
        <Enrolment
          made={made}
          onClose={() => setMade(null)}
          onDone={async (list) => { setMade(null); setCodes(list); await Promise.all([state.reload(), renew()]); }}
        />
      )}
      {codes && <Codes codes={codes} onClose={() => setCodes(null)} />}
    </section>
  );
}

function Enrolment({ made, onClose, onDone }: { made: Schemas["NewSecondFactor"]; onClose: () => void; onDone: (codes: string[]) => Promise<void> }) {
  return (
    <Dialog title={t("factor.begin")} onClose={onClose}>
      <p>{t("factor.scan")}</p>
      <div class="factor">
        <QrCode text={made.uri} />
        <div>
          <p class="hint">{t("factor.type")}</p>
          <p><code class="secret">{made.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code></p>
          <Button icon="copy" onClick={() => copy(made.secret)}>{t("action.copy")}</Button>
        </div>
      </div>
      <Form
        action={t("factor.confirm")}
        entries={[{ name: "code", label: t("factor.six"), required: true, autocomplete: "one-time-code", maxLength: 12 }]}
        onSubmit={async (values) => onDone((await api.post("/me/second-factor/confirmation", { body: { code: String(values["code"]).replace(/\s/g, "") } })).codes)}
        extra={<Button onClick={onClose}>{t("action.cancel")}</Button>}
      />
    </Dialog>
  );
}

/** Dark modules as one path on white, so that a camera reads it in both colours of the page. */
function QrCode({ text }: { text: string }) {
  const [drawn, setDrawn] = useState<{ size: number; path: string } | null>(null);
  useEffect(() => {
    import("lean-qr").then(({ generate }) => {
      const code = generate(text);
      let path = "";
      for (let y = 0; y < code.size; y += 1) {
        for (let x = 0; x < code.size; x += 1) if (code.get(x, y)) path += `M${x + 4} ${y + 4}h1v1h-1z`;
      }
      setDrawn({ size: code.size + 8, path });
    }, complain);  // the key stands beside it
  }, [text]);
  if (!drawn) return null;
  return (
    <svg class="qr" viewBox={`0 0 ${drawn.size} ${drawn.size}`} role="img" aria-label={t("factor.qr")} shape-rendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" /><path d={drawn.path} fill="#000" />
    </svg>
  );
}

function Codes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  return (
    <Dialog title={t("factor.codes")} onClose={onClose} actions={<><Button icon="copy" onClick={() => copy(codes.join("\n"))}>{t("action.copy")}</Button><Button kind="primary" onClick={onClose}>{t("factor.kept")}</Button></>}>
      <p>{t("factor.codes.text")}</p>
      <pre tabIndex={0} class="wrapped">{codes.join("\n")}</pre>
    </Dialog>
  );
}

function Address() {
  const account = useCell(me)!;
  const [isChanging, setChanging] = useState(false);
  const state = useLoad(async () => {
    try {
      return { change: await api.get("/me/email-change") };
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return { change: null };
      throw error;
    }
  }, [account.email]);
  const verify = async () => {
    await open("POST", "/auth/verification/request", { email: account.email, language: language.value });
    notify(t("signin.mail.sent"));
  };
  return (
    <section class="card">
      <h2>{t("field.email")}</h2>
      <p>{account.email ?? "–"} {account.email && <Badge kind={account.email_verified ? "good" : "busy"}>{t(account.email_verified ? "address.verified" : "address.unverified")}</Badge>}</p>
      <Loaded state={state}>
        {({ change }) => change && (
          <div class="notice">
            <p>{t("address.waits", { email: change.new_email, time: moment(change.expires_at) })}</p>
            <ul>
              <li>{change.new_email}: {t(change.new_confirmed_at ? "address.confirmed" : "address.unconfirmed")}</li>
              {change.old_email && <li>{change.old_email}: {t(change.old_confirmed_at ? "address.confirmed" : "address.unconfirmed")}</li>}
            </ul>
            <div class="row">
              <Button onClick={() => links.open({ kind: "email_new", token: "" })}>{t("address.code")}</Button>
              <Button onClick={async () => { await api.delete("/me/email-change"); await state.reload(); }}>{t("address.end")}</Button>
            </div>
          </div>
        )}
      </Loaded>
      <div class="row">
        <Button onClick={() => setChanging(true)}>{t("address.change")}</Button>
        {account.email && !account.email_verified && <Button onClick={verify}>{t("address.verify")}</Button>}
        {account.email && !account.email_verified && <Button kind="quiet" onClick={() => links.open({ kind: "verification", token: "" })}>{t("signin.have.code")}</Button>}
      </div>
      {isChanging && (
        <FormDialog
          title={t("address.change")} action={t("action.continue")} onClose={() => setChanging(false)}
          entries={[{ name: "email", label: t("address.new"), kind: "email", required: true, autocomplete: "email" }]}
          onSubmit={async (values) => { await api.post("/me/email-change", { body: { email: String(values["email"]), language: language.value } }); await state.reload(); }}
        ><p class="hint">{t("address.change.text")}</p></FormDialog>
      )}
    </section>
  );
}

function Providers() {
  const account = useCell(me)!;
  const state = useLoad(async () => (await open<Schemas["LoginProviders"]>("GET", "/auth/providers")).items, []);
  const linked = account.login_providers.filter((provider) => provider.name === "github" || provider.name === "oidc");
  const unlink = async (provider: "github" | "oidc") => {
    if (!(await confirm(t("providers.unlink"), t("providers.unlink.text"), t("providers.unlink")))) return;
    await api.delete("/me/login-providers/{login_provider}", { path: { login_provider: provider } });
    await renew();
  };
  if (linked.length === 0) return null;
  return (
    <Loaded state={state}>
      {(offered) => {
        const titleOf = (name: string) => offered.find((provider) => provider.name === name)?.title ?? name;
        return (
          <section class="card">
            <h2>{t("providers.title")}</h2>
            <ul class="plain-list">
              {linked.map((provider) => <li key={provider.name}><span class="strong">{titleOf(provider.name)}</span> <span class="hint">{provider.account}</span><span class="grow" /><Button onClick={() => unlink(provider.name as "github" | "oidc")}>{t("providers.unlink")}</Button></li>)}
            </ul>
          </section>
        );
      }}
    </Loaded>
  );
}
