// Walks of administrators: sources outside, evaluations, hosts, announcements and alerts.
import http from "node:http";
import process from "node:process";
import { accessible, ask, BASE, choose, DESKTOP, expect, file, PHONE, register, shot, signIn, withPage } from "./browser.mjs";

const PUMP = file("pump.md", "# Care\n\nThe coolant pump P-17 is inspected every ninety days. The seal is replaced once a year.\n");

/** A small site of this machine; `pages` can change while it is served. */
async function served(pages, act) {
  const server = http.createServer((request, response) => {
    const text = pages[request.url];
    response.writeHead(text ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
    response.end(text ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await act(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const html = (title, text) => `<!doctype html><html lang="en"><head><title>${title}</title></head><body><main><h1>${title}</h1><p>${text}</p></main></body></html>`;

export const walks = {
  /** A site is connected, followed, guarded against losing everything, and taken away; an address that is none. */
  outside: () => withPage(DESKTOP, async (page) => {
    const pages = { "/": html("Start", "See the <a href='/a'>valve</a>, the <a href='/b'>seal</a> and the <a href='/c'>pump</a>.") };
    for (const [name, word] of [["a", "valve"], ["b", "seal"], ["c", "pump"]]) pages[`/${name}`] = html(`The ${word}`, `The ${word} of hall 7 is green and is looked after by Ada.`);
    await served(pages, async (address) => {
      const name = `Site ${Date.now()}`;
      await signIn(page);
      await page.getByRole("link", { name: "Documents" }).first().click();
      await page.getByRole("navigation", { name: "Documents" }).getByRole("link", { name: "Connectors" }).click();
      await page.getByRole("button", { name: "New connector" }).click();
      const dialog = page.getByRole("dialog");
      await accessible(page, "types of connectors");
      await shot(page, "outside-1-types");
      await dialog.getByRole("button", { name: "Web site" }).click();
      await dialog.getByLabel("Name", { exact: true }).fill(name);
      await dialog.getByLabel("Addresses to begin with").fill(`${address}/`);
      await accessible(page, "a new connector");
      await shot(page, "outside-2-new");
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("heading", { name }).waitFor();
      await page.getByRole("button", { name: "Run now" }).click();
      await page.getByText("Needs attention").waitFor({ timeout: 120_000 });
      await accessible(page, "a connector in error");
      await shot(page, "outside-3-error");
      await page.getByRole("button", { name: "Actions of the connector" }).click();
      await page.getByRole("menuitem", { name: "Edit" }).click();
      await dialog.getByText("More", { exact: true }).click();
      await dialog.getByLabel("May reach private addresses").check();
      await dialog.getByRole("button", { name: "Save" }).click();
      await page.getByText("Saved.").waitFor();
      await page.getByRole("button", { name: "Run now" }).click();
      await page.getByText("Up to date").waitFor({ timeout: 120_000 });
      await page.getByRole("link", { name: "4", exact: true }).waitFor();
      await accessible(page, "a connector");
      await shot(page, "outside-4-active");
      pages["/"] = html("Start", "Nothing is here any more.");
      for (const gone of ["/a", "/b", "/c"]) delete pages[gone];
      await page.getByRole("button", { name: "Run now" }).click();
      await page.getByRole("button", { name: "Remove them all the same" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove them all the same" }).click();
      await page.getByRole("link", { name: "1", exact: true }).waitFor({ timeout: 120_000 });
      await shot(page, "outside-5-approved");
      await page.getByRole("button", { name: "Actions of the connector" }).click();
      await page.getByRole("menuitem", { name: "Delete" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText("No connectors yet.").waitFor();
      // A private address is refused, and leaves no connector behind.
      await page.getByRole("navigation", { name: "Documents" }).getByRole("link", { name: "Documents" }).click();
      await page.getByRole("button", { name: "Add by link" }).click();
      await dialog.getByLabel("Address").fill(`${address}/`);
      await accessible(page, "a document by link");
      await dialog.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByText("1 failed").waitFor({ timeout: 120_000 });
      await shot(page, "outside-6-link");
      await page.getByRole("navigation", { name: "Documents" }).getByRole("link", { name: "Connectors" }).click();
      await page.getByText("No connectors yet.").waitFor();
    });
  }),

  /** A document is shown to everybody; a set of questions is run and compared; a machine sends measurements; everybody is told something. */
  steer: () => withPage(DESKTOP, async (page, _context, open) => {
    await signIn(page);
    await page.getByRole("link", { name: "Documents" }).first().click();
    await choose(page, [PUMP]);
    await page.getByText("1 of 1 searchable").waitFor({ timeout: 120_000 });
    await page.getByLabel("Choose pump.md").first().check();
    await page.getByRole("toolbar").getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Change who can read it" }).click();
    await page.getByRole("dialog").getByLabel("Who can read them").selectOption({ label: "Everybody" });
    await accessible(page, "who can read a document");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("row").filter({ hasText: "pump.md" }).getByRole("cell", { name: "Everybody" }).first().waitFor();
    await page.goto(`${BASE}/console#/administer/evaluations`);
    await page.getByRole("button", { name: "New set" }).click();
    const dialog = page.getByRole("dialog");
    const set = `Pumps ${Date.now()}`;
    await dialog.getByLabel("Name").fill(set);
    await dialog.getByLabel("Questions").fill("How often is the coolant pump P-17 inspected? | ninety days\nWho plays the violin?");
    await accessible(page, "a new set of questions");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("button", { name: set, exact: true }).waitFor();
    for (const run of ["First run", "Second run"]) {
      await page.getByRole("button", { name: `Actions for ${set}` }).click();
      await page.getByRole("menuitem", { name: "Run it" }).click();
      await dialog.getByLabel("Name").fill(run);
      await dialog.getByRole("button", { name: "Run it" }).click();
      await dialog.waitFor({ state: "detached" });
    }
    const runs = page.getByRole("row").filter({ hasText: set }).filter({ hasText: "run" });
    await runs.filter({ hasText: "Done" }).nth(1).waitFor({ timeout: 300_000 });
    await accessible(page, "evaluations");
    await shot(page, "steer-1-evaluations");
    await page.getByRole("button", { name: "Second run" }).first().click();
    await dialog.getByRole("cell", { name: "Expected words in the answer" }).waitFor();
    await dialog.getByLabel("Compare with").selectOption({ index: 1 });
    await dialog.getByText("may be chance").first().waitFor();
    await accessible(page, "a run");
    await shot(page, "steer-2-run");
    await page.keyboard.press("Escape");

    await page.goto(`${BASE}/console#/account/keys`);
    await page.getByRole("button", { name: "New API key" }).click();
    await dialog.getByLabel("Name").fill("host");
    await dialog.getByLabel("Read", { exact: true }).uncheck();
    await dialog.getByLabel("Send measurements of a host").check();
    await dialog.getByRole("button", { name: "Create" }).click();
    const key = await page.getByRole("dialog", { name: "host" }).locator("pre").textContent();
    await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
    const measurements = Array.from({ length: 60 }, (_, index) => ({
      measured_at: new Date(Date.now() - (60 - index) * 30_000).toISOString(), cpu_percent: 30 + 20 * Math.sin(index / 6), ram_percent: 55, ram_used_bytes: 1e9,
      disk_percent: 40 + index / 10, disk_used_bytes: 1e9, disk_free_bytes: 2e9, temperature_celsius: 50 + 5 * Math.cos(index / 5), gpu_percent: 20 + index % 10, gpu_memory_percent: 30, gpu_temperature_celsius: 45,
    }));
    const sent = await fetch(`${BASE}/host-metrics`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` }, body: JSON.stringify({ host: "hall-7", measurements }) });
    expect(sent.status === 204, `the measurements are taken: ${sent.status} ${await sent.text()}`);
    await page.goto(`${BASE}/console#/administer/hosts`);
    await page.locator(".plot canvas").nth(1).waitFor();
    await accessible(page, "hosts");
    await page.getByRole("button", { name: "Ask CloudWatch" }).click();
    await page.getByText("This deployment is not in an AWS account").waitFor();
    await accessible(page, "hosts");
    await shot(page, "steer-3-hosts");

    const notice = `Hall 7 is closed ${Date.now()}`;
    await page.goto(`${BASE}/console#/administer/announcements`);
    await page.getByRole("button", { name: "New announcement" }).click();
    await dialog.getByLabel("Text").fill(notice);
    await dialog.getByLabel("Kind").selectOption({ label: "Warning" });
    await dialog.getByRole("button", { name: "Announce" }).click();
    await page.getByRole("cell", { name: notice, exact: true }).waitFor();
    const other = await open(PHONE);
    await register(other, "listener");
    await other.getByText(notice).waitFor();
    await accessible(other, "an announcement");
    await shot(other, "steer-4-announcement");
    await other.locator(".announcement").filter({ hasText: notice }).getByRole("button", { name: "Close" }).click();
    await other.reload();
    await other.getByRole("navigation", { name: "Main" }).waitFor();
    await other.getByText(notice).waitFor({ state: "detached" });
    await page.getByRole("button", { name: `Actions for ${notice}` }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("cell", { name: notice, exact: true }).waitFor({ state: "detached" });

    await page.goto(`${BASE}/console#/administer/alerts`);
    await page.getByLabel("Processor: Warning").fill("70");
    await page.getByRole("button", { name: "Save" }).last().click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    expect((await page.getByLabel("Processor: Warning").inputValue()) === "70", "the threshold is kept");
    await page.goto(`${BASE}/console#/administer/storage`);
    await page.getByRole("button", { name: /Actions for admin/ }).click();
    await page.getByRole("menuitem", { name: "Set the limit" }).click();
    await dialog.getByLabel("Megabytes").fill("5000");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("5 GB").waitFor();
    await page.getByRole("link", { name: "Ask", exact: true }).click();
    await ask(page, "How often is the coolant pump P-17 inspected?");
    await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
    await page.goto(`${BASE}/console#/administer/usage`);
    await page.locator(".plot canvas").first().waitFor();
    await page.getByRole("button", { name: "Model", exact: true }).click();
    await page.getByRole("cell", { name: "extractive" }).waitFor();
    await accessible(page, "use and costs");
    await shot(page, "steer-5-usage");
  }),

  /** What CloudWatch knows: charts of each metric, another time, another step. */
  cloud: () => withPage(DESKTOP, async (page) => {
    await signIn(page);
    await page.goto(`${BASE}/console#/administer/hosts`);
    await page.getByRole("button", { name: "Ask CloudWatch" }).click();
    await page.getByRole("heading", { name: "Functions: invocations" }).waitFor();
    await page.getByRole("heading", { name: "Database: highest capacity (ACU)" }).waitFor();
    await page.getByText("12 in all").waitFor();
    await page.locator(".plot canvas").nth(1).waitFor();
    await accessible(page, "what CloudWatch knows");
    await shot(page, "cloud-1-day");
    await page.getByLabel("Time", { exact: true }).last().selectOption({ label: "The last 30 days" });
    const steps = await page.getByLabel("Step").locator("option").allTextContents();
    expect(steps.join() === "6 hours,a day", `CloudWatch's steps of so long a time: ${steps}`);
    await page.getByText("12 in all").waitFor();
    await page.getByLabel("Step").selectOption({ label: "a day" });
    await page.getByText("12 in all").waitFor();
    await accessible(page, "what CloudWatch knows of a month");
    await shot(page, "cloud-2-month");
  }),

  /** Each new page at the size of a phone, in German, in the dark. */
  small: () => withPage(PHONE, async (page) => {
    await page.goto(`${BASE}/console`);
    await page.getByLabel("E-Mail-Adresse oder Benutzername").or(page.getByLabel("E-mail address or username")).fill(process.env.EMAIL);
    await page.getByLabel("Passwort").fill(process.env.PASSWORD);
    await page.getByRole("button", { name: "Anmelden", exact: true }).click();
    await page.getByRole("navigation", { name: "Hauptnavigation" }).or(page.locator("nav.rail")).first().waitFor();
    for (const place of ["administer/invitations", "administer/usage", "administer/storage", "administer/evaluations", "administer/hosts", "administer/repairs", "administer/alerts", "administer/backups", "administer/announcements", "documents/connectors", "account/security", "account/costs"]) {
      await page.goto(`${BASE}/console#/${place}`);
      await page.locator("h1").waitFor();
      await page.locator(".spinner").first().waitFor({ state: "detached" });
      await accessible(page, place);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width <= 390, `${place} is as wide as the phone: ${width}`);
      await shot(page, `small-${place.replace("/", "-")}`);
    }
  }, { dark: true, language: "de-DE" }),
};
