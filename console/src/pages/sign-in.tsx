// Sign in: with a password, through a login provider, or without an account; and registration where it is open.
import { useState } from "preact/hooks";
import { open, type Schemas } from "../api";
import { accept, beginProviderLogin, random } from "../session";
import { kept } from "../state";
import { t } from "../strings";
import { Button, Loaded, useLoad } from "../ui/basics";
import { Form, type Values } from "../ui/forms";
import { Logo } from "../ui/icons";

type Tokens = Schemas["Tokens"];

export function SignIn({ refused }: { refused: string | null }) {
  const state = useLoad(() => open<Schemas["LoginProviders"]>("GET", "/auth/providers"), []);
  return (
    <main class="sign-in">
      <div class="card">
        <div class="sign-in-head">
          <Logo />
          <h1>{state.data?.deployment_name ?? "Alcove"}</h1>
          <p class="hint">{t("signin.lead")}</p>
        </div>
        <Loaded state={state}>{(providers) => <Ways providers={providers} refused={refused} />}</Loaded>
      </div>
    </main>
  );
}

function Ways({ providers, refused }: { providers: Schemas["LoginProviders"]; refused: string | null }) {
  const [isNew, setNew] = useState(false);
  const names = providers.items.map((provider) => provider.name);
  const others = providers.items.filter((provider) => provider.name === "github" || provider.name === "oidc");
  return (
    <>
      {refused && <p class="form-error" role="alert">{t("signin.refused", { code: refused })}</p>}
      {others.map((provider) => (
        <Button key={provider.name} class="block" kind={names.includes("local") ? "plain" : "primary"} onClick={() => beginProviderLogin(provider.start_path)}>
          {t("signin.with", { provider: provider.title })}
        </Button>
      ))}
      {others.length > 0 && names.includes("local") && <p class="or"><span>{t("signin.or")}</span></p>}
      {names.includes("local") && (isNew ? <Register /> : <LogIn title={providers.items.find((provider) => provider.name === "local")!.title} />)}
      <div class="sign-in-foot">
        {names.includes("local") && (
          <Button kind="quiet" onClick={() => setNew(!isNew)}>{t(isNew ? "signin.have" : "signin.register")}</Button>
        )}
        {names.includes("anonymous") && <Button kind="quiet" onClick={anonymously}>{t("signin.anonymous")}</Button>}
      </div>
    </>
  );
}

async function logIn(name: unknown, password: unknown): Promise<void> {
  const who = String(name).includes("@") ? { email: name } : { username: name };
  const device = kept.get("device");
  const body = { ...who, password, ...(device && { device_token: device }) };
  accept(await open<Tokens>("POST", "/auth/login", body));
}

function LogIn({ title }: { title: string }) {
  return (
    <Form
      key="login"
      entries={[
        { name: "who", label: title, required: true, autocomplete: "username" },
        { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "current-password" },
      ]}
      action={t("signin.action")}
      onSubmit={(values) => logIn(values["who"], values["password"])}
    />
  );
}

function Register() {
  const register = async (values: Values) => {
    await open("POST", "/auth/register", values);
    await logIn(values["email"], values["password"]);
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
