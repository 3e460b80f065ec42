"""Horizon in a browser without a window, as a person uses it: what is not to be seen cannot be clicked.

Each step that is worth looking at is kept as a picture, and so is the page on which something was waited for in vain.
"""

import os
import time

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException, ElementNotInteractableException, NoSuchElementException, StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

WAIT_SECONDS = 60
# The page is being drawn anew: the same again finds what is there then.
PASSING = (
    AssertionError, ElementClickInterceptedException, ElementNotInteractableException, NoSuchElementException,
    StaleElementReferenceException,
)
# Root may not use the sandbox, and nothing outside of this machine is asked for anything.
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1100",
    "--no-proxy-server",
]
# Horizon 23 and its panels of Magnum use two functions that AngularJS 1.8 no longer has, and Debian 12 has them all the
# same: without these no dialog with a template of its own opens, and that for certificates does not know its cluster.
LENT = """
const injector = window.angular && angular.element(document.body).injector();
if (!injector) return false;
angular.lowercase = angular.lowercase || (text => text.toLowerCase());
const magnum = injector.get("horizon.app.core.openstack-service-api.magnum");
const ask = magnum.getCluster;
magnum.getCluster = (...words) => {
    const answer = ask(...words);
    answer.success = hear => answer.then(reply => hear(reply.data));
    return answer;
};
return true;
"""


class Refused(Exception):
    """What the page says in red."""


def browser(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in [*ARGUMENTS, f"--user-data-dir={folder / 'browser'}"]:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService("/usr/bin/chromedriver", env=os.environ | {"HOME": str(folder)})
    return webdriver.Chrome(options=options, service=service)


class Dashboard:
    def __init__(self, url, folder):
        self.url = url
        self.folder = folder
        (folder / "downloads").mkdir(parents=True)
        self.pictures = 0
        self.browser = browser(folder)

    def end(self):
        self.browser.quit()

    def picture(self, name):
        self.pictures += 1
        self.browser.save_screenshot(str(self.folder / f"{self.pictures:02} {name}.png"))

    def until(self, step, what, seconds=WAIT_SECONDS):
        """Repeats a step until it is done without an objection of the page; returns what it gives."""
        end = time.monotonic() + seconds
        while True:
            try:
                return step()
            except PASSING as objection:
                if time.monotonic() > end:
                    self.picture("in vain")
                    said = [line["message"] for line in self.browser.get_log("browser") if line["level"] == "SEVERE"]
                    raise AssertionError(f"waited {seconds} s in vain for {what}: {objection}; console: {said}") from objection
                time.sleep(0.2)

    def find(self, path):
        """The one that is to be seen of all that match."""
        seen = [one for one in self.browser.find_elements(By.XPATH, path) if one.is_displayed()]
        assert seen, f"nothing to be seen of {path}"
        return seen[0]

    def click(self, path):
        self.until(lambda: self.find(path).click(), path)

    def open(self, path):
        self.browser.get(f"{self.url}{path}")

    def open_panel(self, path):
        def lend():
            assert self.browser.execute_script(LENT)

        self.open(path)
        self.until(lend, f"the panel {path}")

    def log_in(self, user, password):
        self.open("/auth/login/")
        self.write("username", user)
        self.write("password", password)
        self.picture("log in")
        self.click("//button[@id='loginBtn']")
        self.until(lambda: self.find(f"//*[contains(@class, 'user-name')][contains(., '{user}')]"), "the page behind the login")

    def button(self, text):
        self.click(f"//button[normalize-space()='{text}']")

    @staticmethod
    def line(name):
        """Path of the row of the table that has this in one of its cells."""
        return f"//tbody/tr[td[.//text()[normalize-space()='{name}']]]"

    def act(self, row, action):
        """Chooses an action from the menu of a row; the first of them is a button of its own."""
        line = self.line(row)

        def step():
            found = self.browser.find_elements(By.XPATH, f"{line}//button[normalize-space()='{action}']")
            if found:
                found[0].click()
                return
            choice = f"{line}//a[@role='menuitem'][normalize-space()='{action}']"
            if not any(one.is_displayed() for one in self.browser.find_elements(By.XPATH, choice)):
                self.find(f"{line}//*[contains(@class, 'dropdown-toggle')]").click()
            self.find(choice).click()

        self.until(step, f"{action} of {row}")

    def tab(self, title):
        self.click(f"//div[contains(@class, 'modal-body')]//li/a[contains(normalize-space(), '{title}')]")

    def write(self, name, text):
        def step():
            field = self.find(f"//*[@name='{name}'][self::input or self::textarea]")
            field.clear()
            field.send_keys(text)

        self.until(step, f"the field {name}")

    def choose(self, name, text):
        self.until(lambda: Select(self.find(f"//select[@name='{name}']")).select_by_visible_text(text), f"{text} as {name}")

    def is_chosen(self, name, text):
        """Waits until a form shows this."""
        def step():
            assert Select(self.find(f"//select[@name='{name}']")).first_selected_option.text == text

        self.until(step, f"{text} as {name}")

    def tick(self, name):
        self.click(f"//label[@for='{name}']")

    def submit(self):
        self.click("//div[contains(@class, 'modal-footer')]//button[contains(@class, 'btn-primary') or contains(@class, 'btn-danger')]")

    def said(self, words):
        """Waits for a message of success with these words; an error is one at once."""
        def step():
            errors = [one.text for one in self.browser.find_elements(By.CSS_SELECTOR, ".alert-danger, .alert-error")]
            if errors:
                self.picture("refused")
                raise Refused(errors)
            self.find(f"//div[contains(@class, 'alert-success')][contains(., '{words}')]")

        self.until(step, words)

    def row(self, name):
        """The texts of a row of the table, by column."""
        def step():
            line = self.find(self.line(name))
            heads = self.browser.find_elements(By.XPATH, "//table[contains(@class, 'table')]/thead/tr[last()]/th")
            cells = line.find_elements(By.XPATH, "./td")
            return {head.text: cell.text for head, cell in zip(heads, cells, strict=False) if head.text}

        return self.until(step, f"a row of {name}")

    def download(self, ending):
        """The text of the file that a page has made."""
        def step():
            found = list((self.folder / "downloads").glob(f"*{ending}"))
            assert found, os.listdir(self.folder / "downloads")
            return found[0].read_text()

        return self.until(step, f"the download of {ending}")
