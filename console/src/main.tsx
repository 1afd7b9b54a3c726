import { render } from "preact";
import { App } from "./app";
import { acceptFragment } from "./session";
import { applyTheme } from "./theme";
import "./theme.css";

applyTheme();
const refused = await acceptFragment();
render(<App refused={refused} />, document.getElementById("app")!);
