// Opens /docs as a browser does, in jsdom: the page loads its own files, shows the routes, and finds some by words.
import { JSDOM, ResourceLoader, VirtualConsole } from "jsdom";

const requested = [];
class Loader extends ResourceLoader {
  fetch(url, options) {
    requested.push(url);
    return super.fetch(url, options);
  }
}
const console_ = new VirtualConsole();
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const dom = await JSDOM.fromURL(`${process.env.API}/docs`, {
  runScripts: "dangerously",
  resources: new Loader(),
  pretendToBeVisual: true,
  virtualConsole: console_,
  beforeParse(window) {
    window.fetch = (url, options) => { requested.push(String(url.url ?? url)); return fetch(url.url ?? url, options); };
    window.Headers = Headers;
    window.Request = Request;
    window.Response = Response;
  },
});
const { document } = dom.window;
const routes = () => [...document.querySelectorAll(".opblock-summary-path")].map((node) => node.dataset.path);
for (let tries = 0; routes().length === 0 && tries < 600; tries += 1) await wait(100);
const all = routes();
dom.window.page.layoutActions.updateFilter("spending month");
for (let tries = 0; routes().length === all.length && tries < 600; tries += 1) await wait(100);
console.log(JSON.stringify({ all: all.length, matches: routes(), requested }));
process.exit(0);
