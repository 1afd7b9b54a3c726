import { render } from "preact";
import { App } from "./app";
import * as links from "./links";
import { acceptFragment } from "./session";
import { applyTheme } from "./theme";
import "./theme.css";

applyTheme();
links.take();
addEventListener("hashchange", links.take);
const refused = await acceptFragment();
render(<App refused={refused} />, document.getElementById("app")!);
