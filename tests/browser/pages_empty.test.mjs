// Every page of the UI on a server with nothing in it.

import { lookAtAll } from "./look.mjs";

lookAtAll("empty");
