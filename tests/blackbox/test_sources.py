"""Every source file reads the clock that deadline.h says."""

import pathlib
import re

import harness

SOURCES = pathlib.Path(__file__).parents[2] / "src"

# The wall clock is for time stamps of log lines, the times of the start and of the last reload, and the age of a
# file.
WALL_CLOCK = re.compile(r"\bev_time\(|\bev_now\(|\bev_periodic|\bgettimeofday\(|\btime\(NULL\)|CLOCK_REALTIME")
MAY_READ_IT = {"base/log.c", "base/syslog_socket.c", "ctl/top/top.c", "monitor/past.c", "monitor/status_json.c",
               "monitor/status_page.c", "server/server_load.c", "server/server_reload.c",
               "table/json/json_index.c"}

# A deadline is an instant of service_now_ms() and is compared with that clock only.
OTHER_CLOCK = re.compile(r"clock_(now|coarse)_ms\(\)[^;]*deadline_at_ms|deadline_at_ms[^;]*clock_(now|coarse)_ms\(\)")


class Clocks(harness.Case):
    def sources(self):
        for path in sorted(SOURCES.rglob("*.[ch]")):
            yield path.relative_to(SOURCES).as_posix(), path.read_text(encoding="utf-8")

    def test_nothing_waits_for_the_wall_clock(self):
        readers = {name for name, text in self.sources() if WALL_CLOCK.search(text)}
        self.assertEqual(readers - MAY_READ_IT, set())

    def test_deadlines_are_on_the_service_clock(self):
        for name, text in self.sources():
            with self.subTest(file=name):
                self.assertEqual([match[0] for match in OTHER_CLOCK.finditer(text)], [])


if __name__ == "__main__":
    harness.main()
