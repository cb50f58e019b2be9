// Every page of the UI on a server with much in it.

import { lookAtAll } from "./look.mjs";

lookAtAll("seeded");
