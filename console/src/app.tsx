// The shell: who is signed in, the navigation, and the page of the address.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, proof, type Schemas } from "./api";
import { link } from "./links";
import { Ask } from "./pages/ask";
import { LinkPage } from "./pages/links";
import { SignIn } from "./pages/sign-in";
import { go, href, route } from "./router";
import { me, signedIn } from "./session";
import { Cell, kept, useCell } from "./state";
import { language, t, type Key } from "./strings";
import { applyTheme } from "./theme";
import { isWaking } from "./waking";
import { Button, complain, Confirmation, notify, Dialog, Spinner, Toasts, useEvery, useLoad, Loaded } from "./ui/basics";
import { Form } from "./ui/forms";
import { Icon, Logo, type IconName } from "./ui/icons";

interface Page {
  name: string;
  text: Key;
  icon: IconName;
  load: () => Promise<ComponentType>;
  isForAdministrators?: boolean;
}

const pages: Page[] = [
  { name: "ask", text: "page.ask", icon: "ask", load: async () => Ask },
  { name: "documents", text: "page.documents", icon: "documents", load: async () => (await import("./pages/documents")).Documents },
  { name: "search", text: "page.search", icon: "search", load: async () => (await import("./pages/search")).Search },
  { name: "administer", text: "page.administer", icon: "administer", load: async () => (await import("./pages/administer")).Administer, isForAdministrators: true },
  { name: "account", text: "page.account", icon: "account", load: async () => (await import("./pages/account")).Account },
];

const proofAsked = new Cell<((given: boolean) => void) | null>(null);
proof.ask = () => new Promise((resolve) => proofAsked.set(resolve));

export function App({ refused }: { refused: string | null }) {
  const spoken = useCell(language);
  const isSignedIn = useCell(signedIn);
  useEffect(() => void (document.documentElement.lang = spoken), [spoken]);
  const waking = useCell(isWaking);
  const opened = useCell(link);
  return (
    <>
      <p class={`waking ${waking ? "shown" : ""}`} role="status">{waking && t("state.waking")}</p>
      {opened ? <LinkPage key={`${opened.kind}:${opened.token}`} link={opened} /> : isSignedIn ? <Shell key={spoken} /> : <SignIn refused={refused} />}
      <ProofDialog />
      <Confirmation />
      <Toasts />
    </>
  );
}

function Shell() {
  const state = useLoad(async () => {
    const account = await api.get("/me");
    me.set(account);
    await returnFromConsent();
    void api.get("/me/preferences").then((preferences) => applyTheme(preferences.theme ?? "system"), complain);
    return account;
  }, []);
  return <Loaded state={state}>{() => <Frame />}</Loaded>;
}

/** A provider sent the user back who lets a connector read: `?code=…&state=…`. */
async function returnFromConsent(): Promise<void> {
  const query = new URLSearchParams(location.search);
  if (!query.has("state")) return;
  history.replaceState(null, "", location.pathname + location.hash);
  const { finishConsent } = await import("./pages/documents/connectors/consent");
  try {
    const connector = await finishConsent(query);
    if (!connector) return;
    go(href("documents", "connectors", connector), true);
    notify(t(query.has("code") ? "connectors.consented" : "connectors.refused"));
  } catch (error) {
    complain(error);
  }
}

function Frame() {
  const { parts } = useCell(route);
  const account = useCell(me);
  const offered = pages.filter((page) => !page.isForAdministrators || account?.is_admin);
  const current = offered.find((page) => page.name === parts[0]) ?? offered[0]!;
  useEffect(() => void (document.title = `${t(current.text)} · Alcove`), [current]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>{t("action.skip")}</a>
      <nav class="rail" aria-label={t("nav.main")}>
        <span class="logo" aria-hidden="true"><Logo /></span>
        {offered.map((page) => (
          <a key={page.name} href={href(page.name)} aria-current={page === current ? "page" : undefined} class={`rail-${page.name}`}>
            <Icon name={page.icon} />
            <span>{t(page.text)}</span>
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}><Announcements /><Opened key={current.name} page={current} /></main>
    </div>
  );
}

/** What administrators tell everybody now; who has read it closes it, in this browser. */
function Announcements() {
  const [read, setRead] = useState<readonly string[]>(() => (kept.get("announcements") ?? "").split(","));
  const state = useLoad(async () => (await api.get("/announcements", { query: { limit: 5 } })).items, []);
  useEvery(300_000, state.reload);
  const close = (id: string) => {
    const ids = [...read.slice(-50), id];
    kept.set("announcements", ids.join(","));
    setRead(ids);
  };
  return (
    <>
      {state.data?.filter((item) => !read.includes(item.id)).map((item) => (
        <div key={item.id} class={`announcement ${item.severity}`} role="status">
          <Icon name={item.severity === "warning" ? "warning" : "flag"} /><span>{item.message}</span>
          <Button kind="quiet" icon="close" label={t("action.close")} onClick={() => close(item.id)} />
        </div>
      ))}
    </>
  );
}

function Opened({ page }: { page: Page }) {
  const [Content, setContent] = useState<ComponentType | null>(() => (page.name === "ask" ? Ask : null));
  const [problem, setProblem] = useState(false);
  const load = async () => {
    setProblem(false);
    try {
      const component = await page.load();
      setContent(() => component);
    } catch {
      setProblem(true);  // the network, or a newer version of the service whose parts have other names
    }
  };
  useEffect(() => void load(), []);
  if (problem) return <div class="empty"><p>{t("error.part")}</p><Button onClick={() => location.reload()}>{t("action.reload")}</Button></div>;
  return Content ? <Content /> : <Spinner />;
}

/** What requires a recent login asks for the password, and then continues. */
function ProofDialog() {
  const answer = useCell(proofAsked);
  if (!answer) return null;
  const close = (given: boolean) => {
    proofAsked.set(null);
    answer(given);
  };
  const hasPassword = me.value?.login_providers.some((provider) => provider.name === "local");
  return (
    <Dialog title={t("proof.title")} onClose={() => close(false)}>
      <p>{t(hasPassword ? "proof.text" : "proof.provider")}</p>
      {hasPassword && (
        <Form
          entries={[
            { name: "password", label: t("field.password"), kind: "password", required: true, autocomplete: "current-password" },
            ...(me.value?.second_factor ? [{ name: "code", label: t("factor.code"), required: true, autocomplete: "one-time-code", hint: t("factor.code.hint"), maxLength: 40 }] : []),
          ]}
          action={t("action.continue")}
          onSubmit={async (values) => {
            await api.post("/me/session/proof", { body: values as Schemas["PasswordProof"] });
            close(true);
          }}
          extra={<Button onClick={() => close(false)}>{t("action.cancel")}</Button>}
        />
      )}
    </Dialog>
  );
}
