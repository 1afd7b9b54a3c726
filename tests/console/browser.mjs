// What the walks share: a browser, signing in, screenshots, and the rules of accessibility.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const require = createRequire(new URL("../../console/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = require.resolve("axe-core/axe.min.js");

export const { BASE, EMAIL, PASSWORD, SHOTS = "" } = process.env;
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

// As root there is no sandbox; the others keep Chromium from calling its maker's servers.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Run `walk` with a page, its context, and what opens another person's page. A script's error, a refused resource or a
 * violation of the CSP on any of them fails it. */
export async function withPage(viewport, walk, { dark = false, language = "en-GB" } = {}) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
  try {
    const problems = [];
    const opened = [];
    const open = async (size) => {
      const context = await browser.newContext({ viewport: size, locale: language, colorScheme: dark ? "dark" : "light", acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] });
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" && /Content Security Policy|is not defined|Refused to/.test(message.text())) problems.push(message.text());
      });
      opened.push(page);
      return page;
    };
    const page = await open(viewport);
    await walk(page, page.context(), open).catch(async (error) => {
      for (const [index, other] of opened.entries()) await shot(other, `failed-${process.argv[2]}-${index + 1}`);
      throw error;
    });
    if (problems.length) throw new Error(problems.join("\n"));
  } finally {
    await browser.close();
  }
}

export async function signIn(page, email = EMAIL, password = PASSWORD) {
  await page.goto(`${BASE}/console`);
  await page.getByLabel("E-mail address or username").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** A new account of the service itself, signed in. */
export async function register(page, name) {
  const email = `${name}-${Date.now()}@example.org`;
  await page.goto(`${BASE}/console`);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill("a long enough password");
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  return email;
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

/** axe-core's rules of WCAG 2.2 A and AA and of good practice: no violation. */
export async function accessible(page, where) {
  await page.evaluate(require("node:fs").readFileSync(AXE, "utf8"));
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return result.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`).join(" | ")}`);
  });
  if (violations.length) throw new Error(`${where}:\n${violations.join("\n")}`);
}

export function expect(condition, text) {
  if (!condition) throw new Error(text);
}

/** Files as if they were dropped on the page; a path makes a folder. */
export async function choose(page, files) {
  await page.locator('input[type="file"][multiple]').first().setInputFiles(files);
}

export const file = (name, text, mimeType = "text/markdown") => ({ name, mimeType, buffer: Buffer.from(text) });

export async function ask(page, question) {
  const box = page.getByLabel("Question", { exact: true });
  await box.fill(question);
  await box.press("Enter");
}
