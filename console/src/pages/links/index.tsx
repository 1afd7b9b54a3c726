// What a link of an e-mail, or of a colleague, opens.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, open as request, type Schemas } from "../../api";
import { moment } from "../../format";
import * as links from "../../links";
import { go, href } from "../../router";
import { accept as acceptTokens, forget, me, signedIn } from "../../session";
import { useCell } from "../../state";
import { language, t } from "../../strings";
import { Button, Loaded, notify, Spinner, useLoad } from "../../ui/basics";
import { Form, type Entry } from "../../ui/forms";
import { Logo } from "../../ui/icons";
import { logIn, LogIn, SignIn } from "../sign-in";

export function LinkPage({ link }: { link: links.Link }) {
  const isSignedIn = useCell(signedIn);
  const close = () => links.open(null);
  if (link.kind === "share" || link.kind === "email_new" || link.kind === "email_old") {
    if (!isSignedIn) return <SignIn needsAccount refused={null} notice={t(link.kind === "share" ? "link.share.sign.in" : "link.email.sign.in")} />;
    return link.kind === "share" ? <ShareFor token={link.token} onClose={close} /> : <ConfirmEmail token={link.token} onClose={close} />;
  }
  if (link.kind === "invitation") return <Invited token={link.token} onClose={close} />;
  if (link.kind === "password_reset") return <NewPassword token={link.token} onClose={close} />;
  if (link.kind === "verification") return <Verify token={link.token} onClose={close} />;
  return <Unlock token={link.token} onClose={close} />;
}

interface LinkProps {
  token: string;
  onClose: () => void;
}

function Card({ title, text, onClose, children }: { title: string; text?: string; onClose: () => void; children?: ComponentChildren }) {
  useEffect(() => void (document.title = `${title} · Alcove`), [title]);
  return (
    <main class="sign-in">
      <div class="card">
        <div class="sign-in-head">
          <Logo />
          <h1>{title}</h1>
          {text && <p class="hint">{text}</p>}
        </div>
        {children}
        <div class="sign-in-foot"><Button kind="quiet" onClick={onClose}>{t("link.leave")}</Button></div>
      </div>
    </main>
  );
}

/** The field for a code that was copied out of an e-mail; a link brings its code along. */
function codeOf(token: string): Entry[] {
  return token ? [] : [{ name: "token", label: t("link.code"), required: true, maxLength: 200, autocomplete: "off" }];
}

