// The Jira connector's fixtures of approvals and remote links, which Jira's OpenAPI document in ../shared/apis leaves out,
// held against the models of jira.js (npm), a client that is not ours, made from Atlassian's documents.
//
// Usage: node jira_client_models.mjs NODE_MODULES. Exit 0 when all hold, 1 with what does not, 77 (skipped) without jira.js.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const client = join(resolve(process.argv[2] ?? "node_modules"), "jira.js", "dist");
if (!existsSync(client)) {
  console.log("SKIPPED jira_client_models: jira.js is not installed (npm install jira.js)");
  process.exit(77);
}
const model = async (part, name) => (await import(pathToFileURL(join(client, part, "index.js"))))[name];
const models = [
  [/\/rest\/servicedeskapi\/request\/\d+\/approval/, await model("serviceDesk", "PagedApprovalSchema")],
  [/\/rest\/api\/3\/issue\/\d+\/remotelink/, await model("cloud", "GetRemoteIssueLinksSchema")],
];

const folder = new URL("../../plugins/jira/fixtures/", import.meta.url);
const held = models.map(() => 0);
for (const file of readdirSync(folder).filter((name) => name.endsWith(".jsonl") && !name.endsWith(".records.jsonl"))) {
  for (const line of readFileSync(new URL(file, folder), "utf8").trim().split("\n")) {
    const fixture = JSON.parse(line);
    const at = models.findIndex(([path]) => path.test(fixture.url));
    if (at < 0 || (fixture.status ?? 200) !== 200) continue;
    const result = models[at][1].safeParse(fixture.body_json);
    if (!result.success) {
      console.error(`jira_client_models: ${file}: ${fixture.url}: ${result.error.message}`);
      process.exit(1);
    }
    held[at] += 1;
  }
}
// Validating nothing would prove nothing, nor would models that take anything.
const refuses = [{ values: [{ approvers: "ada" }] }, [{ object: { url: 7 } }]];
if (held.some((n) => n < 2) || models.some(([, schema], at) => schema.safeParse(refuses[at]).success)) {
  console.error(`jira_client_models: too little was held against too wide models: ${held}`);
  process.exit(1);
}
console.log(`jira_client_models: ${held[0]} bodies of approvals and ${held[1]} of remote links agree with jira.js`);
