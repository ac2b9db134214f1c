const fs = require("fs");
const log = (...words) => fs.appendFileSync(__dirname + "/log", words.join(" ") + "\n");

exports.get = (key) => {
  if (key.startsWith("broken")) throw new Error(key);
  return key.startsWith("no such") ? null : "got " + key;
};
exports.set = (key, value) => log("set", key, value);
exports.unset = (key) => log("unset", key);
exports.increment = (key, number) => {
  if (key.startsWith("no such")) return false;
  log("increment", key, number);
  return true;
};