function NewPassword({ token, onClose }: LinkProps) {
  return (
    <Card title={t("link.password_reset")} text={t("link.password.text")} onClose={onClose}>
      <Form
        action={t("action.save")}
        entries={[
          ...codeOf(token),
          { name: "new_password", label: t("account.password.new"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
          { name: "keep_api_keys", label: t("link.keep.keys"), kind: "toggle" },
        ]}
        onSubmit={async (values) => {
          await request("POST", "/auth/password/reset", { token, ...values });
          forget();
          onClose();
          notify(t("link.password.done"));
        }}
      />
    </Card>
  );
}

function Verify({ token, onClose }: LinkProps) {
  return (
    <Card title={t("link.verification")} text={t("link.verify.text")} onClose={onClose}>
      <Form
        action={t("link.confirm")}
        entries={[...codeOf(token), { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "current-password" }]}
        onSubmit={async (values) => {
          await request("POST", "/auth/verification", { token, ...values });
          if (signedIn.value) me.set(await api.get("/me"));
          onClose();
          notify(t("link.verify.done"));
        }}
      />
    </Card>
  );
}

function Unlock({ token, onClose }: LinkProps) {
  return (
    <Card title={t("link.unlock")} text={t("link.unlock.text")} onClose={onClose}>
      <Form
        action={t("people.unlock")}
        entries={codeOf(token)}
        onSubmit={async (values) => {
          await request("POST", "/auth/unlock", { token, ...values });
          onClose();
          notify(t("link.unlock.done"));
        }}
      />
    </Card>
  );
}

function ConfirmEmail({ token, onClose }: LinkProps) {
  return (
    <Card title={t("link.email_new")} text={t("link.email.text")} onClose={onClose}>
      <Form
        action={t("link.confirm")}
        entries={codeOf(token)}
        onSubmit={async (values) => {
          const { status } = await api.post("/me/email-change/confirmation", { body: { token, ...values } as Schemas["Link"] });
          me.set(await api.get("/me"));
          onClose();
          notify(t(status === "changed" ? "link.email.done" : "link.email.other"));
        }}
      />
    </Card>
  );
}

/** A share requires an account: a person without one makes it out of what this browser has, or signs in. */
function ShareFor({ token, onClose }: LinkProps) {
  const account = useCell(me);
  const state = useLoad(async () => {
    if (me.value === null) me.set(await api.get("/me"));
  }, []);
  if (account === null) return <Loaded state={state}>{() => null}</Loaded>;
  if (account.auth_provider !== "anonymous") return <Shared token={token} onClose={onClose} />;
  return (
    <Card title={t("link.share")} text={t("link.share.sign.in")} onClose={onClose}>
      <Form
        action={t("signin.create")}
        entries={[
          { name: "email", label: t("field.email"), kind: "email", required: true, autocomplete: "email" },
          { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
        ]}
        onSubmit={async (values) => {
          acceptTokens(await api.post("/auth/anonymous/upgrade", { body: { register: values as Schemas["Registration"] } }));
          me.set(await api.get("/me"));
        }}
      />
      <Button kind="quiet" onClick={async () => { try { await api.post("/auth/logout"); } finally { forget(); } }}>{t("signin.have")}</Button>
    </Card>
  );
}

/** Open the share, and go to the conversation that it shows. */
function Shared({ token, onClose }: LinkProps) {
  const state = useLoad(async () => {
    const shared = await api.post("/shared-conversations", { body: { token } });
    onClose();
    go(href("ask", "shared", shared.id));
  }, [token]);
  if (state.error === undefined) return <Spinner />;
  return <Card title={t("link.share")} onClose={onClose}><Loaded state={state}>{() => null}</Loaded></Card>;
}

function Invited({ token, onClose }: LinkProps) {
  const [known, setKnown] = useState(token);
  if (!known) {
    return (
      <Card title={t("link.invitation")} onClose={onClose}>
        <Form action={t("action.continue")} entries={codeOf("")} onSubmit={async (values) => setKnown(String(values["token"]))} />
      </Card>
    );
  }
  return <Invitation token={known} onClose={onClose} />;
}

function Invitation({ token, onClose }: LinkProps) {
  const isSignedIn = useCell(signedIn);
  const state = useLoad(() => request<Schemas["ShownInvitation"]>("POST", "/auth/invitation", { token }), [token]);
  return (
    <Card title={t("link.invitation")} onClose={onClose}>
      <Loaded state={state}>
        {(invitation) => (
          <>
            <p>{t("invited.by", { name: invitation.inviter })}</p>
            {invitation.group_names.length > 0 && <p>{t("invited.groups", { groups: invitation.group_names.join(", ") })}</p>}
            {invitation.is_admin && <p class="notice">{t("invited.admin")}</p>}
            <p class="hint">{t("invited.until", { time: moment(invitation.expires_at) })}</p>
            {isSignedIn ? <AcceptHere token={token} onClose={onClose} /> : <ComeIn token={token} email={invitation.email} onClose={onClose} />}
          </>
        )}
      </Loaded>
    </Card>
  );
}

async function accept(token: string, onClose: () => void): Promise<void> {
  await api.post("/me/invitations", { body: { token } });
  me.set(await api.get("/me"));
  onClose();
  notify(t("invited.done"));
}

/** Somebody who is signed in: the invitation is for this account, or for another one. */
function AcceptHere({ token, onClose }: LinkProps) {
  const state = useLoad(() => api.get("/me"), []);
  return (
    <Loaded state={state}>
      {(account) => (
        <>
          <Button kind="primary" class="block" onClick={() => accept(token, onClose)}>{t("invited.accept.as", { name: account.email ?? account.username ?? account.display_name })}</Button>
          <Button class="block" onClick={async () => { try { await api.post("/auth/logout"); } finally { forget(); } }}>{t("invited.other")}</Button>
        </>
      )}
    </Loaded>
  );
}

function ComeIn({ token, email, onClose }: LinkProps & { email: string | null }) {
  const [hasAccount, setHasAccount] = useState(false);
  return (
    <>
      {hasAccount ? <LogIn /> : (
        <Form
          action={t("signin.create")}
          entries={[
            { name: "display_name", label: t("field.name"), autocomplete: "name", maxLength: 200 },
            ...(email ? [] : [{ name: "email", label: t("field.email"), kind: "email" as const, required: true, autocomplete: "email" }]),
            { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "new-password", hint: t("signin.password") },
          ]}
          onSubmit={async (values) => {
            const user = await request<Schemas["User"]>("POST", "/auth/invitation/acceptance", { token, ...values, language: language.value });
            onClose();
            if (user.awaits_verification) notify(t("signin.verify.sent"));
            else await logIn(user.email, values["password"], null);
          }}
        />
      )}
      <Button kind="quiet" onClick={() => setHasAccount(!hasAccount)}>{t(hasAccount ? "signin.register" : "signin.have")}</Button>
    </>
  );
}

const byCode = ["password_reset", "verification", "unlock", "invitation"] as const;

/** An e-mail of a deployment without a page contains a code instead of a link. */
export function CodeChoice({ onClose }: { onClose: () => void }) {
  return (
    <Card title={t("link.code.title")} text={t("link.code.text")} onClose={onClose}>
      {byCode.map((kind) => <Button key={kind} class="block" onClick={() => links.open({ kind, token: "" })}>{t(`link.${kind}`)}</Button>)}
    </Card>
  );
}

