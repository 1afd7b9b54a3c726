// Opens /docs as a browser does, in jsdom: the page loads its own files, shows the routes, and finds some by words.
import { JSDOM, requestInterceptor, VirtualConsole } from "jsdom";

const requested = [];
// Returning nothing lets the request go on.
const interceptors = [requestInterceptor((request) => { requested.push(request.url); })];
const console_ = new VirtualConsole();
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const dom = await JSDOM.fromURL(`${process.env.API}/docs`, {
  runScripts: "dangerously",
  resources: { interceptors },
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
// The page adds the routes in several steps: all are there when none has come for a second.
for (let tries = 0, same = 0, before = 0; same < 10 && tries < 600; tries += 1) {
  await wait(100);
  same = routes().length > 0 && routes().length === before ? same + 1 : 0;
  before = routes().length;
}
const all = routes();
dom.window.page.layoutActions.updateFilter("spending month");
for (let tries = 0; routes().length === all.length && tries < 600; tries += 1) await wait(100);
console.log(JSON.stringify({ all: all.length, matches: routes(), requested }));
process.exit(0);
