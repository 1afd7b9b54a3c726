// Sign in: with a password, through a login provider, or without an account; registration where it is open; recovery.
import { useEffect, useRef, useState } from "preact/hooks";
import { open, Refusal, type Schemas } from "../api";
import * as links from "../links";
import { accept, beginProviderLogin, random } from "../session";
import { kept } from "../state";
import { language, t } from "../strings";
import { Button, Loaded, notify, useLoad } from "../ui/basics";
import { Form, FormDialog, type Values } from "../ui/forms";
import { Logo } from "../ui/icons";
import { CodeChoice } from "./links";

type Tokens = Schemas["Tokens"];

export function SignIn({ refused, notice, needsAccount = false }: { refused: string | null; notice?: string; needsAccount?: boolean }) {
  const [hasCode, setHasCode] = useState(false);
  const state = useLoad(() => open<Schemas["LoginProviders"]>("GET", "/auth/providers"), []);
  if (hasCode) return <CodeChoice onClose={() => setHasCode(false)} />;
  return (
    <main class="sign-in">
      <div class="card">
        <div class="sign-in-head">
          <Logo />
          <h1>{state.data?.deployment_name ?? "Alcove"}</h1>
          <p class="hint">{t("signin.lead")}</p>
        </div>
        {notice && <p class="notice">{notice} <Button kind="quiet" onClick={() => links.open(null)}>{t("link.leave")}</Button></p>}
        <Loaded state={state}>{(providers) => <Ways providers={providers} refused={refused} needsAccount={needsAccount} onCode={() => setHasCode(true)} />}</Loaded>
      </div>
    </main>
  );
}

function Ways({ providers, refused, needsAccount, onCode }: { providers: Schemas["LoginProviders"]; refused: string | null; needsAccount: boolean; onCode: () => void }) {
  const [isNew, setNew] = useState(false);
  const names = providers.items.map((provider) => provider.name);
  const others = providers.items.filter((provider) => provider.name === "github" || provider.name === "oidc");
  const local = providers.items.find((provider) => provider.name === "local");
  return (
    <>
      {refused && <p class="form-error" role="alert">{t("signin.refused", { code: refused })}</p>}
      {others.map((provider) => (
        <Button key={provider.name} class="block" kind={local ? "plain" : "primary"} onClick={() => beginProviderLogin(provider.start_path)}>
          {t("signin.with", { provider: provider.title })}
        </Button>
      ))}
      {others.length > 0 && local && <p class="or"><span>{t("signin.or")}</span></p>}
      {local && (isNew ? <Register onDone={() => setNew(false)} /> : <LogIn />)}
      <div class="sign-in-foot">
        {local && <Button kind="quiet" onClick={() => setNew(!isNew)}>{t(isNew ? "signin.have" : "signin.register")}</Button>}
        {names.includes("anonymous") && !needsAccount && <Button kind="quiet" onClick={anonymously}>{t("signin.anonymous")}</Button>}
        {local && <Forgotten />}
        {local && <Button kind="quiet" onClick={onCode}>{t("signin.have.code")}</Button>}
      </div>
    </>
  );
}

export async function logIn(name: unknown, password: unknown, code: unknown): Promise<void> {
  const who = String(name).includes("@") ? { email: name } : { username: name };
  const device = kept.get("device");
  const body = { ...who, password, ...(code !== null && { code }), ...(device && { device_token: device }) };
  accept(await open<Tokens>("POST", "/auth/login", body));
}

/** E-mail address or username, and the password; then the code of the second factor where the account has one. */
export function LogIn() {
  const [asks, setAsks] = useState<"nothing" | "code" | "verification">("nothing");
  const who = useRef("");
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (asks === "code") place.current?.querySelector<HTMLElement>("[autocomplete=one-time-code]")?.focus();
  }, [asks]);
  const submit = async (values: Values) => {
    who.current = String(values["who"]);
    try {
      await logIn(values["who"], values["password"], values["code"] ?? null);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : "";
      if (code === "code_required" && asks !== "code") return setAsks("code");
      if (code === "email_unverified") setAsks("verification");
      throw error;
    }
  };
  return (
    <div ref={place}>
      <Form
        key="login"
        entries={[
          { name: "who", label: t("signin.who"), required: true, autocomplete: "username" },
          { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "current-password" },
          ...(asks === "code" ? [{ name: "code", label: t("factor.code"), required: true, autocomplete: "one-time-code", hint: t("factor.code.hint"), maxLength: 40 }] : []),
        ]}
        action={t("signin.action")}
        onSubmit={submit}
        extra={asks === "verification" && <Button onClick={() => askForMail("/auth/verification/request", who.current)}>{t("signin.verify.again")}</Button>}
      />
    </div>
  );
}

/** Ask for an e-mail; the answer is the same whether an account has the address. */
async function askForMail(path: string, email: string): Promise<void> {
  await open("POST", path, { email, language: language.value });
  notify(t("signin.mail.sent"));
}

/** A forgotten password, and a lock after too many wrong ones. */
function Forgotten() {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button kind="quiet" onClick={() => setAsking(true)}>{t("signin.forgotten")}</Button>
      {isAsking && (
        <FormDialog
          title={t("signin.forgotten")} action={t("signin.mail.send")} onClose={() => setAsking(false)}
          entries={[
            { name: "email", label: t("field.email"), kind: "email", required: true, autocomplete: "email" },
            { name: "what", label: t("signin.mail.what"), kind: "choice", options: [{ value: "/auth/password/forgotten", text: t("link.password_reset") }, { value: "/auth/unlock/request", text: t("link.unlock") }] },
          ]}
          onSubmit={(values) => askForMail(String(values["what"]), String(values["email"]))}
        ><p class="hint">{t("signin.mail.text")}</p></FormDialog>
      )}
    </>
  );
}

function Register({ onDone }: { onDone: () => void }) {
  const register = async (values: Values) => {
    const user = await open<Schemas["User"]>("POST", "/auth/register", { ...values, language: language.value });
    if (!user.awaits_verification) return logIn(values["email"], values["password"], null);
    notify(t("signin.verify.sent"));
    onDone();
  };
  return (
    <Form
      key="register"
      entries={[
        { name: "display_name", label: t("field.name"), autocomplete: "name", maxLength: 200 },
        { name: "email", label: t("field.email"), kind: "email", required: true, autocomplete: "email" },
        { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
      ]}
      action={t("signin.create")}
      onSubmit={register}
    />
  );
}

/** Without an account: the same secret is the same person, so this browser keeps it. */
async function anonymously(): Promise<void> {
  const secret = kept.get("anonymous") ?? random();
  kept.set("anonymous", secret);
  accept(await open<Tokens>("POST", "/auth/anonymous", { client_id: secret }));
}
