"""A headless Chromium for tests of pages, by Debian's python3-selenium and chromium-driver."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from typing import Any

from basics import need

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
            "--no-proxy-server")
# A page that is told to have no JavaScript.
NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}


def axe_source() -> str:
    """Returns the script axe-core, which scripts/test installs from npm into build/npm."""
    folders = [os.path.join(ROOT, "build", "npm", "node_modules")]
    if shutil.which("npm"):
        done = subprocess.run(["npm", "root", "--global"], capture_output=True, encoding="utf-8", check=False)
        folders.append(done.stdout.strip())
    paths = [os.path.join(folder, "axe-core", "axe.min.js") for folder in folders]
    path = next((path for path in paths if os.path.exists(path)), None)
    need(path, "axe-core: npm install --prefix build/npm axe-core")
    assert path is not None
    with open(path, encoding="utf-8") as file:
        return file.read()


class Browser:
    """One browser with a profile of its own. It notes every request and every message of the console."""

    def __init__(self, scripts: bool = True, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        need(webdriver is not None, "python3-selenium")
        need(os.path.exists(CHROMIUM) and os.path.exists(DRIVER), "chromium and chromium-driver")
        self._profile = tempfile.mkdtemp(prefix="podop-chromium-", dir="/tmp")
        options = Options()
        options.binary_location = CHROMIUM
        for switch in (*SWITCHES, f"--user-data-dir={self._profile}"):
            options.add_argument(switch)
        if not scripts:
            options.add_experimental_option("prefs", NO_SCRIPTS)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        try:
            self.driver = webdriver.Chrome(service=Service(DRIVER, env=env), options=options)
        except BaseException:
            shutil.rmtree(self._profile, ignore_errors=True)
            raise
        self.driver.get("about:blank")
        self.requests()  # those of the page that a browser begins with
        self.resize(width, height)
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def close(self) -> None:
        """Ends the browser, and removes its profile."""
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def command(self, name: str, **arguments: Any) -> Any:
        """Sends a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def resize(self, width: int, height: int = 900) -> None:
        """Sets the size of the window in CSS pixels."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=width < 600)

    def run(self, script: str, *arguments: object) -> Any:
        """Runs JavaScript, and returns what it returns."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Returns the text of an element as it is shown, with blanks for every kind of space."""
        text = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return re.sub(r"[\s\u202f\u00a0]+", " ", text).strip()

    def rows(self, table: str) -> list[list[str]]:
        """Returns the texts of the cells of a table's body, by the id of the table."""
        rows = self.run("return [...document.getElementById(arguments[0]).tBodies[0].rows]"
                        ".map(row => [...row.cells].map(cell => cell.innerText))", table)
        return [[re.sub(r"[\s\u202f\u00a0]+", " ", cell).strip() for cell in row] for row in rows]

    def console(self) -> list[str]:
        """Returns the messages of the console since the last call: violations of the policy are among them."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Returns the URLs that were asked for since the last call."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]

    def screenshot(self) -> bytes:
        """Returns a PNG image of what the window shows."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])

    def axe(self, source: str) -> list[str]:
        """Returns what axe-core finds wrong with the page, each with its impact and elements."""
        self.command("Page.setBypassCSP", enabled=True)
        self.command("Runtime.evaluate", expression=source)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then(result => done(result.violations), error => done([{id: String(error), impact: '', nodes: []}]))")
        return [f"{rule['impact']} {rule['id']}: " + " ".join(str(node["target"]) for node in rule["nodes"][:3])
                for rule in found]
