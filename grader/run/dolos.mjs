// Compares the modules of a class, and those of earlier ones, by Dolos' library; called by grader/run/engines.py.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dolos } from "@dodona/dolos-lib";

const [ours, earlier, course, answer] = process.argv.slice(2);
const list = (folder) => (folder ? readdirSync(folder).sort().map((name) => join(folder, name)) : []);
const share = (covered, all) => (all > 0 ? Math.min(1, covered / all) : 0);
const own = new Set(list(ours));
const starter = list(course);
if (starter.length > 0) {
  writeFileSync("starter.py", starter.map((path) => readFileSync(path, "utf8")).join("\n"));
}
const dolos = new Dolos({ language: "python" });
const report = await dolos.analyzePaths([...own, ...list(earlier)], starter.length > 0 ? "starter.py" : undefined);
const pairs = [];
for (const pair of report.allPairs()) {
  const [left, right] = [pair.leftFile.path, pair.rightFile.path];
  if (own.has(left) || own.has(right)) {
    const ofLeft = share(pair.leftCovered, pair.leftTotal - pair.leftEntry.ignored.size);
    const ofRight = share(pair.rightCovered, pair.rightTotal - pair.rightEntry.ignored.size);
    pairs.push([left, right, ofLeft, ofRight]);
  }
}
writeFileSync(answer, JSON.stringify(pairs));
